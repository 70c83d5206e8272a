/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the format of durations: a whole number and "ms", "s", "m" or "h". Without a unit: seconds.
 */

#include "duration.h"

#include <string.h>

static const struct
{
  const char *name;
  guint64 ms;
} units[] = {
  { "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 }, { "h", 60 * 60 * 1000 },
};

static gboolean
find_unit (const char *name, guint64 *ms)
{
  for (guint i = 0; i < G_N_ELEMENTS (units); i++)
    if (strcmp (name, units[i].name) == 0)
      {
        *ms = units[i].ms;
        return TRUE;
      }
  return FALSE;
}

/**
 * duration_parse:
 * @text: a duration such as "500ms", "10s" or "5m"
 * @ms: (out): the duration in milliseconds, up to %G_MAXINT
 *
 * Returns: whether @text is a duration
 */
gboolean
duration_parse (const char *text, guint *ms, GError **error)
{
  char *end;
  guint64 unit;

  guint64 number = g_ascii_strtoull (text, &end, 10);
  if (!g_ascii_isdigit (text[0]) || !find_unit (end, &unit))
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   "\"%s\" is not a duration such as 500ms, 10s or 5m", text);
      return FALSE;
    }
  if (number > G_MAXINT / unit)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   "\"%s\" is too long; the longest duration is %ds", text, G_MAXINT / 1000);
      return FALSE;
    }

  *ms = (guint) (number * unit);
  return TRUE;
}
