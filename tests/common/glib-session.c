/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what nearly every test does: make a controller and a client, attach, send, and compare the signals.
 */

#include "glib-session.h"

#include <stdlib.h>
#include <string.h>

#include <lxcmon/lxcmon-encode.h>

#include "glib-test.h"

static void record (GlibSession *self, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
record (GlibSession *self, const char *format, ...)
{
  va_list args;

  if (self->signals->len > 0)
    g_string_append (self->signals, ", ");
  va_start (args, format);
  g_string_append_vprintf (self->signals, format, args);
  va_end (args);
}

static void
on_init (LxcmonClient *client, gint pid, gpointer user_data)
{
  record (user_data, "init %d", pid);
}

static void
on_exit_signal (LxcmonClient *client, LxcmonExitStatus status, gpointer user_data)
{
  g_autoptr (GEnumClass) class = g_type_class_ref (LXCMON_TYPE_EXIT_STATUS);

  record (user_data, "exit %s", g_enum_get_value (class, status)->value_nick);
}

static void
on_closed (LxcmonClient *client, const GError *error, gpointer user_data)
{
  if (error != NULL)
    record (user_data, "closed %s", glib_error_nick (error));
  else
    record (user_data, "closed");
}

/* Records the client's signals, after the handlers that were connected before. */
void
glib_session_record (GlibSession *self)
{
  self->handlers[0] = g_signal_connect (self->client, "init", G_CALLBACK (on_init), self);
  self->handlers[1] = g_signal_connect (self->client, "exit", G_CALLBACK (on_exit_signal), self);
  self->handlers[2] = g_signal_connect (self->client, "closed", G_CALLBACK (on_closed), self);
}

/* Drops the test's reference, which may be the last. What is emitted afterwards is recorded too. */
void
glib_session_drop_client (GlibSession *self)
{
  g_clear_object (&self->client);
}

void
glib_session_new_client (GlibSession *self)
{
  g_clear_object (&self->client);
  self->client = lxcmon_client_new_for_path (self->path);
  glib_session_record (self);
}

/* A session in a directory that the caller removes. */
GlibSession *
glib_session_new_at (const char *dir, const char *name)
{
  GlibSession *self = g_new0 (GlibSession, 1);

  self->path = g_strdup_printf ("%s/%s.sock", dir, name);
  self->signals = g_string_new (NULL);
  self->mock = lxcmon_mock_controller_new (self->path);
  glib_session_start (self);
  glib_session_new_client (self);

  return self;
}

GlibSession *
glib_session_new (void)
{
  char *dir = glib_test_make_dir ();
  GlibSession *self = glib_session_new_at (dir, "web1");

  self->dir = dir;
  return self;
}

void
glib_session_free (GlibSession *self)
{
  /* A pending attach would keep the client alive, and its callback needs the session. */
  if (self->client != NULL && self->attaching)
    lxcmon_client_detach (self->client);
  glib_test_wait_until (!self->attaching);
  g_clear_object (&self->client);
  lxcmon_mock_controller_stop (self->mock);
  g_object_unref (self->mock);
  if (self->dir != NULL)
    glib_test_remove_dir (self->dir);
  g_clear_error (&self->attach_error);
  g_string_free (self->signals, TRUE);
  g_free (self->path);
  g_free (self);
}

static void
on_attached (GObject *object, GAsyncResult *result, gpointer user_data)
{
  GlibSession *self = user_data;

  g_assert_true (g_async_result_is_tagged (result, lxcmon_client_attach_async));
  self->attached
      = lxcmon_client_attach_finish (LXCMON_CLIENT (object), result, &self->attach_error);
  g_assert_cmpint (self->attached, ==, self->attach_error == NULL);
  g_assert_true (self->attaching);
  self->attaching = FALSE;
  self->attach_done = TRUE;
}

void
glib_session_begin_attach (GlibSession *self, GCancellable *cancellable)
{
  g_assert_false (self->attaching);
  self->attaching = TRUE;
  self->attach_done = FALSE;
  g_clear_error (&self->attach_error);
  lxcmon_client_attach_async (self->client, cancellable, on_attached, self);
}

/* Waits for the outcome: NULL if the client is attached, otherwise the error's nick. */
const char *
glib_session_finish_attach (GlibSession *self)
{
  glib_test_wait_until (self->attach_done);

  return self->attached ? NULL : glib_error_nick (self->attach_error);
}

void
glib_session_attach (GlibSession *self)
{
  glib_session_begin_attach (self, NULL);
  glib_session_finish_attach (self);
  g_assert_no_error (self->attach_error);
}

void
glib_session_wait_accepted (GlibSession *self)
{
  glib_test_wait_until (lxcmon_mock_controller_get_n_clients (self->mock) == 1);
}

/* Connects to a controller that sends nothing, not even an answer. */
void
glib_session_attach_silent (GlibSession *self)
{
  mock_set_reading (self->mock, FALSE);
  glib_session_begin_attach (self, NULL);
  glib_session_wait_accepted (self);
  g_assert_cmpint (glib_session_get_state (self), ==, LXCMON_STATE_QUEUED);
}

/* Encodes messages written as "init 42 exit 2 ping pong", or bytes as "hex 0000001c". */
GBytes *
glib_encode (const char *messages)
{
  g_auto (GStrv) words = g_strsplit (messages, " ", -1);
  GByteArray *bytes = g_byte_array_new ();

  for (guint i = 0; words[i] != NULL; i++)
    {
      guint8 message[LXCMON_ENCODED_SIZE];
      gsize size = 0;

      if (strcmp (words[i], "init") == 0)
        size = lxcmon_encode_init (message, sizeof message, atoi (words[++i]));
      else if (strcmp (words[i], "exit") == 0)
        size = lxcmon_encode_exit (message, sizeof message, atoi (words[++i]));
      else if (strcmp (words[i], "ping") == 0)
        size = lxcmon_encode_ping (message, sizeof message);
      else if (strcmp (words[i], "pong") == 0)
        size = lxcmon_encode_pong (message, sizeof message);
      else if (strcmp (words[i], "hex") == 0)
        for (const char *digits = words[++i]; *digits != '\0'; digits += 2)
          message[size++]
              = (guint8) (g_ascii_xdigit_value (digits[0]) * 16 + g_ascii_xdigit_value (digits[1]));
      g_assert_cmpuint (size, >, 0);
      g_byte_array_append (bytes, message, (guint) size);
    }

  return g_byte_array_free_to_bytes (bytes);
}

/* Sends messages in one write. */
void
glib_session_send (GlibSession *self, const char *messages)
{
  g_autoptr (GBytes) bytes = glib_encode (messages);
  g_autoptr (GError) error = NULL;

  lxcmon_mock_controller_send_bytes (self->mock, bytes, &error);
  g_assert_no_error (error);
}

void
glib_session_finish (GlibSession *self, LxcmonExitStatus status)
{
  g_autoptr (GError) error = NULL;

  lxcmon_mock_controller_finish (self->mock, status, &error);
  g_assert_no_error (error);
}

void
glib_session_die (GlibSession *self)
{
  g_autoptr (GError) error = NULL;

  lxcmon_mock_controller_die (self->mock, &error);
  g_assert_no_error (error);
}

void
glib_session_start (GlibSession *self)
{
  g_autoptr (GError) error = NULL;

  lxcmon_mock_controller_start (self->mock, &error);
  g_assert_no_error (error);
}

LxcmonState
glib_session_get_state (GlibSession *self)
{
  return lxcmon_monitor_get_state (LXCMON_MONITOR (self->client));
}

/* The nick of an error of ours, or "cancelled", "pending", "not-connected" for GIO's. */
const char *
glib_error_nick (const GError *error)
{
  g_autoptr (GEnumClass) class = NULL;

  g_assert_nonnull (error);
  if (error->domain == LXCMON_MONITOR_ERROR)
    class = g_type_class_ref (LXCMON_TYPE_MONITOR_ERROR);
  else
    class = g_type_class_ref (G_TYPE_IO_ERROR_ENUM);
  g_assert_true (error->domain == LXCMON_MONITOR_ERROR || error->domain == G_IO_ERROR);
  g_assert_cmpuint (strlen (error->message), >, 0);

  return g_enum_get_value (class, error->code)->value_nick;
}
