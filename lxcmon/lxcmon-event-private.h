/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Owns the short way for what nearly all messages are: INIT and EXIT as every controller sends them,
 * whole in the buffer and with nothing unusual about them. It judges nothing: what it does not know at
 * a glance goes the decoder's way, which finds the same in what this one takes (a test holds both to
 * that). All inline: it is most of what an event costs without its system calls.
 */

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "lxcmon-types.h"
#include "lxcmon_protocol.h"

enum
{
  LXCMON_EVENT_INIT_LENGTH = 36,
  LXCMON_EVENT_EXIT_LENGTH = 32,
};

/* Two fields that follow each other, as they are in memory. */
#define LXCMON_EVENT_PAIR(first, second) htobe64 ((uint64_t) (first) << 32 | (uint32_t) (second))

static inline uint64_t
_lxcmon_event_get_pair (const uint8_t *bytes)
{
  uint64_t pair;

  memcpy (&pair, bytes, sizeof pair);
  return pair;
}

/* Copied out first: the inline macros want words that are aligned. */
static inline int32_t
_lxcmon_event_get_word (const uint8_t *bytes)
{
  int32_t word;
  int32_t *cursor = &word;

  memcpy (&word, bytes, sizeof word);
  return IXDR_GET_INT32 (cursor);
}

static inline bool
_lxcmon_event_begins (const uint8_t *frame, uint32_t length, uint32_t procedure)
{
  return _lxcmon_event_get_pair (frame)
             == LXCMON_EVENT_PAIR (length, LXCMON_PROTOCOL_MONITOR_PROGRAM)
         && _lxcmon_event_get_pair (frame + 8)
                == LXCMON_EVENT_PAIR (LXCMON_PROTOCOL_MONITOR_VERSION, procedure)
         && _lxcmon_event_get_word (frame + 16) == LXCMON_PROTOCOL_TYPE_MESSAGE;
}

/*< private >
 * _lxcmon_event_is_exit:
 * @frame: where a message begins
 * @available: how many bytes there are from there on
 */
static inline bool
_lxcmon_event_is_exit (const uint8_t *frame, size_t available)
{
  return available >= LXCMON_EVENT_EXIT_LENGTH
         && _lxcmon_event_begins (frame, LXCMON_EVENT_EXIT_LENGTH, LXCMON_PROTOCOL_MONITOR_EXIT)
         && _lxcmon_event_get_word (frame + 24) == LXCMON_PROTOCOL_STATUS_OK;
}

/*< private >
 * _lxcmon_event_is_init:
 * @frame: where a message begins
 * @available: how many bytes there are from there on
 *
 * The pid is a hyper, of which a pid that is one needs the lower half alone, and not all of that.
 */
static inline bool
_lxcmon_event_is_init (const uint8_t *frame, size_t available)
{
  return available >= LXCMON_EVENT_INIT_LENGTH
         && _lxcmon_event_begins (frame, LXCMON_EVENT_INIT_LENGTH, LXCMON_PROTOCOL_MONITOR_INIT)
         && _lxcmon_event_get_pair (frame + 24) == LXCMON_EVENT_PAIR (LXCMON_PROTOCOL_STATUS_OK, 0)
         && _lxcmon_event_get_word (frame + 32) > 0;
}

/* The names of the numbers that EXIT carries. */
static inline LxcmonExitStatus
_lxcmon_event_name_exit (int32_t raw)
{
  switch (raw)
    {
    case LXCMON_PROTOCOL_EXIT_STATUS_ERROR:
      return LXCMON_EXIT_STATUS_ERROR;
    case LXCMON_PROTOCOL_EXIT_STATUS_SHUTDOWN:
      return LXCMON_EXIT_STATUS_SHUTDOWN;
    case LXCMON_PROTOCOL_EXIT_STATUS_REBOOT:
      return LXCMON_EXIT_STATUS_REBOOT;
    default:
      return LXCMON_EXIT_STATUS_UNKNOWN;
    }
}

static inline uint32_t
_lxcmon_event_get_serial (const uint8_t *frame)
{
  return (uint32_t) _lxcmon_event_get_word (frame + 20);
}

static inline int32_t
_lxcmon_event_get_exit_raw (const uint8_t *frame)
{
  return _lxcmon_event_get_word (frame + 28);
}

static inline int32_t
_lxcmon_event_get_pid (const uint8_t *frame)
{
  return _lxcmon_event_get_word (frame + 32);
}
