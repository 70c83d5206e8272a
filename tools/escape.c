/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the escaping of texts that are printed on one line of a terminal.
 */

#include "escape.h"

#include <glib.h>

/**
 * escape_for_line:
 * @text: any bytes
 *
 * Replaces control characters, and bytes that are not UTF-8, by \xHH. They could break the line, or
 * control the terminal.
 *
 * Returns: (transfer full): the escaped text
 */
char *
escape_for_line (const char *text)
{
  GString *line = g_string_new (NULL);

  while (*text != '\0')
    {
      gunichar c = g_utf8_get_char_validated (text, -1);
      gboolean is_valid = c != (gunichar) -1 && c != (gunichar) -2;
      const char *next = is_valid ? g_utf8_next_char (text) : text + 1;

      if (is_valid && !g_unichar_iscntrl (c))
        g_string_append_len (line, text, next - text);
      else
        for (; text < next; text++)
          g_string_append_printf (line, "\\x%02X", (guchar) *text);
      text = next;
    }

  return g_string_free (line, FALSE);
}
