/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lives.c: see lives.h for what this file owns. The comparison of all lives is in lives-check.c. */

#include "lives.h"

#include <string.h>

#include "real-test.h"

struct _Lives
{
  LxcmonHost *host;
  GPtrArray *all; /* of Life */

  /* Since there is a witness, what the host has reported, in the words of witness.h: "web1 init", ... */
  GPtrArray *trace;
  guint n_calm; /* how many of these the witness must have seen too */

  GString *journal; /* all that has happened, for the message of a failure */
};

/* ---- Failures ---- */

void
lives_note (Lives *self, const char *name, const char *what)
{
  g_string_append_printf (self->journal, "%.3f %s %s\n",
                          (double) g_get_monotonic_time () / G_USEC_PER_SEC, name, what);
}

/* Whether a line of the journal is about a container, or about libvirtd or the host. */
static gboolean
is_line_about (const char *line, const char *name)
{
  g_auto (GStrv) words = g_strsplit (line, " ", 3);

  return g_strv_length (words) == 3
         && (strcmp (words[1], name) == 0 || strcmp (words[1], LIVES_HOST) == 0);
}

/* Prints what has happened to a container, of which something is wrong. */
void
lives_fail (Lives *self, const char *name, const char *why)
{
  g_auto (GStrv) lines = g_strsplit (self->journal->str, "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++)
    if (is_line_about (lines[i], name))
      g_printerr ("# %s\n", lines[i]);
  g_error ("%s: %s", name, why);
}

/* ---- Records ---- */

static void
life_free (gpointer data)
{
  Life *self = data;

  g_clear_object (&self->row);
  g_free (self->name);
  g_free (self);
}

static Life *
get_life (Lives *self, const char *name, pid_t controller)
{
  Life *life;

  /* The host reports each life by its controller. */
  g_assert_cmpint (controller, >, 0);
  for (guint i = self->all->len; i > 0; i--)
    {
      life = self->all->pdata[i - 1];
      if (life->controller == controller && strcmp (life->name, name) == 0)
        return life;
    }
  life = g_new0 (Life, 1);
  life->name = g_strdup (name);
  life->controller = controller;
  g_ptr_array_add (self->all, life);
  return life;
}

Life *
lives_know (Lives *self, Container *container, pid_t controller)
{
  Life *life = get_life (self, container_get_name (container), controller);
  g_autofree char *note = g_strdup_printf ("runs (controller %d)", (int) controller);

  life->is_known = TRUE;
  lives_note (self, life->name, note);
  return life;
}

guint
lives_count (Lives *self)
{
  return self->all->len;
}

Life *
lives_get (Lives *self, guint i)
{
  return self->all->pdata[i];
}

/* Whether nobody could see it: it began when the host was not connected to libvirtd any more, or not yet, and ended
 * before it was. */
gboolean
life_is_unseen (const Life *life)
{
  return life->row == NULL && (life->view == VIEW_NOBODY || life->view == VIEW_CHANGE);
}

static char *
describe (const Life *life)
{
  static const char *const deeds[] = { "nothing", "shutdown", "exit", "reboot", "kill", "destroy" };
  static const char *const views[] = { "libvirt", "direct", "nobody", "change" };
  g_autoptr (GEnumClass) ends = g_type_class_ref (LXCMON_TYPE_END);

  return g_strdup_printf (
      "%s (controller %d): done: %s, seen by: %s, virsh: %s, restarted: %d; known: %d, init: %u, "
      "closed: %d, end: %s, source: %d",
      life->name, (int) life->controller, deeds[life->deed], views[life->view],
      life->witnessed != NULL ? life->witnessed : "nothing", life->was_restarted, life->is_known,
      life->n_inits, life->is_closed, g_enum_get_value (ends, life->end)->value_nick, life->source);
}

void
lives_fail_life (Lives *self, const Life *life, const char *what)
{
  g_autofree char *text = describe (life);
  g_autofree char *why = g_strdup_printf ("%s: %s", what, text);

  lives_fail (self, life->name, why);
}

/* ---- What the host reports ---- */

static Life *
get_life_of_row (Lives *self, LxcmonMonitor *row)
{
  return get_life (self, lxcmon_monitor_get_name (row), lxcmon_monitor_get_controller_pid (row));
}

/* A life has one row. */
static void
see_row (Lives *self, Life *life, LxcmonMonitor *row)
{
  if (life->row == NULL)
    life->row = g_object_ref (row);
  if (life->row != row)
    lives_fail_life (self, life, "it has a second row");
}

static void
write_down (Lives *self, Life *life, const char *what)
{
  g_autofree char *note
      = g_strdup_printf ("is reported: %s (controller %d)", what, (int) life->controller);

  g_ptr_array_add (self->trace, g_strdup_printf ("%s %s", life->name, what));
  lives_note (self, life->name, note);
}

static Life *
begin_report (Lives *self, LxcmonMonitor *row, const char *what)
{
  Life *life = get_life_of_row (self, row);

  see_row (self, life, row);
  if (life->is_closed)
    lives_fail_life (self, life, what);
  g_assert_true (lxcmon_host_lookup (self->host, life->name) == row);
  return life;
}

static void
on_init (LxcmonHost *host, LxcmonMonitor *row, int pid, Lives *self)
{
  Life *life = begin_report (self, row, "init");

  if (life->n_inits > 0 || life->is_listed || life->exited)
    lives_fail_life (self, life, "it begins again");
  life->n_inits++;
  write_down (self, life, "init");
}

static void
on_exit_signal (LxcmonHost *host, LxcmonMonitor *row, LxcmonExitStatus status, Lives *self)
{
  Life *life = begin_report (self, row, "exit");

  g_assert_false (life->exited);
  life->exited = TRUE;
  life->exited_at = g_get_monotonic_time ();
  write_down (self, life, status == LXCMON_EXIT_STATUS_REBOOT ? "exit reboot" : "exit shutdown");
}

static void
on_closed (LxcmonHost *host, LxcmonMonitor *row, const GError *error, Lives *self)
{
  Life *life = begin_report (self, row, "closed");

  life->is_closed = TRUE;
  life->end = lxcmon_monitor_get_end (row);
  life->source = lxcmon_monitor_get_source (row);
  g_assert_cmpint (life->exited, ==, error == NULL);
  if (life->exited)
    write_down (self, life, "closed");
  else if (life->end == LXCMON_END_DESTROYED)
    write_down (self, life, "closed destroyed");
  else if (life->end == LXCMON_END_LOST)
    write_down (self, life, "closed lost");
  else
    write_down (self, life, "closed unseen");
}

/* A row is added once, and stays for all lives that it is about. One that the direct backend adds does not know its
 * controller yet. */
static void
on_items_changed (GListModel *list, guint position, guint removed, guint added, Lives *self)
{
  for (guint i = position; i < position + added; i++)
    {
      g_autoptr (LxcmonMonitor) row = g_list_model_get_item (list, i);

      g_assert_null (g_object_get_data (G_OBJECT (row), "lives-added"));
      g_object_set_data (G_OBJECT (row), "lives-added", self);
      lives_note (self, lxcmon_monitor_get_name (row), "is added to the list");
      if (lxcmon_monitor_get_controller_pid (row) != 0)
        see_row (self, get_life_of_row (self, row), row);
    }
}

void
lives_know_row (Lives *self, Life *life)
{
  LxcmonMonitor *row = lxcmon_host_lookup (self->host, life->name);

  g_assert_nonnull (row);
  see_row (self, life, row);
  life->is_listed = life->n_inits == 0;
}

static void
on_host_changed (LxcmonHost *host, GParamSpec *property, Lives *self)
{
  const GError *error = lxcmon_host_get_error (host);
  g_autofree char *text
      = g_strdup_printf ("connected: %d, through %d: %s", lxcmon_host_get_connected (host),
                         lxcmon_host_get_source (host),
                         error != NULL ? error->message : "no error");

  lives_note (self, LIVES_HOST, text);
}

Lives *
lives_new (LxcmonHost *host)
{
  Lives *self = g_new0 (Lives, 1);

  self->host = g_object_ref (host);
  self->all = g_ptr_array_new_with_free_func (life_free);
  self->trace = g_ptr_array_new_with_free_func (g_free);
  self->journal = g_string_new (NULL);
  g_signal_connect (host, "init", G_CALLBACK (on_init), self);
  g_signal_connect (host, "exit", G_CALLBACK (on_exit_signal), self);
  g_signal_connect (host, "closed", G_CALLBACK (on_closed), self);
  g_signal_connect (host, "items-changed", G_CALLBACK (on_items_changed), self);
  g_signal_connect (host, "notify::connected", G_CALLBACK (on_host_changed), self);
  g_signal_connect (host, "notify::source", G_CALLBACK (on_host_changed), self);
  return self;
}

void
lives_free (Lives *self)
{
  g_signal_handlers_disconnect_by_data (self->host, self);
  g_object_unref (self->host);
  g_ptr_array_unref (self->all);
  g_ptr_array_unref (self->trace);
  g_string_free (self->journal, TRUE);
  g_free (self);
}

void
lives_wait_closed (Lives *self, const Life *life)
{
  gint64 deadline = real_deadline () - 5 * G_TIME_SPAN_SECOND;

  while (!life->is_closed && !life_is_unseen (life))
    {
      if (g_get_monotonic_time () > deadline)
        lives_fail_life (self, life, "its end is not reported");
      real_iterate (deadline, "an end");
    }
}

/* ---- The witness ---- */

void
lives_begin_witness (Lives *self)
{
  g_ptr_array_set_size (self->trace, 0);
  self->n_calm = 0;
}

void
lives_end_calm (Lives *self)
{
  self->n_calm = self->trace->len;
}

static gboolean
is_about (const char *item, const char *name)
{
  return g_str_has_prefix (item, name) && item[strlen (name)] == ' ';
}

/* The next item of a container at or after @i, or @n. */
static guint
find_next (const char *const *items, guint i, guint n, const char *name)
{
  while (i < n && !is_about (items[i], name))
    i++;
  return i;
}

/* The latest life of a container to which something was done. */
static Life *
find_latest (Lives *self, const char *name)
{
  for (guint i = self->all->len; i > 0; i--)
    {
      Life *life = self->all->pdata[i - 1];
      if (strcmp (life->name, name) == 0 && life->deed != DEED_NONE)
        return life;
    }
  return NULL;
}

static const char *
get_end_word (const char *item)
{
  static const char *const words[]
      = { "exit shutdown", "exit reboot", "closed lost", "closed destroyed" };

  for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
    if (g_str_has_suffix (item, words[i]))
      return words[i];
  return NULL;
}

/* What the witness has seen of a container after libvirtd began to end: at most the end of one life. */
static void
note_rest (Lives *self, const char *name, const char *const *seen, guint i, guint n)
{
  for (i = find_next (seen, i, n, name); i < n; i = find_next (seen, i + 1, n, name))
    {
      const char *word = get_end_word (seen[i]);
      Life *life = word != NULL ? find_latest (self, name) : NULL;

      if (word == NULL)
        continue;
      if (life == NULL || life->view != VIEW_CHANGE || life->witnessed != NULL)
        lives_fail (self, seen[i], "virsh has seen this, and it was not done");
      life->witnessed = word;
    }
}

/* All that is about a container, for a message. */
static char *
filter (const char *const *items, guint n, const char *name)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = find_next (items, 0, n, name); i < n; i = find_next (items, i + 1, n, name))
    g_string_append_printf (text, "%s, ", items[i]);
  return g_strdup (text->str);
}

static void
compare_container (Lives *self, const char *name, const char *const *seen, guint n_seen)
{
  const char *const *trace = (const char *const *) self->trace->pdata;
  guint i = find_next (trace, 0, self->n_calm, name);
  guint k = find_next (seen, 0, n_seen, name);

  while (i < self->n_calm)
    {
      if (k == n_seen || strcmp (trace[i], seen[k]) != 0)
        {
          g_autofree char *expected = filter (seen, n_seen, name);
          g_autofree char *why = g_strdup_printf ("virsh has seen: %s", expected);
          lives_fail (self, name, why);
        }
      i = find_next (trace, i + 1, self->n_calm, name);
      k = find_next (seen, k + 1, n_seen, name);
    }
  note_rest (self, name, seen, k, n_seen);
}

/* Each container once: names are those of all lives. */
void
lives_compare (Lives *self, const char *seen)
{
  g_auto (GStrv) items = g_strsplit (seen, ", ", -1);
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < self->all->len; i++)
    {
      const Life *life = self->all->pdata[i];
      if (g_hash_table_add (names, life->name))
        compare_container (self, life->name, (const char *const *) items, g_strv_length (items));
    }
}

/* ---- The containers' own logs ---- */

static const char *
get_order (const Life *life)
{
  switch (life->deed)
    {
    case DEED_SHUTDOWN:
      return "shutdown";
    case DEED_EXIT:
      return "exit";
    case DEED_REBOOT:
      return "reboot";
    case DEED_NONE:
    case DEED_KILL:
    case DEED_DESTROY:
    default:
      return NULL;
    }
}

/* A life that is killed at once may have written nothing. */
void
lives_check_log (Lives *self, Container *container)
{
  g_autofree char *log = container_read_log (container);
  g_auto (GStrv) lines = g_strsplit (log, "\n", -1);
  g_autoptr (GString) ordered = g_string_new (NULL), obeyed = g_string_new (NULL);
  guint n_lives = 0, n_begun = 0;

  for (guint i = 0; i < self->all->len; i++)
    {
      const Life *life = self->all->pdata[i];

      if (strcmp (life->name, container_get_name (container)) != 0)
        continue;
      n_lives++;
      if (get_order (life) != NULL)
        g_string_append_printf (ordered, "%s ", get_order (life));
    }
  for (guint i = 0; lines[i] != NULL && *lines[i] != '\0'; i++)
    if (strcmp (lines[i], "up") == 0)
      n_begun++;
    else
      g_string_append_printf (obeyed, "%s ", lines[i]);
  g_assert_cmpstr (obeyed->str, ==, ordered->str);
  g_assert_cmpuint (n_begun, <=, n_lives);
}
