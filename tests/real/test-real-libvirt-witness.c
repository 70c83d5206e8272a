/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Many runs of containers in random order: a host reports exactly what "virsh event" prints, in the same
 * order for each container. */

#include <signal.h>
#include <string.h>

#include "lxcmon-libvirt/record.h"
#include "real-test.h"
#include "witness.h"

#define N_CONTAINERS  6
#define N_LIVES       20
#define N_LIVES_FULL  80
#define N_LIVES_WHOLE 200

typedef struct
{
  Container *container;
  gboolean runs;
} Row;

static void
row_create (Row *self, Libvirtd *libvirtd)
{
  g_autoptr (GError) error = NULL;

  libvirtd_create (libvirtd, self->container, &error);
  g_assert_no_error (error);
  self->runs = TRUE;
}

/* Ends a container in one of four ways, or makes it reboot. */
static void
row_do_something (Row *self, Libvirtd *libvirtd)
{
  g_autoptr (GError) error = NULL;

  switch (g_test_rand_int_range (0, 5))
    {
    case 0:
      real_command (self->container, "shutdown");
      break;
    case 1:
      real_command (self->container, "exit 42");
      break;
    case 2:
      container_signal (self->container, SIGKILL);
      break;
    case 3:
      libvirtd_destroy_domain (libvirtd, self->container, &error);
      g_assert_no_error (error);
      break;
    default:
      real_command (self->container, "reboot");
      libvirtd_wait_reboot (libvirtd, self->container, &error);
      g_assert_no_error (error);
      if (libvirtd_wait_attached (self->container))
        return;
      /* libvirt 9.0.0 has lost the connection to its own container. */
      libvirtd_destroy_domain (libvirtd, self->container, &error);
      g_assert_no_error (error);
      break;
    }
  libvirtd_wait_gone (libvirtd, self->container, &error);
  g_assert_no_error (error);
  self->runs = FALSE;
}

static char *
without_pids (const char *trace)
{
  g_autoptr (GRegex) regex = g_regex_new (" init [0-9]+", 0, 0, NULL);

  return g_regex_replace_literal (regex, trace, -1, 0, " init", 0, NULL);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  const char *first = *(const char *const *) a, *second = *(const char *const *) b;
  gsize n = strcspn (first, " ");

  return strncmp (first, second, n + 1);
}

/* The trace, sorted by container. An end that is held may be reported after an event of another one. */
static char *
sort_by_container (const char *trace)
{
  g_auto (GStrv) items = g_strsplit (trace, ", ", -1);
  g_autoptr (GPtrArray) sorted = g_ptr_array_new ();

  for (guint i = 0; items[i] != NULL; i++)
    g_ptr_array_add (sorted, items[i]);
  g_ptr_array_sort (sorted, compare_names); /* it is stable */
  g_ptr_array_add (sorted, NULL);
  return g_strjoinv ("\n", (char **) sorted->pdata);
}

static guint
count_words (const char *trace, const char *word)
{
  guint n = 0;

  for (const char *found = trace; (found = strstr (found, word)) != NULL; found += strlen (word))
    n++;
  return n;
}

static void
test_lives (void)
{
  g_autoptr (Libvirtd) libvirtd = real_test_start_libvirtd ();
  Row rows[N_CONTAINERS];
  guint n_doubles;
  guint n_lives = g_getenv ("LXCMON_TEST_WHOLE") != NULL  ? N_LIVES_WHOLE
                  : g_getenv ("LXCMON_TEST_FULL") != NULL ? N_LIVES_FULL
                                                          : N_LIVES;

  if (libvirtd == NULL)
    return;
  for (guint i = 0; i < N_CONTAINERS; i++)
    {
      g_autofree char *name = g_strdup_printf ("real-lives-%u", i);
      rows[i] = (Row){ container_new (name), FALSE };
    }
  g_autoptr (Record) record = record_new (lxcmon_host_new_for_uri ("lxc:///system"));
  record_run (record);
  g_autoptr (Witness) witness = witness_start ();

  for (guint i = 0; i < n_lives;)
    {
      Row *row = &rows[g_test_rand_int_range (0, N_CONTAINERS)];

      if (row->runs)
        row_do_something (row, libvirtd);
      else
        {
          row_create (row, libvirtd);
          i++;
        }
      /* The context runs only sometimes, as that of a busy application. */
      if (g_test_rand_bit ())
        real_run_for (1);
    }
  for (guint i = 0; i < N_CONTAINERS; i++)
    while (rows[i].runs)
      row_do_something (&rows[i], libvirtd);

  real_wait (g_list_model_get_n_items (G_LIST_MODEL (record->host)) == 0);
  real_run_for (200);
  g_autofree char *seen = witness_end (witness, &n_doubles);
  g_autofree char *reported = without_pids (record->trace->str);
  g_autofree char *sorted_seen = sort_by_container (seen);
  g_autofree char *sorted = sort_by_container (reported);
  g_assert_cmpstr (sorted, ==, sorted_seen);
  /* If this program ran its context only after the end, the pid was no longer to be found. */
  g_test_message ("libvirtd has reported %u ends twice", n_doubles);
  g_test_message ("%u pids were not known", count_words (record->trace->str, "init 0"));
  g_test_message ("%u lives: %u init, %u exit shutdown, %u exit reboot, %u lost, %u destroyed, as "
                  "virsh has seen them",
                  n_lives, count_words (reported, " init"), count_words (reported, "exit shutdown"),
                  count_words (reported, "exit reboot"), count_words (reported, "closed lost"),
                  count_words (reported, "closed destroyed"));
  for (guint i = 0; i < N_CONTAINERS; i++)
    container_free (rows[i].container);
}

int
main (int argc, char *argv[])
{
  if (!real_test_begin (&argc, &argv))
    return 0;
  record_begin ();
  real_test_add ("/real/libvirt-witness/lives", test_lives);
  return g_test_run ();
}
