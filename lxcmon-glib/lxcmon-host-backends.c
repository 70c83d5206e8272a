/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns which backend reports the containers of a host, and starting and stopping. If the host chooses by
 * itself, the direct backend is always started: it finds out whether libvirtd is running. If it is, the
 * direct backend closes its connections, and libvirtd's backend takes over the rows as soon as it has a
 * list. When libvirtd has been gone for some time, the direct backend takes them over again.
 */

#include "lxcmon-host-private.h"

#include <lxcmon/lxcmon-daemon.h>
#include <lxcmon/lxcmon-name.h>

#include "lxcmon-backend-module-private.h"

#define URI_DEFAULT "lxc:///system"

/* For how long libvirtd is waited for before its containers are listed without their events, in ms. */
#define LIBVIRT_WAIT 6000

/* ---- Properties ---- */

static void
set_connected (LxcmonHost *self, gboolean connected, const GError *error)
{
  gboolean is_new = self->connected != connected;
  gboolean is_other = g_strcmp0 (error != NULL ? error->message : NULL,
                                 self->error != NULL ? self->error->message : NULL)
                      != 0;

  g_object_freeze_notify (G_OBJECT (self));
  self->connected = connected;
  g_clear_error (&self->error);
  self->error = error != NULL ? g_error_copy (error) : NULL;
  if (is_other)
    _lxcmon_rows_notify (&self->rows, "error");
  if (is_new)
    _lxcmon_rows_notify (&self->rows, "connected");
  g_object_thaw_notify (G_OBJECT (self));
}

static void
set_source (LxcmonHost *self, LxcmonSource source)
{
  if (self->source == source)
    return;

  self->source = source;
  _lxcmon_rows_notify (&self->rows, "source");
}

/* ---- Starting and stopping ---- */

static void
clear_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static GTask *
steal_start (LxcmonHost *self)
{
  clear_source (&self->start_cancel);
  return g_steal_pointer (&self->start);
}

static void
stop_backend (LxcmonBackend **backend)
{
  LxcmonBackend *stopped = g_steal_pointer (backend);

  if (stopped == NULL)
    return;
  _lxcmon_backend_stop (stopped);
  g_object_unref (stopped);
}

/*< private >
 * _lxcmon_host_flush:
 *
 * Reports what is held back, before the application stops the host.
 */
void
_lxcmon_host_flush (LxcmonHost *self)
{
  g_autoptr (LxcmonBackend) active = self->active != NULL ? g_object_ref (self->active) : NULL;

  if (active != NULL)
    _lxcmon_backend_flush (active);
}

/*< private >
 * _lxcmon_host_end:
 * @why: the error of a pending start
 *
 * Stops the host, if it is started. Properties are notified when it is stopped, so that a handler may start
 * it again.
 */
void
_lxcmon_host_end (LxcmonHost *self, const GError *why)
{
  if (self->rows.source == NULL)
    return;

  g_autoptr (GTask) start = steal_start (self);
  g_object_freeze_notify (G_OBJECT (self));
  self->rows.epoch++;
  clear_source (&self->libvirt_wait);
  stop_backend (&self->next);
  stop_backend (&self->active);
  _lxcmon_backend_stop ((LxcmonBackend *) self->direct);
  g_clear_pointer (&self->rows.source, _lxcmon_main_source_release);
  self->is_choosing = FALSE;
  set_connected (self, FALSE, NULL);
  /* Handlers of the list's change run now. */
  _lxcmon_rows_remove_all (&self->rows);
  g_object_thaw_notify (G_OBJECT (self));
  if (start != NULL)
    g_task_return_error (start, g_error_copy (why));
}

static gboolean
on_start_cancelled (GCancellable *cancellable, gpointer user_data)
{
  g_autoptr (LxcmonHost) self = g_object_ref (user_data);
  if (_lxcmon_main_source_was_forked (self->rows.source))
    return G_SOURCE_REMOVE;

  g_autoptr (GError) cancelled
      = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "the host was stopped");

  _lxcmon_host_end (self, cancelled);
  return G_SOURCE_REMOVE;
}

/* The cancellation may come from any thread; it takes effect in the host's context. */
static void
watch_cancellable (LxcmonHost *self, GCancellable *cancellable)
{
  if (cancellable == NULL)
    return;

  self->start_cancel = g_cancellable_source_new (cancellable);
  g_source_set_static_name (self->start_cancel, "[lxcmon] start cancelled");
  g_source_set_callback (self->start_cancel, G_SOURCE_FUNC (on_start_cancelled), self, NULL);
  g_source_attach (self->start_cancel, self->rows.context);
}

/* ---- Choosing ---- */

static gboolean
is_automatic (LxcmonHost *self)
{
  return self->uri == NULL && self->given == NULL;
}

/* Where the libvirtd that is running can be reached. If that cannot be seen, libvirt finds it, but only that of
 * its own runtime directory: another directory's is another libvirtd. */
static char *
find_uri (LxcmonHost *self, GError **error)
{
  const LxcmonDriver driver = { .running = TRUE, .pid = self->direct->driver.pid };
  const char *dir = _lxcmon_direct_get_dir (self->direct);
  char path[LXCMON_DAEMON_PATH_SIZE];
  LxcmonError why;

  if (!lxcmon_daemon_find_socket (&driver, self->direct->runtime_dir, path, &why))
    {
      if (g_str_equal (dir, LXCMON_RUNTIME_DIR))
        return g_strdup (URI_DEFAULT);
      g_propagate_error (error, _lxcmon_monitor_error_new (&why));
      return NULL;
    }
  g_autofree char *escaped = g_uri_escape_string (path, "/", FALSE);
  return g_strdup_printf ("lxc:///system?socket=%s", escaped);
}

static gboolean
is_direct (LxcmonHost *self, LxcmonBackend *backend)
{
  return backend == (LxcmonBackend *) self->direct;
}

static void on_news (GObject *object, LxcmonBackend *backend, LxcmonBackendNews news,
                     const GError *error);

/* libvirtd's backend cannot be used, at present or at all: its containers are listed without their events. If they
 * are its rows already, they stay, and the host has lost the connection before. */
static void
fall_back (LxcmonHost *self, const GError *why)
{
  guint epoch = self->rows.epoch;

  if (self->active != NULL && !is_direct (self, self->active))
    return;
  set_connected (self, FALSE, why);
  if (self->rows.epoch != epoch)
    return;
  _lxcmon_direct_set_why_busy (self->direct, why->message);
  _lxcmon_direct_set_on_standby (self->direct, FALSE);
}

/* The backend that goes through libvirtd's socket at a URI, or will. */
static LxcmonBackend *
find_backend (LxcmonHost *self, const char *uri)
{
  if (self->next != NULL && g_strcmp0 (_lxcmon_backend_get_uri (self->next), uri) == 0)
    return self->next;
  if (self->active != NULL && g_strcmp0 (_lxcmon_backend_get_uri (self->active), uri) == 0)
    return self->active;
  return NULL;
}

/* Makes libvirtd's backend, which takes over when it has a list.
 * @retries: whether one that waits between two attempts to connect tries again at once */
static void
try_libvirt (LxcmonHost *self, gboolean retries)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *uri = find_uri (self, &error);
  LxcmonBackend *known = uri != NULL ? find_backend (self, uri) : NULL;

  if (known != NULL)
    {
      if (retries)
        _lxcmon_backend_retry (known);
      return;
    }
  LxcmonBackend *made = uri != NULL ? _lxcmon_backend_new_for_uri (uri, TRUE, &error) : NULL;
  if (made == NULL)
    {
      fall_back (self, error);
      return;
    }
  stop_backend (&self->next);
  self->next = made;
  _lxcmon_backend_start (made, &self->rows, on_news);
}

static void
give_up_waiting (LxcmonHost *self)
{
  g_autoptr (GError) error
      = g_error_new (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_TIMED_OUT,
                     "libvirtd has not answered for %d s at %s", LIBVIRT_WAIT / 1000,
                     _lxcmon_backend_get_uri (self->next));

  fall_back (self, error);
}

/* libvirtd does not answer; or its socket, or the module, was not there and may be now. */
static gboolean
on_libvirt_wait (gpointer user_data)
{
  g_autoptr (LxcmonHost) self = g_object_ref (user_data);

  if (_lxcmon_main_source_was_forked (self->rows.source))
    return G_SOURCE_REMOVE;
  if (self->next != NULL && self->error == NULL)
    give_up_waiting (self);
  else if (self->direct->driver.running)
    try_libvirt (self, FALSE);
  return G_SOURCE_CONTINUE;
}

/* libvirtd is running: its backend is to take over. */
static void
use_libvirt (LxcmonHost *self)
{
  clear_source (&self->libvirt_wait);
  self->libvirt_wait = g_timeout_source_new (LIBVIRT_WAIT);
  g_source_set_static_name (self->libvirt_wait, "[lxcmon] waiting for libvirtd");
  g_source_set_callback (self->libvirt_wait, on_libvirt_wait, self, NULL);
  g_source_attach (self->libvirt_wait, self->rows.context);
  try_libvirt (self, TRUE);
}

/* libvirtd is gone: the direct backend takes over with its next scan. */
static void
use_direct (LxcmonHost *self)
{
  guint epoch = self->rows.epoch;

  clear_source (&self->libvirt_wait);
  stop_backend (&self->next);
  /* Handlers run, and may stop the host. */
  _lxcmon_host_flush (self);
  if (self->rows.epoch != epoch)
    return;
  _lxcmon_direct_set_why_busy (self->direct, NULL);
  _lxcmon_direct_set_on_standby (self->direct, FALSE);
  if (is_direct (self, self->active))
    set_connected (self, TRUE, NULL);
}

/* A step: the driver has come or gone, the last connection for it was closed, or its own was lost. */
static void
choose (GObject *object, gpointer data)
{
  LxcmonHost *self = (LxcmonHost *) object;
  const LxcmonDirectDriver *driver = &self->direct->driver;
  gboolean is_served = self->connected && self->source == LXCMON_SOURCE_LIBVIRT;

  self->is_choosing = FALSE;
  if (self->rows.source == NULL || GPOINTER_TO_UINT (data) != self->rows.epoch)
    return;
  if (driver->running && self->direct->n_sessions == 0 && !is_served)
    use_libvirt (self);
  else if (!driver->running && driver->wait_until == 0)
    use_direct (self);
}

static void
choose_soon (LxcmonHost *self)
{
  if (self->is_choosing)
    return;
  self->is_choosing = TRUE;
  _lxcmon_main_source_push (self->rows.source, self, choose, GUINT_TO_POINTER (self->rows.epoch),
                            NULL);
}

/* ---- News of the backends ---- */

/* The rows are @backend's from now on. */
static void
take_over (LxcmonHost *self, LxcmonBackend *backend)
{
  LxcmonBackend *before = g_steal_pointer (&self->active);

  self->active = g_object_ref (backend);
  if (self->next == backend)
    g_clear_object (&self->next);
  self->rows.handover++;
  if (!is_direct (self, backend))
    {
      /* The direct backend may be about to take over itself; the other one is another way to the same libvirtd. */
      _lxcmon_direct_set_on_standby (self->direct, TRUE);
      clear_source (&self->libvirt_wait);
      stop_backend (&self->next);
    }
  if (before != NULL && before != backend && !is_direct (self, before))
    _lxcmon_backend_stop (before);
  g_clear_object (&before);
  set_source (self, LXCMON_BACKEND_GET_CLASS (backend)->source);
}

/* Whether the direct backend lists containers without their events: libvirtd has them. */
static gboolean
is_blind (LxcmonHost *self)
{
  return is_direct (self, self->active) && is_automatic (self)
         && _lxcmon_direct_driver_manages (self->direct);
}

static void
on_ready (LxcmonHost *self, LxcmonBackend *backend)
{
  guint epoch = self->rows.epoch;

  take_over (self, backend);
  /* At a start, the list is complete before the host is connected. Later the host is connected again before
   * it reports what has changed meanwhile. */
  if (self->rows.epoch == epoch && self->start == NULL && !is_blind (self))
    set_connected (self, TRUE, NULL);
}

static void
on_listed (LxcmonHost *self)
{
  guint epoch = self->rows.epoch;

  if (!is_blind (self))
    set_connected (self, TRUE, NULL);
  if (self->rows.epoch != epoch)
    return;
  g_autoptr (GTask) start = steal_start (self);
  if (start != NULL)
    g_task_return_boolean (start, TRUE);
}

static void
on_failed (LxcmonHost *self, LxcmonBackend *backend, const GError *error)
{
  if (is_automatic (self) && !is_direct (self, backend))
    fall_back (self, error);
  else if (self->start != NULL)
    _lxcmon_host_end (self, error);
  else
    set_connected (self, FALSE, error);
}

static void
on_lost (LxcmonHost *self, const GError *error)
{
  guint epoch = self->rows.epoch;

  set_connected (self, FALSE, error);
  if (self->rows.epoch == epoch && is_automatic (self))
    choose_soon (self);
}

/* If the host is only starting, its rows do not appear as if nobody reported their events. */
static void
on_driver (LxcmonHost *self)
{
  if (!is_automatic (self))
    return;
  if (self->active == NULL && self->direct->driver.running && self->error == NULL)
    _lxcmon_direct_set_on_standby (self->direct, TRUE);
  choose_soon (self);
}

/* Called with the news of a backend. */
static void
on_news (GObject *object, LxcmonBackend *backend, LxcmonBackendNews news, const GError *error)
{
  g_autoptr (LxcmonHost) self = (LxcmonHost *) g_object_ref (object);
  g_autoptr (LxcmonBackend) alive = g_object_ref (backend);

  switch (news)
    {
    case LXCMON_BACKEND_READY:
      on_ready (self, backend);
      break;
    case LXCMON_BACKEND_LISTED:
      on_listed (self);
      break;
    case LXCMON_BACKEND_FAILED:
      on_failed (self, backend, error);
      break;
    case LXCMON_BACKEND_LOST:
      on_lost (self, error);
      break;
    case LXCMON_BACKEND_DRIVER:
      on_driver (self);
      break;
    default:
      g_assert_not_reached ();
    }
}

/* Makes the backend of a host that does not choose, and starts it. */
static gboolean
begin_backend (LxcmonHost *self, GError **error)
{
  self->next = self->given != NULL ? g_object_ref (self->given)
                                   : _lxcmon_backend_new_for_uri (self->uri, FALSE, error);
  if (self->next == NULL)
    return FALSE;
  _lxcmon_backend_start (self->next, &self->rows, on_news);
  return TRUE;
}

/*< private >
 * _lxcmon_host_begin:
 * @start: (transfer full): returned when the list is complete
 *
 * Starts to keep the list up to date.
 */
void
_lxcmon_host_begin (LxcmonHost *self, GTask *start)
{
  gboolean needs_direct = is_automatic (self) || g_strcmp0 (self->uri, LXCMON_HOST_URI_DIRECT) == 0;
  g_autoptr (GError) error = NULL;
  LxcmonError why;

  self->rows.source = _lxcmon_main_source_acquire (self->rows.context, &why);
  if (self->rows.source == NULL)
    {
      g_task_return_error (start, _lxcmon_monitor_error_new (&why));
      g_object_unref (start);
      return;
    }
  self->rows.epoch++;
  self->start = start;
  watch_cancellable (self, g_task_get_cancellable (start));
  set_connected (self, FALSE, NULL);
  self->direct->is_automatic = is_automatic (self);
  self->direct->on_standby = FALSE;
  if (needs_direct)
    _lxcmon_backend_start ((LxcmonBackend *) self->direct, &self->rows, on_news);
  else if (!begin_backend (self, &error))
    _lxcmon_host_end (self, error);
}
