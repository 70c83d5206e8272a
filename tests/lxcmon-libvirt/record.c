/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See record.h for what this file owns. */

#include "record.h"

#include <string.h>

#include "common/glib-test.h"

static gint n_records;

/* libvirt-glib logs each step of its event loop. */
static void
drop_message (const char *domain, GLogLevelFlags level, const char *message, gpointer user_data)
{
}

void
record_begin (void)
{
  g_log_set_handler (NULL, G_LOG_LEVEL_DEBUG, drop_message, NULL);
}

/* Whether the thread of a link runs. It ends when the link's connection is closed. */
static gboolean
has_thread (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  gboolean found = FALSE;
  const char *name;

  while (!found && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename ("/proc/self/task", name, "comm", NULL);
      g_autofree char *comm = NULL;
      found
          = g_file_get_contents (path, &comm, NULL, NULL) && strcmp (comm, "lxcmon-libvirt\n") == 0;
    }
  return found;
}

void
record_wait_for_threads (void)
{
  glib_test_wait_until (!has_thread ());
  glib_test_drain ();
}

static void write_down (Record *self, LxcmonMonitor *monitor, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

static void
write_down (Record *self, LxcmonMonitor *monitor, const char *format, ...)
{
  va_list arguments;

  g_assert_true (g_thread_self () == self->thread);
  if (self->trace->len > 0)
    g_string_append (self->trace, ", ");
  g_string_append_printf (self->trace, "%s ", lxcmon_monitor_get_name (monitor));
  va_start (arguments, format);
  g_string_append_vprintf (self->trace, format, arguments);
  va_end (arguments);
  if (self->in_handler != NULL)
    self->in_handler (self->user_data);
}

static void
count (LxcmonMonitor *monitor, const char *signal)
{
  guint n = GPOINTER_TO_UINT (g_object_get_data (G_OBJECT (monitor), signal));

  g_object_set_data (G_OBJECT (monitor), signal, GUINT_TO_POINTER (n + 1));
}

/* The row's own handlers have run just before. */
static void
assert_counted (LxcmonMonitor *monitor, const char *signal)
{
  g_assert_cmpuint (GPOINTER_TO_UINT (g_object_get_data (G_OBJECT (monitor), signal)), ==, 1);
  g_object_set_data (G_OBJECT (monitor), signal, NULL);
}

static void
on_row_init (LxcmonMonitor *monitor, int pid, gpointer user_data)
{
  count (monitor, "init");
  g_assert_cmpint (lxcmon_monitor_get_init_pid (monitor), ==, pid);
}

static void
on_row_exit (LxcmonMonitor *monitor, LxcmonExitStatus status, gpointer user_data)
{
  count (monitor, "exit");
}

static void
on_row_closed (LxcmonMonitor *monitor, const GError *error, gpointer user_data)
{
  count (monitor, "closed");
}

static void
on_init (LxcmonHost *list, LxcmonMonitor *monitor, int pid, Record *self)
{
  assert_counted (monitor, "init");
  g_assert_cmpint (lxcmon_monitor_get_state (monitor), ==, LXCMON_STATE_ATTACHED);
  g_assert_cmpint (lxcmon_monitor_get_end (monitor), ==, LXCMON_END_NONE);
  g_assert_true (lxcmon_host_lookup (list, lxcmon_monitor_get_name (monitor)) == monitor);
  write_down (self, monitor, "init %d", pid);
}

static void
on_exit_signal (LxcmonHost *list, LxcmonMonitor *monitor, LxcmonExitStatus status, Record *self)
{
  g_autoptr (GEnumClass) class = g_type_class_ref (LXCMON_TYPE_EXIT_STATUS);

  assert_counted (monitor, "exit");
  g_assert_cmpint (lxcmon_monitor_get_state (monitor), ==, LXCMON_STATE_EXITED);
  g_assert_true (lxcmon_monitor_get_exited (monitor));
  g_assert_cmpint (lxcmon_monitor_get_exit_status (monitor), ==, status);
  /* libvirt does not pass the number on. */
  g_assert_cmpint (lxcmon_monitor_get_exit_raw (monitor), ==, -1);
  write_down (self, monitor, "exit %s", g_enum_get_value (class, status)->value_nick);
}

/* An end that was not seen has the error LOST too. */
static gboolean
is_unseen (LxcmonMonitor *monitor, const GError *error)
{
  return error->code == LXCMON_MONITOR_ERROR_LOST
         && lxcmon_monitor_get_end (monitor) == LXCMON_END_UNKNOWN;
}

static LxcmonEnd
get_expected_end (LxcmonMonitor *monitor, const GError *error)
{
  if (error != NULL && is_unseen (monitor, error))
    return LXCMON_END_UNKNOWN;
  if (error != NULL && error->code == LXCMON_MONITOR_ERROR_PROTOCOL)
    return LXCMON_END_NONE; /* it may run on */
  if (error != NULL)
    return error->code == LXCMON_MONITOR_ERROR_DESTROYED ? LXCMON_END_DESTROYED : LXCMON_END_LOST;
  return lxcmon_monitor_get_exit_status (monitor) == LXCMON_EXIT_STATUS_REBOOT
             ? LXCMON_END_REBOOT
             : LXCMON_END_SHUTDOWN;
}

static void
on_closed (LxcmonHost *list, LxcmonMonitor *monitor, const GError *error, Record *self)
{
  g_autoptr (GEnumClass) class = g_type_class_ref (lxcmon_monitor_error_get_type ());

  assert_counted (monitor, "closed");
  g_assert_cmpint (lxcmon_monitor_get_state (monitor), ==, LXCMON_STATE_CLOSED);
  g_assert_cmpint (lxcmon_monitor_get_exited (monitor), ==, error == NULL);
  g_assert_cmpint (lxcmon_monitor_get_error (monitor) == NULL, ==, error == NULL);
  g_assert_true (error == NULL || error->domain == LXCMON_MONITOR_ERROR);
  g_assert_cmpint (lxcmon_monitor_get_end (monitor), ==, get_expected_end (monitor, error));
  if (error == NULL)
    write_down (self, monitor, "closed");
  else if (is_unseen (monitor, error))
    write_down (self, monitor, "closed unseen");
  else
    write_down (self, monitor, "closed %s", g_enum_get_value (class, error->code)->value_nick);
}

static void
watch_row (LxcmonMonitor *row)
{
  g_signal_connect (row, "init", G_CALLBACK (on_row_init), NULL);
  g_signal_connect (row, "exit", G_CALLBACK (on_row_exit), NULL);
  g_signal_connect (row, "closed", G_CALLBACK (on_row_closed), NULL);
}

static void
on_items_changed (GListModel *list, guint position, guint removed, guint added, Record *self)
{
  g_assert_true (g_thread_self () == self->thread);
  g_string_append_printf (self->changes, "%u-%u+%u ", position, removed, added);
  for (guint i = position; i < position + added; i++)
    {
      g_autoptr (LxcmonMonitor) row = g_list_model_get_item (list, i);
      watch_row (row);
    }
}

static void
on_n_items (LxcmonHost *host, GParamSpec *property, Record *self)
{
  self->n_notified++;
}

Record *
record_new (LxcmonHost *host)
{
  Record *self = g_new0 (Record, 1);

  g_atomic_int_inc (&n_records);
  self->host = host;
  self->list = host;
  self->trace = g_string_new (NULL);
  self->changes = g_string_new (NULL);
  self->thread = g_thread_self ();
  g_signal_connect (host, "init", G_CALLBACK (on_init), self);
  g_signal_connect (host, "exit", G_CALLBACK (on_exit_signal), self);
  g_signal_connect (host, "closed", G_CALLBACK (on_closed), self);
  g_signal_connect (host, "items-changed", G_CALLBACK (on_items_changed), self);
  g_signal_connect (host, "notify::n-items", G_CALLBACK (on_n_items), self);
  return self;
}

void
record_free (Record *self)
{
  if (self->host != NULL)
    {
      lxcmon_host_stop (self->list);
      g_signal_handlers_disconnect_by_data (self->host, self);
      g_object_unref (self->host);
    }
  if (g_atomic_int_dec_and_test (&n_records))
    record_wait_for_threads ();
  g_string_free (self->trace, TRUE);
  g_string_free (self->changes, TRUE);
  g_clear_error (&self->start_error);
  g_free (self);
}

void
record_clear (Record *self)
{
  g_string_truncate (self->trace, 0);
  g_string_truncate (self->changes, 0);
  self->n_notified = 0;
}

static void
on_started (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Record *self = user_data;

  g_assert_true (g_thread_self () == self->thread);
  g_clear_error (&self->start_error);
  self->started = lxcmon_host_start_finish (LXCMON_HOST (object), result, &self->start_error);
  self->n_starts_done++;
}

void
record_start (Record *self, GCancellable *cancellable)
{
  lxcmon_host_start_async (self->list, cancellable, on_started, self);
}

void
record_run (Record *self)
{
  guint n = self->n_starts_done;

  record_start (self, NULL);
  glib_test_wait_until (self->n_starts_done > n);
  g_assert_no_error (self->start_error);
  g_assert_true (self->started);
  g_assert_true (lxcmon_host_get_connected (self->host));
}

char *
record_list_names (Record *self)
{
  g_autoptr (GString) names = g_string_new (NULL);
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->host));

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (LxcmonMonitor) row = g_list_model_get_item (G_LIST_MODEL (self->host), i);
      g_string_append_printf (names, "%s%s", i > 0 ? " " : "", lxcmon_monitor_get_name (row));
    }
  return g_strdup (names->str);
}
