/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the requests to sock_diag. It may be missing: in a kernel without unix_diag, or in a sandbox.
 */

#include "lxcmon-diag-private.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DUMPS_MAX 3

typedef struct
{
  struct nlmsghdr header;
  struct unix_diag_req request;
} DiagRequest;

/* What is used of a row of the answer */
typedef struct
{
  uint64_t inode;
  uint64_t peer_inode;
  const char *path;
  size_t path_length;
} DiagRow;

/* Called for each row; returns whether to continue. */
typedef bool (*DiagRowFunc) (const DiagRow *row, void *user_data);

static void
parse_attribute (DiagRow *row, unsigned int type, const uint8_t *data, size_t size)
{
  uint32_t inode;

  if (type == UNIX_DIAG_NAME)
    {
      row->path = (const char *) data;
      row->path_length = strnlen (row->path, size);
    }
  else if (type == UNIX_DIAG_PEER && size >= sizeof inode)
    {
      memcpy (&inode, data, sizeof inode);
      row->peer_inode = inode;
    }
}

static DiagRow
parse_row (const struct nlmsghdr *header)
{
  const struct unix_diag_msg *message = NLMSG_DATA (header);
  const uint8_t *cursor = (const uint8_t *) (message + 1);
  size_t left = header->nlmsg_len - NLMSG_LENGTH (sizeof *message);
  DiagRow row = { .inode = message->udiag_ino };
  struct rtattr attribute;

  while (left >= sizeof attribute)
    {
      memcpy (&attribute, cursor, sizeof attribute);
      if (attribute.rta_len < sizeof attribute || attribute.rta_len > left)
        break;
      parse_attribute (&row, attribute.rta_type, cursor + sizeof attribute,
                       attribute.rta_len - sizeof attribute);

      size_t step = RTA_ALIGN ((size_t) attribute.rta_len);
      if (step > left)
        break;
      cursor += step;
      left -= step;
    }

  return row;
}

/* NLMSG_NEXT, which clang takes for a cast to a type that is aligned more strictly. */
static const struct nlmsghdr *
next_message (const struct nlmsghdr *header, size_t *size)
{
  size_t length = NLMSG_ALIGN (header->nlmsg_len);

  *size -= length < *size ? length : *size;
  return (const void *) ((const char *) header + length);
}

/* Calls @func for the rows of one datagram. Returns whether there are more datagrams. */
static bool
walk_datagram (const void *data, size_t size, DiagRowFunc func, void *user_data)
{
  const struct nlmsghdr *header = data;

  for (; NLMSG_OK (header, size); header = next_message (header, &size))
    {
      if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR)
        return false;
      if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY
          || header->nlmsg_len < NLMSG_LENGTH (sizeof (struct unix_diag_msg)))
        continue;
      DiagRow row = parse_row (header);
      if (!func (&row, user_data))
        return false;
      if ((header->nlmsg_flags & NLM_F_MULTI) == 0)
        return false;
    }

  return true;
}

static void
ask (DiagRequest *request, DiagRowFunc func, void *user_data)
{
  /* Netlink sends datagrams of up to 32 KiB if there is space for them; 16 KiB are enough. */
  uint8_t buffer[16384] __attribute__ ((aligned (NLMSG_ALIGNTO)));
  struct timeval limit = { .tv_sec = 1 };
  int fd = socket (AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

  if (fd < 0)
    return;
  request->header.nlmsg_len = sizeof *request;
  request->header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request->request.sdiag_family = AF_UNIX;
  /* The kernel answers at once; the limit is for one that does not answer at all. */
  (void) setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);

  ssize_t n = send (fd, request, sizeof *request, MSG_NOSIGNAL);
  while (n > 0)
    {
      n = recv (fd, buffer, sizeof buffer, 0);
      if (n < 0 && errno == EINTR)
        n = 1;
      else if (n > 0 && !walk_datagram (buffer, (size_t) n, func, user_data))
        break;
    }
  close (fd);
}

typedef struct
{
  bool found;
  uint64_t peer_inode;
} PeerSearch;

static bool
handle_peer (const DiagRow *row, void *user_data)
{
  PeerSearch *search = user_data;

  search->found = true;
  search->peer_inode = row->peer_inode;
  return false;
}

/**
 * _lxcmon_diag_find_peer:
 *
 * Finds the inode of the socket at the other end of one of ours. It is 0 while the connection is in the backlog
 * of a listener: a socket has no inode before it is accepted.
 *
 * Returns: whether the kernel answered
 */
bool
_lxcmon_diag_find_peer (uint64_t socket_inode, uint64_t *peer_inode)
{
  PeerSearch search = { .found = false };
  DiagRequest request = {
    .header.nlmsg_flags = NLM_F_REQUEST,
    .request = {
      .udiag_states = UINT32_MAX,
      .udiag_ino = (uint32_t) socket_inode,
      .udiag_show = UDIAG_SHOW_PEER,
      .udiag_cookie = { UINT32_MAX, UINT32_MAX },
    },
  };

  ask (&request, handle_peer, &search);
  *peer_inode = search.peer_inode;
  return search.found;
}

typedef struct
{
  const char *const *paths;
  uint64_t client_inode;
} ClientSearch;

static bool
handle_accepted (const DiagRow *row, void *user_data)
{
  ClientSearch *search = user_data;

  for (int i = 0; i < 2; i++)
    {
      const char *path = search->paths[i];
      if (row->inode != 0 && row->path != NULL && strlen (path) == row->path_length
          && memcmp (row->path, path, row->path_length) == 0)
        search->client_inode = row->peer_inode;
    }

  return search->client_inode == 0;
}

/**
 * _lxcmon_diag_find_accepted_client:
 * @paths: the paths that the socket may have been bound to
 *
 * Finds the client that the listener on a path has accepted.
 *
 * Returns: the inode of the client's own socket, or 0 if it is not known
 */
uint64_t
_lxcmon_diag_find_accepted_client (const char *const paths[2])
{
  ClientSearch search = { .paths = paths };
  DiagRequest request = {
    .header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
    .request = {
      .udiag_states = 1u << TCP_ESTABLISHED,
      .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER,
    },
  };

  /* While sockets are made and closed, a dump may miss a row. */
  for (int i = 0; i < DUMPS_MAX && search.client_inode == 0; i++)
    ask (&request, handle_accepted, &search);
  return search.client_inode;
}
