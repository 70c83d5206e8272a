/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the directory and the controllers of a test: made before it, and removed after it.
 */

#include "room.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

char *
room_build_path (Room *self, const char *base)
{
  return g_build_filename (self->dir, base, NULL);
}

/* Locks driver.pid as libvirtd does. The lock belongs to this process, until the descriptor is closed. */
int
room_lock_driver (Room *self)
{
  g_autofree char *path = room_build_path (self, "driver.pid");
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (fcntl (fd, F_SETLK, &lock), ==, 0);
  return fd;
}

static void
remove_dir (const char *dir)
{
  g_autoptr (GDir) files = g_dir_open (dir, 0, NULL);
  const char *base;

  g_assert_nonnull (files);
  while ((base = g_dir_read_name (files)) != NULL)
    {
      g_autofree char *path = g_build_filename (dir, base, NULL);
      g_assert_cmpint (g_remove (path), ==, 0);
    }
  g_assert_cmpint (g_rmdir (dir), ==, 0);
}

static void
run (gconstpointer data)
{
  RoomFunc func = *(const RoomFunc *) data;
  g_autoptr (GError) error = NULL;
  Room room = { .dir = g_dir_make_tmp ("lxcmon-tool-XXXXXX", &error) };

  g_assert_no_error (error);
  room.path = room_build_path (&room, "web1.sock");
  room.controller = lxcmon_mock_controller_new (room.path);
  lxcmon_mock_controller_set_init_pid (room.controller, INIT_PID);

  func (&room);

  lxcmon_mock_controller_stop (room.controller);
  g_object_unref (room.controller);
  remove_dir (room.dir);
  g_free (room.path);
  g_free (room.dir);
}

void
room_test_add (const char *path, RoomFunc func)
{
  g_test_add_data_func_full (path, g_memdup2 (&func, sizeof func), run, g_free);
}

/* Starts the controller of the room. Starting it again makes a new one. */
void
room_start (Room *self)
{
  g_autoptr (GError) error = NULL;

  lxcmon_mock_controller_start (self->controller, &error);
  g_assert_no_error (error);
}

/* Returns: (transfer full): another controller */
LxcmonMockController *
room_add (Room *self, const char *base, int init_pid)
{
  g_autofree char *path = room_build_path (self, base);
  g_autoptr (GError) error = NULL;
  LxcmonMockController *controller = lxcmon_mock_controller_new (path);

  lxcmon_mock_controller_set_init_pid (controller, init_pid);
  lxcmon_mock_controller_start (controller, &error);
  g_assert_no_error (error);
  return controller;
}

void
room_finish (LxcmonMockController *controller, LxcmonExitStatus status)
{
  g_autoptr (GError) error = NULL;

  lxcmon_mock_controller_finish (controller, status, &error);
  g_assert_no_error (error);
}

static gboolean
on_late (gpointer user_data)
{
  g_error ("waited too long for a client to connect or to leave");
  return G_SOURCE_REMOVE;
}

/* Waits until that many clients are served. */
void
room_wait_attached (LxcmonMockController *controller, guint n_clients)
{
  guint timer = g_timeout_add (COMMAND_PATIENCE_US / 1000, on_late, NULL);

  while (lxcmon_mock_controller_get_n_clients (controller) != n_clients)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (timer);
}

void
room_send (LxcmonMockController *controller, const void *bytes, gsize size)
{
  g_autoptr (GBytes) message = g_bytes_new (bytes, size);
  g_autoptr (GError) error = NULL;

  lxcmon_mock_controller_send_bytes (controller, message, &error);
  g_assert_no_error (error);
}
