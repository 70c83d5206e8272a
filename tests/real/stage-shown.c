/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* stage-shown.c: what the host shows of the containers; see stage.h. */

#include "accept-queue.h"
#include "real-test.h"
#include "stage.h"

/* The host attaches 10 s after libvirtd has gone, and a row stays for 10 s after a reboot. */
#define SHOWN_US (40 * G_TIME_SPAN_SECOND)

static gboolean
is_shown (Stage *self, const StageSlot *slot, LxcmonSource source)
{
  LxcmonMonitor *row = lxcmon_host_lookup (self->host, slot->life->name);

  return row != NULL && lxcmon_monitor_get_state (row) == LXCMON_STATE_ATTACHED
         && lxcmon_monitor_get_source (row) == source
         && lxcmon_monitor_get_controller_pid (row) == slot->life->controller
         && lxcmon_monitor_get_init_pid (row) == container_get_init_pid (slot->container)
         && (slot->life->row == NULL || slot->life->row == row);
}

/* Whether the host's list contains what runs, and nothing else, and is connected through @source. */
static gboolean
are_shown (Stage *self, LxcmonSource source)
{
  guint n = 0;

  if (!lxcmon_host_get_connected (self->host) || lxcmon_host_get_error (self->host) != NULL
      || lxcmon_host_get_source (self->host) != source)
    return FALSE;
  for (guint i = 0; i < STAGE_N_SLOTS; i++)
    if (self->slots[i].life != NULL)
      {
        n++;
        if (!is_shown (self, &self->slots[i], source))
          return FALSE;
      }
  return g_list_model_get_n_items (G_LIST_MODEL (self->host)) == n;
}

/* What the host shows, and what runs, for a message. */
static char *
describe (Stage *self)
{
  const GError *error = lxcmon_host_get_error (self->host);
  GListModel *list = G_LIST_MODEL (self->host);
  g_autoptr (GString) text = g_string_new (NULL);

  g_string_append_printf (text, "the host is connected: %d, through %d, %s; it shows:",
                          lxcmon_host_get_connected (self->host),
                          lxcmon_host_get_source (self->host),
                          error != NULL ? error->message : "without an error");
  for (guint i = 0; i < g_list_model_get_n_items (list); i++)
    {
      g_autoptr (LxcmonMonitor) row = g_list_model_get_item (list, i);
      g_string_append_printf (text, " %s (controller %d, init %d, state %d, through %d),",
                              lxcmon_monitor_get_name (row),
                              lxcmon_monitor_get_controller_pid (row),
                              lxcmon_monitor_get_init_pid (row), lxcmon_monitor_get_state (row),
                              lxcmon_monitor_get_source (row));
    }
  g_string_append (text, " and these run:");
  for (guint i = 0; i < STAGE_N_SLOTS; i++)
    if (self->slots[i].life != NULL)
      g_string_append_printf (text, " %s (controller %d, init %d)", self->slots[i].life->name,
                              (int) self->slots[i].life->controller,
                              (int) container_get_init_pid (self->slots[i].container));
  return g_strdup (text->str);
}

void
stage_wait_shown (Stage *self, LxcmonSource source)
{
  gint64 deadline = g_get_monotonic_time () + SHOWN_US;

  while (!are_shown (self, source))
    {
      g_autofree char *text = g_get_monotonic_time () > deadline ? describe (self) : NULL;
      real_iterate (deadline, text);
    }
}

void
stage_know_rows (Stage *self)
{
  for (guint i = 0; i < STAGE_N_SLOTS; i++)
    if (self->slots[i].life != NULL)
      lives_know_row (self->lives, self->slots[i].life);
}

gboolean
stage_is_served (Stage *self)
{
  for (guint i = 0; i < STAGE_N_SLOTS; i++)
    if (self->slots[i].life != NULL)
      {
        AcceptQueue queue
            = accept_queue_look (container_get_socket_path (self->slots[i].container));
        if (queue.n_queued != 0 || queue.n_served != 1)
          return FALSE;
      }
  return TRUE;
}
