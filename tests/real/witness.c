/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* witness.c: see witness.h. */

#include "witness.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process.h"

#define END_TIMEOUT_MS 60000
/* virsh prints nothing when it is registered, and needs a tenth of this time. */
#define START_MS 1000

struct _Witness
{
  char *path;
  pid_t pid;
  int pidfd;
  GHashTable *running; /* the containers that run, according to the lines before */
};

typedef struct
{
  const char *said;
  const char *means; /* %s is the container */
} Word;

static const Word words[] = {
  { "Started", "%s init" },
  { "Stopped Shutdown", "%s exit shutdown, %s closed" },
  { "Stopped Destroyed", "%s closed destroyed" },
  { "Stopped Failed", "%s closed lost" },
};

Witness *
witness_start (void)
{
  g_autofree char *virsh = g_find_program_in_path ("virsh");
  const char *argv[]
      = { virsh, "-r", "-c", "lxc:///system", "event", "--all", "--loop", "--timestamp", NULL };
  const char *envp[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=/", NULL };
  ProcessSetup setup = { .envp = envp, .death_signal = SIGKILL };
  g_autoptr (GError) error = NULL;
  Witness *self = g_new0 (Witness, 1);
  self->running = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  int fd = g_file_open_tmp ("lxcmon-witness-XXXXXX", &self->path, &error);

  g_assert_no_error (error);
  setup.out_fd = setup.err_fd = fd;
  self->pid = process_spawn (argv, &setup, &self->pidfd, &error);
  g_assert_no_error (error);
  close (fd);
  g_assert_false (process_wait (self->pidfd, START_MS));
  return self;
}

void
witness_know (Witness *self, const char *name)
{
  g_hash_table_add (self->running, g_strdup (name));
}

static void
end_process (Witness *self)
{
  if (self->pid == 0)
    return;
  process_send (self->pidfd, SIGINT);
  if (!process_wait (self->pidfd, END_TIMEOUT_MS))
    process_send (self->pidfd, SIGKILL);
  waitpid (self->pid, NULL, 0);
  process_clear_fd (&self->pidfd);
  self->pid = 0;
}

void
witness_free (Witness *self)
{
  end_process (self);
  g_unlink (self->path);
  g_hash_table_unref (self->running);
  g_free (self->path);
  g_free (self);
}

static void
append (GString *trace, const char *means, const char *name)
{
  g_auto (GStrv) parts = g_strsplit (means, "%s", -1);
  g_autofree char *text = g_strjoinv (name, parts);

  g_string_append_printf (trace, "%s%s", trace->len > 0 ? ", " : "", text);
}

/* The end of a container was reported as lost, and then as destroyed. */
static void
correct_end (GString *trace, const char *name)
{
  g_autofree char *closed = g_strdup_printf ("%s closed", name);
  char *last = g_strrstr (trace->str, closed);

  if (last == NULL || !g_str_has_prefix (last + strlen (closed), " lost"))
    return;
  gssize at = last - trace->str + (gssize) strlen (closed) + 1;
  g_string_erase (trace, at, strlen ("lost"));
  g_string_insert (trace, at, "destroyed");
}

static void
translate (Witness *self, GString *trace, guint *n_doubles, const char *line)
{
  g_autoptr (GRegex) regex
      = g_regex_new ("event '([a-z]+)' for (?:domain )?'?([^':\\s]+)'?(?:: (.*))?$", 0, 0, NULL);
  g_autoptr (GMatchInfo) match = NULL;

  if (!g_regex_match (regex, line, 0, &match))
    return;
  g_autofree char *event = g_match_info_fetch (match, 1);
  g_autofree char *name = g_match_info_fetch (match, 2);
  g_autofree char *what = g_match_info_fetch (match, 3);
  if (strcmp (event, "reboot") == 0)
    append (trace, "%s exit reboot, %s closed, %s init", name);
  if (strcmp (event, "lifecycle") != 0)
    return;
  if (g_str_has_prefix (what, "Started"))
    g_hash_table_add (self->running, g_strdup (name));
  else if (g_str_has_prefix (what, "Stopped") && !g_hash_table_remove (self->running, name))
    {
      (*n_doubles)++;
      if (g_str_has_prefix (what, "Stopped Destroyed"))
        correct_end (trace, name);
      return;
    }
  for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
    if (g_str_has_prefix (what, words[i].said))
      append (trace, words[i].means, name);
}

char *
witness_end (Witness *self, guint *n_doubles)
{
  g_autoptr (GString) trace = g_string_new (NULL);
  g_autofree char *text = NULL;

  *n_doubles = 0;
  end_process (self);
  g_assert_true (g_file_get_contents (self->path, &text, NULL, NULL));
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (gsize i = 0; lines[i] != NULL; i++)
    translate (self, trace, n_doubles, lines[i]);
  return g_strdup (trace->str);
}
