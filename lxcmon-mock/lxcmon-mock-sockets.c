/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the sockets of a test controller. They behave as the real controller's: a listener of mode 0700
 * with a backlog of 30, one client at a time, INIT to the very first client only, PONG for PING, and
 * what was sent complete on the wire before end of file. The caller has the mutex.
 */

#include "lxcmon-mock-private.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <lxcmon/lxcmon-encode.h>

static void
close_fd (int *fd)
{
  if (*fd >= 0)
    close (*fd);
  *fd = -1;
}

static void
drop_client (LxcmonMockController *self)
{
  close_fd (&self->client_fd);
  g_byte_array_set_size (self->unsent, 0);
}

/* Removes the socket's file, if this controller bound it. */
void
_lxcmon_mock_remove_socket (LxcmonMockController *self)
{
  if (self->bound)
    (void) g_unlink (self->socket_path);
  self->bound = FALSE;
}

/* The file goes first: at end of file it is gone already. */
static void
close_all (LxcmonMockController *self)
{
  if (self->end != MOCK_END_KILLED)
    _lxcmon_mock_remove_socket (self);
  drop_client (self);
  close_fd (&self->listen_fd);
  close_fd (&self->wake_fd);
}

/* Makes the present or next iteration notice a change. */
void
_lxcmon_mock_wake (LxcmonMockController *self)
{
  if (self->wake_fd >= 0)
    (void) eventfd_write (self->wake_fd, 1);
}

/* Begins to listen, as a new controller. A file that this one left at the path is replaced. */
gboolean
_lxcmon_mock_open (LxcmonMockController *self, GError **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  _lxcmon_mock_remove_socket (self);
  self->had_client = FALSE;
  self->end = MOCK_END_NONE;
  errno = ENAMETOOLONG;
  /* The file that bind() makes has the mode of the socket. */
  if (g_strlcpy (address.sun_path, self->socket_path, sizeof address.sun_path)
          < sizeof address.sun_path
      && (self->wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK)) >= 0
      && (self->listen_fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) >= 0
      && fchmod (self->listen_fd, 0700) == 0)
    self->bound = bind (self->listen_fd, (struct sockaddr *) &address, sizeof address) == 0;
  if (self->bound && listen (self->listen_fd, 30) == 0) /* as libvirt's own server */
    return TRUE;

  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "cannot listen on %s: %s%s",
               self->socket_path, g_strerror (errno),
               errno == EADDRINUSE ? " (remove the file, if no controller uses it)" : "");
  close_all (self);
  return FALSE;
}

/* Sends what the socket has room for, and keeps the rest. If the client has left, that is dropped. */
void
_lxcmon_mock_send (LxcmonMockController *self, const void *bytes, gsize size)
{
  g_byte_array_append (self->unsent, bytes, (guint) size);
  while (self->unsent->len > 0)
    {
      gssize n = send (self->client_fd, self->unsent->data, self->unsent->len,
                       MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0 && errno == EAGAIN)
        return;
      if (n >= 0)
        g_byte_array_remove_range (self->unsent, 0, (guint) n);
      else if (errno != EINTR)
        g_byte_array_set_size (self->unsent, 0);
    }
}

/* Answers PINGs. A client that leaves or sends what is no message is dropped. */
static void
handle_readable (LxcmonMockController *self)
{
  guint8 buffer[4096], pong[LXCMON_ENCODED_SIZE];
  const guint8 *bytes = buffer;
  gssize n = recv (self->client_fd, buffer, sizeof buffer, MSG_DONTWAIT);
  gsize size = (gsize) MAX (n, 0);
  LxcmonMessage message;
  LxcmonDecodeResult result = LXCMON_DECODE_ERROR;

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  while (n > 0
         && (result = lxcmon_decoder_next (self->decoder, &bytes, &size, &message, NULL))
                == LXCMON_DECODE_MESSAGE)
    if (message.kind == LXCMON_MESSAGE_PING)
      {
        self->n_pings++;
        if (self->end == MOCK_END_NONE) /* nothing is sent after EXIT */
          _lxcmon_mock_send (self, pong, lxcmon_encode_pong (pong, sizeof pong));
      }
  if (result == LXCMON_DECODE_ERROR)
    drop_client (self);
}

static void
accept_client (LxcmonMockController *self)
{
  guint8 init[LXCMON_ENCODED_SIZE];

  self->client_fd = accept4 (self->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (self->client_fd < 0)
    return;

  lxcmon_decoder_reset (self->decoder);
  if (!self->had_client && self->init_pid > 0)
    _lxcmon_mock_send (self, init, lxcmon_encode_init (init, sizeof init, self->init_pid));
  self->had_client = TRUE;
}

/* Waits, without the mutex, until there is something to do, and does it. Closes everything at the end. */
void
_lxcmon_mock_iterate (LxcmonMockController *self)
{
  gboolean accepts = self->client_fd < 0 && self->accepting;
  int events = (self->reading ? POLLIN : 0) | (self->unsent->len > 0 ? POLLOUT : 0);
  struct pollfd fds[] = {
    { .fd = self->wake_fd, .events = POLLIN },
    { .fd = accepts ? self->listen_fd : -1, .events = POLLIN },
    /* poll() reports a hangup even if no events are requested. */
    { .fd = events != 0 ? self->client_fd : -1, .events = (short) events },
  };
  eventfd_t count;

  g_mutex_unlock (&self->mutex);
  (void) poll (fds, G_N_ELEMENTS (fds), -1);
  g_mutex_lock (&self->mutex);

  (void) eventfd_read (self->wake_fd, &count);
  if (fds[2].revents > 0)
    _lxcmon_mock_send (self, NULL, 0);
  if (fds[2].revents > 0 && self->reading)
    handle_readable (self);
  if (fds[1].revents > 0 && self->accepting && self->end == MOCK_END_NONE)
    accept_client (self);
  if (self->end > MOCK_END_WHEN_SENT || (self->end == MOCK_END_WHEN_SENT && self->unsent->len == 0))
    close_all (self);
}
