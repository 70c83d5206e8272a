/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The busy check and the scan beside a stranger, in other namespaces, and where calls fail: what a stranger does has no
 * effect, what cannot be seen is said to be unknown, and nothing is ever connected while a driver is running or another
 * client is accepted.
 */

#include "common/adversary.h"
#include "common/core-session.h"
#include "common/core-slot.h"
#include "common/core-wrap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum
{
  N_SOCKETS = 1000,
};

static const LxcmonAttachOptions hasty = { sizeof (LxcmonAttachOptions), .attach_timeout = 50 };

static LxcmonRuntimeDir *
scan (const char *dir)
{
  LxcmonError error;
  LxcmonRuntimeDir *found = lxcmon_runtime_dir_scan (dir, LXCMON_SCAN_DEFAULT, &error);

  if (found == NULL)
    g_error ("%s", error.message);
  return found;
}

/* The scan has one socket, of that state and with so many clients. */
static void
assert_scan (const char *dir, LxcmonSocketState state, guint n_served)
{
  LxcmonRuntimeDir *found = scan (dir);

  g_assert_cmpuint (lxcmon_runtime_dir_get_n_sockets (found), ==, 1);
  const LxcmonRuntimeSocket *socket = lxcmon_runtime_dir_get_socket (found, 0);
  g_assert_cmpstr (socket->name, ==, "web1");
  g_assert_cmpint (socket->state, ==, state);
  g_assert_cmpuint (socket->n_served, ==, n_served);
  g_assert_false (lxcmon_runtime_dir_get_driver (found)->running);
  lxcmon_runtime_dir_free (found);
}

static void
assert_attaches (CoreListener *listener, CoreMode mode)
{
  CoreSession session;
  LxcmonError error;

  core_session_init (&session, mode);
  if (!core_session_attach (&session, listener->path, NULL, &error))
    g_error ("%s", error.message);
  session.peer = core_listener_accept (listener);
  core_send_init (session.peer, 1);
  core_session_expect (&session, "attached init(1)");
  core_session_clear (&session);
}

/* Attaches a session that is to be refused at once. */
static void
assert_refused (const char *path, LxcmonMonitorError code, CoreMode mode)
{
  CoreSession session;
  LxcmonError error;

  core_session_init (&session, mode);
  g_assert_false (core_session_attach (&session, path, NULL, &error));
  g_assert_cmpint (error.code, ==, code);
  core_session_clear (&session);
}

/* ---- Beside a stranger ---- */

static gint64
measure (CoreListener *listener, CoreMode mode)
{
  gint64 best = G_MAXINT64;

  for (int i = 0; i < 20; i++)
    {
      gint64 start = g_get_monotonic_time ();
      assert_scan (listener->dir, LXCMON_SOCKET_LISTENING, 0);
      assert_attaches (listener, mode);
      best = MIN (best, g_get_monotonic_time () - start);
    }
  return best;
}

/* All that a stranger can do, in a directory like libvirt's and in one like /tmp. */
static void
test_stranger (CoreMode mode)
{
  static const mode_t modes[] = { 0755, 01777 };

  for (gsize i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      CoreListener listener;
      Adversary stranger;

      core_listener_init (&listener);
      g_assert_no_errno (chmod (listener.dir, modes[i]));
      gint64 alone = measure (&listener, mode);
      adversary_start (&stranger, listener.dir, "web1", N_SOCKETS);
      g_test_message ("scan and attach: %d µs alone, %d µs beside a stranger", (int) alone,
                      (int) measure (&listener, mode));

      int client = core_listener_connect (&listener);
      int accepted = core_listener_accept (&listener);
      assert_scan (listener.dir, LXCMON_SOCKET_LISTENING, 1);
      assert_refused (listener.path, LXCMON_MONITOR_ERROR_BUSY, mode);
      close (client);
      close (accepted);
      close (listener.fd);
      listener.fd = -1;
      assert_scan (listener.dir, LXCMON_SOCKET_STALE, 0);
      assert_refused (listener.path, LXCMON_MONITOR_ERROR_REFUSED, mode);
      adversary_stop (&stranger);
      core_listener_clear (&listener);
    }
}

/* The file of a libvirtd that was killed, with a stranger's read lock. */
static void
test_read_lock (CoreMode mode)
{
  CoreListener listener;
  Adversary stranger;

  core_listener_init (&listener);
  g_autofree char *path = g_build_filename (listener.dir, "driver.pid", NULL);
  g_assert_no_errno (chmod (listener.dir, 0755));
  g_assert_true (g_file_set_contents (path, "1\n", -1, NULL));
  g_assert_no_errno (chmod (path, 0644));
  adversary_start (&stranger, listener.dir, "web1", 0);
  assert_scan (listener.dir, LXCMON_SOCKET_LISTENING, 0);
  assert_attaches (&listener, mode);
  adversary_stop (&stranger);
  core_listener_clear (&listener);
}

/* ---- Namespaces ---- */

static gboolean
needs_root (void)
{
  if (geteuid () == 0)
    return FALSE;
  g_test_skip ("needs root, for namespaces");
  return TRUE;
}

/* A controller in another network namespace. It has a client, and accepts no second one; or it accepts the first one
 * that connects. */
typedef struct
{
  const char *path;
  gboolean is_taken;
} Elsewhere;

static int
listen_elsewhere (gconstpointer data)
{
  const Elsewhere *self = data;
  CoreListener listener = { .path = (char *) self->path };

  if (unshare (CLONE_NEWNET) < 0)
    return 1;
  listener.fd = core_bind (self->path, SOCK_STREAM);
  if (listen (listener.fd, 30) < 0)
    return 2;
  if (self->is_taken)
    return core_listener_connect (&listener) >= 0 && core_listener_accept (&listener) >= 0 ? 0 : 3;
  if (fork () == 0)
    {
      int fd = accept (listener.fd, NULL, NULL);
      core_send_init (fd, 1);
      _exit (read (fd, &listener, 1) < 0);
    }
  return 0;
}

/* Its clients cannot be seen: we are queued, and leave in time. */
static void
test_network_namespace (CoreMode mode)
{
  char *dir = core_make_dir ();
  g_autofree char *path = g_build_filename (dir, "web1.sock", NULL);
  const Elsewhere elsewhere = { path, TRUE };
  CoreSession session;
  CoreChild child;

  if (needs_root ())
    return;
  core_child_start (&child, listen_elsewhere, &elsewhere);
  assert_scan (dir, LXCMON_SOCKET_UNKNOWN, 0);
  core_session_init (&session, mode);
  g_assert_true (core_session_attach (&session, path, &hasty, NULL));
  core_session_assert_state (&session, "queued");
  core_session_wait_for (&session, "failed(busy)");
  g_assert_nonnull (strstr (session.error.message, "another network namespace"));
  core_session_clear (&session);
  core_child_stop (&child);
  core_remove_dir (dir);
}

static void
test_free_in_network_namespace (CoreMode mode)
{
  char *dir = core_make_dir ();
  g_autofree char *path = g_build_filename (dir, "web1.sock", NULL);
  const Elsewhere elsewhere = { path, FALSE };
  CoreSession session;
  CoreChild child;

  if (needs_root ())
    return;
  core_child_start (&child, listen_elsewhere, &elsewhere);
  core_session_init (&session, mode);
  g_assert_true (core_session_attach (&session, path, NULL, NULL));
  core_session_wait_for (&session, "init(1)");
  core_session_clear (&session);
  core_child_stop (&child);
  core_remove_dir (dir);
}

/* The directory by another path, as a bind mount in a container that manages others: it is the same files. */
static void
test_bind_mount (CoreMode mode)
{
  CoreTakenSlot slot;
  char *other = core_make_dir ();

  if (needs_root ())
    return;
  core_taken_slot_init (&slot);
  g_assert_no_errno (mount (slot.listener.dir, other, NULL, MS_BIND, NULL));
  g_autofree char *path = g_build_filename (other, "web1.sock", NULL);
  assert_scan (other, LXCMON_SOCKET_LISTENING, 1);
  assert_refused (path, LXCMON_MONITOR_ERROR_BUSY, mode);
  g_assert_cmpuint (core_listener_count (&slot.listener, "02"), ==, 0);
  g_assert_no_errno (umount (other));
  core_taken_slot_release (&slot);
  core_taken_slot_clear (&slot);
  core_remove_dir (other);
}

/* What a scan has and an attach does with systemd's ProcSubset=pid, or without /proc. Returns 0 where that is right. */
static int
run_with_proc (gconstpointer data)
{
  const char *options = data;
  CoreTakenSlot slot;
  char *dir = core_make_dir ();
  g_autofree char *path = g_build_filename (dir, "web1.sock", NULL);
  CoreListener stale = { .dir = dir, .path = path };
  gboolean has_self = strcmp (options, "none") != 0;

  core_taken_slot_init (&slot);
  stale.fd = core_bind (path, SOCK_STREAM);
  close (stale.fd);
  if (unshare (CLONE_NEWNS) < 0 || mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0
      || mount ("none", "/proc", has_self ? "proc" : "tmpfs", 0, has_self ? options : NULL) < 0)
    return 1;
  assert_scan (slot.listener.dir, LXCMON_SOCKET_LISTENING, 1);
  assert_scan (dir, has_self ? LXCMON_SOCKET_STALE : LXCMON_SOCKET_UNKNOWN, 0);
  assert_refused (slot.listener.path, LXCMON_MONITOR_ERROR_BUSY, CORE_PULLED);
  core_taken_slot_release (&slot);
  if (has_self)
    assert_attaches (&slot.listener, CORE_PULLED);
  else
    assert_refused (slot.listener.path, LXCMON_MONITOR_ERROR_FAILED, CORE_PULLED);
  core_taken_slot_clear (&slot);
  core_remove_dir (dir);
  return 0;
}

static void
test_proc (gconstpointer options)
{
  if (!needs_root ())
    g_assert_cmpint (core_child_run (run_with_proc, options), ==, 0);
}

/* Whether another client has the slot cannot be known: we are queued, and leave in time. */
static int
run_without_diag (gconstpointer data)
{
  CoreTakenSlot slot;
  CoreListener stale;
  CoreSession session;

  core_taken_slot_init (&slot);
  core_listener_init (&stale);
  close (stale.fd);
  stale.fd = -1;
  if (!core_child_forbid_netlink ())
    return 1;
  assert_scan (slot.listener.dir, LXCMON_SOCKET_UNKNOWN, 0);
  assert_scan (stale.dir, LXCMON_SOCKET_STALE, 0);
  core_session_init (&session, CORE_PULLED);
  g_assert_true (core_session_attach (&session, slot.listener.path, &hasty, NULL));
  core_session_assert_state (&session, "queued");
  core_session_wait_for (&session, "failed(busy)");
  g_assert_nonnull (strstr (session.error.message, "not known: cannot ask the kernel"));
  core_session_clear (&session);
  close (core_listener_accept (&slot.listener));
  core_taken_slot_release (&slot);
  assert_attaches (&slot.listener, CORE_PULLED);
  core_taken_slot_clear (&slot);
  core_listener_clear (&stale);
  return 0;
}

static void
test_without_diag (void)
{
  g_assert_cmpint (core_child_run (run_without_diag, NULL), ==, 0);
}

/* ---- Calls that fail ---- */

static const int fault_errnos[]
    = { EMFILE, ENFILE, ENOMEM, ENOBUFS, EIO, EINTR, EACCES, EPERM, ENOENT, EAGAIN, EINVAL };

static struct
{
  int system_errno;
  gboolean sticky;
} fault;

/* Closing does not fail in a way that matters; ENOENT of a call that has a descriptor does not happen. */
static gboolean
may_fail (CoreCall call, int *errno_out)
{
  gboolean by_name = call == CORE_CALL_open64 || call == CORE_CALL_openat64
                     || call == CORE_CALL_fstatat64 || call == CORE_CALL_connect;

  *errno_out = CORE_IS_ALLOCATION (call) ? ENOMEM : fault.system_errno;
  return call != CORE_CALL_close && call != CORE_CALL_epoll_wait
         && (by_name || fault.system_errno != ENOENT);
}

/* Makes each call fail in turn, once or from then on, with each errno. */
static void
fail_each (void (*attempt) (gpointer data), gpointer data)
{
  guint n = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (fault_errnos) * 2; i++)
    {
      gboolean struck = TRUE;

      fault.system_errno = fault_errnos[i / 2];
      fault.sticky = i % 2;
      /* A call that is interrupted for ever is tried for ever. */
      for (guint index = 0; struck && !(fault.sticky && fault.system_errno == EINTR); index++, n++)
        {
          core_wrap_begin ();
          core_wrap_pause ();
          core_wrap_set_fault (may_fail, index, fault.sticky);
          attempt (data);
          struck = core_wrap_has_struck ();
          (void) core_wrap_end ();
        }
    }
  g_test_message ("%u faults", n);
  g_assert_cmpuint (n, >, 100);
}

static LxcmonRuntimeDir *
scan_with_fault (const char *dir, LxcmonError *error)
{
  core_wrap_resume ();
  LxcmonRuntimeDir *found = lxcmon_runtime_dir_scan (dir, LXCMON_SCAN_DEFAULT, error);
  core_wrap_pause ();
  return found;
}

/* It has all sockets and the driver, or is an error. What is not seen may be unknown, and is never stale. Only the
 * directory itself may be said not to be there, and entries of it to have vanished. */
static void
attempt_scan (gpointer data)
{
  LxcmonError error = { .message = "" };
  LxcmonRuntimeDir *found = scan_with_fault (data, &error);
  guint n = 0;

  if (found == NULL)
    {
      g_assert_cmpuint (strlen (error.message), >, 0);
      return;
    }
  if (fault.system_errno != ENOENT)
    {
      g_assert_cmpuint (lxcmon_runtime_dir_get_n_sockets (found), ==, 2);
      g_assert_true (lxcmon_runtime_dir_get_driver (found)->running);
    }
  for (gsize i = 0; i < lxcmon_runtime_dir_get_n_sockets (found); i++)
    {
      const LxcmonRuntimeSocket *socket = lxcmon_runtime_dir_get_socket (found, i);
      gboolean is_web = strcmp (socket->name, "web1") == 0;
      n += is_web && socket->state == LXCMON_SOCKET_STALE;
    }
  g_assert_cmpuint (n, ==, 0);
  lxcmon_runtime_dir_free (found);
}

static void
test_scan_faults (void)
{
  CoreTakenSlot slot;
  CoreChild driver;

  core_taken_slot_init (&slot);
  g_autofree char *lock = g_build_filename (slot.listener.dir, "driver.pid", NULL);
  g_autofree char *stale = g_build_filename (slot.listener.dir, "stale.sock", NULL);
  close (core_bind (stale, SOCK_STREAM));
  core_child_start (&driver, core_child_lock, lock);
  fail_each (attempt_scan, slot.listener.dir);
  core_child_stop (&driver);
  core_taken_slot_release (&slot);
  core_taken_slot_clear (&slot);
}

/* Whether the fault is one by which a sandbox or an old kernel answers that there is no sock_diag. Then a connection is
 * queued, and leaves. */
static gboolean
means_no_diag (void)
{
  return fault.system_errno == EACCES || fault.system_errno == EPERM
         || fault.system_errno == EINVAL;
}

static void
attempt_attach (gpointer data, gboolean may_queue)
{
  CoreListener *listener = data;
  LxcmonError error = { .message = "" };
  LxcmonConnection *connection = NULL;
  gboolean attached = FALSE;
  int left;

  LxcmonHub *hub = lxcmon_hub_new (NULL);
  connection = lxcmon_connection_new (hub, NULL, NULL);
  core_wrap_resume ();
  attached = lxcmon_connection_attach (connection, listener->path, NULL, &error);
  core_wrap_pause ();
  g_assert_true (attached ? may_queue : error.message[0] != '\0');
  if (!attached)
    g_assert_cmpuint (core_listener_count (listener, "02"), ==, 0);
  lxcmon_connection_free (connection);
  lxcmon_hub_unref (hub);
  while (attached && (left = core_listener_accept (listener)) >= 0)
    close (left);
}

/* If driver.pid is not there, there is no driver. */
static void
attempt_beside_driver (gpointer data)
{
  attempt_attach (data, fault.system_errno == ENOENT);
}

static void
attempt_beside_client (gpointer data)
{
  attempt_attach (data, means_no_diag ());
}

static void
test_driver_faults (void)
{
  CoreListener listener;
  CoreChild driver;

  core_listener_init (&listener);
  g_autofree char *lock = g_build_filename (listener.dir, "driver.pid", NULL);
  core_child_start (&driver, core_child_lock, lock);
  fail_each (attempt_beside_driver, &listener);
  core_child_stop (&driver);
  core_listener_clear (&listener);
}

static void
test_client_faults (void)
{
  CoreTakenSlot slot;

  core_taken_slot_init (&slot);
  fail_each (attempt_beside_client, &slot.listener);
  core_taken_slot_release (&slot);
  core_taken_slot_clear (&slot);
}

/* ---- Figures ---- */

/* One attach's busy check and a scan with that many sockets around. */
static gint64
measure_among (guint n_sockets)
{
  CoreListener listener;
  Adversary stranger;
  gint64 best_scan = G_MAXINT64, best_attach = G_MAXINT64;

  core_listener_init (&listener);
  adversary_start (&stranger, listener.dir, "web1", n_sockets);
  for (int i = 0; i < 5; i++)
    {
      gint64 start = g_get_monotonic_time ();
      assert_scan (listener.dir, LXCMON_SOCKET_LISTENING, 0);
      best_scan = MIN (best_scan, g_get_monotonic_time () - start);
      start = g_get_monotonic_time ();
      assert_attaches (&listener, CORE_PULLED);
      best_attach = MIN (best_attach, g_get_monotonic_time () - start);
    }
  g_test_message ("among %u sockets: a scan takes %d µs, an attach %d µs", n_sockets,
                  (int) best_scan, (int) best_attach);
  adversary_stop (&stranger);
  core_listener_clear (&listener);
  return best_scan + best_attach;
}

static void
test_figures (void)
{
  gint64 few = measure_among (1000);
  gint64 many = measure_among (10000);

  /* Linear, with room for a machine that is busy itself. */
  g_assert_cmpint (many, <, few * 40);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add_modes ("/adversary/stranger", test_stranger);
  core_test_add_modes ("/adversary/read-lock", test_read_lock);
  core_test_add_modes ("/adversary/network-namespace", test_network_namespace);
  core_test_add_modes ("/adversary/free-in-network-namespace", test_free_in_network_namespace);
  core_test_add_modes ("/adversary/bind-mount", test_bind_mount);
  core_test_add_data ("/adversary/proc-subset", test_proc, "subset=pid");
  core_test_add_data ("/adversary/no-proc", test_proc, "none");
  core_test_add ("/adversary/without-diag", test_without_diag);
  core_test_add ("/adversary/scan-faults", test_scan_faults);
  core_test_add ("/adversary/driver-faults", test_driver_faults);
  core_test_add ("/adversary/client-faults", test_client_faults);
  core_test_add ("/adversary/figures", test_figures);

  return g_test_run ();
}
