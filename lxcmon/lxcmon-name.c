/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the rules for names. It makes no system calls.
 */

#include "lxcmon-name.h"
#include "lxcmon-error-private.h"
#include "lxcmon-utf8-private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
invalid (LxcmonError *error, const char *why)
{
  return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_INVALID_NAME, 0,
                            "not a container's name: %s", why);
}

/**
 * lxcmon_name_check:
 * @name: a name
 * @error: (out) (optional): return location for an error
 *
 * Checks whether a container can have that name: 1 to %LXCMON_NAME_MAX bytes of UTF-8 without "/"
 * and without control characters, and neither "." nor "..".
 *
 * Returns: whether it can; if not, @error has the code %LXCMON_MONITOR_ERROR_INVALID_NAME
 *
 * Since: 0.1
 */
bool
lxcmon_name_check (const char *name, LxcmonError *error)
{
  if (name == NULL || name[0] == '\0')
    return invalid (error, "it is empty");
  if (strlen (name) > LXCMON_NAME_MAX)
    return invalid (error, "it is longer than 250 bytes");
  if (strcmp (name, ".") == 0 || strcmp (name, "..") == 0)
    return invalid (error, "\".\" and \"..\" are directories");
  if (strchr (name, '/') != NULL)
    return invalid (error, "it contains \"/\"; to name a socket elsewhere, use its path");
  for (const char *cursor = name; *cursor != '\0'; cursor++)
    if (_lxcmon_utf8_control_length (cursor) > 0)
      return invalid (error, "it contains a control character");
  if (!_lxcmon_utf8_is_valid (name))
    return invalid (error, "it is not UTF-8");

  return true;
}

/**
 * lxcmon_name_to_socket_path:
 * @runtime_dir: (nullable): the directory of the sockets; %NULL for %LXCMON_RUNTIME_DIR
 * @name: a container's name
 * @error: (out) (optional): return location for an error
 *
 * Makes the path of the socket of a container's controller. It does not check that the socket exists.
 *
 * Returns: (transfer full) (nullable): a path to free with free(), or %NULL with @error set
 *
 * Since: 0.1
 */
char *
lxcmon_name_to_socket_path (const char *runtime_dir, const char *name, LxcmonError *error)
{
  if (!lxcmon_name_check (name, error))
    return NULL;
  if (runtime_dir == NULL)
    runtime_dir = LXCMON_RUNTIME_DIR;

  size_t size = strlen (runtime_dir) + strlen ("/") + strlen (name) + strlen (".sock") + 1;
  char *path = malloc (size);
  if (path == NULL)
    {
      _lxcmon_error_set_no_memory (error);
      return NULL;
    }
  snprintf (path, size, "%s/%s.sock", runtime_dir, name);
  return path;
}
