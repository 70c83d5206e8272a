/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the sockets of a test controller and keeps the real one's promises: a socket of mode 0700 with
 * a backlog of 30, one client at a time, INIT to the very first only, PONG for PING, what was sent
 * complete on the wire before end of file. Never blocks: what a client does not read is kept.
 */

#include "lxcmon-mock-server-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <lxcmon/lxcmon-decoder.h>
#include <lxcmon/lxcmon-encode.h>

/* What libvirt's own server listens with. */
#define BACKLOG 30

struct _LxcmonMockServer
{
  char *socket_path;
  GMainContext *context;
  const LxcmonMockServerEvents *events;
  gpointer user_data;

  int listen_fd;
  int client_fd;
  GSource *accept_source;
  GSource *delay_source;
  GSource *read_source;
  GSource *write_source;
  LxcmonDecoder *decoder;
  GByteArray *unsent;

  gint init_pid;
  guint accept_delay;
  gboolean reading;
  gboolean had_client;
  gboolean ending; /* end of file as soon as all is sent */
  gboolean leave_socket;
  gboolean left_socket;
};

static void accept_next (LxcmonMockServer *self);

static void
clear_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static GSource *
watch_fd (LxcmonMockServer *self, int fd, GIOCondition condition, GUnixFDSourceFunc func,
          const char *name)
{
  GSource *source = g_unix_fd_source_new (fd, condition);

  g_source_set_static_name (source, name);
  g_source_set_callback (source, G_SOURCE_FUNC (func), self, NULL);
  g_source_attach (source, self->context);
  return source;
}

static void
close_fd (int *fd)
{
  if (*fd >= 0)
    close (*fd);
  *fd = -1;
}

/* Lets go of the client. */
static void
drop_client (LxcmonMockServer *self)
{
  if (self->client_fd < 0)
    return;

  clear_source (&self->read_source);
  clear_source (&self->write_source);
  close_fd (&self->client_fd);
  g_byte_array_set_size (self->unsent, 0);
  self->events->client_changed (FALSE, self->user_data);
}

/* The controller's end: its client first, then its socket, as a process gives them up. */
static void
close_all (LxcmonMockServer *self)
{
  clear_source (&self->accept_source);
  clear_source (&self->delay_source);
  if (self->listen_fd >= 0 && self->leave_socket)
    self->left_socket = TRUE;
  else if (self->listen_fd >= 0)
    (void) g_unlink (self->socket_path);
  drop_client (self);
  close_fd (&self->listen_fd);
}

static gboolean on_writable (int fd, GIOCondition condition, gpointer user_data);

/* Sends what can be sent; watches for when more can. A client that has gone is found by reading. */
static void
flush (LxcmonMockServer *self)
{
  while (self->unsent->len > 0)
    {
      gssize n = send (self->client_fd, self->unsent->data, self->unsent->len,
                       MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0 && errno == EAGAIN)
        {
          if (self->write_source == NULL)
            self->write_source
                = watch_fd (self, self->client_fd, G_IO_OUT, on_writable, "[lxcmon-mock] write");
          return;
        }
      if (n < 0)
        {
          g_byte_array_set_size (self->unsent, 0);
          break;
        }
      g_byte_array_remove_range (self->unsent, 0, (guint) n);
    }

  clear_source (&self->write_source);
  if (self->ending)
    close_all (self);
}

static gboolean
on_writable (int fd, GIOCondition condition, gpointer user_data)
{
  flush (user_data);
  return G_SOURCE_CONTINUE;
}

static void
append (LxcmonMockServer *self, const void *bytes, gsize size)
{
  g_byte_array_append (self->unsent, bytes, (guint) size);
  flush (self);
}

/* Answers what a client sends. Returns whether the client keeps its place: a controller drops who
 * sends garbage. */
static gboolean
take_bytes (LxcmonMockServer *self, const guint8 *bytes, gsize size)
{
  guint8 pong[LXCMON_ENCODED_SIZE];
  LxcmonMessage message;
  LxcmonDecodeResult result;

  while ((result = lxcmon_decoder_next (self->decoder, &bytes, &size, &message, NULL))
         == LXCMON_DECODE_MESSAGE)
    {
      if (message.kind != LXCMON_MESSAGE_PING)
        continue;
      self->events->pinged (self->user_data);
      append (self, pong, lxcmon_encode_pong (pong, sizeof pong));
    }

  return result != LXCMON_DECODE_ERROR;
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer user_data)
{
  LxcmonMockServer *self = user_data;
  guint8 bytes[4096];
  gssize n = recv (fd, bytes, sizeof bytes, MSG_DONTWAIT);

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return G_SOURCE_CONTINUE;
  if (n > 0 && take_bytes (self, bytes, (gsize) n))
    return G_SOURCE_CONTINUE;

  if (self->client_fd == fd)
    drop_client (self);
  /* Nobody is left to wait for: a controller that is about to exit takes no other client. */
  if (self->ending)
    close_all (self);
  else
    accept_next (self);
  return G_SOURCE_CONTINUE;
}

static void
update_reading (LxcmonMockServer *self)
{
  gboolean wanted = self->reading && self->client_fd >= 0;

  if (wanted && self->read_source == NULL)
    self->read_source = watch_fd (self, self->client_fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable,
                                  "[lxcmon-mock] read");
  else if (!wanted)
    clear_source (&self->read_source);
}

static void
serve (LxcmonMockServer *self, int fd)
{
  guint8 init[LXCMON_ENCODED_SIZE];
  gboolean first = !self->had_client;

  self->client_fd = fd;
  self->had_client = TRUE;
  lxcmon_decoder_reset (self->decoder);
  self->events->client_changed (TRUE, self->user_data);
  if (first && self->init_pid > 0)
    append (self, init, lxcmon_encode_init (init, sizeof init, self->init_pid));
  update_reading (self);
}

static gboolean
accept_now (gpointer user_data)
{
  LxcmonMockServer *self = user_data;
  int fd = accept4 (self->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

  clear_source (&self->delay_source);
  if (fd >= 0)
    serve (self, fd);
  else
    accept_next (self);
  return G_SOURCE_REMOVE;
}

static gboolean
on_connection (int fd, GIOCondition condition, gpointer user_data)
{
  LxcmonMockServer *self = user_data;

  clear_source (&self->accept_source);
  if (self->accept_delay == 0)
    accept_now (self);
  else
    {
      self->delay_source = g_timeout_source_new (self->accept_delay);
      g_source_set_static_name (self->delay_source, "[lxcmon-mock] accept delay");
      g_source_set_callback (self->delay_source, accept_now, self, NULL);
      g_source_attach (self->delay_source, self->context);
    }
  return G_SOURCE_REMOVE;
}

/* Waits for the next client, where there is none: the others stay in the backlog. */
static void
accept_next (LxcmonMockServer *self)
{
  if (self->listen_fd < 0 || self->client_fd >= 0 || self->accept_source != NULL
      || self->delay_source != NULL)
    return;

  self->accept_source
      = watch_fd (self, self->listen_fd, G_IO_IN, on_connection, "[lxcmon-mock] accept");
}

static gboolean
set_error (GError **error, int system_errno, const char *what, const char *path)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (system_errno), "cannot %s %s: %s%s", what,
               path, g_strerror (system_errno),
               system_errno == EADDRINUSE ? " (remove the file, if no controller uses it)" : "");
  return FALSE;
}

/* Binds through the directory's descriptor where the path is too long for an address. */
static gboolean
bind_path (int fd, const char *path, GError **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int dir_fd = -1;

  if (strlen (path) < sizeof address.sun_path)
    strcpy (address.sun_path, path);
  else
    {
      g_autofree char *directory = g_path_get_dirname (path);
      g_autofree char *base = g_path_get_basename (path);

      dir_fd = open (directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
      int length = g_snprintf (address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s",
                               dir_fd, base);
      if (dir_fd < 0 || (gsize) length >= sizeof address.sun_path)
        {
          int why = dir_fd < 0 ? errno : ENAMETOOLONG;
          close_fd (&dir_fd);
          return set_error (error, why, "bind to", path);
        }
    }

  int result = bind (fd, (struct sockaddr *) &address, sizeof address);
  int bind_errno = errno;
  close_fd (&dir_fd);
  return result == 0 || set_error (error, bind_errno, "bind to", path);
}

static gboolean
open_listener (LxcmonMockServer *self, GError **error)
{
  self->listen_fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (self->listen_fd < 0)
    return set_error (error, errno, "make a socket for", self->socket_path);
  /* The mode of the socket is the mode of what bind makes. */
  if (fchmod (self->listen_fd, 0700) < 0)
    return set_error (error, errno, "protect", self->socket_path);
  if (!bind_path (self->listen_fd, self->socket_path, error))
    {
      close_fd (&self->listen_fd);
      return FALSE;
    }
  if (listen (self->listen_fd, BACKLOG) < 0)
    return set_error (error, errno, "listen on", self->socket_path);
  return TRUE;
}

/*< private >
 * _lxcmon_mock_server_new:
 *
 * Makes the socket; nobody is accepted before _lxcmon_mock_server_listen().
 */
LxcmonMockServer *
_lxcmon_mock_server_new (const char *socket_path, GMainContext *context,
                         const LxcmonMockServerEvents *events, gpointer user_data, GError **error)
{
  LxcmonMockServer *self = g_new0 (LxcmonMockServer, 1);

  self->socket_path = g_strdup (socket_path);
  self->context = context;
  self->events = events;
  self->user_data = user_data;
  self->listen_fd = self->client_fd = -1;
  self->decoder = lxcmon_decoder_new ();
  self->unsent = g_byte_array_new ();
  self->reading = TRUE;
  if (!open_listener (self, error))
    g_clear_pointer (&self, _lxcmon_mock_server_free);

  return self;
}

void
_lxcmon_mock_server_free (LxcmonMockServer *self)
{
  close_all (self);
  lxcmon_decoder_free (self->decoder);
  g_byte_array_unref (self->unsent);
  g_free (self->socket_path);
  g_free (self);
}

void
_lxcmon_mock_server_set_init_pid (LxcmonMockServer *self, gint init_pid)
{
  self->init_pid = init_pid;
}

void
_lxcmon_mock_server_set_reading (LxcmonMockServer *self, gboolean reading)
{
  self->reading = reading;
  update_reading (self);
}

void
_lxcmon_mock_server_set_accept_delay (LxcmonMockServer *self, guint accept_delay)
{
  self->accept_delay = accept_delay;
}

void
_lxcmon_mock_server_listen (LxcmonMockServer *self)
{
  accept_next (self);
}

/*< private >
 * _lxcmon_mock_server_send:
 *
 * Sends bytes to the client. Returns FALSE where there is none.
 */
gboolean
_lxcmon_mock_server_send (LxcmonMockServer *self, const void *bytes, gsize size, GError **error)
{
  if (self->client_fd < 0 || self->ending)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED,
                   "cannot send: the controller of %s serves no client", self->socket_path);
      return FALSE;
    }

  append (self, bytes, size);
  return TRUE;
}

/*< private >
 * _lxcmon_mock_server_end:
 * @leave_socket: whether the socket's file stays, as behind a controller that was killed; such a one
 *   sends nothing any more either
 *
 * Ends as a controller does: what was sent goes out first.
 */
void
_lxcmon_mock_server_end (LxcmonMockServer *self, gboolean leave_socket)
{
  self->leave_socket = leave_socket;
  self->ending = TRUE;
  if (leave_socket)
    g_byte_array_set_size (self->unsent, 0);
  if (self->client_fd >= 0)
    flush (self);
  else
    close_all (self);
}

/*< private >
 * _lxcmon_mock_server_has_left_socket:
 *
 * Whether the server has ended and its socket's file stayed behind.
 */
gboolean
_lxcmon_mock_server_has_left_socket (LxcmonMockServer *self)
{
  return self->left_socket;
}
