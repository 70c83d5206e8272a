/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the rule for a driver that is only away: it is restarted, or upgraded. For 10 s after a driver has gone, a
 * container is still libvirtd's if libvirtd's own file about it names its controller. When a driver has gone is the
 * latest of: when it was seen last, when an unlocked driver.pid was written, when the directory was changed (a driver
 * that stops removes its file).
 *
 * Of the XML, only the pid of the outermost element is read, and it is believed for nothing but this.
 */

#include "lxcmon-away-private.h"
#include "lxcmon-clock-private.h"
#include "lxcmon-diag-private.h"
#include "lxcmon-driver-private.h"
#include "lxcmon-error-private.h"
#include "lxcmon-process-private.h"
#include "lxcmon-trust-private.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AWAY_NS (10 * (int64_t) LXCMON_NS_PER_S)

/* The outermost element comes after a comment of some 400 bytes. */
#define TEXT_SIZE 4097

#define SOCKET_SUFFIX ".sock"
#define ELEMENT       "<domstatus"

/* ---- Since when ---- */

/* How long ago a file was changed, by the monotonic clock. If the time is in the future, the clock was set: the
 * moment when the directory became known is used instead. */
static int64_t
get_age (const struct stat *info, const LxcmonDriverDir *dir)
{
  struct timespec now;

  clock_gettime (CLOCK_REALTIME, &now);
  int64_t seconds = (int64_t) now.tv_sec - (int64_t) info->st_mtim.tv_sec;
  if (seconds > INT32_MAX)
    return INT64_MAX;
  int64_t age = seconds * LXCMON_NS_PER_S + now.tv_nsec - info->st_mtim.tv_nsec;
  return age >= 0 ? age : _lxcmon_clock_now () - dir->known_since;
}

static int64_t
min (int64_t a, int64_t b)
{
  return a < b ? a : b;
}

/* How long ago a driver may have gone. */
static int64_t
get_away (int dir_fd, const LxcmonDriverDir *dir)
{
  int64_t away = dir->seen_at != 0 ? _lxcmon_clock_now () - dir->seen_at : INT64_MAX;
  struct stat info;

  if (fstat (dir_fd, &info) == 0)
    away = min (away, get_age (&info, dir));
  if (fstatat (dir_fd, LXCMON_DRIVER_FILE, &info, AT_SYMLINK_NOFOLLOW) == 0
      && S_ISREG (info.st_mode) && _lxcmon_is_trusted (info.st_uid))
    away = min (away, get_age (&info, dir));
  return away;
}

/* ---- Whose ---- */

static const char *
skip_space (const char *text)
{
  while (isspace ((unsigned char) *text))
    text++;
  return text;
}

/* Skips what may come before the outermost element. */
static const char *
skip_prolog (const char *text)
{
  for (;;)
    {
      const char *end;

      text = skip_space (text);
      if (strncmp (text, "<?", 2) == 0)
        end = "?>";
      else if (strncmp (text, "<!--", 4) == 0)
        end = "-->";
      else
        return text;
      text = strstr (text + 2, end);
      if (text == NULL)
        return "";
      text += strlen (end);
    }
}

static int
parse_pid (const char *value, const char *end)
{
  long pid = 0;

  for (; value < end; value++)
    {
      if (!isdigit ((unsigned char) *value) || pid > INT_MAX / 10)
        return 0;
      pid = pid * 10 + (*value - '0');
    }
  return pid <= INT_MAX ? (int) pid : 0;
}

/**
 * _lxcmon_away_parse:
 * @text: the beginning of a status XML
 *
 * Finds the controller's pid.
 *
 * Returns: the pid, or 0 if there is none
 */
int
_lxcmon_away_parse (const char *text)
{
  const char *cursor = skip_prolog (text);

  if (strncmp (cursor, ELEMENT, strlen (ELEMENT)) != 0)
    return 0;
  cursor += strlen (ELEMENT);
  while (isspace ((unsigned char) *cursor))
    {
      const char *name = skip_space (cursor);
      size_t length
          = strspn (name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_:");
      const char *value = name + length;

      if (length == 0 || value[0] != '=' || (value[1] != '\'' && value[1] != '"'))
        return 0;
      const char *end = strchr (value + 2, value[1]);
      if (end == NULL)
        return 0;
      if (length == strlen ("pid") && memcmp (name, "pid", length) == 0)
        return parse_pid (value + 2, end);
      cursor = end + 1;
    }

  return 0;
}

/* Reads the beginning of the XML beside a socket. An empty text means that there is none. */
static bool
read_xml (const LxcmonTarget *target, char text[TEXT_SIZE], LxcmonError *error)
{
  size_t length = strlen (target->base);
  char name[NAME_MAX + 1];
  struct stat info;
  int fd;

  text[0] = '\0';
  if (length <= strlen (SOCKET_SUFFIX) || length > NAME_MAX
      || strcmp (target->base + length - strlen (SOCKET_SUFFIX), SOCKET_SUFFIX) != 0)
    return true;
  snprintf (name, sizeof name, "%.*s.xml", (int) (length - strlen (SOCKET_SUFFIX)), target->base);
  do
    fd = openat (target->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  while (fd < 0 && errno == EINTR);
  if (fd < 0)
    return errno == ENOENT || errno == ELOOP
           || _lxcmon_error_set_system (error, errno,
                                        "cannot check whether libvirtd manages %s: open %s",
                                        target->path, name);

  ssize_t n = 0;
  if (fstat (fd, &info) == 0 && S_ISREG (info.st_mode) && _lxcmon_is_trusted (info.st_uid))
    n = read (fd, text, TEXT_SIZE - 1);
  text[n > 0 ? n : 0] = '\0';
  close (fd);
  return true;
}

/* Finds out whether a process is the controller. Without sock_diag, it is enough that it is one. */
static bool
check_pid (const LxcmonTarget *target, int pid, bool *is_controller, LxcmonError *error)
{
  LxcmonDiagSlot slot = { .file = _lxcmon_diag_get_file (&target->info) };
  char name[LXCMON_PROCESS_NAME_SIZE];

  if (_lxcmon_diag_find_slots (&slot, 1, error) == LXCMON_DIAG_FAILED)
    return false;
  if (slot.listener != 0)
    *is_controller = lxcmon_process_serves (pid, slot.listener, slot.listener_uid);
  else
    *is_controller = _lxcmon_process_get_name (pid, name) && strcmp (name, "libvirt_lxc") == 0;
  return true;
}

/**
 * _lxcmon_away_check:
 * @target: a controller's socket
 * @dir: what is known of its directory; no driver is running
 * @error: (out) (optional): return location for an error
 *
 * Checks that a container is not that of a libvirtd that is only away.
 *
 * Returns: false with @error set if it is, or if that could not be found out
 */
bool
_lxcmon_away_check (const LxcmonTarget *target, const LxcmonDriverDir *dir, LxcmonError *error)
{
  char text[TEXT_SIZE];
  bool is_controller;
  int64_t left = AWAY_NS - min (get_away (target->dir_fd, dir), AWAY_NS);

  if (left <= 0)
    return true;
  if (!read_xml (target, text, error))
    return false;
  int pid = _lxcmon_away_parse (text);
  if (pid == 0)
    return true;
  if (!check_pid (target, pid, &is_controller, error))
    return false;
  if (!is_controller)
    return true;

  return _lxcmon_error_set (
      error, LXCMON_MONITOR_ERROR_BUSY, 0,
      "libvirtd manages the container of %s, is not running, and may be restarting: the controller's "
      "one client slot is kept for it, for another %d s",
      target->path, (int) ((left + LXCMON_NS_PER_S - 1) / LXCMON_NS_PER_S));
}
