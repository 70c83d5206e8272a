/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the requests to sock_diag, which names a socket's file by device and inode: that cannot be forged, unlike the
 * paths in /proc/net/unix. It knows the sockets of our network namespace. It may be missing: in a kernel without
 * unix_diag, or in a sandbox.
 *
 * A listener is a row with the file, and so is each connection that it has accepted. Those in its backlog are no rows
 * of their own: they have no inode yet.
 */

#include "lxcmon-diag-private.h"
#include "lxcmon-error-private.h"

#include <errno.h>
#include <limits.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* The kernel sends datagrams of up to 32 KiB if there is space for them. */
#define DATAGRAM_SIZE_MAX 32768

/* What the kernel is asked, for error messages */
#define QUESTION_CLIENTS   "which clients a controller has"
#define QUESTION_LISTENERS "which sockets listen"

/* How the kernel encodes a device */
#define MINOR_BITS 20

typedef struct
{
  struct nlmsghdr header;
  struct unix_diag_req request;
} DiagRequest;

/* What is used of a row of the answer */
typedef struct
{
  unsigned int state;
  uint64_t inode;
  uint64_t peer_inode;
  bool has_file;
  LxcmonDiagFile file;
  unsigned int uid;
  unsigned int queue_length;
  const char *name; /* into the answer, and not NUL-terminated */
  size_t name_length;
} DiagRow;

typedef void (*DiagRowFunc) (const DiagRow *row, void *user_data);

static void
parse_attribute (DiagRow *row, unsigned int type, const uint8_t *data, size_t size)
{
  uint32_t numbers[2] = { 0 };

  memcpy (numbers, data, size < sizeof numbers ? size : sizeof numbers);
  if (type == UNIX_DIAG_VFS && size >= sizeof numbers)
    {
      row->has_file = true;
      row->file = (LxcmonDiagFile){ .inode = numbers[0], .device = numbers[1] };
    }
  else if (type == UNIX_DIAG_PEER)
    row->peer_inode = numbers[0];
  else if (type == UNIX_DIAG_RQLEN)
    row->queue_length = numbers[0];
  else if (type == UNIX_DIAG_UID)
    row->uid = numbers[0];
  else if (type == UNIX_DIAG_NAME)
    {
      row->name = (const char *) data;
      row->name_length = strnlen (row->name, size);
    }
}

static DiagRow
parse_row (const struct nlmsghdr *header)
{
  const struct unix_diag_msg *message = NLMSG_DATA (header);
  const uint8_t *cursor = (const uint8_t *) (message + 1);
  size_t left = header->nlmsg_len - NLMSG_LENGTH (sizeof *message);
  DiagRow row = { .state = message->udiag_state, .inode = message->udiag_ino, .uid = UINT_MAX };
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

/* The errno of a message that ends an answer, or 0. */
static int
parse_end (const struct nlmsghdr *header)
{
  int result = 0;

  if (header->nlmsg_len >= NLMSG_LENGTH (sizeof result))
    memcpy (&result, NLMSG_DATA (header), sizeof result);
  return result < 0 ? -result : 0;
}

/* Calls @func for the rows of one datagram. Returns whether there are more datagrams, or -1 with errno set. */
static int
walk_datagram (const void *data, size_t size, DiagRowFunc func, void *user_data)
{
  const struct nlmsghdr *header = data;

  for (; NLMSG_OK (header, size); header = next_message (header, &size))
    {
      if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR)
        {
          errno = parse_end (header);
          return errno == 0 ? 0 : -1;
        }
      if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY
          || header->nlmsg_len < NLMSG_LENGTH (sizeof (struct unix_diag_msg)))
        continue;
      DiagRow row = parse_row (header);
      func (&row, user_data);
      if ((header->nlmsg_flags & NLM_F_MULTI) == 0)
        return 0;
    }

  return 1;
}

/* Whether a datagram has rows. The end of a dump is a datagram of its own. */
static bool
has_rows (const void *data, size_t size)
{
  const struct nlmsghdr *header = data;

  return NLMSG_OK (header, size) && header->nlmsg_type == SOCK_DIAG_BY_FAMILY;
}

/* Returns the number of datagrams with rows of the answer, or -1 with errno set. The rows of one are complete. The
 * kernel answers within send() and recv(): it is never waited for. */
static int
exchange (int fd, const DiagRequest *request, DiagRowFunc func, void *user_data)
{
  uint8_t buffer[DATAGRAM_SIZE_MAX] __attribute__ ((aligned (NLMSG_ALIGNTO)));
  int n_datagrams = 0;
  int more = 1;
  ssize_t n;

  do
    n = send (fd, request, sizeof *request, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);

  while (n > 0 && more > 0)
    {
      do
        n = recv (fd, buffer, sizeof buffer, MSG_DONTWAIT | MSG_TRUNC);
      while (n < 0 && errno == EINTR);
      if (n > 0 && (size_t) n > sizeof buffer)
        {
          errno = EMSGSIZE;
          return -1;
        }
      if (n > 0)
        {
          more = walk_datagram (buffer, (size_t) n, func, user_data);
          n_datagrams += has_rows (buffer, (size_t) n);
        }
    }
  if (n == 0)
    errno = EPROTO;

  return n > 0 && more == 0 ? n_datagrams : -1;
}

static int
ask (DiagRequest *request, DiagRowFunc func, void *user_data)
{
  int fd = socket (AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

  if (fd < 0)
    return -1;
  request->header.nlmsg_len = sizeof *request;
  request->header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request->request.sdiag_family = AF_UNIX;
  int n_datagrams = exchange (fd, request, func, user_data);
  int saved_errno = errno;
  close (fd);
  errno = saved_errno;

  return n_datagrams;
}

/* What a sandbox and a kernel without unix_diag answer. Anything else is a failure that may not come again. */
static bool
means_unavailable (int system_errno)
{
  switch (system_errno)
    {
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT:
    case EOPNOTSUPP:
    case EINVAL:
    case ENOSYS:
    case ENOENT:
    case EPERM:
    case EACCES:
      return true;
    default:
      return false;
    }
}

static LxcmonDiagResult
fail (int system_errno, const char *question, LxcmonError *error)
{
  _lxcmon_error_set_system (error, system_errno, "cannot ask the kernel, by sock_diag, %s",
                            question);
  return means_unavailable (system_errno) ? LXCMON_DIAG_UNAVAILABLE : LXCMON_DIAG_FAILED;
}

LxcmonDiagFile
_lxcmon_diag_get_file (const struct stat *info)
{
  return (LxcmonDiagFile){
    .device = (major (info->st_dev) << MINOR_BITS) | minor (info->st_dev),
    .inode = (uint32_t) info->st_ino,
  };
}

/**
 * _lxcmon_diag_compare_files:
 *
 * The order of slots, for qsort() and bsearch(); a #LxcmonDiagFile is the first member of a slot.
 */
int
_lxcmon_diag_compare_files (const void *a, const void *b)
{
  const LxcmonDiagFile *first = a, *second = b;

  if (first->device != second->device)
    return first->device < second->device ? -1 : 1;
  return first->inode < second->inode ? -1 : first->inode > second->inode;
}

typedef struct
{
  LxcmonDiagSlot *slots;
  size_t n;
} SlotSearch;

static void
handle_row (const DiagRow *row, void *user_data)
{
  const SlotSearch *search = user_data;

  if (!row->has_file)
    return;
  LxcmonDiagSlot *slot
      = bsearch (&row->file, search->slots, search->n, sizeof *slot, _lxcmon_diag_compare_files);
  if (slot == NULL)
    return;
  if (row->state == TCP_LISTEN)
    {
      slot->listener = row->inode;
      slot->listener_uid = row->uid;
      slot->n_queued += row->queue_length;
    }
  else if (row->state == TCP_ESTABLISHED)
    slot->n_accepted++;
  else
    slot->n_bound++;
}

/**
 * _lxcmon_diag_find_slots:
 * @slots: files, sorted; what they had is replaced, but for a listener that is not seen again
 * @n: how many
 * @error: (out) (optional): return location for an error; set unless the kernel has answered
 *
 * Finds the sockets and clients of files. The kernel goes through all of its sockets, which takes about 1.3 µs for
 * each; those of other files need no memory.
 *
 * Returns: whether the kernel has answered
 */
LxcmonDiagResult
_lxcmon_diag_find_slots (LxcmonDiagSlot *slots, size_t n, LxcmonError *error)
{
  SlotSearch search = { .slots = slots, .n = n };
  DiagRequest request = {
    .header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
    .request = {
      .udiag_states = 1u << TCP_ESTABLISHED | 1u << TCP_LISTEN | 1u << TCP_CLOSE,
      .udiag_show = UDIAG_SHOW_VFS | UDIAG_SHOW_RQLEN | UDIAG_SHOW_UID,
    },
  };

  for (size_t i = 0; i < n; i++)
    slots[i].n_bound = slots[i].n_accepted = slots[i].n_queued = 0;
  int n_datagrams = ask (&request, handle_row, &search);
  if (n_datagrams < 0)
    return fail (errno, QUESTION_CLIENTS, error);
  return n_datagrams <= 1 ? LXCMON_DIAG_ANSWERED : LXCMON_DIAG_MAY_HAVE_MISSED;
}

/**
 * _lxcmon_diag_files_add:
 *
 * Adds a file.
 *
 * Returns: false if memory has run out
 */
bool
_lxcmon_diag_files_add (LxcmonDiagFiles *files, LxcmonDiagFile file)
{
  if (files->n == files->capacity)
    {
      size_t capacity = files->capacity == 0 ? 64 : files->capacity * 2;
      LxcmonDiagFile *bigger = realloc (files->items, capacity * sizeof *bigger);
      if (bigger == NULL)
        return false;
      files->items = bigger;
      files->capacity = capacity;
    }
  files->items[files->n++] = file;
  return true;
}

typedef struct
{
  LxcmonDiagFiles *files;
  bool failed;
} TakenSearch;

static void
handle_accepted (const DiagRow *row, void *user_data)
{
  TakenSearch *search = user_data;

  if (row->has_file && !_lxcmon_diag_files_add (search->files, row->file))
    search->failed = true;
}

/**
 * _lxcmon_diag_add_taken:
 * @files: (inout): a list
 * @error: (out) (optional): return location for an error; set unless the kernel has answered
 *
 * Adds the files of all sockets that have accepted a client. It takes the kernel about 1.3 µs for each connection.
 *
 * Returns: whether the kernel has answered
 */
LxcmonDiagResult
_lxcmon_diag_add_taken (LxcmonDiagFiles *files, LxcmonError *error)
{
  TakenSearch search = { .files = files };
  DiagRequest request = {
    .header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
    .request = { .udiag_states = 1u << TCP_ESTABLISHED, .udiag_show = UDIAG_SHOW_VFS },
  };
  int n_datagrams = ask (&request, handle_accepted, &search);

  if (n_datagrams < 0)
    return fail (errno, QUESTION_CLIENTS, error);
  if (search.failed)
    return fail (ENOMEM, QUESTION_CLIENTS, error);
  return n_datagrams <= 1 ? LXCMON_DIAG_ANSWERED : LXCMON_DIAG_MAY_HAVE_MISSED;
}

typedef struct
{
  LxcmonDiagListenerFunc func;
  void *user_data;
} ListenerSearch;

static void
handle_listener (const DiagRow *row, void *user_data)
{
  const ListenerSearch *search = user_data;

  if (!row->has_file || row->name_length == 0)
    return;
  const LxcmonDiagListener listener = {
    .inode = row->inode,
    .uid = row->uid,
    .file = row->file,
    .path = row->name,
    .path_length = row->name_length,
  };
  search->func (&listener, search->user_data);
}

/**
 * _lxcmon_diag_list_listeners:
 * @func: called for each; what it gets is valid during the call
 * @user_data: data for @func
 * @error: (out) (optional): return location for an error; set unless the kernel has answered
 *
 * Lists the sockets that listen and are bound to a file.
 *
 * Returns: whether the kernel has answered
 */
LxcmonDiagResult
_lxcmon_diag_list_listeners (LxcmonDiagListenerFunc func, void *user_data, LxcmonError *error)
{
  ListenerSearch search = { .func = func, .user_data = user_data };
  DiagRequest request = {
    .header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
    .request = {
      .udiag_states = 1u << TCP_LISTEN,
      .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_UID,
    },
  };
  int n_datagrams = ask (&request, handle_listener, &search);

  if (n_datagrams < 0)
    return fail (errno, QUESTION_LISTENERS, error);
  return n_datagrams <= 1 ? LXCMON_DIAG_ANSWERED : LXCMON_DIAG_MAY_HAVE_MISSED;
}

typedef struct
{
  bool found;
  uint64_t peer_inode;
} PeerSearch;

static void
handle_peer (const DiagRow *row, void *user_data)
{
  PeerSearch *search = user_data;

  search->found = true;
  search->peer_inode = row->peer_inode;
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

  (void) ask (&request, handle_peer, &search);
  *peer_inode = search.peer_inode;
  return search.found;
}
