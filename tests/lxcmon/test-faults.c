/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A whole story (hub, attach by path, INIT, PING, EXIT, end) again and again, in which one call of the C
 * library after the other fails, once or from then on: allocations, and system calls with each errno that
 * they can have. The story may fail, but in order: nothing crashes or leaks, events keep their order, and
 * there is an end.
 */

#include "common/core-slot.h"
#include "common/core-session.h"
#include "common/core-wrap.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The errno that a call fails with, the n-th that it can have; 0 if there are not so many. */
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
    { CORE_CALL_fstatat64, { EIO, ENOMEM, EACCES } },
    { CORE_CALL_fcntl64, { EMFILE, EINVAL, EAGAIN } },
    { CORE_CALL_epoll_create1, { EMFILE, ENFILE, ENOMEM } },
    { CORE_CALL_inotify_init1, { EMFILE, ENFILE, ENOMEM } },
    { CORE_CALL_inotify_add_watch, { ENOSPC, ENOMEM, ENOENT } },
    { CORE_CALL_timerfd_create, { EMFILE, ENODEV, ENOMEM } },
    { CORE_CALL_epoll_ctl, { ENOMEM, ENOSPC } },
    { CORE_CALL_epoll_wait, { EINTR } },
    { CORE_CALL_read, { EIO, EINTR } },
    { CORE_CALL_poll, { EINTR, ENOMEM } },
    { CORE_CALL_opendir, { EMFILE, EACCES } },
    { CORE_CALL_setsockopt, { EINVAL } },
    { CORE_CALL_syscall, { EMFILE, ENFILE, ESRCH, ENOSYS } },
    { CORE_CALL_getrlimit64, { EINVAL } },
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

static void
note (void *user_data, const char *event)
{
  GString *trace = user_data;

  core_wrap_pause ();
  g_string_append_printf (trace, "%s%s", trace->len > 0 ? " " : "", event);
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
  note (user_data, error == NULL ? "closed" : "closed!");
}

static void
on_failed (LxcmonConnection *connection, const LxcmonError *error, void *user_data)
{
  g_assert_cmpuint (strlen (error->message), >, 0);
  note (user_data, "failed");
}

static const LxcmonCallbacks callbacks = {
  LXCMON_CALLBACKS_INIT, .attached = on_attached, .init = on_init,
  .exit = on_exit_event, .closed = on_closed,     .failed = on_failed,
};

static void
pull (LxcmonHub *hub)
{
  LxcmonEvent event;

  if (!lxcmon_hub_next_event (hub, &event))
    return;
  if (event.type == LXCMON_EVENT_ATTACHED)
    on_attached (event.connection, event.user_data);
  else if (event.type == LXCMON_EVENT_INIT)
    on_init (event.connection, event.pid, event.user_data);
  else if (event.type == LXCMON_EVENT_EXIT)
    on_exit_event (event.connection, event.status, event.raw, event.user_data);
  else if (event.type == LXCMON_EVENT_CLOSED)
    on_closed (event.connection, event.error, event.user_data);
  else
    on_failed (event.connection, event.error, event.user_data);
}

/* Runs a few times, however little is ready. */
static void
run (LxcmonHub *hub, CoreMode mode)
{
  core_wrap_resume ();
  for (int i = 0; i < (mode == CORE_PULLED ? 12 : 4); i++)
    {
      if (mode == CORE_PULLED)
        pull (hub);
      else
        lxcmon_hub_dispatch (hub);
    }
  core_wrap_pause ();
}

/* The events that an attach may have: INIT and EXIT were sent, and then the end. */
static void
check_trace (const char *trace)
{
  static const char *const allowed[]
      = { "",  "failed", "attached init exit closed", "attached closed!", "attached init closed!",
          NULL };

  if (!g_strv_contains (allowed, trace))
    g_error ("out of order: %s", trace);
}

/* The story from a successful attach on. */
static void
play (LxcmonHub *hub, CoreListener *listener, CoreMode mode)
{
  int controller = core_listener_accept (listener);

  g_assert_cmpint (controller, >=, 0);
  core_send_init (controller, 1);
  core_send_ping (controller);
  run (hub, mode);
  if (lxcmon_hub_get_n_connections (hub) > 0)
    core_send_exit (controller, 1);
  close (controller);
  run (hub, mode);
  /* The faults are over: now the end must come. */
  (void) core_wrap_end ();
  run (hub, mode);
  run (hub, mode);
  g_assert_cmpuint (lxcmon_hub_get_n_connections (hub), ==, 0);
}

static void
play_all (CoreListener *listener, CoreMode mode)
{
  LxcmonAttachOptions options = LXCMON_ATTACH_OPTIONS_INIT;
  g_autoptr (GString) trace = g_string_new (NULL);
  LxcmonConnection *connection = NULL;
  LxcmonError error = { 0 };
  gboolean attached = FALSE;

  options.watch_init = true;
  core_wrap_resume ();
  LxcmonHub *hub = lxcmon_hub_new (&error);
  if (hub != NULL)
    connection = lxcmon_connection_new (hub, &callbacks, trace);
  if (connection != NULL)
    attached = lxcmon_connection_attach (connection, listener->path, &options, &error);
  core_wrap_pause ();

  if (attached)
    {
      play (hub, listener, mode);
      g_assert_cmpuint (trace->len, >, 0);
    }
  else if (connection != NULL)
    {
      g_assert_cmpint (lxcmon_connection_get_state (connection), ==, LXCMON_STATE_DETACHED);
      g_assert_cmpuint (trace->len, ==, 0);
      g_assert_cmpuint (strlen (error.message), >, 0);
    }
  check_trace (trace->str);
  /* A signal that interrupts a call changes nothing. */
  if (core_wrap_get_struck_errno () == EINTR)
    g_assert_cmpstr (trace->str, ==, "attached init exit closed");

  (void) core_wrap_end ();
  lxcmon_connection_free (connection);
  lxcmon_hub_unref (hub);
}

/* Makes one call after the other fail until a story passes without a failure. */
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

      core_wrap_begin ();
      core_wrap_pause ();
      core_wrap_set_fault (may_fail, index++, fault.sticky);
      play_all (&listener, mode);
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
      g_assert_cmpuint (fail_each (mode), >=, 5);
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
