/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what a binding can find out about the structs that it declares itself, since it does not see the headers.
 */

#include "lxcmon-layout.h"

#include "lxcmon-connection.h"

#include <string.h>

static const struct
{
  const char *name;
  size_t size;
} structs[] = {
  { "LxcmonAttachOptions", sizeof (LxcmonAttachOptions) },
  { "LxcmonError", sizeof (LxcmonError) },
  { "LxcmonEvent", sizeof (LxcmonEvent) },
};

/**
 * lxcmon_get_struct_size:
 * @name: the name of a struct: "LxcmonAttachOptions", "LxcmonError" or "LxcmonEvent"
 *
 * The size of a struct in this version of the library. A binding that declares the struct itself, for example with
 * Python's ctypes, compares the sizes when it is loaded, and refuses to work with another one.
 *
 * Returns: a size in bytes, or 0 if there is no such struct
 *
 * Since: 0.1
 */
size_t
lxcmon_get_struct_size (const char *name)
{
  for (size_t i = 0; i < sizeof structs / sizeof structs[0]; i++)
    if (strcmp (structs[i].name, name) == 0)
      return structs[i].size;

  return 0;
}
