/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The encoder: messages as bytes. A client only sends PING and PONG; INIT and EXIT are for tests and
 * simulations of controllers.
 */

#include "lxcmon-types.h"

LXCMON_BEGIN_DECLS

/**
 * LXCMON_ENCODED_SIZE:
 *
 * A size in bytes that is enough for any message that lxcmon encodes.
 *
 * Since: 0.1
 */
#define LXCMON_ENCODED_SIZE 36

LXCMON_EXPORT size_t lxcmon_encode_init (uint8_t *buffer, size_t size, int pid);
LXCMON_EXPORT size_t lxcmon_encode_exit (uint8_t *buffer, size_t size, int raw_status);
LXCMON_EXPORT size_t lxcmon_encode_ping (uint8_t *buffer, size_t size);
LXCMON_EXPORT size_t lxcmon_encode_pong (uint8_t *buffer, size_t size);

LXCMON_END_DECLS
