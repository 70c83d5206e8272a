/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what nearly every test of a host does: add a controller, start, wait until the list has certain rows,
 * and compare the signals.
 */

#include "glib-host.h"

#include <string.h>

#include "glib-session.h"
#include "glib-test.h"

static void record (GlibHost *self, LxcmonMonitor *monitor, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

static void
record (GlibHost *self, LxcmonMonitor *monitor, const char *format, ...)
{
  va_list args;

  if (self->signals->len > 0)
    g_string_append (self->signals, ", ");
  g_string_append_printf (self->signals, "%s ", lxcmon_monitor_get_name (monitor));
  va_start (args, format);
  g_string_append_vprintf (self->signals, format, args);
  va_end (args);
}

static void
on_init (LxcmonHost *list, LxcmonMonitor *monitor, gint pid, gpointer user_data)
{
  g_assert_cmpint (lxcmon_monitor_get_init_pid (monitor), ==, pid);
  record (user_data, monitor, "init %d", pid);
}

static void
on_exit_signal (LxcmonHost *list, LxcmonMonitor *monitor, LxcmonExitStatus status,
                gpointer user_data)
{
  g_autoptr (GEnumClass) class = g_type_class_ref (LXCMON_TYPE_EXIT_STATUS);

  record (user_data, monitor, "exit %s", g_enum_get_value (class, status)->value_nick);
}

static void
on_closed (LxcmonHost *list, LxcmonMonitor *monitor, const GError *error, gpointer user_data)
{
  /* It is still in the list, so that its handlers can find it there. */
  g_assert_true (lxcmon_host_lookup (list, lxcmon_monitor_get_name (monitor)) == monitor);
  if (error != NULL)
    record (user_data, monitor, "closed %s", glib_error_nick (error));
  else
    record (user_data, monitor, "closed");
}

/* The list and its copy are the same, sorted, and the right objects are found by name. */
static void
check_copy (GlibHost *self)
{
  GListModel *model = G_LIST_MODEL (self->host);
  guint n_items;

  g_object_get (self->host, "n-items", &n_items, NULL);
  g_assert_cmpuint (g_list_model_get_n_items (model), ==, self->copy->len);
  g_assert_cmpuint (n_items, ==, self->copy->len);
  for (guint i = 0; i < self->copy->len; i++)
    {
      g_autoptr (LxcmonMonitor) item = g_list_model_get_item (model, i);
      const char *name = lxcmon_monitor_get_name (item);
      g_assert_true (item == g_ptr_array_index (self->copy, i));
      g_assert_true (lxcmon_host_lookup (self->list, name) == item);
      if (i > 0)
        g_assert_cmpint (strcmp (lxcmon_monitor_get_name (g_ptr_array_index (self->copy, i - 1)),
                                 name),
                         <, 0);
    }
  g_assert_null (g_list_model_get_object (model, self->copy->len));
}

static void
on_items_changed (GListModel *model, guint position, guint removed, guint added, gpointer user_data)
{
  GlibHost *self = user_data;

  self->n_changes++;
  if (removed > 0)
    g_ptr_array_remove_range (self->copy, position, removed);
  for (guint i = 0; i < added; i++)
    g_ptr_array_insert (self->copy, (gint) (position + i),
                        g_list_model_get_item (model, position + i));
  check_copy (self);
}

static void
on_n_items (GObject *object, GParamSpec *pspec, gpointer user_data)
{
  GlibHost *self = user_data;

  self->n_notified++;
  g_assert_cmpuint (self->n_notified, <=, self->n_changes);
}

static void
free_mock (gpointer data)
{
  lxcmon_mock_controller_stop (data);
  g_object_unref (data);
}

/* A host over a directory that the caller makes and removes. */
GlibHost *
glib_host_new_at (const char *dir, const char *uri)
{
  GlibHost *self = g_new0 (GlibHost, 1);

  self->host = g_object_new (LXCMON_TYPE_HOST, "runtime-dir", dir, "uri", uri, NULL);
  self->list = self->host;
  self->mocks = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, free_mock);
  self->copy = g_ptr_array_new_with_free_func (g_object_unref);
  self->signals = g_string_new (NULL);
  g_signal_connect (self->host, "init", G_CALLBACK (on_init), self);
  g_signal_connect (self->host, "exit", G_CALLBACK (on_exit_signal), self);
  g_signal_connect (self->host, "closed", G_CALLBACK (on_closed), self);
  g_signal_connect (self->host, "items-changed", G_CALLBACK (on_items_changed), self);
  g_signal_connect (self->host, "notify::n-items", G_CALLBACK (on_n_items), self);
  return self;
}

static GlibHost *
new_in_own_dir (const char *uri)
{
  char *dir = glib_test_make_dir ();
  GlibHost *self = glib_host_new_at (dir, uri);

  self->dir = dir;
  return self;
}

GlibHost *
glib_host_new (void)
{
  return new_in_own_dir (NULL);
}

/* One that never goes through libvirtd: "force" counts. */
GlibHost *
glib_host_new_direct (void)
{
  return new_in_own_dir ("direct:");
}

void
glib_host_free (GlibHost *self)
{
  if (self->host != NULL)
    {
      lxcmon_host_stop (self->list);
      g_assert_cmpuint (self->copy->len, ==, 0);
      g_assert_cmpuint (self->n_notified, ==, self->n_changes);
      /* A pending start holds a reference. */
      glib_test_drain ();
      g_object_add_weak_pointer (G_OBJECT (self->host), (gpointer *) &self->list);
      g_object_unref (self->host);
      g_assert_null (self->list);
    }
  g_hash_table_unref (self->mocks);
  g_ptr_array_unref (self->copy);
  if (self->dir != NULL)
    glib_test_remove_dir (self->dir);
  g_clear_error (&self->start_error);
  g_string_free (self->signals, TRUE);
  g_free (self);
}

static void
on_started (GObject *object, GAsyncResult *result, gpointer user_data)
{
  GlibHost *self = user_data;
  gboolean done = lxcmon_host_start_finish (LXCMON_HOST (object), result, &self->start_error);

  g_assert_cmpint (done, ==, self->start_error == NULL);
  g_assert_false (self->start_done);
  self->start_done = TRUE;
}

void
glib_host_begin_start (GlibHost *self, GCancellable *cancellable)
{
  self->start_done = FALSE;
  g_clear_error (&self->start_error);
  lxcmon_host_start_async (self->list, cancellable, on_started, self);
}

/* Waits for the outcome: NULL if the host is started, otherwise the error's nick. */
const char *
glib_host_finish_start (GlibHost *self)
{
  glib_test_wait_until (self->start_done);

  return self->start_error == NULL ? NULL : glib_error_nick (self->start_error);
}

void
glib_host_start (GlibHost *self)
{
  glib_host_begin_start (self, NULL);
  glib_host_finish_start (self);
  g_assert_no_error (self->start_error);
}

char *
glib_host_path (GlibHost *self, const char *base)
{
  return g_build_filename (lxcmon_host_get_runtime_dir (self->host), base, NULL);
}

/* Starts a controller, or starts it again: that is a new one. */
LxcmonMockController *
glib_host_add (GlibHost *self, const char *name, int init_pid)
{
  LxcmonMockController *mock = g_hash_table_lookup (self->mocks, name);
  g_autoptr (GError) error = NULL;

  if (mock == NULL)
    {
      g_autofree char *path
          = g_strdup_printf ("%s/%s.sock", lxcmon_host_get_runtime_dir (self->host), name);
      mock = lxcmon_mock_controller_new (path);
      g_hash_table_insert (self->mocks, g_strdup (name), mock);
    }
  lxcmon_mock_controller_set_init_pid (mock, init_pid);
  lxcmon_mock_controller_start (mock, &error);
  g_assert_no_error (error);
  return mock;
}

LxcmonMockController *
glib_host_get_mock (GlibHost *self, const char *name)
{
  LxcmonMockController *mock = g_hash_table_lookup (self->mocks, name);

  g_assert_nonnull (mock);
  return mock;
}

void
glib_host_finish (GlibHost *self, const char *name, LxcmonExitStatus status)
{
  g_autoptr (GError) error = NULL;

  lxcmon_mock_controller_finish (glib_host_get_mock (self, name), status, &error);
  g_assert_no_error (error);
}

void
glib_host_drop (GlibHost *self, const char *name)
{
  g_assert_true (g_hash_table_remove (self->mocks, name));
}

LxcmonMonitor *
glib_host_get (GlibHost *self, const char *name)
{
  return lxcmon_host_lookup (self->list, name);
}

/* The state of a container; -1 where it is not in the list. */
LxcmonState
glib_host_state (GlibHost *self, const char *name)
{
  LxcmonMonitor *monitor = glib_host_get (self, name);

  return monitor != NULL ? lxcmon_monitor_get_state (monitor) : (LxcmonState) -1;
}

char *
glib_host_list_names (GlibHost *self)
{
  GString *names = g_string_new (NULL);

  for (guint i = 0; i < self->copy->len; i++)
    g_string_append_printf (names, "%s%s", i > 0 ? " " : "",
                            lxcmon_monitor_get_name (g_ptr_array_index (self->copy, i)));
  return g_string_free (names, FALSE);
}

/* Whether the list has exactly these, written as "db1 web1". */
gboolean
glib_host_has (GlibHost *self, const char *names)
{
  g_autofree char *found = glib_host_list_names (self);

  return g_str_equal (found, names);
}

void
glib_host_wait_names (GlibHost *self, const char *names)
{
  glib_test_wait_until (glib_host_has (self, names));
}

void
glib_host_wait_attached (GlibHost *self, const char *name)
{
  glib_test_wait_until (glib_host_state (self, name) == LXCMON_STATE_ATTACHED);
}

/* Waits for as many signals, and compares. */
void
glib_host_wait_signals (GlibHost *self, const char *signals)
{
  glib_test_wait_until (self->signals->len >= strlen (signals));
  g_assert_cmpstr (self->signals->str, ==, signals);
}
