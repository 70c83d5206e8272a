/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Messages as bytes, written down without the library's help: what lxcmon makes and reads is compared
 * with these.
 */

#include <glib.h>

#define CORE_INIT_SIZE      36
#define CORE_EXIT_SIZE      32
#define CORE_KEEPALIVE_SIZE 28

#define CORE_MONITOR   0x12341234u
#define CORE_KEEPALIVE 0x6b656570u

/* One message; a length of 0 stands for the right one. */
typedef struct
{
  guint32 length;
  guint32 program;
  guint32 version;
  guint32 procedure;
  guint32 type;
  guint32 serial;
  guint32 status;
  gsize payload_size;
  guint8 payload[16];
} CoreMessage;

extern const guint8 core_init_bytes[CORE_INIT_SIZE];      /* pid 3869, as captured */
extern const guint8 core_shutdown_bytes[CORE_EXIT_SIZE];  /* as captured */
extern const guint8 core_reboot_bytes[CORE_EXIT_SIZE];    /* as captured */
extern const guint8 core_ping_bytes[CORE_KEEPALIVE_SIZE]; /* serial 0, status 0 */
extern const guint8 core_pong_bytes[CORE_KEEPALIVE_SIZE]; /* as captured */

guint32 core_get_word (const guint8 *bytes);
void core_put_word (GByteArray *bytes, guint32 word);
void core_put_message (GByteArray *bytes, const CoreMessage *message);
void core_put_zeros (GByteArray *bytes, gsize n);
CoreMessage core_init_message (guint64 pid);
CoreMessage core_exit_message (gint32 status);
CoreMessage core_keepalive_message (guint32 procedure);
GByteArray *core_new_story (void);

/* Fails with both in hexadecimal and the first offset where they differ. */
void core_assert_bytes (const guint8 *actual, gsize actual_size, const guint8 *expected,
                        gsize expected_size);
