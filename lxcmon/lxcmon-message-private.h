/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What one message means, wherever its bytes lie.
 */

#include "lxcmon-decoder-private.h"

uint32_t _lxcmon_message_get_length (const uint8_t *frame);
bool _lxcmon_message_check_length (uint32_t length, uint64_t offset, LxcmonError *error);
bool _lxcmon_message_read_header (const uint8_t *frame, uint64_t offset, LxcmonMessage *message,
                                  LxcmonError *error);
bool _lxcmon_message_read (const uint8_t *frame, uint64_t offset, LxcmonMessage *message,
                           uint32_t *n_known, LxcmonError *error);
