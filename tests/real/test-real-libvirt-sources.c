/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One program, two sources: what it writes down of a container is the same, whether its list is a
 * host of this machine or goes through libvirtd. */

#include <signal.h>

#include "lxcmon-libvirt/record.h"
#include "real-test.h"

#define NAME "real-sources"

/* ---- The program: it does not know the class of its list ---- */

typedef struct
{
  LxcmonHost *list;
  GString *text;
  gboolean started;
} Program;

static void
write_down (Program *self, LxcmonMonitor *monitor, const char *what, const char *detail)
{
  g_string_append_printf (self->text, "%s %s%s%s, ", lxcmon_monitor_get_name (monitor), what,
                          *detail != '\0' ? " " : "", detail);
}

/* The pid differs in each run of the container, so only whether it is right is written. */
static void
on_init (LxcmonHost *list, LxcmonMonitor *monitor, int pid, Program *self)
{
  gboolean is_right = pid > 0 && pid == lxcmon_monitor_get_init_pid (monitor)
                      && lxcmon_monitor_get_controller_pid (monitor) > 0;

  write_down (self, monitor, "init", is_right ? "" : "wrong");
}

static void
on_exit_signal (LxcmonHost *list, LxcmonMonitor *monitor, LxcmonExitStatus status, Program *self)
{
  g_autoptr (GEnumClass) class = g_type_class_ref (LXCMON_TYPE_EXIT_STATUS);
  gboolean is_direct = lxcmon_monitor_get_source (monitor) == LXCMON_SOURCE_DIRECT;

  /* Only the number on the wire is not known through libvirtd. */
  g_assert_cmpint (lxcmon_monitor_get_exit_raw (monitor), ==, is_direct ? (int) status : -1);
  write_down (self, monitor, "exit", g_enum_get_value (class, status)->value_nick);
}

static void
on_reboot (LxcmonHost *list, LxcmonMonitor *monitor, LxcmonExitStatus status, Program *self)
{
  write_down (self, monitor, "reboots", "");
}

static void
on_closed (LxcmonHost *list, LxcmonMonitor *monitor, const GError *error, Program *self)
{
  g_autoptr (GEnumClass) class = g_type_class_ref (lxcmon_monitor_error_get_type ());

  write_down (self, monitor, "closed",
              error != NULL ? g_enum_get_value (class, error->code)->value_nick : "");
}

static void
on_started (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Program *self = user_data;
  g_autoptr (GError) error = NULL;

  lxcmon_host_start_finish (LXCMON_HOST (object), result, &error);
  g_assert_no_error (error);
  self->started = TRUE;
}

/* Takes ownership of @list. */
static void
program_start (Program *self, LxcmonHost *list)
{
  *self = (Program){ list, g_string_new (NULL), FALSE };
  g_signal_connect (list, "init", G_CALLBACK (on_init), self);
  g_signal_connect (list, "exit", G_CALLBACK (on_exit_signal), self);
  g_signal_connect (list, "exit::reboot", G_CALLBACK (on_reboot), self);
  g_signal_connect (list, "closed", G_CALLBACK (on_closed), self);
  lxcmon_host_start_async (list, NULL, on_started, self);
  real_wait (self->started);
}

static char *
program_end (Program *self)
{
  real_wait (g_list_model_get_n_items (G_LIST_MODEL (self->list)) == 0);
  g_signal_handlers_disconnect_by_data (self->list, self);
  lxcmon_host_stop (self->list);
  g_object_unref (self->list);
  return g_string_free (self->text, FALSE);
}

static gboolean
program_says (Program *self, const char *end, gsize length_before)
{
  return self->text->len > length_before && g_str_has_suffix (self->text->str, end);
}

/* ---- What happens to the container ---- */

typedef struct
{
  const char *order; /* to init; NULL if its controller is killed */
  int n_reboots;     /* before that */
} Life;

/* Without libvirtd: the harness does what a driver does. */
static char *
live_alone (const Life *life)
{
  g_autoptr (Container) container = container_new (NAME);
  g_autoptr (GError) error = NULL;
  Program program;

  program_start (&program, LXCMON_HOST (lxcmon_host_new (NULL)));
  real_start_controller (container);
  real_wait (lxcmon_host_lookup (program.list, NAME) != NULL
             && lxcmon_monitor_get_state (lxcmon_host_lookup (program.list, NAME))
                    >= LXCMON_STATE_QUEUED);
  real_continue (container);
  real_wait (program_says (&program, "init, ", 0));
  for (int i = 0; i < life->n_reboots; i++)
    {
      gsize length = program.text->len;
      real_command (container, "reboot");
      real_wait (program_says (&program, "closed, ", length));
      container_restart (container, &error);
      g_assert_no_error (error);
      real_wait (program_says (&program, "init, ", length));
    }
  if (life->order != NULL)
    real_command (container, life->order);
  else
    container_signal (container, SIGKILL);
  real_wait_end (container);
  return program_end (&program);
}

/* Returns NULL if libvirtd lost the connection to its own container, as 9.0.0 sometimes does. */
static char *
live_with_libvirtd (const Life *life, Libvirtd *libvirtd)
{
  g_autoptr (Container) container = container_new (NAME);
  g_autoptr (GError) error = NULL;
  gboolean is_served = TRUE;
  Program program;

  program_start (&program, LXCMON_HOST (lxcmon_host_new_for_uri ("lxc:///system")));
  libvirtd_create (libvirtd, container, &error);
  g_assert_no_error (error);
  real_wait (program_says (&program, "init, ", 0));
  for (int i = 0; i < life->n_reboots && is_served; i++)
    {
      gsize length = program.text->len;
      real_command (container, "reboot");
      libvirtd_wait_reboot (libvirtd, container, &error);
      g_assert_no_error (error);
      real_wait (program_says (&program, "closed, " NAME " init, ", length));
      is_served = libvirtd_wait_attached (container);
    }
  if (!is_served)
    libvirtd_destroy_domain (libvirtd, container, &error);
  else if (life->order != NULL)
    real_command (container, life->order);
  else
    container_signal (container, SIGKILL);
  g_assert_no_error (error);
  libvirtd_wait_gone (libvirtd, container, &error);
  g_assert_no_error (error);
  g_autofree char *text = program_end (&program);
  return is_served ? g_steal_pointer (&text) : NULL;
}

/* The harness tries again if a start fails: that is a separate run, before the one that is compared. */
static const char *
last_of (const char *text, const char *expected)
{
  return g_str_has_suffix (text, expected) ? expected : text;
}

static void
check (const Life *life)
{
  g_autoptr (Libvirtd) libvirtd = NULL;
  g_autofree char *alone = NULL, *with_libvirtd = NULL;

  alone = live_alone (life);
  libvirtd = real_test_start_libvirtd ();
  if (libvirtd == NULL)
    return;
  for (int i = 0; i < 5 && with_libvirtd == NULL; i++)
    with_libvirtd = live_with_libvirtd (life, libvirtd);
  g_assert_nonnull (with_libvirtd);
  g_test_message ("both report: %s", alone);
  g_assert_cmpstr (last_of (with_libvirtd, alone), ==, alone);
}

static void
test_shutdown (void)
{
  check (&(Life){ .order = "shutdown" });
}

static void
test_exit_code (void)
{
  check (&(Life){ .order = "exit 42" });
}

static void
test_reboots (void)
{
  check (&(Life){ .order = "shutdown", .n_reboots = 2 });
}

static void
test_killed (void)
{
  check (&(Life){ .order = NULL });
}

int
main (int argc, char *argv[])
{
  if (!real_test_begin (&argc, &argv))
    return 0;
  record_begin ();
  real_test_add ("/real/libvirt-sources/shutdown", test_shutdown);
  real_test_add ("/real/libvirt-sources/exit-code", test_exit_code);
  real_test_add ("/real/libvirt-sources/reboots", test_reboots);
  real_test_add ("/real/libvirt-sources/killed", test_killed);
  return g_test_run ();
}
