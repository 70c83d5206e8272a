/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A driver that starts while connections are open: they are hung up within 100 ms, what was received is reported
 * first, and with force nothing happens. In a child process, as the lock of one's own process cannot be seen.
 */

#include "common/core-child.h"
#include "common/core-peer.h"
#include "common/core-session.h"
#include "common/core-wrap.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* 100 ms, and what a loaded machine adds to it */
#define YIELD_US (100 * 1000 + 400 * 1000)

typedef struct
{
  CoreListener listener;
  CoreSession session;
  char *lock;
  CoreChild driver;
} Fixture;

static void
fixture_init (Fixture *self, CoreMode mode)
{
  core_listener_init (&self->listener);
  core_session_init (&self->session, mode);
  self->lock = g_build_filename (self->listener.dir, "driver.pid", NULL);
}

static void
fixture_clear (Fixture *self)
{
  core_session_clear (&self->session);
  core_listener_clear (&self->listener);
  g_free (self->lock);
}

static void
fixture_attach (Fixture *self)
{
  LxcmonError error;

  if (!core_session_attach (&self->session, self->listener.path, NULL, &error))
    g_error ("%s", error.message);
  self->session.peer = core_listener_accept (&self->listener);
  core_send_init (self->session.peer, 7);
  core_session_expect (&self->session, "attached init(7)");
}

/* As libvirtd does it: the file is opened, locked, and written. */
static int
lock_and_write (gconstpointer path)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
  int fd = open (path, O_WRONLY | O_CREAT, 0644);

  return fd >= 0 && fcntl (fd, F_SETLK, &lock) == 0 && ftruncate (fd, 0) == 0
                 && write (fd, "4711", 4) == 4
             ? 0
             : 1;
}

/* Locks only a moment after the file was opened, and does not write. */
static int
lock_late (gconstpointer path)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
  int fd = open (path, O_RDWR | O_CREAT, 0644);

  g_usleep (30 * 1000);
  return fd >= 0 && fcntl (fd, F_SETLK, &lock) == 0 ? 0 : 1;
}

/* Takes the lock, and waits until the controller's end sees that we have gone. */
static void
expect_hang_up (Fixture *self, CoreChildFunc func)
{
  gint64 deadline = core_deadline ();
  gint64 start;
  char byte;

  core_child_start (&self->driver, func, self->lock);
  start = g_get_monotonic_time ();
  while (recv (self->session.peer, &byte, 1, MSG_DONTWAIT | MSG_PEEK) != 0)
    {
      g_autofree char *sent = core_receive_within (self->session.peer, 0);
      if (core_session_is_ready (&self->session, 10))
        core_session_dispatch (&self->session);
      core_check_deadline (deadline, "the hang-up");
    }
  gint64 took = g_get_monotonic_time () - start;
  g_test_message ("hung up %" G_GINT64_FORMAT " µs after the lock", took);
  g_assert_cmpint (took, <, YIELD_US);
}

static void
expect_busy (Fixture *self, const char *trace)
{
  g_autofree char *pid = g_strdup_printf ("libvirtd has started (pid %d)", self->driver.pid);

  core_session_wait_for (&self->session, "(busy)");
  core_session_expect (&self->session, trace);
  if (strstr (self->session.error.message, pid) == NULL)
    g_error ("no \"%s\" in: %s", pid, self->session.error.message);
}

static void
test_attached (CoreMode mode)
{
  static const CoreChildFunc locks[] = { lock_and_write, core_child_lock, lock_late };

  for (guint i = 0; i < 2 * G_N_ELEMENTS (locks); i++)
    {
      Fixture self;

      fixture_init (&self, mode);
      if (i >= G_N_ELEMENTS (locks))
        g_assert_true (g_file_set_contents (self.lock, "1", 1, NULL)); /* a driver was killed */
      fixture_attach (&self);
      expect_hang_up (&self, locks[i % G_N_ELEMENTS (locks)]);
      expect_busy (&self, "attached init(7) closed(busy)");
      core_child_stop (&self.driver);
      fixture_clear (&self);
    }
}

static void
test_queued (CoreMode mode)
{
  LxcmonAttachOptions options = LXCMON_ATTACH_OPTIONS_INIT;
  Fixture self;

  fixture_init (&self, mode);
  for (int i = 0; i < 2; i++)
    {
      options.wait_if_busy = i == 1;
      g_string_truncate (self.session.trace, 0);
      g_assert_true (core_session_attach (&self.session, self.listener.path, &options, NULL));
      core_session_assert_state (&self.session, "queued");
      core_child_start (&self.driver, lock_and_write, self.lock);
      expect_busy (&self, "failed(busy)");
      core_child_stop (&self.driver);
    }
  fixture_clear (&self);
}

static void
wait_until_queued (CoreSession *self)
{
  gint64 deadline = core_deadline ();

  while (lxcmon_connection_get_state (self->connection) != LXCMON_STATE_QUEUED)
    {
      core_session_run_for (self, 50);
      core_check_deadline (deadline, "the connection");
    }
}

/* One that waits for the slot goes on waiting. */
static void
test_waiting (CoreMode mode)
{
  LxcmonAttachOptions options = LXCMON_ATTACH_OPTIONS_INIT;
  Fixture self;

  options.wait_if_busy = true;
  fixture_init (&self, mode);
  core_child_start (&self.driver, lock_and_write, self.lock);
  g_assert_true (core_session_attach (&self.session, self.listener.path, &options, NULL));
  core_session_run_for (&self.session, 300);
  core_session_expect (&self.session, "");
  core_session_assert_state (&self.session, "connecting");
  core_child_stop (&self.driver);
  wait_until_queued (&self.session);
  fixture_clear (&self);
}

/* What the controller has sent before the hang-up is reported, whole messages and parts of one. */
static void
test_pending (CoreMode mode)
{
  Fixture self;

  fixture_init (&self, mode);
  g_assert_true (core_session_attach (&self.session, self.listener.path, NULL, NULL));
  self.session.peer = core_listener_accept (&self.listener);
  core_send_init (self.session.peer, 7);
  core_send_exit (self.session.peer, 2);
  core_child_start (&self.driver, lock_and_write, self.lock);
  core_session_wait_for (&self.session, "closed");
  core_session_expect (&self.session, "attached init(7) exit(reboot) closed(null)");
  core_child_stop (&self.driver);
  fixture_clear (&self);

  fixture_init (&self, mode);
  fixture_attach (&self);
  core_send (self.session.peer, "\0\0", 2);
  expect_hang_up (&self, lock_and_write);
  expect_busy (&self, "attached init(7) closed(busy)");
  core_child_stop (&self.driver);
  fixture_clear (&self);
}

/* The controller has ended before the driver came. */
static void
test_ended (CoreMode mode)
{
  Fixture self;

  fixture_init (&self, mode);
  fixture_attach (&self);
  core_session_hang_up (&self.session);
  core_child_start (&self.driver, lock_and_write, self.lock);
  core_session_wait_for (&self.session, "closed");
  core_session_expect (&self.session, "attached init(7) closed(lost)");
  core_child_stop (&self.driver);
  fixture_clear (&self);
}

/* The hang-up comes before anything that is ready is reported: the controllers of all connections see it. */
static void
test_first_of_all (void)
{
  enum
  {
    N = 1000
  };
  LxcmonConnection *connections[N];
  LxcmonHub *hub = lxcmon_hub_new (NULL);
  g_autofree char *dir = core_make_dir ();
  CoreChild driver;
  LxcmonEvent event;
  int listeners[N], peers[N];
  guint n_closed = 0;
  struct rlimit limit;

  /* Three descriptors for each, and the test's own. */
  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &limit));
  if (limit.rlim_max < 4 * N)
    {
      g_test_skip ("needs 4000 descriptors");
      lxcmon_hub_unref (hub);
      core_remove_dir (g_steal_pointer (&dir));
      return;
    }
  limit.rlim_cur = limit.rlim_max;
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &limit));
  g_autofree char *lock = g_build_filename (dir, "driver.pid", NULL);
  for (int i = 0; i < N; i++)
    {
      g_autofree char *path = g_strdup_printf ("%s/c%d.sock", dir, i);
      listeners[i] = core_bind (path, SOCK_STREAM);
      g_assert_no_errno (listen (listeners[i], 30));
      connections[i] = lxcmon_connection_new (hub, NULL, NULL);
      g_assert_true (lxcmon_connection_attach (connections[i], path, NULL, NULL));
      peers[i] = accept (listeners[i], NULL, NULL);
      core_send_init (peers[i], 7);
    }
  core_child_start (&driver, lock_and_write, lock);
  g_assert_true (lxcmon_hub_next_event (hub, &event));
  for (int i = 0; i < N; i++)
    {
      struct pollfd peer = { .fd = peers[i], .events = POLLRDHUP };
      g_assert_cmpint (poll (&peer, 1, 0), ==, 1);
    }
  do
    n_closed += event.type == LXCMON_EVENT_CLOSED;
  while (lxcmon_hub_next_event (hub, &event) || lxcmon_hub_next_event (hub, &event));
  g_assert_cmpuint (n_closed, ==, N);
  core_child_stop (&driver);
  for (int i = 0; i < N; i++)
    {
      lxcmon_connection_free (connections[i]);
      close (peers[i]);
      close (listeners[i]);
    }
  lxcmon_hub_unref (hub);
  core_remove_dir (g_steal_pointer (&dir));
}

/* The driver itself: the file is not opened, and there is nothing to watch. */
static void
test_force (CoreMode mode)
{
  LxcmonAttachOptions options = LXCMON_ATTACH_OPTIONS_INIT;
  Fixture self;

  options.force = true;
  fixture_init (&self, mode);
  core_wrap_begin ();
  g_assert_true (core_session_attach (&self.session, self.listener.path, &options, NULL));
  core_wrap_pause ();
  g_assert_cmpuint (core_wrap_get_n (CORE_CALL_inotify_init1), ==, 0);
  guint n_opened = core_wrap_get_n (CORE_CALL_openat64);
  self.session.peer = core_listener_accept (&self.listener);
  core_child_start (&self.driver, lock_and_write, self.lock);
  core_send_init (self.session.peer, 7);
  core_wrap_resume ();
  core_session_run_for (&self.session, 200);
  core_wrap_pause ();
  core_session_expect (&self.session, "attached init(7)");
  g_assert_cmpuint (core_wrap_get_n (CORE_CALL_openat64), ==, n_opened);
  core_child_stop (&self.driver);
  core_wrap_end ();
  fixture_clear (&self);
}

static gboolean
without_inotify (CoreCall call, int *fault_errno)
{
  *fault_errno = EMFILE;
  return call == CORE_CALL_inotify_init1;
}

static gboolean
without_watches (CoreCall call, int *fault_errno)
{
  *fault_errno = ENOSPC;
  return call == CORE_CALL_inotify_add_watch;
}

static void
test_no_inotify (CoreMode mode)
{
  static const CoreFaultFilter filters[] = { without_inotify, without_watches };

  for (guint i = 0; i < G_N_ELEMENTS (filters); i++)
    {
      Fixture self;

      fixture_init (&self, mode);
      core_session_set_debug (&self.session);
      core_wrap_begin ();
      core_wrap_set_fault (filters[i], 0, TRUE);
      fixture_attach (&self);
      g_assert_true (core_wrap_has_struck ());
      g_assert_nonnull (strstr (self.session.log->str, "inotify cannot be used"));
      expect_hang_up (&self, core_child_lock);
      core_wrap_end ();
      expect_busy (&self, "attached init(7) closed(busy)");
      core_child_stop (&self.driver);
      fixture_clear (&self);
    }
}

static gboolean
without_poll (CoreCall call, int *fault_errno)
{
  *fault_errno = ENOMEM;
  return call == CORE_CALL_poll;
}

/* Whether the controller has ended cannot be found out. The test's own functions would need poll too. */
static void
test_no_poll (CoreMode mode)
{
  gint64 deadline = core_deadline ();
  char bytes[64];
  Fixture self;

  fixture_init (&self, mode);
  fixture_attach (&self);
  core_child_start (&self.driver, core_child_lock, self.lock);
  core_wrap_begin ();
  core_wrap_set_fault (without_poll, 0, TRUE);
  while (recv (self.session.peer, bytes, sizeof bytes, MSG_DONTWAIT) != 0)
    {
      core_session_dispatch (&self.session);
      core_check_deadline (deadline, "the hang-up");
    }
  g_assert_true (core_wrap_has_struck ());
  core_wrap_end ();
  expect_busy (&self, "attached init(7) closed(busy)");
  core_child_stop (&self.driver);
  fixture_clear (&self);
}

/* A driver manages the containers of one directory. */
static void
test_two_directories (CoreMode mode)
{
  Fixture first, second;

  fixture_init (&first, mode);
  core_listener_init (&second.listener);
  core_session_init_on (&second.session, first.session.hub, mode);
  second.lock = g_build_filename (second.listener.dir, "driver.pid", NULL);
  fixture_attach (&first);
  fixture_attach (&second);
  expect_hang_up (&second, lock_and_write);
  expect_busy (&second, "attached init(7) closed(busy)");
  core_session_expect (&first.session, "attached init(7)");
  core_send_exit (first.session.peer, 1);
  core_session_expect (&first.session, "attached init(7) exit(shutdown)");
  core_child_stop (&second.driver);
  fixture_clear (&second);
  fixture_clear (&first);
}

/* The hub is not woken up by what others do in the directory for longer than a moment. */
static void
test_idle (CoreMode mode)
{
  Fixture self;

  fixture_init (&self, mode);
  g_assert_true (g_file_set_contents (self.lock, "1", 1, NULL));
  fixture_attach (&self);
  core_session_run_for (&self.session, 400);
  g_assert_false (core_session_is_ready (&self.session, 300));
  core_session_hang_up (&self.session);
  core_session_wait_for (&self.session, "closed(lost)");
  fixture_clear (&self);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  core_test_add_modes ("/driver-watch/attached", test_attached);
  core_test_add_modes ("/driver-watch/queued", test_queued);
  core_test_add_modes ("/driver-watch/waiting", test_waiting);
  core_test_add_modes ("/driver-watch/pending", test_pending);
  core_test_add_modes ("/driver-watch/ended", test_ended);
  core_test_add ("/driver-watch/first-of-all", test_first_of_all);
  core_test_add_modes ("/driver-watch/force", test_force);
  core_test_add_modes ("/driver-watch/no-inotify", test_no_inotify);
  core_test_add_modes ("/driver-watch/no-poll", test_no_poll);
  core_test_add_modes ("/driver-watch/two-directories", test_two_directories);
  core_test_add_modes ("/driver-watch/idle", test_idle);

  return g_test_run ();
}
