/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the rules for names. Refuses system calls: a bad name is refused before any is made.
 */

#include "lxcmon-name.h"
#include "lxcmon-error-private.h"
#include "lxcmon-utf8-private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
is_utf8 (const char *text)
{
  while (*text != '\0')
    {
      size_t length = _lxcmon_utf8_character_length (text);
      if (length == 0)
        return false;
      text += length;
    }

  return true;
}

static bool
invalid (LxcmonError *error, const char *why)
{
  return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_INVALID_NAME, 0,
                            "not a container's name: %s", why);
}

/**
 * lxcmon_name_check:
 * @name: what should be a container's name
 * @error: (out) (optional): where the error goes
 *
 * Checks whether a container can have that name: 1 to %LXCMON_NAME_MAX bytes of UTF-8 without "/"
 * and without control characters, and neither "." nor "..".
 *
 * Returns: whether it can; where not, @error has the code %LXCMON_MONITOR_ERROR_INVALID_NAME
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
    return invalid (error, "it has a \"/\" in it; a socket elsewhere is named by its path");
  for (const char *cursor = name; *cursor != '\0'; cursor++)
    if (_lxcmon_utf8_control_length (cursor) > 0)
      return invalid (error, "it has a control character in it");
  if (!is_utf8 (name))
    return invalid (error, "it is not UTF-8");

  return true;
}

/**
 * lxcmon_name_to_socket_path:
 * @runtime_dir: (nullable): the directory of the sockets; %NULL for %LXCMON_RUNTIME_DIR
 * @name: a container's name
 * @error: (out) (optional): where the error goes
 *
 * Tells where the socket of a container's controller is. Nothing is looked up.
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
