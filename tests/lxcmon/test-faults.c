/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A whole life (hub, attach by path, INIT, PING, EXIT, end) again and again, in which one call of the
 * C library after the other fails, once or from then on: allocations, and system calls with each errno
 * that they can have. It may go wrong, but in order: nothing crashes or leaks, callbacks keep their
 * order, and the end is told.
 */

#include "common/core-place.h"
#include "common/core-session.h"
#include "common/core-wrap.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The errno that a call fails with, the n-th that it can have; 0 where there are not so many. */
static int
fault_errno (CoreCall call, guint n, gboolean sticky)
{
  static const struct
  {
    CoreCall call;
    int errnos[6];
  } faults[] = {
    { CORE_CALL_socket, { EMFILE, ENFILE, ENOBUFS, ENOMEM, EACCES } },
    { CORE_CALL_open64, { EMFILE, ENFILE, EACCES, ENOENT, ELOOP } },
    { CORE_CALL_openat64, { EMFILE, ENFILE, EACCES, ENOENT, ELOOP } },
    { CORE_CALL_connect, { EAGAIN, ECONNREFUSED, ENOENT, EACCES, EPROTOTYPE, EINTR } },
    { CORE_CALL_recv, { EAGAIN, ECONNRESET, ENOMEM, EIO, EINTR } },
    { CORE_CALL_send, { EAGAIN, EPIPE, ECONNRESET, ENOBUFS, EINTR } },
    { CORE_CALL_getsockopt, { EINVAL, ENOPROTOOPT, ENOBUFS } },
    { CORE_CALL_fstat64, { EIO, ENOMEM } },
    { CORE_CALL_fcntl64, { EMFILE, EINVAL, EAGAIN } },
    { CORE_CALL_epoll_create1, { EMFILE, ENFILE, ENOMEM } },
    { CORE_CALL_timerfd_create, { EMFILE, ENODEV, ENOMEM } },
    { CORE_CALL_epoll_ctl, { ENOMEM, ENOSPC } },
    { CORE_CALL_epoll_wait, { EINTR } },
    { CORE_CALL_read, { EIO, EINTR } },
    { CORE_CALL_readlink, { EACCES, ENOENT, ENOMEM } },
    { CORE_CALL_poll, { EINTR, ENOMEM } },
    { CORE_CALL_opendir, { EMFILE, EACCES } },
    { CORE_CALL_setsockopt, { EINVAL } },
  };

  if (CORE_IS_ALLOCATION (call))
    return n == 0 ? ENOMEM : 0;
  for (gsize i = 0; i < G_N_ELEMENTS (faults); i++)
    if (faults[i].call == call && n < G_N_ELEMENTS (faults[i].errnos))
      return sticky && faults[i].errnos[n] == EINTR ? 0 : faults[i].errnos[n];
  return 0;
}

static struct
{
  guint n_errno;
  gboolean sticky;
  gboolean allocations;
} fault;

static gboolean
may_fail (CoreCall call, int *errno_out)
{
  *errno_out = fault_errno (call, fault.n_errno, fault.sticky);
  return *errno_out != 0 && CORE_IS_ALLOCATION (call) == fault.allocations;
}

/* Dispatches a few times, however little is ready. */
static void
run (LxcmonHub *hub, LxcmonConnection *connection)
{
  core_wrap_resume ();
  for (int i = 0; i < 4; i++)
    {
      if (hub != NULL)
        lxcmon_hub_dispatch (hub);
      else
        lxcmon_connection_dispatch (connection);
    }
  core_wrap_pause ();
}

typedef struct
{
  GString *trace;
  guint n_freed;
} Record;

static void
note (void *user_data, const char *event)
{
  Record *record = user_data;

  core_wrap_pause ();
  g_string_append_printf (record->trace, "%s%s", record->trace->len > 0 ? " " : "", event);
  core_wrap_resume ();
}

static void
on_attached (LxcmonConnection *connection, void *user_data)
{
  note (user_data, "attached");
}

static void
on_init (LxcmonConnection *connection, int pid, void *user_data)
{
  note (user_data, "init");
}

static void
on_exit_event (LxcmonConnection *connection, LxcmonExitStatus status, int raw, void *user_data)
{
  note (user_data, "exit");
}

static void
on_closed (LxcmonConnection *connection, const LxcmonError *error, void *user_data)
{
  g_assert_true ((error == NULL) == lxcmon_connection_get_exited (connection));
  g_assert_true (lxcmon_connection_get_error (connection) != NULL || error == NULL);
  note (user_data, error == NULL ? "closed" : "closed!");
}

static void
on_failed (LxcmonConnection *connection, const LxcmonError *error, void *user_data)
{
  g_assert_cmpuint (strlen (error->message), >, 0);
  g_assert_nonnull (lxcmon_connection_get_error (connection));
  note (user_data, "failed");
}

static void
on_free (void *user_data)
{
  Record *record = user_data;

  record->n_freed++;
}

static const LxcmonCallbacks callbacks = {
  LXCMON_CALLBACKS_INIT, .attached = on_attached, .init = on_init, .exit = on_exit_event,
  .closed = on_closed,   .failed = on_failed, .free = on_free,
};

/* What may be told of an attach that has begun: INIT and EXIT were sent, and then the end. */
static void
check_trace (const char *trace)
{
  static const char *const allowed[]
      = { "", "failed", "attached init exit closed", "attached closed!", "attached init closed!", NULL };

  if (!g_strv_contains (allowed, trace))
    g_error ("out of order: %s", trace);
}

/* The story from a successful attach on. */
static void
live (LxcmonHub *hub, LxcmonConnection *connection, CoreListener *listener)
{
  int controller = core_listener_accept (listener);

  g_assert_cmpint (controller, >=, 0);
  core_send_init (controller, 1);
  core_send_ping (controller);
  run (hub, connection);
  if (lxcmon_connection_get_fd (connection) >= 0)
    core_send_exit (controller, 1);
  close (controller);
  run (hub, connection);
  /* The faults are over: now the end must come. */
  (void) core_wrap_end ();
  run (hub, connection);
  run (hub, connection);
  g_assert_cmpint (lxcmon_connection_get_fd (connection), ==, -1);
}

static void
live_all (CoreListener *listener, CoreMode mode)
{
  LxcmonAttachOptions options = LXCMON_ATTACH_OPTIONS_INIT;
  Record record = { .trace = g_string_new (NULL) };
  LxcmonHub *hub = NULL;
  LxcmonConnection *connection;
  LxcmonError error = { 0 };
  gboolean attached = FALSE;

  /* A look is dear where a machine has many sockets: once for each kind of call will do. */
  options.force = fault.n_errno > 0;
  core_wrap_resume ();
  if (mode == CORE_BEHIND_HUB)
    hub = lxcmon_hub_new (&error);
  connection = lxcmon_connection_new (&callbacks, &record);
  if (connection != NULL && (hub != NULL || mode == CORE_ALONE))
    {
      g_assert_true (lxcmon_connection_set_hub (connection, hub, NULL));
      attached = lxcmon_connection_attach (connection, listener->path, &options, &error);
    }
  core_wrap_pause ();

  g_assert_cmpuint (record.n_freed, ==, connection == NULL ? 1 : 0);
  if (attached)
    {
      live (hub, connection, listener);
      g_assert_cmpuint (record.trace->len, >, 0);
    }
  else if (connection != NULL)
    {
      g_assert_cmpint (lxcmon_connection_get_state (connection), ==, LXCMON_STATE_DETACHED);
      g_assert_cmpuint (record.trace->len, ==, 0);
      g_assert_true (hub == NULL || strlen (error.message) > 0);
    }
  check_trace (record.trace->str);
  /* A signal that comes in between is no reason for anything. */
  if (core_wrap_get_struck_errno () == EINTR)
    g_assert_cmpstr (record.trace->str, ==, "attached init exit closed");

  (void) core_wrap_end ();
  lxcmon_connection_free (connection);
  lxcmon_hub_unref (hub);
  g_assert_cmpuint (record.n_freed, ==, 1);
  g_string_free (record.trace, TRUE);
}

/* Lets one call after the other fail until a life goes by without. */
static guint
fail_each (CoreMode mode)
{
  CoreListener listener;
  guint index = 0;
  gboolean struck;

  core_listener_init (&listener);
  do
    {
      int n_before = core_count_descriptors ();
      int left;

      /* Or the number of calls would depend on the clock. */
      core_forget_looks (&listener);
      core_wrap_begin ();
      core_wrap_pause ();
      core_wrap_set_fault (may_fail, index++, fault.sticky);
      live_all (&listener, mode);
      struck = core_wrap_has_struck ();
      g_assert_cmpint (core_count_descriptors (), ==, n_before);
      while ((left = core_listener_accept (&listener)) >= 0)
        close (left);
    }
  while (struck);
  core_listener_clear (&listener);

  return index;
}

static void
test_allocations (CoreMode mode)
{
  fault.allocations = TRUE;
  fault.n_errno = 0;
  for (int sticky = 0; sticky < 2; sticky++)
    {
      fault.sticky = sticky;
      g_assert_cmpuint (fail_each (mode), >, 5);
    }
}

static void
test_system_calls (CoreMode mode)
{
  guint n = 0;

  fault.allocations = FALSE;
  for (int sticky = 0; sticky < 2; sticky++)
    for (fault.n_errno = 0; fault.n_errno < 6; fault.n_errno++)
      {
        fault.sticky = sticky;
        n += fail_each (mode);
      }
  g_assert_cmpuint (n, >, 100);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add_modes ("/faults/allocations", test_allocations);
  core_test_add_modes ("/faults/system-calls", test_system_calls);

  return g_test_run ();
}
