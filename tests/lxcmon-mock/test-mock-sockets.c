/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The test controller on the wire, used with a plain socket: it does what the real one does, byte by
 * byte. Also what is left if a start fails.
 */

#include <errno.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/glib-session.h"
#include "common/glib-test.h"

/* With --wrap, calls of these functions come here first. */
static struct
{
  gboolean fchmod;
  gboolean listen;
} fails;

int __real_fchmod (int fd, mode_t mode);
int __wrap_fchmod (int fd, mode_t mode);
int __real_listen (int fd, int backlog);
int __wrap_listen (int fd, int backlog);

int
__wrap_fchmod (int fd, mode_t mode)
{
  errno = EPERM;
  return fails.fchmod ? -1 : __real_fchmod (fd, mode);
}

int
__wrap_listen (int fd, int backlog)
{
  errno = EPERM;
  return fails.listen ? -1 : __real_listen (fd, backlog);
}

static int
connect_to (GlibSession *session)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  g_strlcpy (address.sun_path, session->path, sizeof address.sun_path);
  g_assert_cmpint (fd, >=, 0);
  if (connect (fd, (struct sockaddr *) &address, sizeof address) == 0)
    return fd;

  g_assert_cmpint (errno, ==, EAGAIN);
  close (fd);
  return -1;
}

static gssize
read_some (int fd, guint8 *bytes, gsize size)
{
  gint64 deadline = glib_test_get_deadline ();
  gssize n;

  while ((n = recv (fd, bytes, size, 0)) < 0 && errno == EAGAIN)
    {
      struct pollfd descriptor = { .fd = fd, .events = POLLIN };
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      poll (&descriptor, 1, 1000);
    }
  return n;
}

/* Holds what comes next against messages as glib_encode() writes them. */
static void
expect (int fd, const char *messages)
{
  g_autoptr (GBytes) expected = glib_encode (messages);
  gsize size;
  const guint8 *bytes = g_bytes_get_data (expected, &size);
  g_autofree guint8 *got = g_malloc (size);

  for (gsize i = 0; i < size;)
    {
      gssize n = read_some (fd, got + i, size - i);
      g_assert_cmpint (n, >, 0);
      i += (gsize) n;
    }
  if (memcmp (got, bytes, size) != 0)
    g_error ("the controller did not send: %s", messages);
}

static void
expect_end (int fd)
{
  guint8 byte;

  g_assert_cmpint (read_some (fd, &byte, 1), ==, 0);
  close (fd);
}

static void
expect_reset (int fd)
{
  guint8 byte;
  gssize n = read_some (fd, &byte, 1);

  g_assert_true (n == 0 || (n < 0 && errno == ECONNRESET));
  close (fd);
}

static void
send_messages (int fd, const char *messages)
{
  g_autoptr (GBytes) bytes = glib_encode (messages);

  g_assert_cmpint (send (fd, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                         MSG_NOSIGNAL),
                   ==, (gssize) g_bytes_get_size (bytes));
}

static void
wait_clients (GlibSession *session, guint n)
{
  glib_test_wait_until (lxcmon_mock_controller_get_n_clients (session->mock) == n);
}

/* The rows of a socket in /proc/net/unix, as the number of those that listen, wait and are served. */
static void
check_rows (GlibSession *session, const char *expected)
{
  g_autofree char *text = NULL;
  g_autofree char *end = g_strconcat (" ", session->path, NULL);
  guint n_rows[4] = { 0 };

  g_assert_true (g_file_get_contents ("/proc/net/unix", &text, NULL, NULL));
  g_auto (GStrv) rows = g_strsplit (text, "\n", -1);
  for (guint i = 0; rows[i] != NULL; i++)
    for (guint state = 1; state < G_N_ELEMENTS (n_rows); state++)
      {
        g_autofree char *column = g_strdup_printf (" 0001 %02u ", state);
        n_rows[state] += g_str_has_suffix (rows[i], end) && strstr (rows[i], column) != NULL;
      }
  g_autofree char *got
      = g_strdup_printf ("%u listens, %u wait, %u served", n_rows[1], n_rows[2], n_rows[3]);
  g_assert_cmpstr (got, ==, expected);
}

static void
test_socket (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  GStatBuf info;

  g_assert_cmpint (g_lstat (session->path, &info), ==, 0);
  g_assert_true (S_ISSOCK (info.st_mode));
  g_assert_cmpint (info.st_mode & 07777, ==, 0700);
  check_rows (session, "1 listens, 0 wait, 0 served");
}

/* INIT goes to the very first client, even if it has disconnected before it was accepted. */
static void
test_init (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  lxcmon_mock_controller_set_init_pid (session->mock, 4711);
  int first = connect_to (session);
  expect (first, "init 4711");
  close (first);
  wait_clients (session, 0);
  int second = connect_to (session);
  send_messages (second, "ping");
  expect (second, "pong");
  close (second);
  wait_clients (session, 0);

  mock_set_accepting (session->mock, FALSE);
  glib_session_start (session);
  close (connect_to (session));
  mock_set_accepting (session->mock, TRUE);
  second = connect_to (session);
  send_messages (second, "ping");
  expect (second, "pong");
  close (second);
}

/* One is served, the others wait in the backlog; when it goes, the next is served. */
static void
test_one_at_a_time (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  int fds[3];

  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      fds[i] = connect_to (session);
      send_messages (fds[i], "ping");
    }
  wait_clients (session, 1);
  expect (fds[0], "pong");
  check_rows (session, "1 listens, 2 wait, 1 served");
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      glib_session_send (session, "init 1");
      if (i > 0)
        expect (fds[i], "pong");
      expect (fds[i], "init 1");
      g_assert_cmpuint (mock_get_n_pings (session->mock), ==, i + 1);
      close (fds[i]);
      if (i + 1 < G_N_ELEMENTS (fds))
        glib_test_wait_until (mock_get_n_pings (session->mock) == i + 2);
    }
  wait_clients (session, 0);
  check_rows (session, "1 listens, 0 wait, 0 served");
}

static void
test_backlog (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  int fds[40];
  guint n = 0;

  fds[n++] = connect_to (session);
  wait_clients (session, 1);
  while (n < G_N_ELEMENTS (fds) && (fds[n] = connect_to (session)) >= 0)
    n++;
  /* As with libvirt's: 31 wait while one is served. */
  g_assert_cmpuint (n, ==, 32);
  lxcmon_mock_controller_stop (session->mock);
  expect_end (fds[0]);
  for (guint i = 1; i < n; i++)
    expect_reset (fds[i]);
}

static void
test_finish (void)
{
  for (gint status = -1; status <= 2; status++)
    {
      g_autoptr (GlibSession) session = glib_session_new ();
      g_autofree char *expected = g_strdup_printf ("init 1 exit %d", status);
      int fd = connect_to (session);
      int waiting = connect_to (session);

      wait_clients (session, 1);
      glib_session_send (session, "init 1");
      glib_session_finish (session, (LxcmonExitStatus) status);
      expect (fd, expected);
      expect_end (fd);
      expect_reset (waiting);
      g_assert_false (g_file_test (session->path, G_FILE_TEST_EXISTS));
      check_rows (session, "0 listens, 0 wait, 0 served");
    }
}

static void
test_die (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  int fd = connect_to (session);
  int waiting = connect_to (session);

  wait_clients (session, 1);
  glib_session_send (session, "init 1");
  glib_session_die (session);
  expect (fd, "init 1");
  expect_end (fd);
  expect_reset (waiting);
  g_assert_true (g_file_test (session->path, G_FILE_TEST_EXISTS));
  check_rows (session, "0 listens, 0 wait, 0 served");
}

/* More than the socket has room for: finish returns, and what was sent goes out before the end. */
static void
test_finish_unread (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  const gsize size = 8 * 1024 * 1024;
  g_autoptr (GBytes) bytes = g_bytes_new_take (g_malloc0 (size), size);
  g_autofree guint8 *buffer = g_malloc (65536);
  int fd = connect_to (session);
  gsize left = size;

  wait_clients (session, 1);
  g_assert_true (lxcmon_mock_controller_send_bytes (session->mock, bytes, NULL));
  glib_session_finish (session, LXCMON_EXIT_STATUS_SHUTDOWN);
  g_assert_cmpuint (lxcmon_mock_controller_get_n_clients (session->mock), ==, 1);
  /* It is about to go: nothing more is sent. */
  g_assert_false (lxcmon_mock_controller_send_init (session->mock, 1, NULL));
  while (left > 0)
    {
      gssize n = read_some (fd, buffer, MIN (left, 65536));
      g_assert_cmpint (n, >, 0);
      left -= (gsize) n;
    }
  expect (fd, "exit 1");
  expect_end (fd);
  wait_clients (session, 0);
  glib_test_wait_until (!g_file_test (session->path, G_FILE_TEST_EXISTS));
}

/* The client goes instead of reading, or the test does not wait for it: that is the end all the same. */
static void
test_finish_abandoned (void)
{
  const gsize size = 8 * 1024 * 1024;
  g_autoptr (GBytes) bytes = g_bytes_new_take (g_malloc0 (size), size);

  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GlibSession) session = glib_session_new ();
      int fd = connect_to (session);

      if (i == 2)
        mock_set_reading (session->mock, FALSE);
      wait_clients (session, 1);
      g_assert_true (lxcmon_mock_controller_send_bytes (session->mock, bytes, NULL));
      glib_session_finish (session, LXCMON_EXIT_STATUS_SHUTDOWN);
      if (i == 1)
        lxcmon_mock_controller_stop (session->mock);
      close (fd);
      wait_clients (session, 0);
      glib_test_wait_until (!g_file_test (session->path, G_FILE_TEST_EXISTS));
    }
}

static void
test_reading (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  mock_set_reading (session->mock, FALSE);
  int fd = connect_to (session);
  send_messages (fd, "ping ping");
  wait_clients (session, 1);
  g_assert_cmpuint (mock_get_n_pings (session->mock), ==, 0);
  /* It has not answered, and sends all the same. */
  glib_session_send (session, "init 1");
  expect (fd, "init 1");

  mock_set_reading (session->mock, TRUE);
  expect (fd, "pong pong");
  g_assert_cmpuint (mock_get_n_pings (session->mock), ==, 2);

  /* Nor does it see its client leave. */
  mock_set_reading (session->mock, FALSE);
  close (fd);
  g_assert_cmpuint (lxcmon_mock_controller_get_n_clients (session->mock), ==, 1);
  mock_set_reading (session->mock, TRUE);
  wait_clients (session, 0);
}

static void
test_accepting (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  mock_set_accepting (session->mock, FALSE);
  int fd = connect_to (session);
  check_rows (session, "1 listens, 1 wait, 0 served");
  g_assert_cmpuint (lxcmon_mock_controller_get_n_clients (session->mock), ==, 0);
  mock_set_accepting (session->mock, TRUE);
  wait_clients (session, 1);
  check_rows (session, "1 listens, 0 wait, 1 served");
  close (fd);
}

/* Answers each PING, in pieces or many at once, and passes over what it does not know. */
static void
test_pings (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (GBytes) ping = glib_encode ("ping");
  int fd = connect_to (session);

  for (gsize i = 0; i < g_bytes_get_size (ping); i++)
    g_assert_cmpint (send (fd, (const guint8 *) g_bytes_get_data (ping, NULL) + i, 1, MSG_NOSIGNAL),
                     ==, 1);
  expect (fd, "pong");
  /* length, unknown program, version 1, procedure 1, type MESSAGE, serial, status OK */
  send_messages (fd, "ping pong hex 0000001c0000007b000000010000000100000002"
                     "0000000100000000 ping");
  expect (fd, "pong pong");
  g_assert_cmpuint (mock_get_n_pings (session->mock), ==, 3);

  /* A client that sends what is no message is dropped. */
  send_messages (fd, "hex 00000003");
  expect_reset (fd);
  wait_clients (session, 0);
}

static void
check_cannot_start (const char *path, GIOErrorEnum code)
{
  g_autoptr (LxcmonMockController) mock = lxcmon_mock_controller_new (path);
  g_autoptr (GError) error = NULL;

  g_assert_false (lxcmon_mock_controller_start (mock, &error));
  g_assert_error (error, G_IO_ERROR, (gint) code);
  g_assert_nonnull (strstr (error->message, path));
  lxcmon_mock_controller_stop (mock);
}

/* As with the real one, a path has to fit into an address. */
static void
test_long_path (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autofree char *name = g_strnfill (150, 'x');
  g_autofree char *path = g_build_filename (session->dir, name, NULL);

  check_cannot_start (path, G_IO_ERROR_FILENAME_TOO_LONG);
}

/* A failed start leaves alone what was at the path, and removes what it has made. */
static void
test_faults (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autofree char *other = g_build_filename (session->dir, "other.sock", NULL);

  fails.fchmod = TRUE;
  check_cannot_start (session->path, G_IO_ERROR_PERMISSION_DENIED);
  g_assert_true (g_file_test (session->path, G_FILE_TEST_EXISTS));
  check_cannot_start (other, G_IO_ERROR_PERMISSION_DENIED);
  g_assert_false (g_file_test (other, G_FILE_TEST_EXISTS));
  fails.fchmod = FALSE;

  fails.listen = TRUE;
  check_cannot_start (session->path, G_IO_ERROR_ADDRESS_IN_USE);
  g_assert_true (g_file_test (session->path, G_FILE_TEST_EXISTS));
  check_cannot_start (other, G_IO_ERROR_PERMISSION_DENIED);
  g_assert_false (g_file_test (other, G_FILE_TEST_EXISTS));
  fails.listen = FALSE;

  glib_session_attach (session);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/mock-sockets/socket", test_socket);
  glib_test_add ("/mock-sockets/init", test_init);
  glib_test_add ("/mock-sockets/one-at-a-time", test_one_at_a_time);
  glib_test_add ("/mock-sockets/backlog", test_backlog);
  glib_test_add ("/mock-sockets/finish", test_finish);
  glib_test_add ("/mock-sockets/die", test_die);
  glib_test_add ("/mock-sockets/finish-unread", test_finish_unread);
  glib_test_add ("/mock-sockets/finish-abandoned", test_finish_abandoned);
  glib_test_add ("/mock-sockets/reading", test_reading);
  glib_test_add ("/mock-sockets/accepting", test_accepting);
  glib_test_add ("/mock-sockets/pings", test_pings);
  glib_test_add ("/mock-sockets/long-path", test_long_path);
  glib_test_add ("/mock-sockets/faults", test_faults);
  return g_test_run ();
}
