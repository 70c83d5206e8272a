/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Attaching to a listening socket whose slot is free: accepted, not accepted yet, refused, closed, with a
 * warning. If the slot is taken: test-attach-busy.c.
 */

#include "common/core-child.h"
#include "common/core-peer.h"
#include "common/core-session.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void
attach (CoreSession *self, const CoreListener *listener, const LxcmonAttachOptions *options)
{
  LxcmonError error;

  if (!core_session_attach (self, listener->path, options, &error))
    g_error ("cannot attach: %s", error.message);
}

static void
assert_refused (CoreSession *self, const char *path, LxcmonMonitorError code)
{
  LxcmonError error;

  g_assert_false (core_session_attach (self, path, NULL, &error));
  g_assert_cmpstr (lxcmon_monitor_error_to_string (error.code), ==,
                   lxcmon_monitor_error_to_string (code));
  core_session_assert_state (self, "detached");
  core_session_expect (self, ""); /* there is a return value */
}

static void
test_accepted (CoreMode mode)
{
  CoreListener listener;
  CoreSession session;

  core_listener_init (&listener);
  core_session_init (&session, mode);
  int n_before = core_count_descriptors ();
  attach (&session, &listener, NULL);
  g_assert_cmpint (core_count_descriptors (), ==, n_before + 3); /* the hub watches the directory */
  core_session_assert_state (&session, "queued");
  g_assert_cmpint (lxcmon_connection_get_controller_pid (session.connection), ==, getpid ());

  session.peer = core_listener_accept (&listener);
  g_autofree char *sent = core_receive (session.peer);
  g_assert_cmpstr (sent, ==, "ping");
  core_send_init (session.peer, 3740);
  core_send_pong (session.peer);
  core_session_expect (&session, "attached init(3740)");
  core_send_exit (session.peer, 2);
  core_session_hang_up (&session);
  core_session_expect (&session, "attached init(3740) exit(reboot) closed(null)");
  core_session_free_connection (&session);
  g_assert_cmpint (core_count_descriptors (), ==, n_before + 1); /* inotify */
  core_session_clear (&session);
  core_listener_clear (&listener);
}

/* No client is accepted, and the controller does not answer: closing the connection would deprive the
 * next client of INIT, so the client stays queued. */
static void
test_stays_while_nobody_is_accepted (CoreMode mode)
{
  LxcmonAttachOptions options = LXCMON_ATTACH_OPTIONS_INIT;
  CoreListener listener;
  CoreSession session;

  options.attach_timeout = 20;
  core_listener_init (&listener);
  core_session_init (&session, mode);
  attach (&session, &listener, &options);
  g_assert_cmpuint (core_session_run_for (&session, 150), <=, 9);
  core_session_assert_state (&session, "queued");
  g_assert_cmpstr (session.trace->str, ==, "");

  session.peer = core_listener_accept (&listener);
  g_autofree char *sent = core_receive (session.peer);
  g_assert_cmpstr (sent, ==, "ping");
  core_send_init (session.peer, 1);
  core_session_expect (&session, "attached init(1)");
  core_session_clear (&session);
  core_listener_clear (&listener);
}

/* Accepted and not answered: the controller is slow, and no other client has the slot. */
static void
test_stays_when_accepted (CoreMode mode)
{
  LxcmonAttachOptions options = LXCMON_ATTACH_OPTIONS_INIT;
  CoreListener listener;
  CoreSession session;

  options.attach_timeout = 20;
  core_listener_init (&listener);
  core_session_init (&session, mode);
  attach (&session, &listener, &options);
  session.peer = core_listener_accept (&listener);
  core_session_run_for (&session, 100);
  core_session_assert_state (&session, "queued");
  core_send_pong (session.peer);
  core_session_expect (&session, "attached");
  core_session_clear (&session);
  core_listener_clear (&listener);
}

/* The same with one more client in the backlog. */
static void
test_stays_when_accepted_with_a_backlog (CoreMode mode)
{
  LxcmonAttachOptions options = LXCMON_ATTACH_OPTIONS_INIT;
  CoreListener listener;
  CoreSession session;

  options.attach_timeout = 20;
  core_listener_init (&listener);
  core_session_init (&session, mode);
  attach (&session, &listener, &options);
  session.peer = core_listener_accept (&listener);
  int queued = core_listener_connect (&listener);
  core_session_run_for (&session, 100);
  core_session_assert_state (&session, "queued");
  close (queued);
  core_session_clear (&session);
  core_listener_clear (&listener);
}

static void
test_listener_goes (CoreMode mode)
{
  CoreListener listener;
  CoreSession session;

  core_listener_init (&listener);
  core_session_init (&session, mode);
  attach (&session, &listener, NULL);
  close (listener.fd);
  listener.fd = -1;
  core_session_expect (&session, "failed(lost)");
  g_assert_cmpstr (session.error.message, ==,
                   "the controller closed the connection without accepting it");
  core_session_clear (&session);
  core_listener_clear (&listener);
}

static void
test_refused (CoreMode mode)
{
  CoreListener listener;
  CoreSession session;

  core_listener_init (&listener);
  g_autofree char *missing = g_build_filename (listener.dir, "web2.sock", NULL);
  core_session_init (&session, mode);
  assert_refused (&session, missing, LXCMON_MONITOR_ERROR_NOT_FOUND);
  assert_refused (&session, listener.dir, LXCMON_MONITOR_ERROR_UNTRUSTED);
  close (listener.fd);
  listener.fd = -1;
  assert_refused (&session, listener.path, LXCMON_MONITOR_ERROR_REFUSED);
  core_session_clear (&session);
  core_listener_clear (&listener);
}

static int
listen_as_nobody (gconstpointer path)
{
  int fd = core_bind (path, SOCK_STREAM);

  return setuid (65534) == 0 && listen (fd, 5) == 0 ? 0 : 1;
}

/* A peer that cannot be trusted: not one byte is read, and none is sent. */
static void
test_untrusted_peer (CoreMode mode)
{
  char *dir = core_make_dir ();
  g_autofree char *path = g_build_filename (dir, "web1.sock", NULL);
  CoreSession session;
  CoreChild child;

  if (core_is_root ())
    {
      core_child_start (&child, listen_as_nobody, path);
      core_session_init (&session, mode);
      assert_refused (&session, path, LXCMON_MONITOR_ERROR_UNTRUSTED);
      core_session_clear (&session);
      core_child_stop (&child);
    }
  else
    g_test_skip ("only root may become somebody else");
  core_remove_dir (dir);
}

/* A socket that others may connect to. */
static void
test_warns_of_open_mode (CoreMode mode)
{
  CoreListener listener;
  CoreSession session;

  core_listener_init (&listener);
  g_assert_no_errno (chmod (listener.path, 0777));
  core_session_init (&session, mode);
  attach (&session, &listener, NULL);
  g_assert_true (
      g_str_has_prefix (session.log->str, "warning: users other than its owner may connect to "));
  core_session_clear (&session);
  core_listener_clear (&listener);
}

/* Freed before anything came: the controller sees one PING and the end. */
static void
test_free_while_queued (CoreMode mode)
{
  CoreListener listener;
  CoreSession session;

  core_listener_init (&listener);
  core_session_init (&session, mode);
  attach (&session, &listener, NULL);
  core_session_free_connection (&session);
  core_session_expect (&session, "");
  session.peer = core_listener_accept (&listener);
  g_autofree char *sent = core_receive (session.peer);
  g_assert_cmpstr (sent, ==, "ping end");
  core_session_clear (&session);
  core_listener_clear (&listener);
}

/* As after a reboot: the same path, another socket. */
static void
test_attach_again (CoreMode mode)
{
  CoreListener listener;
  CoreSession session;

  core_listener_init (&listener);
  core_session_init (&session, mode);
  for (int i = 0; i < 50; i++)
    {
      g_string_truncate (session.trace, 0);
      attach (&session, &listener, NULL);
      session.peer = core_listener_accept (&listener);
      core_send_story (session.peer);
      close (listener.fd);
      g_assert_no_errno (unlink (listener.path));
      listener.fd = core_bind (listener.path, SOCK_STREAM);
      g_assert_no_errno (listen (listener.fd, 30));
      core_session_hang_up (&session);
      core_session_expect (&session, "attached init(3869) exit(reboot) closed(null)");
    }
  core_session_clear (&session);
  core_listener_clear (&listener);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add_modes ("/attach/accepted", test_accepted);
  core_test_add_modes ("/attach/stays/nobody-is-accepted", test_stays_while_nobody_is_accepted);
  core_test_add_modes ("/attach/stays/accepted", test_stays_when_accepted);
  core_test_add_modes ("/attach/stays/accepted-with-a-backlog",
                       test_stays_when_accepted_with_a_backlog);
  core_test_add_modes ("/attach/listener-goes", test_listener_goes);
  core_test_add_modes ("/attach/refused", test_refused);
  core_test_add_modes ("/attach/untrusted-peer", test_untrusted_peer);
  core_test_add_modes ("/attach/warns-of-open-mode", test_warns_of_open_mode);
  core_test_add_modes ("/attach/free-while-queued", test_free_while_queued);
  core_test_add_modes ("/attach/again", test_attach_again);

  return g_test_run ();
}
