/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Containers of a libvirtd that is only away: until 10 s after it has gone, and if libvirtd's own file names the
 * controller. What is read of that file, and what is not believed.
 */

#include "common/core-child.h"
#include "common/core-peer.h"
#include "common/core-session.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lxcmon/lxcmon-away-private.h>

#define XML(pid) \
  "<!--\nWARNING: <domstatus pid='1'>\n-->\n\n<domstatus state='running' pid='" pid "'>\n"

static void
test_parse (void)
{
  static const struct
  {
    const char *text;
    int pid;
  } cases[] = {
    { XML ("4711"), 4711 },
    { "<?xml version='1.0'?><domstatus\n\tpid=\"12\"/>", 12 },
    { "<domstatus state='pid' xpid='3' pid='2147483647'>", 2147483647 },
    { "<domstatus pid='2147483648'>", 0 },
    { "<domstatus pid='99999999999999999999'>", 0 },
    { "<domstatus pid='-1'>", 0 },
    { "<domstatus pid=' 1'>", 0 },
    { "<domstatus pid='1", 0 },
    { "<domstatus pid=1>", 0 },
    { "<domstatus><init pid='7'/>", 0 },
    { "<domstatusx pid='7'>", 0 },
    { "<domain><domstatus pid='7'>", 0 },
    { "<!-- <domstatus pid='7'>", 0 },
    { "text <domstatus pid='7'>", 0 },
    { "", 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("%s", cases[i].text);
      g_assert_cmpint (_lxcmon_away_parse (cases[i].text), ==, cases[i].pid);
    }
}

typedef struct
{
  CoreListener listener;
  CoreSession session;
  char *xml;
  char *lock;
} Fixture;

static void
set_age (const char *path, int seconds)
{
  struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };

  clock_gettime (CLOCK_REALTIME, &times[1]);
  times[1].tv_sec -= seconds;
  g_assert_no_errno (utimensat (AT_FDCWD, path, times, 0));
}

static void
fixture_init (Fixture *self, int pid)
{
  g_autofree char *text = g_strdup_printf (XML ("%d"), pid);

  core_listener_init (&self->listener);
  core_session_init (&self->session, CORE_PULLED);
  self->xml = g_build_filename (self->listener.dir, "web1.xml", NULL);
  self->lock = g_build_filename (self->listener.dir, "driver.pid", NULL);
  g_assert_true (g_file_set_contents (self->xml, text, -1, NULL));
}

static void
fixture_clear (Fixture *self)
{
  core_session_clear (&self->session);
  core_listener_clear (&self->listener);
  g_free (self->xml);
  g_free (self->lock);
}

static gboolean
is_busy (Fixture *self)
{
  LxcmonError error;

  if (core_session_attach (&self->session, self->listener.path, NULL, &error))
    return FALSE;
  g_assert_cmpstr (lxcmon_monitor_error_to_string (error.code), ==, "busy");
  g_assert_nonnull (strstr (error.message, "may be restarting"));
  g_assert_nonnull (strstr (error.message, "for another "));
  return TRUE;
}

/* The directory was changed just now; then nothing has happened for long; then a driver.pid was left behind; then
 * the clock was set. */
static void
test_times (void)
{
  static const struct
  {
    int dir, lock;
    gboolean busy;
  } cases[] = { { 0, -1, TRUE }, { 8, -1, TRUE },   { 11, -1, FALSE },    { 11, 11, FALSE },
                { 11, 8, TRUE }, { -99, -1, TRUE }, { 11, 100000, FALSE } };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Fixture self;

      fixture_init (&self, getpid ());
      if (cases[i].lock >= 0)
        {
          g_assert_true (g_file_set_contents (self.lock, "1", 1, NULL));
          set_age (self.lock, cases[i].lock);
        }
      set_age (self.listener.dir, cases[i].dir);
      g_test_message ("%d %d", cases[i].dir, cases[i].lock);
      g_assert_cmpint (is_busy (&self), ==, cases[i].busy);
      fixture_clear (&self);
    }
}

/* A hub that has seen the driver knows when it went, although its file is old and still there. */
static void
test_seen (void)
{
  LxcmonError error;
  CoreChild driver;
  Fixture self;

  fixture_init (&self, getpid ());
  core_child_start (&driver, core_child_lock, self.lock);
  g_assert_false (core_session_attach (&self.session, self.listener.path, NULL, &error));
  g_assert_nonnull (strstr (error.message, "manages the containers"));
  core_child_stop (&driver);
  set_age (self.lock, 100);
  set_age (self.listener.dir, 100);
  g_assert_true (is_busy (&self));
  fixture_clear (&self);
}

/* A program that knows when the driver ends makes the hub find it out then. */
static void
test_found (void)
{
  LxcmonHub *hub;
  LxcmonDriver found;
  CoreChild driver;
  LxcmonError error;
  Fixture self;

  fixture_init (&self, getpid ());
  hub = self.session.hub;
  core_child_start (&driver, core_child_lock, self.lock);
  g_assert_true (lxcmon_hub_find_driver (hub, self.listener.dir, &found, &error));
  g_assert_true (found.running);
  core_child_stop (&driver);
  set_age (self.lock, 100);
  set_age (self.listener.dir, 100);
  g_assert_true (lxcmon_hub_find_driver (hub, self.listener.dir, &found, &error));
  g_assert_false (found.running);
  g_assert_true (is_busy (&self));
  g_assert_false (lxcmon_hub_find_driver (hub, "/nonexistent", &found, &error));
  g_assert_cmpint (error.code, ==, LXCMON_MONITOR_ERROR_NOT_FOUND);
  g_assert_false (found.running);
  fixture_clear (&self);
}

/* Another process, no XML, a link to one, none of a regular file; and a driver that forces its way. */
static void
test_not_libvirts (void)
{
  LxcmonAttachOptions options = LXCMON_ATTACH_OPTIONS_INIT;
  Fixture self;

  fixture_init (&self, getppid ());
  g_assert_false (is_busy (&self));
  fixture_clear (&self);

  fixture_init (&self, getpid ());
  g_autofree char *other = g_strconcat (self.xml, ".other", NULL);
  g_assert_no_errno (rename (self.xml, other));
  g_assert_no_errno (symlink (other, self.xml));
  g_assert_false (is_busy (&self));
  fixture_clear (&self);

  fixture_init (&self, getpid ());
  g_assert_no_errno (unlink (self.xml));
  g_assert_no_errno (mkfifo (self.xml, 0600));
  g_assert_false (is_busy (&self));
  fixture_clear (&self);

  options.force = true;
  fixture_init (&self, getpid ());
  g_assert_true (core_session_attach (&self.session, self.listener.path, &options, NULL));
  fixture_clear (&self);
}

static void
wait_until_queued (CoreSession *self)
{
  gint64 deadline = core_deadline ();

  while (lxcmon_connection_get_state (self->connection) != LXCMON_STATE_QUEUED)
    {
      core_session_run_for (self, 50);
      core_check_deadline (deadline, "the connection");
    }
}

/* One that waits for the slot connects when the time is over. */
static void
test_waiting (void)
{
  LxcmonAttachOptions options = LXCMON_ATTACH_OPTIONS_INIT;
  Fixture self;

  options.wait_if_busy = true;
  fixture_init (&self, getpid ());
  set_age (self.listener.dir, 9);
  g_assert_true (core_session_attach (&self.session, self.listener.path, &options, NULL));
  core_session_assert_state (&self.session, "connecting");
  wait_until_queued (&self.session);
  fixture_clear (&self);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  core_test_add ("/away/parse", test_parse);
  core_test_add ("/away/times", test_times);
  core_test_add ("/away/seen", test_seen);
  core_test_add ("/away/found", test_found);
  core_test_add ("/away/not-libvirts", test_not_libvirts);
  core_test_add ("/away/waiting", test_waiting);

  return g_test_run ();
}
