/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the connection to libvirtd: opening it, registering, listing, noticing that it is lost, and opening
 * it again. Each of these may block for long, so they happen in a thread of the link's own. The link does
 * not know what libvirt's reports mean.
 */

#include "lxcmon-libvirt-link-parts-private.h"

#include <stdlib.h>

#include <lxcmon-glib/lxcmon-glib.h>

#include "lxcmon-libvirt-loop-private.h"

/* How long the host waits for the application to run its main loop. */
#define LOOP_TIMEOUT_MS 5000

/* Pauses between two attempts to connect: each is twice as long as the one before. A libvirtd that is
 * restarted is back within a second; one that is stopped may be back after a day. */
#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 10000

/* A libvirtd that hangs is noticed after about 20 s. */
#define KEEPALIVE_INTERVAL_S 5
#define KEEPALIVE_COUNT      3

/* How often a connection is checked if the application has registered its one close callback. */
#define CHECK_INTERVAL_MS 1000

static gboolean
open_handle (LxcmonLibvirtLink *self, GError **error)
{
  if (self->handle != NULL && self->handle_is_new && virConnectIsAlive (self->handle) == 1)
    {
      self->handle_is_new = FALSE;
      return TRUE;
    }

  if (self->handle != NULL)
    virConnectClose (self->handle);
  self->handle_is_new = FALSE;
  /* It only reads. */
  self->handle = virConnectOpenReadOnly (self->uri);
  if (self->handle != NULL)
    return TRUE;
  g_autofree char *what = g_strdup_printf ("cannot connect to %s", self->uri);
  g_propagate_error (error, _lxcmon_libvirt_error_new (what));
  return FALSE;
}

/* Whether the ids of domains are pids of controllers on this machine. */
static gboolean
is_local (LxcmonLibvirtLink *self)
{
  const char *type = virConnectGetType (self->handle);
  char *uri = virConnectGetURI (self->handle);
  gboolean local
      = g_strcmp0 (type, "LXC") == 0 && uri != NULL && _lxcmon_libvirt_uri_is_local (uri);

  free (uri);
  return local;
}

static void
close_handle (LxcmonLibvirtLink *self)
{
  if (self->handle == NULL)
    return;

  _lxcmon_libvirt_link_deregister (self);
  g_clear_pointer (&self->handle, virConnectClose);
}

/* libvirtd's list may contain what events report that it has not sent yet: it sends events from its main
 * loop, and answers from other threads. That loop also reads our next calls, so after two more answers it
 * has sent them. After one iteration of the loop here, the callbacks have been called. */
static gboolean
catch_up (LxcmonLibvirtLink *self, GError **error)
{
  unsigned long version;

  if (virConnectGetLibVersion (self->handle, &version) < 0
      || virConnectGetLibVersion (self->handle, &version) < 0)
    {
      g_propagate_error (error, _lxcmon_libvirt_error_new ("the connection was lost at once"));
      return FALSE;
    }
  if (_lxcmon_libvirt_loop_pass (LOOP_TIMEOUT_MS))
    return TRUE;
  g_set_error (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_TIMED_OUT,
               "cannot list the containers: libvirt's event loop has not dispatched earlier events "
               "within %u ms",
               LOOP_TIMEOUT_MS);
  return FALSE;
}

static GPtrArray *
list_domains (LxcmonLibvirtLink *self, gboolean local, GError **error)
{
  virDomainPtr *handles = NULL;
  int n = virConnectListAllDomains (self->handle, &handles, VIR_CONNECT_LIST_DOMAINS_ACTIVE);

  if (n < 0)
    {
      g_propagate_error (error, _lxcmon_libvirt_error_new ("cannot list the containers"));
      return NULL;
    }

  g_autoptr (GPtrArray) domains
      = g_ptr_array_new_full ((guint) n, (GDestroyNotify) _lxcmon_libvirt_domain_free);
  for (int i = 0; i < n; i++)
    {
      LxcmonLibvirtDomain *domain = _lxcmon_libvirt_domain_new (handles[i], local);

      if (self->watch_init)
        _lxcmon_libvirt_domain_watch_init (domain);
      g_ptr_array_add (domains, domain);
      virDomainFree (handles[i]);
    }
  free (handles);

  return catch_up (self, error) ? g_steal_pointer (&domains) : NULL;
}

/* Reports what has become of the connection; @domains and @error are taken over. */
static void
post (LxcmonLibvirtLink *self, LxcmonLibvirtEventType type, GPtrArray *domains, GError *error)
{
  LxcmonLibvirtEvent *event = g_new0 (LxcmonLibvirtEvent, 1);

  event->type = type;
  event->serial = (guint) g_atomic_int_get (&self->serial);
  event->domains = domains;
  event->error = error;
  _lxcmon_libvirt_link_post (self, event);
}

/* Connects: registers first, and lists afterwards. */
static gboolean
connect_once (LxcmonLibvirtLink *self, GError **error)
{
  g_mutex_lock (&self->mutex);
  self->lost = LXCMON_LIBVIRT_NOT_LOST;
  g_mutex_unlock (&self->mutex);
  g_atomic_int_inc (&self->serial);

  if (!open_handle (self, error))
    return FALSE;
  gboolean local = is_local (self);
  if (!_lxcmon_libvirt_link_register (self, local, error))
    return FALSE;
  /* Drivers that run in this process have no keepalive, and need none. */
  virConnectSetKeepAlive (self->handle, KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT);

  GPtrArray *domains = list_domains (self, local, error);
  if (domains == NULL)
    return FALSE;
  post (self, LXCMON_LIBVIRT_EVENT_LISTED, domains, NULL);
  return TRUE;
}

/* Waits until the connection is lost, or the link is stopped. */
static void
wait_for_loss (LxcmonLibvirtLink *self)
{
  g_mutex_lock (&self->mutex);
  while (!self->stopped && self->lost == LXCMON_LIBVIRT_NOT_LOST)
    {
      if (self->close_registration != NULL)
        {
          g_cond_wait (&self->cond, &self->mutex);
          continue;
        }
      gint64 deadline = g_get_monotonic_time () + CHECK_INTERVAL_MS * G_TIME_SPAN_MILLISECOND;
      g_cond_wait_until (&self->cond, &self->mutex, deadline);
      if (virConnectIsAlive (self->handle) != 1)
        self->lost = VIR_CONNECT_CLOSE_REASON_ERROR;
    }
  g_mutex_unlock (&self->mutex);
}

static const char *
get_reason (int reason)
{
  switch (reason)
    {
    case VIR_CONNECT_CLOSE_REASON_EOF:
      return "libvirtd closed it, or ended";
    case VIR_CONNECT_CLOSE_REASON_KEEPALIVE:
      return "libvirtd does not answer";
    case VIR_CONNECT_CLOSE_REASON_CLIENT:
      return "it was closed on this side";
    case VIR_CONNECT_CLOSE_REASON_ERROR:
    default:
      return "reading or writing failed";
    }
}

/* Reports the loss, after all events that came before it. */
static void
report_loss (LxcmonLibvirtLink *self)
{
  g_mutex_lock (&self->mutex);
  int reason = self->lost;
  g_mutex_unlock (&self->mutex);

  _lxcmon_libvirt_loop_pass (LOOP_TIMEOUT_MS);
  post (self, LXCMON_LIBVIRT_EVENT_LOST, NULL,
        g_error_new (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_LOST,
                     "the connection to %s was lost: %s", self->uri, get_reason (reason)));
}

/* Returns whether the pause was ended because libvirtd may be there. */
static gboolean
sleep_unless_stopped (LxcmonLibvirtLink *self, gint64 pause_ms)
{
  gint64 deadline = g_get_monotonic_time () + pause_ms * G_TIME_SPAN_MILLISECOND;

  g_mutex_lock (&self->mutex);
  while (!self->stopped && !self->retries
         && g_cond_wait_until (&self->cond, &self->mutex, deadline))
    ;
  gboolean retries = self->retries;
  self->retries = FALSE;
  g_mutex_unlock (&self->mutex);
  return retries;
}

/* Tries to connect until it succeeds, or the link is stopped. */
static gboolean
connect_again (LxcmonLibvirtLink *self)
{
  for (gint64 pause_ms = PAUSE_MIN_MS; !_lxcmon_libvirt_link_is_stopped (self);
       pause_ms = MIN (pause_ms * 2, PAUSE_MAX_MS))
    {
      g_autoptr (GError) error = NULL;

      if (sleep_unless_stopped (self, pause_ms))
        pause_ms = PAUSE_MIN_MS;
      if (!_lxcmon_libvirt_link_is_stopped (self) && connect_once (self, &error))
        return TRUE;
      if (error != NULL)
        g_debug ("%s", error->message);
      close_handle (self);
    }
  return FALSE;
}

static gpointer
link_run (gpointer data)
{
  LxcmonLibvirtLink *self = data;
  GError *error = NULL;
  gboolean connected
      = _lxcmon_libvirt_loop_check (LOOP_TIMEOUT_MS, &error) && connect_once (self, &error);

  if (!connected)
    post (self, LXCMON_LIBVIRT_EVENT_FAILED, NULL, error);
  if (!connected && self->keeps_trying)
    {
      close_handle (self);
      connected = connect_again (self);
    }
  while (connected)
    {
      wait_for_loss (self);
      if (_lxcmon_libvirt_link_is_stopped (self))
        break;
      report_loss (self);
      close_handle (self);
      connected = connect_again (self);
    }

  close_handle (self);
  _lxcmon_libvirt_link_unref (self);
  return NULL;
}

/*< private >
 * _lxcmon_libvirt_link_start:
 * @owner: the object that reports go to; referred to weakly
 * @func: called for each event
 * @context: the main context in which it is called
 * @settings: what to connect to
 *
 * Begins to keep a connection. Nothing is reported before this function has returned.
 *
 * Returns: (transfer full): a link to end with _lxcmon_libvirt_link_stop()
 */
LxcmonLibvirtLink *
_lxcmon_libvirt_link_start (GObject *owner, LxcmonLibvirtLinkFunc func, GMainContext *context,
                            const LxcmonLibvirtLinkSettings *settings)
{
  LxcmonLibvirtLink *self = g_atomic_rc_box_new0 (LxcmonLibvirtLink);

  g_weak_ref_init (&self->owner, owner);
  self->func = func;
  self->context = g_main_context_ref (context);
  self->uri = g_strdup (settings->uri);
  self->keeps_trying = settings->keeps_trying;
  self->watch_init = settings->watch_init;
  g_mutex_init (&self->mutex);
  g_cond_init (&self->cond);
  self->lost = LXCMON_LIBVIRT_NOT_LOST;
  self->lifecycle_id = self->reboot_id = -1;
  self->handle = settings->handle;
  self->handle_is_new = settings->handle != NULL;
  g_thread_unref (g_thread_new ("lxcmon-libvirt", link_run, _lxcmon_libvirt_link_ref (self)));

  return self;
}

/*< private >
 * _lxcmon_libvirt_link_stop:
 * @self: (transfer full): a link
 *
 * Ends a link. Nothing more is reported, and its thread closes the connection.
 */
void
_lxcmon_libvirt_link_stop (LxcmonLibvirtLink *self)
{
  g_mutex_lock (&self->mutex);
  self->stopped = TRUE;
  g_cond_signal (&self->cond);
  g_mutex_unlock (&self->mutex);
  _lxcmon_libvirt_link_unref (self);
}

/*< private >
 * _lxcmon_libvirt_link_retry:
 *
 * Connects at once if the link waits between two attempts, as libvirtd may have started.
 */
void
_lxcmon_libvirt_link_retry (LxcmonLibvirtLink *self)
{
  g_mutex_lock (&self->mutex);
  self->retries = TRUE;
  g_cond_signal (&self->cond);
  g_mutex_unlock (&self->mutex);
}
