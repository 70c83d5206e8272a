/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A forked child shares its parent's sockets, epoll and timer. What it does with its copies must not affect the
 * parent's connection; what the parent does must not wait for the child. A program that is executed inherits
 * nothing.
 */

#include "common/core-child.h"
#include "common/core-peer.h"
#include "common/core-session.h"
#include "common/core-slot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int
free_copies (gconstpointer data)
{
  CoreSession *session = (CoreSession *) data;

  if (!lxcmon_hub_was_forked (session->hub))
    return 1;
  lxcmon_connection_free (session->connection);
  lxcmon_hub_unref (session->hub);
  return 0;
}

static int
use_copies (gconstpointer data)
{
  CoreSession *session = (CoreSession *) data;

  for (int i = 0; i < 5; i++)
    core_session_dispatch (session);
  lxcmon_connection_shutdown (session->connection);
  if (lxcmon_hub_has_pending (session->hub) || lxcmon_hub_get_timeout (session->hub) != -1)
    return 1;
  return session->trace->len == 0 ? 0 : 2;
}

/* A child can use a hub of its own; the parent's refuses. */
static int
attach_in_child (gconstpointer data)
{
  CoreSession *session = (CoreSession *) data;
  LxcmonError error;
  int pair[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
    return 1;
  if (core_session_attach_fd (session, dup (pair[0]), NULL, &error) || error.system_errno != EINVAL)
    return 2;
  g_string_truncate (session->trace, 0);
  lxcmon_hub_unref (session->hub);
  session->hub = lxcmon_hub_new (NULL);
  if (!core_session_attach_fd (session, pair[0], NULL, NULL))
    return 3;
  core_send_story (pair[1]);
  close (pair[1]);
  core_session_settle (session);
  return strcmp (session->trace->str, "attached init(3869) exit(reboot) closed(null)") == 0 ? 0 : 4;
}

/* Whatever the child does, the parent's story continues to its end. */
static void
with_child (CoreMode mode, CoreChildFunc func)
{
  LxcmonAttachOptions options = LXCMON_ATTACH_OPTIONS_INIT;
  CoreSession session;

  options.attach_timeout = 100;
  core_session_init (&session, mode);
  core_session_attach_pair (&session, &options);
  core_send_init (session.peer, 1); /* for the parent to read */
  g_assert_cmpint (core_child_run (func, &session), ==, 0);
  core_session_assert_state (&session, "queued");
  core_session_expect (&session, "attached init(1)");
  g_assert_cmpint (core_child_run (func == use_copies ? free_copies : func, &session), ==, 0);

  core_send_ping (session.peer);
  core_session_settle (&session);
  g_autofree char *sent = core_receive (session.peer);
  g_assert_cmpstr (sent, ==, "ping pong");
  core_send_exit (session.peer, 2);
  core_session_hang_up (&session);
  core_session_expect (&session, "attached init(1) exit(reboot) closed(null)");
  core_session_clear (&session);
}

static void
test_child_frees (CoreMode mode)
{
  with_child (mode, free_copies);
}

static void
test_child_uses (CoreMode mode)
{
  with_child (mode, use_copies);
}

static void
test_child_attaches (CoreMode mode)
{
  with_child (mode, attach_in_child);
}

/* The child keeps its copies: the controller sees that the parent has left, and the parent's hub has no more
 * events of the socket. */
static void
test_parent_leaves (CoreMode mode)
{
  CoreSession session;
  char byte = 0;
  int hold[2];

  core_session_init_pair (&session, mode);
  core_send_init (session.peer, 1);
  core_session_expect (&session, "attached init(1)");
  g_assert_no_errno (pipe2 (hold, O_CLOEXEC));
  pid_t pid = fork ();
  if (pid == 0)
    {
      close (hold[1]);
      close (session.peer);
      _exit (read (hold[0], &byte, 1) == 0 ? 0 : 1);
    }
  close (hold[0]);

  core_session_free_connection (&session);
  g_autofree char *sent = core_receive (session.peer);
  g_assert_cmpstr (sent, ==, "ping end");
  core_session_hang_up (&session);
  g_assert_false (core_session_is_ready (&session, 30));
  close (hold[1]);
  int status;
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
  core_session_clear (&session);
}

/* Forked between two events: the child has none of the rest. */
static void
fork_here (CoreSession *self, const char *event)
{
  self->hook = NULL;
  int *status = self->hook_data;
  pid_t pid = fork ();

  if (pid == 0)
    {
      gsize length = self->trace->len;

      lxcmon_connection_free (self->connection);
      lxcmon_hub_unref (self->hub);
      _exit (self->trace->len == length ? 0 : 1);
    }
  g_assert_cmpint (waitpid (pid, status, 0), ==, pid);
}

static void
test_fork_between (CoreMode mode)
{
  int status = -1;
  CoreSession session;

  core_session_init_pair (&session, mode);
  core_send_story (session.peer);
  core_session_hang_up (&session);
  session.hook = fork_here;
  session.hook_data = &status;
  core_session_expect (&session, "attached init(3869) exit(reboot) closed(null)");
  g_assert_cmpint (status, ==, 0);
  core_session_clear (&session);
}

/* The child does not exit in the callback, but returns from it. */
typedef struct
{
  CoreSession session;
  CoreSession other; /* of the same hub */
  gsize n_recorded;  /* when it was forked */
  gboolean is_child;
  int status;
} ReturnTest;

static gsize
count_recorded (const ReturnTest *self)
{
  return self->session.trace->len + self->other.trace->len;
}

static void
fork_and_return (CoreSession *session, const char *event)
{
  ReturnTest *self = session->hook_data;

  session->hook = NULL;
  self->n_recorded = count_recorded (self);
  pid_t pid = fork ();
  self->is_child = pid == 0;
  if (pid > 0)
    g_assert_cmpint (waitpid (pid, &self->status, 0), ==, pid);
}

/* What was read, what is in the socket, and other connections are for the parent. */
static void
test_return_in_child (CoreMode mode)
{
  ReturnTest test = { .status = -1 };

  core_session_init_pair (&test.session, mode);
  test.session.hook = fork_and_return;
  test.session.hook_data = &test;
  core_send_story (test.session.peer);
  core_session_hang_up (&test.session);
  core_session_init_on (&test.other, test.session.hub, mode);
  core_session_attach_pair (&test.other, NULL);
  core_send_init (test.other.peer, 1);
  while (test.status == -1 && !test.is_child)
    core_session_dispatch (&test.session);
  if (test.is_child)
    {
      for (int i = 0; i < 5; i++)
        core_session_dispatch (&test.session);
      _exit (count_recorded (&test) == test.n_recorded ? 0 : 1);
    }
  g_assert_cmpint (test.status, ==, 0);
  core_session_expect (&test.session, "attached init(3869) exit(reboot) closed(null)");
  core_session_expect (&test.other, "attached init(1)");
  core_session_clear (&test.other);
  core_session_clear (&test.session);
}

/* Lists the descriptors of a program that is executed: there is no socket, epoll or timer. */
static void
test_exec (CoreMode mode)
{
  CoreListener listener;
  CoreSession session;
  g_autofree char *output = NULL;
  GError *error = NULL;
  const char *const command[] = { "/bin/ls", "-l", "/proc/self/fd", NULL };

  core_listener_init (&listener);
  core_session_init (&session, mode);
  g_assert_true (core_session_attach (&session, listener.path, NULL, NULL));
  g_spawn_sync (NULL, (char **) command, NULL, G_SPAWN_LEAVE_DESCRIPTORS_OPEN, NULL, NULL, &output,
                NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (strstr (output, "/fd"));
  g_assert_null (strstr (output, "socket:"));
  g_assert_null (strstr (output, "eventpoll"));
  g_assert_null (strstr (output, "timerfd"));
  core_session_clear (&session);
  core_listener_clear (&listener);
}

static gint stop_checking;

static gpointer
check_again_and_again (gpointer path)
{
  while (!g_atomic_int_get (&stop_checking))
    {
      CoreSession session;

      core_session_init (&session, CORE_PULLED);
      g_assert_false (core_session_attach (&session, path, NULL, NULL));
      core_session_clear (&session);
    }
  return NULL;
}

static int
check_in_child (gconstpointer path)
{
  alarm (30); /* a child that hangs ends by that */
  LxcmonHub *hub = lxcmon_hub_new (NULL);
  LxcmonConnection *connection = lxcmon_connection_new (hub, NULL, NULL);
  LxcmonError error;

  if (lxcmon_connection_attach (connection, path, NULL, &error))
    return 1;
  return error.code == LXCMON_MONITOR_ERROR_BUSY ? 0 : 2;
}

/* The process forks while another thread is in the busy check: nothing stays locked in the child. */
static void
test_fork_in_busy_check (void)
{
  CoreTakenSlot slot;

#ifdef __SANITIZE_ADDRESS__
  g_test_skip ("the allocator of ASan can stay locked in a child");
  return;
#endif
  core_taken_slot_init (&slot);
  stop_checking = 0;
  GThread *thread = g_thread_new ("checks", check_again_and_again, slot.listener.path);
  for (int i = 0; i < 50; i++)
    g_assert_cmpint (core_child_run (check_in_child, slot.listener.path), ==, 0);
  g_atomic_int_set (&stop_checking, 1);
  g_thread_join (thread);
  core_taken_slot_release (&slot);
  core_taken_slot_clear (&slot);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add_modes ("/fork/child-frees", test_child_frees);
  core_test_add_modes ("/fork/child-uses", test_child_uses);
  core_test_add_modes ("/fork/child-attaches", test_child_attaches);
  core_test_add_modes ("/fork/parent-leaves", test_parent_leaves);
  core_test_add_modes ("/fork/between", test_fork_between);
  core_test_add_modes ("/fork/return-in-child", test_return_in_child);
  core_test_add_modes ("/fork/exec", test_exec);
  core_test_add ("/fork/in-busy-check", test_fork_in_busy_check);

  return g_test_run ();
}
