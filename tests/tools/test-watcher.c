/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Covers the watch through libvirt, with the test driver of libvirt. That driver runs in the process of its
 * client, so the verbs run here. Their output goes to files; once a certain text is in there, the next thing
 * is done to a container.
 */

#include <fcntl.h>
#include <libvirt-glib/libvirt-glib.h>
#include <libvirt/libvirt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <gio/gio.h>

#include "output.h"
#include "verbs.h"

#define URI        "test:///default"
#define PATIENCE_S 60
#define LISTED     "" /* the verb has the list */
#define TIME       "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z "

typedef void (*Action) (const char *name);

typedef struct
{
  const char *text; /* waited for in the output or the messages, or LISTED */
  Action action;
  const char *name; /* of a container */
} Step;

typedef struct
{
  const Step *steps;
  guint n_ticks;
  int saved[2];
  FILE *files[2]; /* standard output and standard error */
} Script;

static virConnectPtr driver;
static gboolean is_listed;

/* The only list is that of the verb. */
static gboolean
on_items_changed (GSignalInvocationHint *hint, guint n_values, const GValue *values, gpointer data)
{
  is_listed = is_listed || LXCMON_IS_HOST (g_value_get_object (&values[0]));
  return TRUE;
}

/* libvirt-glib logs each step of its event loop. */
static void
drop_message (const char *domain, GLogLevelFlags level, const char *message, gpointer user_data)
{
}

static void
watch_lists (void)
{
  gpointer interface = g_type_default_interface_ref (G_TYPE_LIST_MODEL);

  g_signal_add_emission_hook (g_signal_lookup ("items-changed", G_TYPE_LIST_MODEL), 0,
                              on_items_changed, NULL, NULL);
  g_type_default_interface_unref (interface);
}

static void
ignore_event (virConnectPtr connection, virDomainPtr domain, void *user_data)
{
}

/* The containers of the driver exist as long as there is a connection. All connections share one queue of
 * events, and an event is lost if the last callback is removed while another is registered: so there is
 * one that stays. */
static void
open_driver (void)
{
  gvir_event_register ();
  driver = virConnectOpen (URI);
  g_assert_nonnull (driver);
  g_assert_cmpint (virConnectDomainEventRegisterAny (driver, NULL, VIR_DOMAIN_EVENT_ID_REBOOT,
                                                     ignore_event, NULL, NULL),
                   >=, 0);
}

static void
create (const char *name)
{
  g_autofree char *xml = g_strdup_printf (
      "<domain type='test'><name>%s</name><memory>1024</memory><os><type>hvm</type></os></domain>",
      name);
  virDomainPtr domain = virDomainCreateXML (driver, xml, 0);

  g_assert_nonnull (domain);
  virDomainFree (domain);
}

static void
call (const char *name, int (*function) (virDomainPtr domain))
{
  virDomainPtr domain = virDomainLookupByName (driver, name);

  g_assert_nonnull (domain);
  g_assert_cmpint (function (domain), ==, 0);
  virDomainFree (domain);
}

static void
shut_down (const char *name)
{
  call (name, virDomainShutdown);
}

static void
destroy (const char *name)
{
  call (name, virDomainDestroy);
}

static void
terminate (const char *name)
{
  raise (SIGTERM);
}

static char *
read_file (Script *self, guint i)
{
  static char text[4096];
  gssize n = pread (fileno (self->files[i]), text, sizeof text - 1, 0);

  g_assert_cmpint (n, >=, 0);
  text[n] = '\0';
  return text;
}

static gboolean
on_tick (gpointer user_data)
{
  Script *self = user_data;

  if (self->n_ticks++ > PATIENCE_S * 200)
    _exit (3); /* a message would go to the file */
  if (self->steps->text == NULL || !is_listed)
    return G_SOURCE_CONTINUE;
  if (strstr (read_file (self, 0), self->steps->text) == NULL
      && strstr (read_file (self, 1), self->steps->text) == NULL)
    return G_SOURCE_CONTINUE;
  const Step *step = self->steps++;
  step->action (step->name);
  return G_SOURCE_CONTINUE;
}

static void
redirect (Script *self)
{
  fflush (stdout);
  for (int i = 0; i < 2; i++)
    {
      self->files[i] = tmpfile ();
      self->saved[i] = dup (i + 1);
      g_assert_cmpint (dup2 (fileno (self->files[i]), i + 1), ==, i + 1);
    }
}

static void
restore (Script *self)
{
  fflush (stdout);
  for (int i = 0; i < 2; i++)
    {
      g_assert_cmpint (dup2 (self->saved[i], i + 1), ==, i + 1);
      close (self->saved[i]);
    }
}

static void
expect_text (Script *self, guint i, const char *pattern)
{
  g_autofree char *whole = g_strdup_printf ("\\A(?:%s)\\z", pattern);
  const char *text = read_file (self, i);

  if (!g_regex_match_simple (whole, text, G_REGEX_RAW, 0))
    g_error ("\"%s\" does not match \"%s\"", text, pattern);
  fclose (self->files[i]);
}

/* Runs a verb while the steps happen. */
static void
expect (int (*verb) (int argc, char **argv), const char *const *arguments, const Step *steps,
        int code, const char *output, const char *messages)
{
  Script self = { .steps = steps };
  char *argv[10] = { (char *) "verb", (char *) "--connect", (char *) URI };
  int argc = 3;

  for (guint i = 0; arguments[i] != NULL; i++)
    argv[argc++] = (char *) arguments[i];
  is_listed = FALSE;
  redirect (&self);
  guint tick = g_timeout_add (5, on_tick, &self);
  int found = verb (argc, argv);
  g_source_remove (tick);
  restore (&self);
  expect_text (&self, 0, output);
  expect_text (&self, 1, messages);
  g_assert_cmpint (found, ==, code);
  g_assert_null (self.steps->text);
}

#define ARGUMENTS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define STEPS(...)     ((const Step[]){ __VA_ARGS__, { NULL } })
#define WATCHED(name)  "lxcmon: " name ": watched through libvirt\n"

/* Until both have ended. Other containers are not reported, nor a container that starts again. */
static void
test_watch (void)
{
  create ("a");
  create ("b");
  create ("other");
  expect (watch_main, ARGUMENTS ("a", "b"),
          STEPS ({ "b: watched", destroy, "other" }, { "b: watched", shut_down, "a" },
                 { " a closed", create, "a" }, { " a closed", shut_down, "a" },
                 { " a closed", shut_down, "b" }),
          0,
          TIME "listed containers=2\n" TIME "a exit status=shutdown\n" TIME "a closed\n" //
          TIME "b exit status=shutdown\n" TIME "b closed\n",
          WATCHED ("a") WATCHED ("b"));
}

static void
test_watch_destroyed (void)
{
  create ("a");
  create ("b");
  expect (
      watch_main, ARGUMENTS ("b", "a", "--quiet", "--json"),
      STEPS ({ "\"seq\":3", destroy, "a" }, { "\"seq\":4", shut_down, "b" }), 5,
      "(?:.+\"attached\",\"container\":\"[ab]\",\"controller_pid\":null,\"init_pid\":null\\}\n){2}"
      ".+\"seq\":3,.+\"listed\",\"containers\":2\\}\n"
      ".+\"seq\":4,.+\"closed\",\"container\":\"a\",\"end\":\"destroyed\",\"error\":\\{\"code\":\"destroyed\",.+\n"
      ".+\"seq\":5,.+\"exit\",\"container\":\"b\",\"status\":\"shutdown\",\"raw\":-1\\}\n"
      ".+\"seq\":6,.+\"closed\",\"container\":\"b\",\"end\":\"shutdown\",\"error\":null\\}\n",
      "");
}

/* One does not run, and the other is watched nevertheless. */
static void
test_watch_missing (void)
{
  create ("a");
  expect (watch_main, ARGUMENTS ("a", "none"), STEPS ({ "none:", shut_down, "a" }), 7,
          TIME "listed containers=1\n" TIME "a exit status=shutdown\n" TIME "a closed\n",
          WATCHED ("a") "lxcmon: none: no container of this name runs\n");
}

static void
test_watch_all (void)
{
  expect (watch_main, ARGUMENTS ("--quiet", "--timeout=20s"),
          STEPS ({ LISTED, create, "a" }, { " a init", create, "b" }, { " b init", destroy, "b" },
                 { " b closed", shut_down, "a" }, { " a closed", terminate }),
          0,
          TIME "listed containers=1\n" TIME "a init pid=0\n" TIME "b init pid=0\n" TIME
               "b closed error=destroyed: b: it was destroyed through libvirt\n" TIME
               "a exit status=shutdown\n" TIME "a closed\n",
          "");
}

static void
test_wait (void)
{
  create ("a");
  expect (wait_main, ARGUMENTS ("a", "--timeout=20s"), STEPS ({ LISTED, shut_down, "a" }), 0,
          "shutdown\n", "");
}

static void
test_wait_destroyed (void)
{
  create ("a");
  expect (wait_main, ARGUMENTS ("a", "--timeout=20s"), STEPS ({ LISTED, destroy, "a" }), 5, "",
          "lxcmon: a: it was destroyed through libvirt\n");
}

static void
test_list (void)
{
  create ("a");
  expect (list_main, ARGUMENTS ("--timeout=20s"), STEPS ({ NULL }), 0,
          "NAME .+\na +running +- +- +-\ntest +running +- +- +-\n", "");
  destroy ("a");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_handler (NULL, G_LOG_LEVEL_DEBUG, drop_message, NULL);
  open_driver ();
  watch_lists ();

  g_test_add_func ("/tool/watcher/watch", test_watch);
  g_test_add_func ("/tool/watcher/watch-destroyed", test_watch_destroyed);
  g_test_add_func ("/tool/watcher/watch-missing", test_watch_missing);
  g_test_add_func ("/tool/watcher/watch-all", test_watch_all);
  g_test_add_func ("/tool/watcher/wait", test_wait);
  g_test_add_func ("/tool/watcher/wait-destroyed", test_wait_destroyed);
  g_test_add_func ("/tool/watcher/list", test_list);
  int result = g_test_run ();
  virConnectClose (driver);
  return result;
}
