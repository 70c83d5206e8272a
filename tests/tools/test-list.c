/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Covers "lxcmon list" as a table and as JSON: containers that run, containers whose slot is taken, and
 * stale sockets. It connects to none of them.
 */

#include <glib/gstdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "event.h"
#include "room.h"

#define HEADER "NAME +STATE +INIT-PID +CONTROLLER-PID +AGE\n"

static Command *
start_list (Room *room, const char *option)
{
  return command_start ("list", "--runtime-dir", room->dir, option, NULL);
}

static void
bind_only (Room *room, const char *base)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_autofree char *path = room_build_path (room, base);
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_assert_cmpint (bind (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  close (fd);
}

/* What libvirtd writes beside the socket; it counts where that process listens. */
static void
write_status (Room *room, const char *base, int pid)
{
  g_autofree char *path = room_build_path (room, base);
  g_autofree char *text = g_strdup_printf ("<domstatus pid='%d'/>", pid);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static void
test_table (Room *room)
{
  g_autofree char *expected = g_strdup_printf (HEADER "a b +running +- +%d +[0-9]+[smhd]\n"
                                                      "new\\\\x0Aline +stale +- +- +-\n"
                                                      "web1 +running +- +- +-\n",
                                               getpid ());

  room_start (room);
  LxcmonMockController *other = room_add (room, "a b.sock", 12);
  bind_only (room, "new\nline.sock");
  write_status (room, "a b.xml", getpid ());
  write_status (room, "web1.xml", 1);
  command_expect_end (start_list (room, NULL), 0, expected, NOTHING);
  lxcmon_mock_controller_stop (other);
  g_object_unref (other);
}

static void
expect_container (Command *command, const char *name, const char *state, int controller_pid,
                  gboolean served)
{
  static const char *const keys[]
      = { "container", "source", "state", "init_pid", "controller_pid", "served", "started", NULL };
  g_autofree char *line = command_read_line (command);
  g_autoptr (JsonObject) object = json_parse (line);

  json_expect_keys (object, keys);
  g_assert_cmpstr (json_expect_string (object, "container"), ==, name);
  g_assert_cmpstr (json_expect_string (object, "source"), ==, "direct");
  g_assert_cmpstr (json_expect_string (object, "state"), ==, state);
  g_assert_true (json_object_get_null_member (object, "init_pid"));
  g_assert_cmpint (json_object_get_boolean_member (object, "served"), ==, served);
  if (controller_pid > 0)
    {
      g_assert_cmpint (json_expect_int (object, "controller_pid"), ==, controller_pid);
      assert_matches (json_expect_string (object, "started"), TIME_PATTERN);
      return;
    }
  g_assert_true (json_object_get_null_member (object, "controller_pid"));
  g_assert_true (json_object_get_null_member (object, "started"));
}

static void
test_json (Room *room)
{
  room_start (room);
  LxcmonMockController *other = room_add (room, "db1.sock", 12);
  g_autofree char *path = room_build_path (room, "db1.sock");
  g_autoptr (LxcmonClient) client = lxcmon_client_new_for_path (path);
  g_assert_true (lxcmon_client_attach (client, NULL, NULL));
  bind_only (room, "old.sock");
  write_status (room, "db1.xml", getpid ());
  write_status (room, "old.xml", getpid ());

  Command *command = start_list (room, "--json");
  expect_container (command, "db1", "running", getpid (), TRUE);
  expect_container (command, "old", "stale", 0, FALSE);
  expect_container (command, "web1", "running", 0, FALSE);
  command_expect_end (command, 0, NOTHING, NOTHING);
  g_assert_cmpuint (lxcmon_mock_controller_get_n_clients (room->controller), ==, 0);
  lxcmon_client_detach (client);
  lxcmon_mock_controller_stop (other);
  g_object_unref (other);
}

/* The first client gets INIT, and "list" is no client. */
static void
test_connects_to_nothing (Room *room)
{
  g_autoptr (LxcmonClient) client = lxcmon_client_new_for_path (room->path);

  room_start (room);
  for (guint i = 0; i < 10; i++)
    command_expect_end (start_list (room, "--json"), 0, ".+\n", NOTHING);
  g_assert_true (lxcmon_client_attach (client, NULL, NULL));
  while (lxcmon_monitor_get_init_pid (LXCMON_MONITOR (client)) == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (lxcmon_monitor_get_init_pid (LXCMON_MONITOR (client)), ==, INIT_PID);
}

static void
test_nothing_there (Room *room)
{
  g_autofree char *missing = room_build_path (room, "missing");

  command_expect_end (start_list (room, NULL), 0, HEADER, NOTHING);
  command_expect_end (start_list (room, "--json"), 0, NOTHING, NOTHING);
  command_expect_end (command_start ("list", "--json", "--runtime-dir", missing, NULL), 0, NOTHING,
                      NOTHING);
}

static void
test_errors (Room *room)
{
  g_autofree char *link = room_build_path (room, "link");

  g_assert_cmpint (symlink (room->dir, link), ==, 0);
  command_expect_end (command_start ("list", "--runtime-dir", link, NULL), 1, NOTHING,
                      "lxcmon: .+\n");
  command_expect_end (command_start ("list", "--runtime-dir", "/etc/passwd", NULL), 1, NOTHING,
                      "lxcmon: the runtime directory /etc/passwd is not a directory; .+\n");
  command_expect_end (command_start ("list", "--runtime-dir", "", NULL), 1, NOTHING,
                      "lxcmon: the runtime directory is an empty string: .+\n");
  command_expect_end (command_start ("list", "--quiet", "--runtime-dir", link, NULL), 1, NOTHING,
                      NOTHING);
}

static void
test_n_unlisted (Room *room)
{
  bind_only (room, "\xff.sock");
  command_expect_end (
      start_list (room, "--json"), 0, NOTHING,
      "lxcmon: sockets that are not listed, because their names are not UTF-8: 1\n");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  room_test_add ("/tool/list/table", test_table);
  room_test_add ("/tool/list/json", test_json);
  room_test_add ("/tool/list/connects-to-nothing", test_connects_to_nothing);
  room_test_add ("/tool/list/nothing-there", test_nothing_there);
  room_test_add ("/tool/list/errors", test_errors);
  room_test_add ("/tool/list/n-unlisted", test_n_unlisted);

  return g_test_run ();
}
