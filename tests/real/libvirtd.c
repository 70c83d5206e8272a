/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* libvirtd.c: starting and ending the daemon; see libvirtd.h for what it owns. What is asked
 * of it through virsh is in libvirtd-virsh.c. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "libvirtd-private.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <glob.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "container-files.h"
#include "process.h"

#define DRIVER_LOCK      CONTAINER_RUNTIME_DIR "/driver.pid"
#define START_TIMEOUT_MS 60000
#define START_RETRY_MS   20
#define END_TIMEOUT_MS   15000

static const char *const daemons[] = { "/usr/sbin/libvirtd", "/usr/sbin/virtlxcd" };

/* What a daemon that is killed leaves. */
static const char *const leftovers[] = {
  DRIVER_LOCK,
  CONTAINER_RUNTIME_DIR "/autostarted",
  "/run/libvirt/libvirt-sock",
  "/run/libvirt/libvirt-sock-ro",
  "/run/libvirt/libvirt-admin-sock",
  "/run/libvirt/virtlxcd-sock",
  "/run/libvirt/virtlxcd-sock-ro",
  "/run/libvirt/virtlxcd-admin-sock",
};

static const char *
find_daemon (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (daemons); i++)
    if (access (daemons[i], X_OK) == 0)
      return daemons[i];
  return NULL;
}

/* The program to start; if there is none, spawning it returns the error. */
static const char *
get_program (void)
{
  const char *found = find_daemon ();

  return found != NULL ? found : daemons[0];
}

/* Its path depends on the library directory of the distribution. */
static char *
find_driver (void)
{
  static const char *const patterns[] = {
    "/usr/lib*/libvirt/connection-driver/libvirt_driver_lxc.so",
    "/usr/lib/*/libvirt/connection-driver/libvirt_driver_lxc.so",
  };
  char *driver = NULL;

  for (gsize i = 0; driver == NULL && i < G_N_ELEMENTS (patterns); i++)
    {
      glob_t found = { 0 };

      if (glob (patterns[i], 0, NULL, &found) == 0)
        driver = g_strdup (found.gl_pathv[0]);
      globfree (&found);
    }
  return driver;
}

pid_t
libvirtd_find_living (void)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
  int fd = open (DRIVER_LOCK, O_RDONLY | O_CLOEXEC);
  gboolean held;

  if (fd < 0)
    return 0;
  held = fcntl (fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  close (fd);
  return held ? lock.l_pid : 0;
}

char *
libvirtd_why_unsupported (void)
{
  g_autofree char *why = container_why_unsupported ();
  g_autofree char *driver = find_driver ();
  g_autofree char *virsh = g_find_program_in_path ("virsh");
  pid_t holder = libvirtd_find_living ();

  if (why != NULL)
    return g_steal_pointer (&why);
  if (find_daemon () == NULL)
    return g_strdup ("neither libvirtd nor virtlxcd is installed (Debian: libvirt-daemon)");
  if (driver == NULL)
    return g_strdup ("libvirt's LXC driver is not installed (Debian: libvirt-daemon-driver-lxc)");
  if (virsh == NULL)
    return g_strdup ("virsh is not installed (Debian: libvirt-clients)");
  if (holder != 0)
    return g_strdup_printf ("process %d drives LXC already and holds the lock on " DRIVER_LOCK,
                            (int) holder);
  return NULL;
}

static gboolean
write_configuration (Libvirtd *self, GError **error)
{
  g_autofree char *path = g_build_filename (self->directory, "daemon.conf", NULL);
  g_autofree char *text = g_strdup_printf ("auth_unix_rw = \"none\"\n"
                                           "auth_unix_ro = \"none\"\n"
                                           "unix_sock_group = \"root\"\n"
                                           "log_outputs = \"2:file:%s\"\n",
                                           self->log_path);
  g_autofree char *tcp = g_strdup_printf ("listen_tls = 0\n"
                                          "listen_tcp = 1\n"
                                          "listen_addr = \"127.0.0.1\"\n"
                                          "tcp_port = \"%u\"\n"
                                          "auth_tcp = \"none\"\n",
                                          self->tcp_port);
  g_autofree char *elsewhere = g_strdup_printf ("unix_sock_dir = \"%s\"\n", self->socket_dir);
  g_autofree char *all = g_strconcat (text, self->tcp_port != 0 ? tcp : "",
                                      self->socket_dir != NULL ? elsewhere : "", NULL);

  return g_file_set_contents (path, all, -1, error);
}

/* libvirtd gives up when any driver that it loads fails, and QEMU's does if Debian's
 * libvirt-daemon-system has not created its user. So it finds one only, which also makes it start in a
 * tenth of a second instead of four. */
static gboolean
link_driver (Libvirtd *self, GError **error)
{
  g_autofree char *driver = find_driver ();
  g_autofree char *directory = g_build_filename (self->directory, "drivers", NULL);
  g_autofree char *path = g_build_filename (directory, "libvirt_driver_lxc.so", NULL);

  if (driver == NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                           "libvirt's LXC driver is not installed");
      return FALSE;
    }
  if (g_mkdir (directory, 0700) != 0 || symlink (driver, path) != 0)
    return process_set_errno (error, "Cannot make the link", path);
  return TRUE;
}

static gboolean
spawn (Libvirtd *self, GError **error)
{
  g_autofree char *configuration = g_build_filename (self->directory, "daemon.conf", NULL);
  g_autofree char *pid_file = g_build_filename (self->directory, "daemon.pid", NULL);
  g_autofree char *drivers = g_strdup_printf ("LIBVIRT_DRIVER_DIR=%s/drivers", self->directory);
  g_autofree char *timeout = g_strdup_printf ("--timeout=%u", self->timeout_s);
  const char *option = self->tcp_port != 0 ? "--listen" : self->timeout_s != 0 ? timeout : NULL;
  const char *argv[] = { get_program (), "-f", configuration, "-p", pid_file, option, NULL };
  const char *envp[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", drivers, NULL };
  ProcessSetup setup = { .envp = envp, .death_signal = SIGTERM };
  int log_fd = process_open_log (self->log_path, error);

  if (log_fd < 0)
    return FALSE;
  setup.out_fd = setup.err_fd = log_fd;
  self->pid = process_spawn (argv, &setup, &self->pidfd, error);
  close (log_fd);
  self->pid = MAX (self->pid, 0);
  return self->pid != 0;
}

static gboolean
answers (Libvirtd *self)
{
  g_autofree char *version = NULL;

  if (libvirtd_find_living () != self->pid)
    return FALSE;
  version = libvirtd_virsh (self, NULL, "version", NULL);
  return version != NULL;
}

/* A daemon that is not run as a service cannot report that it is ready. */
static gboolean
wait_for_answer (Libvirtd *self, GError **error)
{
  gint64 deadline = process_deadline (START_TIMEOUT_MS);
  gboolean ended = FALSE;

  while (!ended && g_get_monotonic_time () < deadline)
    {
      if (answers (self))
        return TRUE;
      ended = process_wait (self->pidfd, START_RETRY_MS);
    }

  {
    g_autofree char *tail = process_log_tail (self->log_path);

    g_set_error (error, G_IO_ERROR, ended ? G_IO_ERROR_FAILED : G_IO_ERROR_TIMED_OUT,
                 "%s %s; its log says: %s", get_program (),
                 ended ? "ended at its start" : "has not answered for 60 s", tail);
  }
  return FALSE;
}

static gboolean
make_directory (Libvirtd *self, GError **error)
{
  self->directory = g_dir_make_tmp ("lxcmon-libvirtd-XXXXXX", error);
  if (self->directory == NULL)
    return FALSE;
  self->log_path = g_build_filename (self->directory, "daemon.log", NULL);
  if (self->is_elsewhere)
    {
      self->socket_dir = g_build_filename (self->directory, "sockets", NULL);
      if (g_mkdir (self->socket_dir, 0755) != 0)
        return process_set_errno (error, "Cannot make the directory", self->socket_dir);
    }
  self->uri = self->is_elsewhere
                  ? g_strdup_printf ("lxc:///system?socket=%s/libvirt-sock", self->socket_dir)
                  : g_strdup ("lxc:///system");
  return write_configuration (self, error) && link_driver (self, error);
}

/* Of the two daemons, libvirtd alone listens itself. */
char *
libvirtd_why_no_tcp (void)
{
  const char *found = find_daemon ();

  if (found != NULL && found != daemons[0])
    return g_strdup_printf ("%s does not listen on TCP", found);
  return NULL;
}

/* @settings: what is asked of it */
static Libvirtd *
start (const Libvirtd *settings, GError **error)
{
  g_autoptr (Libvirtd) self = g_memdup2 (settings, sizeof *settings);
  g_autofree char *why = libvirtd_why_unsupported ();

  self->pidfd = -1;
  if (why != NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "No libvirtd of our own: %s", why);
      return NULL;
    }
  if (!container_check_namespace (error) || !make_directory (self, error) || !spawn (self, error)
      || !wait_for_answer (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

Libvirtd *
libvirtd_start (GError **error)
{
  return start (&(Libvirtd){ 0 }, error);
}

Libvirtd *
libvirtd_start_listening (guint tcp_port, GError **error)
{
  return start (&(Libvirtd){ .tcp_port = tcp_port }, error);
}

Libvirtd *
libvirtd_start_elsewhere (GError **error)
{
  return start (&(Libvirtd){ .is_elsewhere = TRUE }, error);
}

Libvirtd *
libvirtd_start_with_timeout (guint timeout_s, GError **error)
{
  return start (&(Libvirtd){ .timeout_s = timeout_s }, error);
}

guint
libvirtd_count_sockets (Libvirtd *self)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/fd", (int) self->pid);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  guint n = 0;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *link = g_build_filename (path, name, NULL);
      g_autofree char *target = g_file_read_link (link, NULL);

      if (target != NULL && g_str_has_prefix (target, "socket:"))
        n++;
    }
  return n;
}

void
libvirtd_kill (Libvirtd *self, int signum)
{
  process_send (self->pidfd, signum);
}

gboolean
libvirtd_wait_end (Libvirtd *self, int timeout_ms, GError **error)
{
  if (self->pid == 0)
    return TRUE;
  if (!process_wait (self->pidfd, timeout_ms))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                   "libvirt's daemon (pid %d) has not ended within %d ms", (int) self->pid,
                   timeout_ms);
      return FALSE;
    }
  waitpid (self->pid, NULL, 0);
  process_clear_fd (&self->pidfd);
  self->pid = 0;
  return TRUE;
}

pid_t
libvirtd_get_pid (Libvirtd *self)
{
  return self->pid;
}

static void
end_daemon (Libvirtd *self)
{
  /* A stopped one could not obey. */
  libvirtd_kill (self, SIGCONT);
  libvirtd_kill (self, SIGTERM);
  if (libvirtd_wait_end (self, END_TIMEOUT_MS, NULL))
    return;
  libvirtd_kill (self, SIGKILL);
  libvirtd_wait_end (self, END_TIMEOUT_MS, NULL);
}

/* Not if a second daemon of the test was started after this one. */
static void
remove_leftovers (void)
{
  if (libvirtd_find_living () != 0)
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (leftovers); i++)
    g_unlink (leftovers[i]);
}

void
libvirtd_free (Libvirtd *self)
{
  if (self == NULL)
    return;
  end_daemon (self);
  process_clear_fd (&self->pidfd);
  if (self->directory != NULL) /* else it was refused, and nothing is ours */
    {
      remove_leftovers ();
      container_files_remove_tree (self->directory);
    }
  g_free (self->directory);
  g_free (self->log_path);
  g_free (self->socket_dir);
  g_free (self->uri);
  g_free (self);
}
