/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the parser of /proc/net/unix, and the snapshot of it that all busy checks of a process share. A row takes
 * about 1.6 µs to read, so 10,000 clients that attach one after the other must not read 10,000 rows each.
 *
 * The state of a row is 01 for a socket that is bound, with a flag if it listens, 02 for a connection in the
 * backlog, and 03 for one that is accepted. Paths are not quoted and may contain newlines. Abstract names and
 * sockets without a path are skipped.
 */

#include "lxcmon-snapshot-private.h"
#include "lxcmon-clock-private.h"
#include "lxcmon-error-private.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A snapshot is used for ten times as long as it took to read, so that reading takes a tenth of the time at
 * most. On an ordinary machine that is 2 ms. */
#define SHARED_FOR_MAX_NS (100 * (int64_t) LXCMON_NS_PER_MS)
#define SHARED_FACTOR     10

enum
{
  STATE_UNCONNECTED = 1,
  STATE_QUEUED = 2,
  STATE_ACCEPTED = 3,
};

/* SO_ACCEPTCON of the kernel, in the column of flags */
#define FLAG_LISTENS 0x10000

/* What the table has of a path is its hash of 64 bits: only root can bind sockets in the directories that matter,
 * and a collision could only make a slot seem to be taken. */
typedef struct
{
  uint64_t hash; /* 0 if the entry is free */
  LxcmonSlot slot;
  bool invalid; /* we have connected since */
} Entry;

typedef struct
{
  Entry *entries;
  size_t capacity; /* a power of two, or 0 */
  size_t n_entries;
  int64_t shared_until;
} Snapshot;

static pthread_mutex_t snapshot_mutex = PTHREAD_MUTEX_INITIALIZER;
static Snapshot snapshot;

static uint64_t
hash_path (const char *path, size_t length)
{
  uint64_t hash = 0xcbf29ce484222325u;

  for (size_t i = 0; i < length; i++)
    hash = (hash ^ (uint8_t) path[i]) * 0x100000001b3u;

  return hash == 0 ? 1 : hash;
}

/* Returns the entry of a hash, or the free one for it. The table is never full. */
static Entry *
find_entry (const Snapshot *self, uint64_t hash)
{
  size_t i = hash & (self->capacity - 1);

  while (self->entries[i].hash != 0 && self->entries[i].hash != hash)
    i = (i + 1) & (self->capacity - 1);

  return &self->entries[i];
}

static bool
grow (Snapshot *self)
{
  Snapshot bigger = { .capacity = self->capacity == 0 ? 64 : self->capacity * 2 };

  bigger.entries = calloc (bigger.capacity, sizeof *bigger.entries);
  if (bigger.entries == NULL)
    return false;
  for (size_t i = 0; i < self->capacity; i++)
    if (self->entries[i].hash != 0)
      *find_entry (&bigger, self->entries[i].hash) = self->entries[i];
  free (self->entries);
  self->entries = bigger.entries;
  self->capacity = bigger.capacity;

  return true;
}

/* The columns before the path */
typedef struct
{
  unsigned long flags;
  int state;
  uint64_t inode;
} Columns;

static bool
add_row (Snapshot *self, const char *path, size_t length, const Columns *columns)
{
  if (self->n_entries * 2 >= self->capacity && !grow (self))
    return false;

  Entry *entry = find_entry (self, hash_path (path, length));
  if (entry->hash == 0)
    {
      entry->hash = hash_path (path, length);
      self->n_entries++;
    }
  bool listens = columns->state == STATE_UNCONNECTED && (columns->flags & FLAG_LISTENS) != 0;
  entry->slot.n_listeners += listens;
  entry->slot.n_bound += columns->state == STATE_UNCONNECTED && !listens;
  entry->slot.n_queued += columns->state == STATE_QUEUED;
  entry->slot.n_accepted += columns->state == STATE_ACCEPTED;
  if (listens)
    entry->slot.listener = columns->inode;

  return true;
}

/* Whether @text begins with @pattern, in which 'x' stands for a hexadecimal digit. */
static bool
matches (const char *text, const char *end, const char *pattern)
{
  for (; *pattern != '\0'; pattern++, text++)
    {
      if (text == end)
        return false;
      if (*pattern == 'x' ? !isxdigit ((unsigned char) *text) : *text != *pattern)
        return false;
    }
  return true;
}

/* Reads the columns of "ADDRESS: REFS PROTOCOL FLAGS TYPE STATE INODE[ PATH]". Returns where the path begins, or
 * NULL if there is none. If *is_row is false, the line is the rest of a path that contains a newline. */
static const char *
parse_columns (const char *line, const char *end, Columns *columns, bool *is_row)
{
  static const char pattern[] = ": xxxxxxxx xxxxxxxx xxxxxxxx xxxx xx ";
  const char *cursor = line;

  *is_row = false;
  while (cursor < end && isxdigit ((unsigned char) *cursor))
    cursor++;
  if (cursor == line || !matches (cursor, end, pattern))
    return NULL;
  columns->flags = strtoul (cursor + strlen (": xxxxxxxx xxxxxxxx "), NULL, 16);
  const char *digits = cursor + sizeof pattern - 1 - 3;
  columns->state = (int) strtol ((char[]){ digits[0], digits[1], '\0' }, NULL, 16);
  columns->inode = 0;

  cursor += sizeof pattern - 1;
  while (cursor < end && *cursor == ' ')
    cursor++;
  const char *inode = cursor;
  for (; cursor < end && isdigit ((unsigned char) *cursor); cursor++)
    columns->inode = columns->inode * 10 + (uint64_t) (*cursor - '0');
  if (cursor == inode || (cursor < end && *cursor != ' '))
    return NULL;

  *is_row = true;
  return cursor < end ? cursor + 1 : NULL;
}

static const char *
line_end (const char *cursor, const char *end)
{
  const char *newline = memchr (cursor, '\n', (size_t) (end - cursor));

  return newline != NULL ? newline : end;
}

/* Finds the end of a path that may contain newlines: it ends before the next line that is a row. */
static const char *
path_end (const char *cursor, const char *end)
{
  for (;;)
    {
      const char *stop = line_end (cursor, end);
      Columns columns;
      bool is_row;

      if (stop == end || stop + 1 == end)
        return stop;
      (void) parse_columns (stop + 1, line_end (stop + 1, end), &columns, &is_row);
      if (is_row)
        return stop;
      cursor = stop + 1;
    }
}

static bool
parse_text (Snapshot *self, const char *text, const char *end)
{
  const char *cursor = line_end (text, end); /* the first line is a heading */

  while (cursor < end && ++cursor < end)
    {
      Columns columns;
      bool is_row;
      const char *stop = line_end (cursor, end);
      const char *path = parse_columns (cursor, stop, &columns, &is_row);

      cursor = stop;
      if (path == NULL)
        continue;
      cursor = path_end (path, end);
      if (*path == '/' && !add_row (self, path, (size_t) (cursor - path), &columns))
        return false;
    }

  return true;
}

/* Reads all of a file whose size is not known. */
static char *
read_all (int fd, size_t *length)
{
  size_t size = 16384;
  char *text = malloc (size);

  *length = 0;
  while (text != NULL)
    {
      if (*length == size)
        {
          char *bigger = realloc (text, size * 2);
          if (bigger == NULL)
            break;
          text = bigger;
          size *= 2;
        }
      ssize_t n = read (fd, text + *length, size - *length);
      if (n < 0 && errno == EINTR)
        continue;
      if (n == 0)
        return text;
      if (n < 0)
        break;
      *length += (size_t) n;
    }

  free (text);
  return NULL;
}

static bool
take_snapshot (Snapshot *self, LxcmonError *error)
{
  size_t length;
  int64_t started_at = _lxcmon_clock_now ();
  int fd = open ("/proc/net/unix", O_RDONLY | O_CLOEXEC);

  free (self->entries);
  *self = (Snapshot){ .entries = NULL };
  if (fd < 0)
    return _lxcmon_error_set_system (error, errno,
                                     "cannot check for other clients: open /proc/net/unix");
  errno = 0;
  char *text = read_all (fd, &length);
  int read_errno = errno;
  close (fd);
  if (text == NULL)
    return _lxcmon_error_set_system (error, read_errno != 0 ? read_errno : ENOMEM,
                                     "cannot check for other clients: read /proc/net/unix");

  bool done = grow (self) && parse_text (self, text, text + length);
  free (text);
  if (!done)
    return _lxcmon_error_set_no_memory (error);

  int64_t now = _lxcmon_clock_now ();
  int64_t shared_for = (now - started_at) * SHARED_FACTOR;
  self->shared_until = now + (shared_for < SHARED_FOR_MAX_NS ? shared_for : SHARED_FOR_MAX_NS);
  return true;
}

static void
add_slot (LxcmonSlot *sum, const Entry *entry)
{
  sum->n_listeners += entry->slot.n_listeners;
  sum->n_bound += entry->slot.n_bound;
  sum->n_accepted += entry->slot.n_accepted;
  sum->n_queued += entry->slot.n_queued;
  if (entry->slot.listener != 0)
    sum->listener = entry->slot.listener;
}

/* Adds up what the snapshot has for the paths. Returns whether that is valid: not if we have connected since, or
 * if there is no listener, as the controller may have started since. */
static bool
find_slot (const Snapshot *self, const char *const paths[2], LxcmonSlot *slot)
{
  const Entry *first = find_entry (self, hash_path (paths[0], strlen (paths[0])));
  const Entry *second = find_entry (self, hash_path (paths[1], strlen (paths[1])));

  *slot = (LxcmonSlot){ 0 };
  add_slot (slot, first);
  if (second != first)
    add_slot (slot, second);

  return !first->invalid && !second->invalid && slot->n_listeners > 0;
}

/**
 * _lxcmon_snapshot_get:
 * @mode: whether a recent snapshot will do
 * @paths: the paths that the socket may have been bound to
 * @slot: (out): its client slot
 * @error: (out) (optional): return location for an error
 *
 * Gets the state of a controller's client slot, without connecting. May be called from any thread.
 *
 * Returns: whether it could be read
 */
bool
_lxcmon_snapshot_get (LxcmonSnapshotMode mode, const char *const paths[2], LxcmonSlot *slot,
                      LxcmonError *error)
{
  bool done = true;

  pthread_mutex_lock (&snapshot_mutex);

  if (mode == LXCMON_SNAPSHOT_FRESH || snapshot.entries == NULL
      || _lxcmon_clock_now () > snapshot.shared_until || !find_slot (&snapshot, paths, slot))
    {
      done = take_snapshot (&snapshot, error);
      if (done)
        (void) find_slot (&snapshot, paths, slot);
    }

  pthread_mutex_unlock (&snapshot_mutex);
  return done;
}

/**
 * _lxcmon_snapshot_begin:
 *
 * Takes a fresh snapshot and keeps it locked, for calls of _lxcmon_snapshot_find(). May be called from any thread.
 *
 * Returns: false with @error set if it could not be read; nothing is locked then
 */
bool
_lxcmon_snapshot_begin (LxcmonError *error)
{
  pthread_mutex_lock (&snapshot_mutex);
  if (take_snapshot (&snapshot, error))
    return true;

  pthread_mutex_unlock (&snapshot_mutex);
  return false;
}

LxcmonSlot
_lxcmon_snapshot_find (const char *const paths[2])
{
  LxcmonSlot slot;

  (void) find_slot (&snapshot, paths, &slot);
  return slot;
}

void
_lxcmon_snapshot_end (void)
{
  pthread_mutex_unlock (&snapshot_mutex);
}

/**
 * _lxcmon_snapshot_invalidate:
 * @paths: the paths that the socket may have been bound to
 *
 * Makes the shared snapshot invalid for one socket, to which this process has just connected.
 */
void
_lxcmon_snapshot_invalidate (const char *const paths[2])
{
  pthread_mutex_lock (&snapshot_mutex);
  for (int i = 0; i < 2 && snapshot.entries != NULL; i++)
    {
      uint64_t hash = hash_path (paths[i], strlen (paths[i]));
      Entry *entry = find_entry (&snapshot, hash);

      if (entry->hash == 0 && (snapshot.n_entries + 1) * 2 > snapshot.capacity)
        {
          snapshot.shared_until = 0;
          break;
        }
      snapshot.n_entries += entry->hash == 0;
      entry->hash = hash;
      entry->invalid = true;
    }
  pthread_mutex_unlock (&snapshot_mutex);
}
