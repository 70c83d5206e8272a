/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Reads from one connection at a time into the buffer that all connections of a hub share, and makes
 * events of it.
 */

#include "lxcmon-connection-private.h"

#define LXCMON_READER_BUFFER_SIZE 65536

typedef struct
{
  LxcmonConnection *connection; /* the one that is read from, or NULL */
  bool read_on;                 /* recv is to be called (again) */
  bool hung_up;                 /* the peer has: read until end of file */
  bool has_kept;
  LxcmonMessage kept;    /* the first message, while its ATTACHED is handled */
  const uint8_t *cursor; /* in the buffer: what was not decoded yet */
  size_t n_left;
  uint8_t buffer[LXCMON_READER_BUFFER_SIZE];
} LxcmonReader;

void _lxcmon_reader_begin (LxcmonReader *self, LxcmonConnection *connection, bool hung_up);
bool _lxcmon_reader_next (LxcmonReader *self, LxcmonEvent *event, LxcmonError *error);
void _lxcmon_reader_forget (LxcmonReader *self, const LxcmonConnection *connection);
