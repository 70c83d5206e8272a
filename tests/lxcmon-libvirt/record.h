/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What a host reports, written down: "web1 init 42", "web1 exit reboot", "web1 closed lost", each checked
 * against the properties, and against the signal of the row, which comes before.
 */

#include <lxcmon-libvirt/lxcmon-libvirt.h>

typedef struct
{
  LxcmonHost *host;
  LxcmonHost *list; /* the same */
  GString *trace;   /* such as "web1 init 42, web1 exit shutdown, web1 closed" */
  GString *changes; /* of the list, such as "0-0+2 " */
  GThread *thread;  /* the one in which all signals have to come */
  guint n_notified; /* how often "n-items" was */
  gboolean started;
  GError *start_error;
  guint n_starts_done;

  /* Called in the handler of each signal, if it is set. */
  void (*in_handler) (gpointer user_data);
  gpointer user_data;
} Record;

/* At the start of a test program: what libvirt and libvirt-glib allocate once does not count as a leak. */
void record_begin (void);
/* Waits until all connections are closed. */
void record_wait_for_threads (void);

/* Takes ownership of @host. */
Record *record_new (LxcmonHost *host);
/* Stops the host. The last record waits until all connections are closed. */
void record_free (Record *self);
void record_start (Record *self, GCancellable *cancellable);
/* Starts the host, and waits until the first list is complete. */
void record_run (Record *self);
void record_clear (Record *self);

/* The list as text, such as "test web1". */
char *record_list_names (Record *self);

#define record_assert(self, expected)                   \
  G_STMT_START                                          \
  {                                                     \
    g_assert_cmpstr ((self)->trace->str, ==, expected); \
    record_clear (self);                                \
  }                                                     \
  G_STMT_END

#define record_assert_names(self, expected)                    \
  G_STMT_START                                                 \
  {                                                            \
    g_autofree char *record_names_ = record_list_names (self); \
    g_assert_cmpstr (record_names_, ==, expected);             \
  }                                                            \
  G_STMT_END

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Record, record_free)
