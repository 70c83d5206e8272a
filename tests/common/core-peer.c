/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Sends what a controller sends, and reads what a client sends to it byte by byte: only the two
 * messages that a client may send are known, and anything else fails the test.
 */

#include "core-peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

void
core_send (int fd, const void *bytes, gsize size)
{
  const guint8 *cursor = bytes;

  while (size > 0)
    {
      gssize n = send (fd, cursor, size, MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR)
        continue;
      g_assert_cmpint (n, >, 0);
      cursor += n;
      size -= (gsize) n;
    }
}

void
core_send_array (int fd, const GByteArray *bytes)
{
  core_send (fd, bytes->data, bytes->len);
}

static void
send_message (int fd, CoreMessage message)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  core_put_message (bytes, &message);
  core_send_array (fd, bytes);
}

void
core_send_init (int fd, int pid)
{
  send_message (fd, core_init_message ((guint64) pid));
}

void
core_send_exit (int fd, int status)
{
  send_message (fd, core_exit_message (status));
}

void
core_send_ping (int fd)
{
  core_send (fd, core_ping_bytes, CORE_KEEPALIVE_SIZE);
}

void
core_send_pong (int fd)
{
  core_send (fd, core_pong_bytes, CORE_KEEPALIVE_SIZE);
}

/* INIT 3869 and EXIT reboot in one write. */
void
core_send_story (int fd)
{
  g_autoptr (GByteArray) story = core_new_story ();

  core_send_array (fd, story);
}

static void
describe (GString *text, const GByteArray *bytes)
{
  for (guint at = 0; at < bytes->len; at += CORE_KEEPALIVE_SIZE)
    {
      const guint8 *frame = bytes->data + at;

      if (text->len > 0)
        g_string_append_c (text, ' ');
      if (bytes->len - at < CORE_KEEPALIVE_SIZE)
        g_string_append_printf (text, "%u bytes", bytes->len - at);
      else if (memcmp (frame, core_ping_bytes, CORE_KEEPALIVE_SIZE) == 0)
        g_string_append (text, "ping");
      else if (memcmp (frame, core_pong_bytes, CORE_KEEPALIVE_SIZE) == 0)
        g_string_append (text, "pong");
      else
        g_string_append (text, "garbage");
    }
}

/* What the client has sent, "ping pong end", without waiting for more. */
char *
core_receive (int fd)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  GString *text = g_string_new (NULL);
  const char *ending = NULL;

  for (;;)
    {
      guint8 buffer[4096];
      gssize n = recv (fd, buffer, sizeof buffer, MSG_DONTWAIT);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        {
          ending = n == 0 ? "end" : errno == EAGAIN ? NULL : g_strerror (errno);
          break;
        }
      g_byte_array_append (bytes, buffer, (guint) n);
    }

  describe (text, bytes);
  if (ending != NULL)
    g_string_append_printf (text, "%s%s", text->len > 0 ? " " : "", ending);
  return g_string_free (text, FALSE);
}

/* The same, after waiting for the first byte. */
char *
core_receive_within (int fd, int timeout_ms)
{
  struct pollfd descriptor = { .fd = fd, .events = POLLIN };

  (void) poll (&descriptor, 1, timeout_ms);
  return core_receive (fd);
}

/* Writes bytes until no more fit. Returns how many that were. */
gsize
core_fill (int fd)
{
  static const guint8 zeros[4096];
  gsize sum = 0;
  gssize n;

  for (gsize size = sizeof zeros; size > 0; size /= 2)
    while ((n = send (fd, zeros, size, MSG_DONTWAIT | MSG_NOSIGNAL)) > 0)
      sum += (gsize) n;
  g_assert_cmpint (errno, ==, EAGAIN);

  return sum;
}

/* Reads and forgets what there is. Returns how many bytes that were. */
gsize
core_drain (int fd)
{
  guint8 buffer[4096];
  gsize sum = 0;
  gssize n;

  while ((n = recv (fd, buffer, sizeof buffer, MSG_DONTWAIT)) > 0)
    sum += (gsize) n;

  return sum;
}

/* Makes a socket file of any path's length, by way of its directory's descriptor. */
int
core_bind (const char *path, int type)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_autofree char *dir = g_path_get_dirname (path);
  g_autofree char *base = g_path_get_basename (path);
  g_autofree char *by_descriptor = NULL;
  int dir_fd = -1;
  int fd = socket (AF_UNIX, type | SOCK_CLOEXEC, 0);

  g_assert_cmpint (fd, >=, 0);
  if (strlen (path) >= sizeof address.sun_path)
    {
      dir_fd = open (dir, O_PATH | O_CLOEXEC);
      by_descriptor = g_strdup_printf ("/proc/self/fd/%d/%s", dir_fd, base);
      path = by_descriptor;
    }
  g_assert_cmpuint (strlen (path), <, sizeof address.sun_path);
  strcpy (address.sun_path, path);
  g_assert_no_errno (bind (fd, (struct sockaddr *) &address, sizeof address));
  g_assert_no_errno (chmod (path, 0700));
  if (dir_fd >= 0)
    close (dir_fd);

  return fd;
}

/* A listener on NAME.sock in a new directory. */
void
core_listener_init_full (CoreListener *self, const char *name, int type, int backlog)
{
  self->dir = core_make_dir ();
  self->path = g_strdup_printf ("%s/%s.sock", self->dir, name);
  self->fd = core_bind (self->path, type);
  if (backlog >= 0)
    g_assert_no_errno (listen (self->fd, backlog));
}

/* As a controller listens: with room for 31 that wait. */
void
core_listener_init (CoreListener *self)
{
  core_listener_init_full (self, "web1", SOCK_STREAM, 30);
}

void
core_listener_clear (CoreListener *self)
{
  if (self->fd >= 0)
    close (self->fd);
  core_remove_dir (self->dir);
  g_free (self->path);
}

/* Accepts the next client, or returns -1 where there is none. */
int
core_listener_accept (CoreListener *self)
{
  struct pollfd descriptor = { .fd = self->fd, .events = POLLIN };

  if (poll (&descriptor, 1, 0) <= 0)
    return -1;
  return accept4 (self->fd, NULL, NULL, SOCK_CLOEXEC);
}

/* A client that is not lxcmon's. */
int
core_listener_connect (CoreListener *self)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  g_assert_cmpint (fd, >=, 0);
  strcpy (address.sun_path, self->path);
  if (connect (fd, (struct sockaddr *) &address, sizeof address) < 0)
    {
      close (fd);
      return -1;
    }
  return fd;
}

/* How many rows of a state ("01", "02", "03") the kernel has for the path. */
guint
core_listener_count (const CoreListener *self, const char *state)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  guint n = 0;

  g_assert_true (g_file_get_contents ("/proc/net/unix", &text, NULL, NULL));
  lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    {
      g_auto (GStrv) columns = g_strsplit_set (*line, " ", -1);
      const char *path = strchr (*line, '/');

      if (path != NULL && g_str_equal (path, self->path)
          && g_strv_contains ((const char *const *) columns, state))
        n++;
    }

  return n;
}
