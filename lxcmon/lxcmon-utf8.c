/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what a character is, for names and for error messages.
 */

#include "lxcmon-utf8-private.h"

/* The number of bytes of a character by its first byte, or 0 if no character begins with it. */
static size_t
length_by_lead (unsigned char lead)
{
  if (lead < 0x80)
    return 1;
  if (lead >= 0xc2 && lead < 0xe0)
    return 2;
  if (lead >= 0xe0 && lead < 0xf0)
    return 3;
  if (lead >= 0xf0 && lead < 0xf5)
    return 4;
  return 0;
}

/* Overlong forms, surrogates and numbers above U+10FFFF are recognised by the second byte. */
static bool
second_byte_fits (unsigned char lead, unsigned char second)
{
  switch (lead)
    {
    case 0xe0:
      return second >= 0xa0;
    case 0xed:
      return second < 0xa0;
    case 0xf0:
      return second >= 0x90;
    case 0xf4:
      return second < 0x90;
    default:
      return true;
    }
}

/**
 * _lxcmon_utf8_character_length:
 * @text: a NUL-terminated text that is not empty
 *
 * Returns: the number of bytes of its first character, or 0 if it does not begin with one in UTF-8
 */
size_t
_lxcmon_utf8_character_length (const char *text)
{
  const unsigned char *bytes = (const unsigned char *) text;
  size_t length = length_by_lead (bytes[0]);

  for (size_t i = 1; i < length; i++)
    if ((bytes[i] & 0xc0) != 0x80)
      return 0;
  if (length > 1 && !second_byte_fits (bytes[0], bytes[1]))
    return 0;

  return length;
}

/**
 * _lxcmon_utf8_is_valid:
 *
 * Returns: whether a NUL-terminated text is UTF-8
 */
bool
_lxcmon_utf8_is_valid (const char *text)
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

/**
 * _lxcmon_utf8_control_length:
 * @text: a NUL-terminated text
 *
 * Returns: the number of bytes of the control character that it begins with (U+0001 to U+001F, U+007F to
 *   U+009F), or 0 if it does not begin with one
 */
size_t
_lxcmon_utf8_control_length (const char *text)
{
  unsigned char first = (unsigned char) text[0];
  unsigned char second = first == 0 ? 0 : (unsigned char) text[1];

  if (first < 0x20 || first == 0x7f)
    return 1;
  if (first == 0xc2 && second >= 0x80 && second < 0xa0)
    return 2;
  return 0;
}
