/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The driver's lock: what counts as a running driver, what does not although it has the name or a lock, and calls
 * that fail, which never mean that there is no driver.
 */

#include "common/core-child.h"
#include "common/core-peer.h"
#include "common/core-wrap.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lxcmon/lxcmon-driver-private.h>

#define NOBODY 65534

typedef struct
{
  char *dir;
  char *path; /* of driver.pid */
  int fd;
} Dir;

static void
dir_init (Dir *self)
{
  self->dir = core_make_dir ();
  self->path = g_build_filename (self->dir, "driver.pid", NULL);
  self->fd = open (self->dir, O_PATH | O_CLOEXEC);
  g_assert_cmpint (self->fd, >=, 0);
}

static void
dir_clear (Dir *self)
{
  close (self->fd);
  g_free (self->path);
  core_remove_dir (self->dir);
}

static LxcmonDriver
find_driver (const Dir *self)
{
  LxcmonDriver driver;
  LxcmonError error;

  if (!_lxcmon_driver_find (self->fd, &driver, &error))
    g_error ("%s", error.message);
  return driver;
}

static void
test_driver (void)
{
  CoreChild child;
  Dir dir;

  dir_init (&dir);
  g_assert_false (find_driver (&dir).running);
  g_assert_true (g_file_set_contents (dir.path, "1\n", -1, NULL));
  g_assert_false (find_driver (&dir).running); /* a file that nobody has locked */

  core_child_start (&child, core_child_lock, dir.path);
  LxcmonDriver driver = find_driver (&dir);
  g_assert_true (driver.running);
  g_assert_cmpint (driver.pid, ==, child.pid);
  core_child_stop (&child);
  g_assert_false (find_driver (&dir).running);
  dir_clear (&dir);
}

/* Whatever else has the name: nobody waits for it, and no link is followed. */
static void
test_no_file (void)
{
  CoreChild child;
  Dir dir;

  dir_init (&dir);
  g_autofree char *locked = g_build_filename (dir.dir, "locked", NULL);
  g_assert_no_errno (mkfifo (dir.path, 0600));
  g_assert_false (find_driver (&dir).running);
  g_assert_no_errno (unlink (dir.path));
  g_assert_no_errno (mkdir (dir.path, 0700));
  g_assert_false (find_driver (&dir).running);
  g_assert_no_errno (rmdir (dir.path));

  core_child_start (&child, core_child_lock, locked);
  g_assert_no_errno (symlink (locked, dir.path));
  g_assert_false (find_driver (&dir).running);
  core_child_stop (&child);
  dir_clear (&dir);
}

static int
lock_as (gconstpointer path, short type, off_t start)
{
  struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = 1 };
  int fd = open (path, type == F_WRLCK ? O_RDWR | O_CREAT : O_RDONLY, 0644);

  return fd >= 0 && fcntl (fd, F_SETLK, &lock) == 0 ? 0 : 1;
}

static int
lock_for_reading (gconstpointer path)
{
  return geteuid () != 0 || setuid (NOBODY) == 0 ? lock_as (path, F_RDLCK, 0) : 1;
}

static int
lock_another_byte (gconstpointer path)
{
  return lock_as (path, F_WRLCK, 1);
}

/* Any user may hold a read lock on a file that a killed libvirtd has left. */
static void
test_other_locks (void)
{
  static const CoreChildFunc funcs[] = { lock_for_reading, lock_another_byte };
  CoreChild child;
  Dir dir;

  dir_init (&dir);
  g_assert_no_errno (chmod (dir.dir, 0755));
  g_assert_true (g_file_set_contents (dir.path, "1\n", -1, NULL));
  g_assert_no_errno (chmod (dir.path, 0644));
  for (gsize i = 0; i < G_N_ELEMENTS (funcs); i++)
    {
      core_child_start (&child, funcs[i], dir.path);
      g_assert_false (find_driver (&dir).running);
      core_child_stop (&child);
    }
  dir_clear (&dir);
}

static int
lock_as_stranger (gconstpointer path)
{
  return setuid (NOBODY) == 0 ? core_child_lock (path) : 1;
}

/* In a directory such as /tmp anybody can make the file. */
static void
test_strangers_file (void)
{
  CoreChild child;
  Dir dir;

  if (geteuid () != 0)
    {
      g_test_skip ("needs root, to be somebody else too");
      return;
    }
  dir_init (&dir);
  g_assert_no_errno (chmod (dir.dir, 01777));
  core_child_start (&child, lock_as_stranger, dir.path);
  g_assert_false (find_driver (&dir).running);
  core_child_stop (&child);
  dir_clear (&dir);
}

static int fault_errno;

static gboolean
may_fail (CoreCall call, int *errno_out)
{
  *errno_out = fault_errno;
  return call != CORE_CALL_close;
}

/* A driver is running, and each call fails once, and from then on: the answer is never that there is none. */
static void
test_faults (void)
{
  static const int errnos[] = { EMFILE, ENFILE, EACCES, EIO, EINTR, ENOMEM, ELOOP, EINVAL, ENOLCK };
  CoreChild child;
  Dir dir;

  dir_init (&dir);
  core_child_start (&child, core_child_lock, dir.path);
  for (gsize i = 0; i < G_N_ELEMENTS (errnos) * 2; i++)
    {
      gboolean sticky = i % 2;
      gboolean struck = TRUE;

      fault_errno = errnos[i / 2];
      for (guint index = 0; struck && !(sticky && fault_errno == EINTR); index++)
        {
          LxcmonDriver driver;
          LxcmonError error = { 0 };

          core_wrap_begin ();
          core_wrap_set_fault (may_fail, index, sticky);
          gboolean known = _lxcmon_driver_find (dir.fd, &driver, &error);
          (void) core_wrap_end ();
          struck = core_wrap_has_struck ();
          g_assert_true (known ? driver.running : error.message[0] != '\0');
          g_assert_true (known || error.code != LXCMON_MONITOR_ERROR_NOT_FOUND);
        }
    }
  core_child_stop (&child);
  dir_clear (&dir);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add ("/driver/lock", test_driver);
  core_test_add ("/driver/no-file", test_no_file);
  core_test_add ("/driver/other-locks", test_other_locks);
  core_test_add ("/driver/strangers-file", test_strangers_file);
  core_test_add ("/driver/faults", test_faults);

  return g_test_run ();
}
