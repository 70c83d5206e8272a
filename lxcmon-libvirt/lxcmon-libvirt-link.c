/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the connection to libvirtd: it is opened, registered at, listed, lost and opened again, in a
 * thread of the link's own, since each of these may block for long. Refuses to know what becomes of
 * what libvirt tells.
 */

#include "lxcmon-libvirt-link-parts-private.h"

#include <errno.h>
#include <libvirt/virterror.h>
#include <stdlib.h>

#include <lxcmon-glib/lxcmon-glib.h>

#include "lxcmon-libvirt-loop-private.h"

/* How long the app may take to come to its main loop. */
#define LOOP_TIMEOUT_MS 5000

/* Pauses between two attempts to connect: each is twice as long as the one before. libvirtd is back
 * within a second where it was only restarted, and after a day where it was not. */
#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 10000

/* A libvirtd that hangs is noticed after some 20 s. */
#define KEEPALIVE_INTERVAL_S 5
#define KEEPALIVE_COUNT      3

/* How often a connection is looked at that somebody else's close callback has been registered with. */
#define LOOK_INTERVAL_MS 1000

LxcmonLibvirtLink *
_lxcmon_libvirt_link_ref (LxcmonLibvirtLink *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

void
_lxcmon_libvirt_link_unref (LxcmonLibvirtLink *self)
{
  if (!g_atomic_ref_count_dec (&self->refs))
    return;

  if (self->handle != NULL)
    virConnectClose (self->handle);
  g_weak_ref_clear (&self->owner);
  g_main_context_unref (self->context);
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->cond);
  g_free (self->uri);
  g_free (self);
}

gboolean
_lxcmon_libvirt_link_is_stopped (LxcmonLibvirtLink *self)
{
  g_mutex_lock (&self->mutex);
  gboolean stopped = self->stopped;
  g_mutex_unlock (&self->mutex);

  return stopped;
}

/*< private >
 * _lxcmon_libvirt_error_new:
 * @what: what was tried
 *
 * Makes an error of libvirt's last one in this thread.
 */
GError *
_lxcmon_libvirt_error_new (const char *what)
{
  virErrorPtr why = virGetLastError ();
  LxcmonMonitorError code = LXCMON_MONITOR_ERROR_FAILED;

  if (why != NULL
      && (why->code == VIR_ERR_AUTH_FAILED || why->code == VIR_ERR_AUTH_CANCELLED
          || why->code == VIR_ERR_AUTH_UNAVAILABLE || why->code == VIR_ERR_ACCESS_DENIED
          || (why->code == VIR_ERR_SYSTEM_ERROR && (why->int1 == EACCES || why->int1 == EPERM))))
    code = LXCMON_MONITOR_ERROR_PERMISSION;

  return g_error_new (LXCMON_MONITOR_ERROR, (int) code, "%s: %s", what,
                      why != NULL ? why->message : "libvirt does not say why");
}

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
  /* To look on is all that we need. */
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

/* What is in libvirtd's list may have happened before events that it has still to send: it sends them
 * from its main loop, and answers from other threads. That loop reads our next calls too, so after two
 * more answers it has sent them; and after a round of the loop here, the callbacks have been called. */
static gboolean
catch_up (LxcmonLibvirtLink *self)
{
  unsigned long version;

  if (virConnectGetLibVersion (self->handle, &version) < 0
      || virConnectGetLibVersion (self->handle, &version) < 0)
    return FALSE;
  _lxcmon_libvirt_loop_pass (LOOP_TIMEOUT_MS);
  return TRUE;
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
      g_ptr_array_add (domains, _lxcmon_libvirt_domain_new (handles[i], local));
      virDomainFree (handles[i]);
    }
  free (handles);

  if (!catch_up (self))
    {
      g_propagate_error (error, _lxcmon_libvirt_error_new ("the connection does not last"));
      return NULL;
    }
  return g_steal_pointer (&domains);
}

/* Connects: registers first, and lists second. */
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
  /* Drivers within our own process know no keepalive, and need none. */
  virConnectSetKeepAlive (self->handle, KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT);

  GPtrArray *domains = list_domains (self, local, error);
  if (domains == NULL)
    return FALSE;
  _lxcmon_libvirt_link_post_list (self, domains);
  return TRUE;
}

/* Waits for the end of the connection, or until we are stopped. */
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
      gint64 deadline = g_get_monotonic_time () + LOOK_INTERVAL_MS * G_TIME_SPAN_MILLISECOND;
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
      return "libvirtd does not answer any more";
    case VIR_CONNECT_CLOSE_REASON_CLIENT:
      return "it was closed on this side";
    case VIR_CONNECT_CLOSE_REASON_ERROR:
    default:
      return "reading or writing failed";
    }
}

/* Tells of the loss, after all events that came before it. */
static void
tell_loss (LxcmonLibvirtLink *self)
{
  g_mutex_lock (&self->mutex);
  int reason = self->lost;
  g_mutex_unlock (&self->mutex);

  _lxcmon_libvirt_loop_pass (LOOP_TIMEOUT_MS);
  _lxcmon_libvirt_link_post_loss (self,
                                  g_error_new (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_LOST,
                                               "the connection to %s was lost: %s", self->uri,
                                               get_reason (reason)));
}

static void
sleep_unless_stopped (LxcmonLibvirtLink *self, gint64 pause_ms)
{
  gint64 deadline = g_get_monotonic_time () + pause_ms * G_TIME_SPAN_MILLISECOND;

  g_mutex_lock (&self->mutex);
  while (!self->stopped && g_cond_wait_until (&self->cond, &self->mutex, deadline))
    ;
  g_mutex_unlock (&self->mutex);
}

/* Connects again and again, until it has worked or we are stopped. */
static gboolean
connect_again (LxcmonLibvirtLink *self)
{
  for (gint64 pause_ms = PAUSE_MIN_MS; !_lxcmon_libvirt_link_is_stopped (self);
       pause_ms = MIN (pause_ms * 2, PAUSE_MAX_MS))
    {
      g_autoptr (GError) error = NULL;

      sleep_unless_stopped (self, pause_ms);
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
    _lxcmon_libvirt_link_post_failure (self, error);
  while (connected)
    {
      wait_for_loss (self);
      if (_lxcmon_libvirt_link_is_stopped (self))
        break;
      tell_loss (self);
      close_handle (self);
      connected = connect_again (self);
    }

  close_handle (self);
  _lxcmon_libvirt_link_unref (self);
  return NULL;
}

/*< private >
 * _lxcmon_libvirt_link_start:
 * @owner: who is told; no reference is kept to it
 * @context: where it is told
 * @handle: (nullable) (transfer full): a connection to begin with
 *
 * Begins to keep a connection. Nothing is told before this has returned.
 */
LxcmonLibvirtLink *
_lxcmon_libvirt_link_start (GObject *owner, const LxcmonLibvirtLinkFuncs *funcs,
                            GMainContext *context, const char *uri, virConnectPtr handle)
{
  LxcmonLibvirtLink *self = g_new0 (LxcmonLibvirtLink, 1);

  g_atomic_ref_count_init (&self->refs);
  g_weak_ref_init (&self->owner, owner);
  self->funcs = funcs;
  self->context = g_main_context_ref (context);
  self->uri = g_strdup (uri);
  g_mutex_init (&self->mutex);
  g_cond_init (&self->cond);
  self->lost = LXCMON_LIBVIRT_NOT_LOST;
  self->lifecycle_id = self->reboot_id = -1;
  self->handle = handle;
  self->handle_is_new = handle != NULL;
  g_thread_unref (g_thread_new ("lxcmon-libvirt", link_run, _lxcmon_libvirt_link_ref (self)));

  return self;
}

/*< private >
 * _lxcmon_libvirt_link_stop:
 *
 * Tells nothing more, and closes the connection in its own time. Takes the link over.
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
