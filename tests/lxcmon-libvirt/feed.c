/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "feed.h"

#include <string.h>
#include <unistd.h>

#include "lxcmon-glib/lxcmon-host-private.h"

/* The text is the uuid, and up to a slash the name. */
static LxcmonLibvirtDomain *
domain_new (const char *text, gint id)
{
  LxcmonLibvirtDomain *self = g_new0 (LxcmonLibvirtDomain, 1);

  g_strlcpy (self->uuid, text, sizeof self->uuid);
  self->name = g_strndup (text, strcspn (text, "/"));
  self->id = id;
  self->controller_pid = id;
  self->init_pid = id > 0 ? id + 1 : 0;
  self->init_fd = -1;
  return self;
}

static LxcmonLibvirtEvent *
event_new (LxcmonLibvirtEventType type, guint serial)
{
  LxcmonLibvirtEvent *self = g_new0 (LxcmonLibvirtEvent, 1);

  self->type = type;
  self->serial = serial;
  return self;
}

LxcmonLibvirtBackend *
feed_get_backend (Record *record)
{
  return g_object_get_data (G_OBJECT (record->host), "backend");
}

/* Does what the backend does when its link reports an event, and what the main loop does then. */
static void
feed_step (Record *record, LxcmonLibvirtStepFunc func, LxcmonLibvirtEvent *event)
{
  LxcmonLibvirtBackend *backend = feed_get_backend (record);
  LxcmonMainSource *source = _lxcmon_backend_get_rows (LXCMON_BACKEND (backend))->source;
  LxcmonLibvirtStep *step = _lxcmon_libvirt_step_new (backend, func);

  step->event = event;
  _lxcmon_libvirt_step_push (step);
  _lxcmon_main_source_run_steps (source);
}

void
feed (Record *record, guint serial, LxcmonLibvirtEventType type, const char *name, gint id)
{
  LxcmonLibvirtEvent *event = event_new (type, serial);

  event->domain = domain_new (name, type != STOPPED ? id : 0);
  event->detail = type == STOPPED ? id : 0;
  feed_step (record, _lxcmon_libvirt_backend_apply_event, event);
}

void
feed_start_without_init (Record *record, guint serial, const char *name, gint id)
{
  LxcmonLibvirtEvent *event = event_new (STARTED, serial);

  event->domain = domain_new (name, id);
  event->domain->init_pid = 0;
  feed_step (record, _lxcmon_libvirt_backend_apply_event, event);
}

void
feed_real (Record *record, guint serial, LxcmonLibvirtEventType type, const char *name, gint id,
           gint init_pid)
{
  LxcmonLibvirtEvent *event = event_new (type, serial);

  event->domain = domain_new (name, id);
  event->domain->controller_pid = getpid ();
  event->domain->init_pid = init_pid;
  _lxcmon_libvirt_domain_watch_init (event->domain);
  feed_step (record, _lxcmon_libvirt_backend_apply_event, event);
}

void
feed_list (Record *record, guint serial, const char *text)
{
  LxcmonLibvirtEvent *event = event_new (LXCMON_LIBVIRT_EVENT_LISTED, serial);
  g_auto (GStrv) words = g_strsplit (text, " ", -1);

  event->domains = g_ptr_array_new_with_free_func ((GDestroyNotify) _lxcmon_libvirt_domain_free);
  for (guint i = 0; words[i] != NULL && *words[i] != '\0'; i++)
    {
      char *id = strchr (words[i], '=');
      *id = '\0';
      g_ptr_array_add (event->domains,
                       domain_new (words[i], (gint) g_ascii_strtoll (id + 1, NULL, 10)));
    }
  feed_step (record, _lxcmon_libvirt_backend_apply_list, event);
}

void
feed_loss (Record *record)
{
  LxcmonLibvirtBackend *backend = feed_get_backend (record);

  backend->is_listed = FALSE;
  _lxcmon_libvirt_backend_watch_ends (backend);
  _lxcmon_libvirt_backend_end_held (backend);
  _lxcmon_main_source_run_steps (_lxcmon_backend_get_rows (LXCMON_BACKEND (backend))->source);
}

LxcmonMonitor *
feed_get_row (Record *record, const char *name)
{
  LxcmonMonitor *row = lxcmon_host_lookup (record->list, name);

  g_assert_nonnull (row);
  return row;
}

Record *
feed_record_new (const char *list)
{
  LxcmonBackend *backend
      = g_object_new (LXCMON_LIBVIRT_TYPE_BACKEND, "uri", "test:///default", NULL);
  Record *record = record_new (_lxcmon_host_new_for_backend (backend, "test:///default"));

  g_object_set_data (G_OBJECT (record->host), "backend", backend);
  record_run (record);
  feed_list (record, 1, list);
  record_clear (record);
  return record;
}
