/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The command with a real libvirtd: it uses libvirtd by default if one is running, also if it starts later,
 * reports all that happens to a container, continues after a restart of libvirtd, and its exit code says
 * what it has seen. */

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "others.h"
#include "process.h"
#include "real-test.h"
#include "tools/event.h"

#define NAME  "real-command"
#define LOCAL "lxc:///system"

typedef struct
{
  Libvirtd *libvirtd;
  Container *container;
} Host;

static gboolean
host_start (Host *self)
{
  self->libvirtd = real_test_start_libvirtd ();
  if (self->libvirtd == NULL)
    return FALSE;
  self->container = container_new (NAME);
  return TRUE;
}

static void
host_clear (Host *self)
{
  g_clear_pointer (&self->libvirtd, libvirtd_free);
  g_clear_pointer (&self->container, container_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Host, host_clear)

static void
host_create (Host *self)
{
  g_autoptr (GError) error = NULL;

  libvirtd_create (self->libvirtd, self->container, &error);
  g_assert_no_error (error);
}

static void
host_wait_gone (Host *self)
{
  g_autoptr (GError) error = NULL;

  libvirtd_wait_gone (self->libvirtd, self->container, &error);
  g_assert_no_error (error);
}

static void
host_destroy (Host *self)
{
  g_autoptr (GError) error = NULL;

  libvirtd_destroy_domain (self->libvirtd, self->container, &error);
  g_assert_no_error (error);
  host_wait_gone (self);
}

static void
host_end_libvirtd (Host *self)
{
  real_end_libvirtd (self->libvirtd, SIGKILL);
}

static void
host_start_libvirtd (Host *self)
{
  libvirtd_free (self->libvirtd);
  self->libvirtd = real_start_libvirtd ();
}

/* A container that ran before the command was started: "attached" only. */
static void
expect_attached (Host *self, Events *events)
{
  events_expect_attached (events, container_get_controller_pid (self->container),
                          real_init_pid (self->container));
}

static void
host_reboot (Host *self, Events *events)
{
  g_autoptr (GError) error = NULL;

  real_command (self->container, "reboot");
  events_expect_exit (events, "reboot", -1);
  events_expect_closed (events, NULL);
  libvirtd_wait_reboot (self->libvirtd, self->container, &error);
  g_assert_no_error (error);
  expect_attached (self, events);
  events_expect_init (events, real_init_pid (self->container));
}

/* The same for the only one: the list is complete then. */
static void
expect_first (Host *self, Events *events)
{
  expect_attached (self, events);
  events_expect_listed (events, 1);
}

/* Without an option about libvirt, and with the URI. */
static void
check_watch (const char *first, const char *second)
{
  g_auto (Host) host = { 0 };

  if (!host_start (&host))
    return;
  host_create (&host);
  Events events = { command_start ("watch", "--json", first, second, NULL), NAME, 0, TRUE };
  expect_first (&host, &events);
  host_reboot (&host, &events);
  if (libvirtd_wait_attached (host.container))
    {
      real_command (host.container, "shutdown");
      events_expect_exit (&events, "shutdown", -1);
      events_expect_closed (&events, NULL);
      command_expect_end (events.command, 0, NOTHING, NOTHING);
      return;
    }
  g_test_message ("libvirtd has lost its own container");
  command_signal (events.command, SIGTERM);
  command_expect_end (events.command, 0, ANYTHING, NOTHING);
}

static void
test_watch_name (void)
{
  check_watch (NAME, NULL);
}

static void
test_watch_uri (void)
{
  check_watch ("--connect=" LOCAL, NAME);
}

static void
test_no_follow (void)
{
  g_auto (Host) host = { 0 };
  g_autoptr (GError) error = NULL;

  if (!host_start (&host))
    return;
  host_create (&host);
  Events events = { command_start ("watch", "--json", "--no-follow", NAME, NULL), NAME, 0, TRUE };
  expect_first (&host, &events);
  real_command (host.container, "reboot");
  events_expect_exit (&events, "reboot", -1);
  events_expect_closed (&events, NULL);
  command_expect_end (events.command, 0, NOTHING, NOTHING);
  libvirtd_wait_reboot (host.libvirtd, host.container, &error);
  g_assert_no_error (error);
}

/* The controller is killed, or the container is destroyed. */
static void
test_lost (void)
{
  g_auto (Host) host = { 0 };

  if (!host_start (&host))
    return;
  host_create (&host);
  Events events = { command_start ("watch", "--json", NAME, NULL), NAME, 0, TRUE };
  expect_first (&host, &events);
  container_signal (host.container, SIGKILL);
  events_expect_closed (&events, "lost");
  command_expect_end (events.command, 5, NOTHING, NOTHING);
  host_wait_gone (&host);

  host_create (&host);
  Command *command = command_start ("watch", NAME, NULL);
  command_expect_message (command, "lxcmon: " NAME ": watched through libvirt; .+");
  host_destroy (&host);
  /* libvirtd sometimes reports Failed too, in either order. */
  command_expect_end (command, 5,
                      TIME_PATTERN " listed containers=1\n" TIME_PATTERN " " NAME
                                   " closed error=destroyed: .+\n",
                      NOTHING);
}

/* How long a command may take until it is connected to libvirtd and has asked for the containers. */
#define START_MS 2000

/* Starts a command that prints nothing when it is ready, and waits for some time. If the command is
 * slower than this, the test fails; it does not pass by mistake. */
#define START_SILENT(command, ...)               \
  G_STMT_START                                   \
  {                                              \
    command = command_start (__VA_ARGS__, NULL); \
    real_run_for (START_MS);                     \
  }                                              \
  G_STMT_END

/* All containers: one starts, ends, and starts again. */
static void
test_watch_all (void)
{
  g_auto (Host) host = { 0 };

  if (!host_start (&host))
    return;
  host_create (&host);
  Events events = { command_start ("watch", "--json", NULL), NAME, 0, TRUE };
  expect_first (&host, &events);
  real_command (host.container, "shutdown");
  events_expect_exit (&events, "shutdown", -1);
  events_expect_closed (&events, NULL);
  host_wait_gone (&host);

  Command *text;
  START_SILENT (text, "watch", "--quiet", "--connect", LOCAL);
  host_create (&host);
  /* The harness may need several attempts. */
  g_autofree char *init
      = g_strdup_printf (TIME_PATTERN " " NAME " init pid=%d", real_init_pid (host.container));
  for (;;)
    {
      g_autofree char *line = command_read_line (text);
      if (g_regex_match_simple (init, line, 0, 0))
        break;
    }
  command_signal (text, SIGTERM);
  command_expect_end (text, 0, NOTHING, NOTHING);
  command_signal (events.command, SIGTERM);
  command_expect_end (events.command, 0, ANYTHING, NOTHING);
}

static void
expect_wait (Host *host, const char *order, int code, const char *output)
{
  Command *command;

  START_SILENT (command, "wait", "--timeout=20s", NAME);
  real_command (host->container, order);
  command_expect_end (command, code, output, NOTHING);
}

static void
test_wait (void)
{
  g_auto (Host) host = { 0 };
  g_autoptr (GError) error = NULL;

  if (!host_start (&host))
    return;
  command_expect_end (command_start ("wait", NAME, NULL), 7, NOTHING,
                      "lxcmon: " NAME ": no container of this name runs\n");
  host_create (&host);
  expect_wait (&host, "shutdown", 0, "shutdown\n");
  host_wait_gone (&host);

  host_create (&host);
  Command *killed;
  START_SILENT (killed, "wait", "--connect", LOCAL, NAME);
  container_signal (host.container, SIGKILL);
  command_expect_end (killed, 5, NOTHING, "lxcmon: " NAME ": its controller ended without EXIT\n");
  host_wait_gone (&host);

  host_create (&host);
  command_expect_end (command_start ("wait", "--timeout=300ms", NAME, NULL), 124, NOTHING,
                      "lxcmon: timed out\n");
  expect_wait (&host, "reboot", 3, "reboot\n");
  libvirtd_wait_reboot (host.libvirtd, host.container, &error);
  g_assert_no_error (error);
}

static void
expect_source (Events *all, Events *named, const char *event, const char *code)
{
  events_expect_source (all, event, code);
  events_expect_source (named, event, code);
}

/* libvirtd is killed twice: first the container continues to run, then it ends meanwhile. */
static void
test_source_lost (void)
{
  g_auto (Host) host = { 0 };

  if (!host_start (&host))
    return;
  host_create (&host);
  Events all = { command_start ("watch", "--json", NULL), NAME, 0, TRUE };
  expect_first (&host, &all);
  Events named = { command_start ("watch", "--json", NAME, NULL), NAME, 0, TRUE };
  expect_first (&host, &named);
  Command *text, *wait;
  START_SILENT (text, "watch", "--quiet", NAME);
  START_SILENT (wait, "wait", NAME);
  command_expect_line (text, TIME_PATTERN " listed containers=1");

  host_end_libvirtd (&host);
  expect_source (&all, &named, "source-lost", "lost");
  command_expect_line (text, TIME_PATTERN " source-lost error=lost: the connection to .+");
  command_expect_message (wait, "lxcmon: the connection to .+; trying to connect again");
  host_start_libvirtd (&host);
  expect_source (&all, &named, "source-back", NULL);
  events_expect_listed (&all, 1);
  events_expect_listed (&named, 1);
  command_expect_line (text, TIME_PATTERN " source-back");
  command_expect_line (text, TIME_PATTERN " listed containers=1");
  command_expect_message (wait, "lxcmon: libvirtd is back");

  host_end_libvirtd (&host);
  expect_source (&all, &named, "source-lost", "lost");
  container_signal (host.container, SIGKILL);
  real_wait_end (host.container);
  events_expect_end (&all, "unknown", "lost");
  events_expect_end (&named, "unknown", "lost");
  command_expect_end (named.command, 5, NOTHING, NOTHING);
  command_expect_end (text, 5,
                      TIME_PATTERN " source-lost .+\n" TIME_PATTERN " " NAME
                                   " closed error=lost: .+\n",
                      NOTHING);
  command_expect_end (wait, 5, NOTHING, "(?:lxcmon: .+\n){2}");
  host_start_libvirtd (&host);
  events_expect_source (&all, "source-back", NULL);
  events_expect_listed (&all, 0);

  /* No loss is reported when the command itself ends. */
  command_signal (all.command, SIGTERM);
  command_expect_end (all.command, 0, NOTHING, NOTHING);
}

/* Whether a client has the slot, as "list" sees it. */
static gboolean
is_served (void)
{
  Command *command = command_start ("list", "--json", NULL);
  g_autofree char *line = command_read_line (command);

  command_expect_end (command, 0, NOTHING, NOTHING);
  return strstr (line, "\"served\":true") != NULL;
}

/* The watch starts while libvirtd is away. It attaches when the container counts as libvirtd's no more, goes on
 * through libvirtd when that is there, and directly when it has gone again. Nothing is reported twice, and
 * libvirtd restarts the container. */
static void
test_source_changes (void)
{
  g_auto (Host) host = { 0 };

  if (!host_start (&host))
    return;
  host_create (&host);
  host_end_libvirtd (&host);
  Events all = { command_start ("watch", "--json", NULL), NAME, 0, FALSE };
  events_expect_listed (&all, 1);
  events_expect_unwatched (&all, "busy");
  expect_attached (&host, &all);

  host_start_libvirtd (&host);
  events_expect_source (&all, "source-changed", NULL);
  host_reboot (&host, &all);

  host_end_libvirtd (&host);
  events_expect_source (&all, "source-lost", "lost");
  events_expect_source (&all, "source-changed", "lost");
  real_wait (is_served ());
  real_command (host.container, "shutdown");
  events_expect_exit (&all, "shutdown", 1);
  events_expect_closed (&all, NULL);
  command_signal (all.command, SIGTERM);
  command_expect_end (all.command, 0, NOTHING, ANYTHING);
}

/* The same for one that is named: "watch" and "wait" see the end through libvirtd. */
static void
test_named_source_changes (void)
{
  g_auto (Host) host = { 0 };

  if (!host_start (&host))
    return;
  host_create (&host);
  host_end_libvirtd (&host);
  real_wait (!is_served ());
  /* It would be busy for some seconds. */
  Command *holder = command_start ("watch", "--quiet", "--wait-if-busy", NAME, NULL);
  real_wait (is_served ());
  command_signal (holder, SIGTERM);
  command_expect_end (holder, 0, ANYTHING, NOTHING);
  real_wait (!is_served ());

  Events named = { command_start ("watch", "--json", NAME, NULL), NAME, 0, FALSE };
  events_expect_listed (&named, 1);
  expect_attached (&host, &named);
  host_start_libvirtd (&host);
  events_expect_source (&named, "source-changed", NULL);
  Command *wait;
  START_SILENT (wait, "wait", NAME);
  real_command (host.container, "shutdown");
  events_expect_exit (&named, "shutdown", -1);
  events_expect_closed (&named, NULL);
  command_expect_end (named.command, 0, NOTHING, NOTHING);
  command_expect_end (wait, 0, "shutdown\n", NOTHING);
}

static void
expect_listed (Host *self, const char *option)
{
  static const char *const keys[]
      = { "container", "source", "state", "init_pid", "controller_pid", "served", "started", NULL };
  Command *command = command_start ("list", "--json", option, NULL);
  g_autofree char *line = command_read_line (command);
  g_autoptr (JsonObject) object = json_parse (line);

  json_expect_keys (object, keys);
  g_assert_cmpstr (json_expect_string (object, "container"), ==, NAME);
  g_assert_cmpstr (json_expect_string (object, "source"), ==, "libvirt");
  g_assert_cmpstr (json_expect_string (object, "state"), ==, "running");
  g_assert_cmpint (json_expect_int (object, "init_pid"), ==, real_init_pid (self->container));
  g_assert_cmpint (json_expect_int (object, "controller_pid"), ==,
                   container_get_controller_pid (self->container));
  g_assert_true (json_object_get_boolean_member (object, "served"));
  assert_matches (json_expect_string (object, "started"), TIME_PATTERN);
  command_expect_end (command, 0, NOTHING, NOTHING);
}

/* By a scan and through libvirtd: the same line. */
static void
test_list (void)
{
  g_auto (Host) host = { 0 };

  if (!host_start (&host))
    return;
  host_create (&host);
  expect_listed (&host, NULL);
  expect_listed (&host, "--connect=" LOCAL);
}

/* As from another host: the same, except for the pids. */
static void
test_remote (void)
{
  g_auto (Host) host = { 0 };
  g_autofree char *why = libvirtd_why_unsupported ();
  g_autofree char *why_no_tcp = libvirtd_why_no_tcp ();
  g_autoptr (GError) error = NULL;
  guint port = real_find_free_port ();
  g_autofree char *uri = g_strdup_printf ("lxc+tcp://127.0.0.1:%u/system", port);

  if (why != NULL || why_no_tcp != NULL)
    {
      g_test_skip (why != NULL ? why : why_no_tcp);
      return;
    }
  host.libvirtd = libvirtd_start_listening (port, &error);
  g_assert_no_error (error);
  host.container = container_new (NAME);
  host_create (&host);
  command_expect_end (command_start ("list", "--connect", uri, NULL), 0,
                      "NAME .+\n" NAME " +running +- +- +-\n", NOTHING);
  Events events
      = { command_start ("watch", "--json", "--connect", uri, NAME, NULL), NAME, 0, TRUE };
  events_expect_attached (&events, 0, 0);
  events_expect_listed (&events, 1);
  real_command (host.container, "reboot");
  events_expect_exit (&events, "reboot", -1);
  events_expect_closed (&events, NULL);
  events_expect_attached (&events, 0, 0);
  g_autofree char *line = command_read_line (events.command);
  assert_matches (line, ".+\"event\":\"init\",.+\"pid\":0\\}");
  libvirtd_wait_reboot (host.libvirtd, host.container, &error);
  g_assert_no_error (error);
  command_signal (events.command, SIGTERM);
  command_expect_end (events.command, 0, NOTHING, NOTHING);
}

/* An unprivileged user is sent through libvirtd too: the holder of the lock can be seen. */
static void
test_unprivileged (void)
{
  g_auto (Host) host = { 0 };
  g_autofree char *why = others_why_unsupported ();
  g_autofree char *program = NULL;
  CommandHow how = { .setup = others_become, .directory = "/" };

  if (why != NULL)
    {
      g_test_skip (why);
      return;
    }
  if (!host_start (&host))
    return;
  how.program = program = others_copy (g_getenv ("LXCMON_COMMAND"));
  host_create (&host);
  Events events = { command_start_how (&how, "watch", "--json", NAME, NULL), NAME, 0, TRUE };
  expect_first (&host, &events);
  real_command (host.container, "shutdown");
  events_expect_exit (&events, "shutdown", -1);
  events_expect_closed (&events, NULL);
  command_expect_end (events.command, 0, NOTHING, NOTHING);
}

/* A command that wants the client slot itself is not sent through libvirtd. */
static void
test_direct (void)
{
  g_auto (Host) host = { 0 };

  if (!host_start (&host))
    return;
  host_create (&host);
  command_expect_end (command_start ("watch", "--wait-if-busy", "--timeout=300ms", NAME, NULL), 124,
                      NOTHING, "lxcmon: timed out\n");
  command_expect_end (command_start ("watch", "--direct", NAME, NULL), 6,
                      "(?s:.+) " NAME " unwatched error=busy: .+\n(?s:.*)", ANYTHING);
  command_expect_end (command_start ("watch", "--direct", "--force", NAME, NULL), 6,
                      "(?s:.+) " NAME " unwatched error=busy: .+\n(?s:.*)", ANYTHING);
  command_expect_end (command_start ("watch", CONTAINER_RUNTIME_DIR "/" NAME ".sock", NULL), 6,
                      NOTHING, ANYTHING);
  command_expect_end (command_start ("watch", "/nonexistent/" NAME ".sock", NULL), 7, NOTHING,
                      ANYTHING);
}

int
main (int argc, char *argv[])
{
  if (!real_test_begin (&argc, &argv))
    return 0;
  real_test_add ("/real/command-libvirt/watch-name", test_watch_name);
  real_test_add ("/real/command-libvirt/watch-uri", test_watch_uri);
  real_test_add ("/real/command-libvirt/no-follow", test_no_follow);
  real_test_add ("/real/command-libvirt/lost", test_lost);
  real_test_add ("/real/command-libvirt/watch-all", test_watch_all);
  real_test_add ("/real/command-libvirt/wait", test_wait);
  real_test_add ("/real/command-libvirt/source-lost", test_source_lost);
  real_test_add ("/real/command-libvirt/source-changes", test_source_changes);
  real_test_add ("/real/command-libvirt/named-source-changes", test_named_source_changes);
  real_test_add ("/real/command-libvirt/list", test_list);
  real_test_add ("/real/command-libvirt/remote", test_remote);
  real_test_add ("/real/command-libvirt/unprivileged", test_unprivileged);
  real_test_add ("/real/command-libvirt/direct", test_direct);
  return g_test_run ();
}
