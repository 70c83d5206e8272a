/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The lxcmon command as a process. Its output is read as it comes, and every wait has a limit. Output,
 * messages and the exit code are compared with exact expectations; whole texts with regular expressions.
 */

#include <gio/gio.h>

/* The limit of every wait; a test that reaches it fails. */
#define COMMAND_PATIENCE_US (60 * G_USEC_PER_SEC)

#define TIME_PATTERN "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\\.[0-9]{6}Z"
#define NOTHING      ""
#define ANYTHING     "(?s:.*)"
#define USAGE_LINES  ".+\nTry \"lxcmon --help\", or \"lxcmon VERB --help\"\\.\n"

typedef struct _Command Command;

/* How to start it, beyond its arguments. */
typedef struct
{
  GSpawnChildSetupFunc setup; /* in the child */
  gpointer setup_data;
  const char *program;   /* another copy of it, or NULL */
  const char *directory; /* to run in */
  gboolean feed;         /* whether its standard input is a pipe */
} CommandHow;

Command *command_start (const char *verb, ...) G_GNUC_NULL_TERMINATED;
Command *command_start_how (const CommandHow *how, const char *verb, ...) G_GNUC_NULL_TERMINATED;
int command_get_pid (Command *self);
char *command_peek_line (Command *self);
char *command_read_line (Command *self);
char *command_read_message (Command *self);
void command_expect_line (Command *self, const char *pattern);
void command_expect_message (Command *self, const char *pattern);
void command_feed (Command *self, const void *bytes, gsize size);
void command_feed_end (Command *self);
void command_close_output (Command *self);
void command_wait_handles (Command *self, int number);
void command_signal (Command *self, int number);
void command_expect_end (Command *self, int code, const char *output, const char *messages);

void assert_matches (const char *text, const char *pattern);
