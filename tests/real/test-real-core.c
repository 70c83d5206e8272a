/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The plain-C core in a loop of poll(2). GLib is only used by the test itself, and no main context runs. */

#include <lxcmon/lxcmon.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "accept-queue.h"
#include "real-test.h"

#define NAME     "real-core"
#define N_AT_HUB 5

typedef struct
{
  GString *trace;
  int init_pid;
} Record;

static void
on_attached (LxcmonConnection *connection, void *user_data)
{
  Record *self = user_data;

  g_string_append (self->trace, "attached ");
}

static void
on_init (LxcmonConnection *connection, int pid, void *user_data)
{
  Record *self = user_data;

  self->init_pid = pid;
  g_string_append (self->trace, "init ");
}

static void
on_exit_message (LxcmonConnection *connection, LxcmonExitStatus status, int raw, void *user_data)
{
  Record *self = user_data;

  g_assert_cmpint ((int) status, ==, raw);
  g_string_append_printf (self->trace, "exit:%s ", lxcmon_exit_status_to_string (status));
}

static void
on_end (Record *self, const char *how, const LxcmonError *error)
{
  g_string_append (self->trace, how);
  if (error != NULL)
    g_string_append_printf (self->trace, ":%s", lxcmon_monitor_error_to_string (error->code));
  g_string_append_c (self->trace, ' ');
}

static void
on_closed (LxcmonConnection *connection, const LxcmonError *error, void *user_data)
{
  on_end (user_data, "closed", error);
}

static void
on_failed (LxcmonConnection *connection, const LxcmonError *error, void *user_data)
{
  on_end (user_data, "failed", error);
}

static const LxcmonCallbacks callbacks = {
  LXCMON_CALLBACKS_INIT,   .attached = on_attached, .init = on_init,
  .exit = on_exit_message, .closed = on_closed,     .failed = on_failed,
};

typedef struct
{
  Container *container;
  LxcmonHub *hub;
  LxcmonConnection *connection;
  Record record;
} Row;

static void
row_init (Row *self, const char *name, LxcmonHub *hub)
{
  *self = (Row){ .container = container_new (name), .record = { .trace = g_string_new (NULL) } };
  self->hub = hub != NULL ? lxcmon_hub_ref (hub) : lxcmon_hub_new (NULL);
  self->connection = lxcmon_connection_new (self->hub, &callbacks, &self->record);
  g_assert_nonnull (self->connection);
}

static void
row_clear (Row *self)
{
  lxcmon_connection_free (self->connection);
  lxcmon_hub_unref (self->hub);
  g_string_free (self->record.trace, TRUE);
  container_free (self->container);
}

static void
row_attach (Row *self, gboolean force)
{
  LxcmonAttachOptions options = LXCMON_ATTACH_OPTIONS_INIT;
  LxcmonError error;

  options.force = force;
  if (!lxcmon_connection_attach (self->connection, container_get_socket_path (self->container),
                                 &options, &error))
    g_error ("%s", error.message);
}

/* As a driver does it: attached between the start of the controller and that of init. */
static void
row_start (Row *self)
{
  real_start_controller (self->container);
  row_attach (self, TRUE);
  g_assert_cmpint (lxcmon_connection_get_state (self->connection), ==, LXCMON_STATE_QUEUED);
  real_continue (self->container);
}

static void
run_once (LxcmonHub *hub, gint64 deadline)
{
  struct pollfd descriptor
      = { .fd = lxcmon_hub_get_fd (hub), .events = lxcmon_hub_get_events (hub) };
  int timeout = lxcmon_hub_get_timeout (hub);

  /* A loop that polls for longer than the test's patience would not end. */
  g_assert_cmpint (g_get_monotonic_time (), <, deadline);
  if (timeout < 0 || timeout > 100)
    timeout = 100;
  poll (&descriptor, 1, timeout);
  lxcmon_hub_dispatch (hub);
}

static void
run_until (Row *self, const char *ending)
{
  gint64 deadline = real_deadline ();

  while (!g_str_has_suffix (self->record.trace->str, ending))
    run_once (self->hub, deadline);
}

static void
test_life (void)
{
  Row row;

  row_init (&row, NAME, NULL);
  row_start (&row);
  run_until (&row, "init ");
  g_assert_cmpint (row.record.init_pid, ==, real_init_pid (row.container));
  g_assert_cmpint (lxcmon_connection_get_controller_pid (row.connection), ==,
                   container_get_controller_pid (row.container));
  g_assert_false (lxcmon_connection_get_missed_init (row.connection));

  real_command (row.container, "exit 42");
  run_until (&row, "closed ");
  g_assert_cmpstr (row.record.trace->str, ==, "attached init exit:shutdown closed ");
  g_assert_cmpint (lxcmon_connection_get_state (row.connection), ==, LXCMON_STATE_CLOSED);
  g_assert_cmpuint (lxcmon_hub_get_n_connections (row.hub), ==, 0);
  row_clear (&row);
}

/* A second client has missed INIT. */
static void
test_missed_init (void)
{
  Row row;

  row_init (&row, NAME, NULL);
  row_start (&row);
  run_until (&row, "init ");
  lxcmon_connection_free (row.connection);
  accept_queue_wait (container_get_socket_path (row.container), 0, 0);

  row.connection = lxcmon_connection_new (row.hub, &callbacks, &row.record);
  row_attach (&row, FALSE);
  run_until (&row, "attached ");
  g_assert_true (lxcmon_connection_get_missed_init (row.connection));
  g_assert_cmpint (lxcmon_connection_get_init_pid (row.connection), ==,
                   real_init_pid (row.container));
  real_command (row.container, "reboot");
  run_until (&row, "closed ");
  g_assert_cmpstr (row.record.trace->str, ==, "attached init attached exit:reboot closed ");
  row_clear (&row);
}

static void
test_killed (void)
{
  Row row;

  row_init (&row, NAME, NULL);
  row_start (&row);
  run_until (&row, "init ");
  container_signal (row.container, SIGKILL);
  run_until (&row, "closed:lost ");
  g_assert_cmpstr (row.record.trace->str, ==, "attached init closed:lost ");
  row_clear (&row);
}

/* Events that the hub returns: all that are pending when the controller has ended. */
static void
test_pulled (void)
{
  static const LxcmonEventType expected[]
      = { LXCMON_EVENT_ATTACHED, LXCMON_EVENT_INIT, LXCMON_EVENT_EXIT, LXCMON_EVENT_CLOSED };
  LxcmonEvent event;
  guint n = 0;
  Row row;

  row_init (&row, NAME, NULL);
  row_start (&row);
  real_command (row.container, "shutdown");
  real_wait_end (row.container);
  while (lxcmon_hub_next_event (row.hub, &event))
    {
      g_assert_cmpuint (n, <, G_N_ELEMENTS (expected));
      g_assert_cmpint (event.type, ==, expected[n++]);
      g_assert_null (event.error);
    }
  g_assert_cmpuint (n, ==, G_N_ELEMENTS (expected));
  g_assert_cmpint (lxcmon_connection_get_exit_status (row.connection), ==,
                   LXCMON_EXIT_STATUS_SHUTDOWN);
  row_clear (&row);
}

static void
run_hub_until (LxcmonHub *hub, const Row *rows, const char *ending)
{
  gint64 deadline = real_deadline ();
  gboolean done = FALSE;

  while (!done)
    {
      run_once (hub, deadline);
      done = TRUE;
      for (int i = 0; i < N_AT_HUB; i++)
        done = done && g_str_has_suffix (rows[i].record.trace->str, ending);
    }
}

static void
test_hub (void)
{
  LxcmonError error;
  LxcmonHub *hub = lxcmon_hub_new (&error);
  Row rows[N_AT_HUB];

  g_assert_nonnull (hub);
  for (int i = 0; i < N_AT_HUB; i++)
    {
      g_autofree char *name = g_strdup_printf (NAME "-%d", i);

      row_init (&rows[i], name, hub);
      row_start (&rows[i]);
    }
  g_assert_cmpuint (lxcmon_hub_get_n_connections (hub), ==, N_AT_HUB);
  run_hub_until (hub, rows, "init ");
  for (int i = 0; i < N_AT_HUB; i++)
    g_assert_cmpint (rows[i].record.init_pid, ==, real_init_pid (rows[i].container));

  /* All events are pending before the hub reads any of them. */
  for (int i = 0; i < N_AT_HUB; i++)
    real_command (rows[i].container, i % 2 == 0 ? "shutdown" : "reboot");
  for (int i = 0; i < N_AT_HUB; i++)
    real_wait_end (rows[i].container);
  run_hub_until (hub, rows, "closed ");
  g_assert_cmpuint (lxcmon_hub_get_n_connections (hub), ==, 0);
  for (int i = 0; i < N_AT_HUB; i++)
    {
      g_assert_cmpstr (rows[i].record.trace->str, ==,
                       i % 2 == 0 ? "attached init exit:shutdown closed "
                                  : "attached init exit:reboot closed ");
      row_clear (&rows[i]);
    }
  lxcmon_hub_unref (hub);
}

int
main (int argc, char *argv[])
{
  if (!real_test_begin (&argc, &argv))
    return 0;
  real_test_add ("/real/core/life", test_life);
  real_test_add ("/real/core/missed-init", test_missed_init);
  real_test_add ("/real/core/killed", test_killed);
  real_test_add ("/real/core/pulled", test_pulled);
  real_test_add ("/real/core/hub", test_hub);
  return g_test_run ();
}
