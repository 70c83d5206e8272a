/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the connection to libvirtd: it is opened, registered at, listed, lost and opened again, in a
 * thread of the link's own, since each of these may block for long. Refuses to know what becomes of
 * what libvirt tells.
 *
 * There are three threads. Ours runs link_run(). The one that runs libvirt's event loop calls the
 * callbacks, which only hand on. The owner's runs its context: what it is told comes by a source in
 * there, never by g_main_context_invoke(), which would run in the wrong thread where nobody runs the
 * context just now.
 */

#include "lxcmon-libvirt-link-private.h"

#include <errno.h>
#include <libvirt/virterror.h>
#include <string.h>

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

#define NOT_LOST (-1)

struct _LxcmonLibvirtLink
{
  gatomicrefcount refs;

  /* These do not change. */
  GWeakRef owner;
  const LxcmonLibvirtLinkFuncs *funcs;
  GMainContext *context;
  char *uri;

  GMutex mutex;
  GCond cond;
  gboolean stopped;
  int lost; /* a virConnectCloseReason, or NOT_LOST */

  gint serial; /* counts attempts to connect; atomic */
  guint told;  /* in the owner's context: reports of older ones come too late */

  /* These belong to our own thread. */
  virConnectPtr handle;
  gboolean handle_is_new; /* given to us, and not used yet */
  gboolean has_close_callback;
  int lifecycle_id;
  int reboot_id;
};

/* What is on its way to the owner. */
typedef struct
{
  LxcmonLibvirtLink *link;
  guint serial;
  LxcmonLibvirtEvent event;
  GPtrArray *domains;
  GError *error;
  void (*tell) (GObject *owner, gpointer report);
} Report;

/* What a callback of libvirt's is given. */
typedef struct
{
  LxcmonLibvirtLink *link;
  guint serial;
  gboolean is_local;
} Registration;

/* How many links there are in this process, those included that are still being closed. */
static gint n_links;

static LxcmonLibvirtLink *
link_ref (LxcmonLibvirtLink *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

static void
link_unref (LxcmonLibvirtLink *self)
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
  g_atomic_int_add (&n_links, -1);
}

gint
_lxcmon_libvirt_link_count (void)
{
  return g_atomic_int_get (&n_links);
}

static gboolean
is_stopped (LxcmonLibvirtLink *self)
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

/* ---- To the owner ---- */

static Report *
report_new (LxcmonLibvirtLink *link, guint serial, void (*tell) (GObject *owner, gpointer report))
{
  Report *self = g_new0 (Report, 1);

  self->link = link_ref (link);
  self->serial = serial;
  self->tell = tell;
  return self;
}

static void
report_free (gpointer data)
{
  Report *self = data;

  g_clear_pointer (&self->event.domain, _lxcmon_libvirt_domain_free);
  g_clear_pointer (&self->domains, g_ptr_array_unref);
  g_clear_error (&self->error);
  link_unref (self->link);
  g_free (self);
}

static void
tell_event (GObject *owner, gpointer data)
{
  Report *report = data;

  report->link->funcs->event (owner, &report->event, report->serial);
}

static void
tell_listed (GObject *owner, gpointer data)
{
  Report *report = data;

  report->link->funcs->listed (owner, report->domains, report->serial);
}

static void
tell_lost (GObject *owner, gpointer data)
{
  Report *report = data;

  report->link->funcs->lost (owner, report->error);
}

static void
tell_failed (GObject *owner, gpointer data)
{
  Report *report = data;

  report->link->funcs->failed (owner, report->error);
}

/* What is left of a connection when its loss or another one's list was told is no news any more. */
static gboolean
deliver (gpointer user_data)
{
  Report *self = user_data;
  LxcmonLibvirtLink *link = self->link;
  g_autoptr (GObject) owner = g_weak_ref_get (&link->owner);

  if (owner == NULL || is_stopped (link) || self->serial < link->told)
    return G_SOURCE_REMOVE;
  link->told = self->tell == tell_lost ? self->serial + 1 : self->serial;
  self->tell (owner, self);
  return G_SOURCE_REMOVE;
}

/* Takes the report over. Sources of one priority are dispatched in the order in which they came. */
static void
post (Report *report)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_static_name (source, "[lxcmon] libvirt report");
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, deliver, report, report_free);
  g_source_attach (source, report->link->context);
}

/* Takes the error over. */
static void
post_error (LxcmonLibvirtLink *self, void (*tell) (GObject *owner, gpointer report), GError *error)
{
  Report *report = report_new (self, (guint) g_atomic_int_get (&self->serial), tell);

  report->error = error;
  post (report);
}

/* ---- Callbacks of libvirt's ---- */

static Registration *
registration_new (LxcmonLibvirtLink *link, gboolean is_local)
{
  Registration *self = g_new0 (Registration, 1);

  self->link = link_ref (link);
  self->serial = (guint) g_atomic_int_get (&link->serial);
  self->is_local = is_local;
  return self;
}

/* libvirt calls it when no callback runs any more, which may be after it was deregistered. */
static void
registration_free (void *data)
{
  Registration *self = data;

  link_unref (self->link);
  g_free (self);
}

static void
post_event (Registration *self, virDomainPtr domain, LxcmonLibvirtEventKind kind, int detail)
{
  Report *report = report_new (self->link, self->serial, tell_event);

  report->event.kind = kind;
  report->event.detail = detail;
  report->event.domain = _lxcmon_libvirt_domain_new (domain, self->is_local);
  post (report);
}

static int
on_lifecycle (virConnectPtr handle, virDomainPtr domain, int event, int detail, void *data)
{
  if (event == VIR_DOMAIN_EVENT_STARTED && detail != VIR_DOMAIN_EVENT_STARTED_WAKEUP)
    post_event (data, domain, LXCMON_LIBVIRT_EVENT_STARTED, detail);
  else if (event == VIR_DOMAIN_EVENT_STOPPED)
    post_event (data, domain, LXCMON_LIBVIRT_EVENT_STOPPED, detail);
  return 0;
}

static void
on_reboot (virConnectPtr handle, virDomainPtr domain, void *data)
{
  post_event (data, domain, LXCMON_LIBVIRT_EVENT_REBOOTED, 0);
}

/* libvirt holds a lock of the connection's while it calls this. */
static void
on_close (virConnectPtr handle, int reason, void *data)
{
  Registration *self = data;

  if (self->serial != (guint) g_atomic_int_get (&self->link->serial))
    return;
  g_mutex_lock (&self->link->mutex);
  self->link->lost = reason;
  g_cond_signal (&self->link->cond);
  g_mutex_unlock (&self->link->mutex);
}

/* ---- Our own thread ---- */

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

static gboolean
register_callbacks (LxcmonLibvirtLink *self, gboolean local, GError **error)
{
  Registration *registrations[] = {
    registration_new (self, local),
    registration_new (self, local),
    registration_new (self, local),
  };

  self->has_close_callback = virConnectRegisterCloseCallback (self->handle, on_close,
                                                              registrations[0], registration_free)
                             == 0;
  if (!self->has_close_callback)
    registration_free (registrations[0]);

  self->lifecycle_id
      = virConnectDomainEventRegisterAny (self->handle, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                          VIR_DOMAIN_EVENT_CALLBACK (on_lifecycle),
                                          registrations[1], registration_free);
  if (self->lifecycle_id < 0)
    registration_free (registrations[1]);

  /* libvirt tells a container's reboot by this one alone. */
  self->reboot_id
      = virConnectDomainEventRegisterAny (self->handle, NULL, VIR_DOMAIN_EVENT_ID_REBOOT,
                                          VIR_DOMAIN_EVENT_CALLBACK (on_reboot), registrations[2],
                                          registration_free);
  if (self->reboot_id < 0)
    registration_free (registrations[2]);

  if (self->lifecycle_id >= 0 && self->reboot_id >= 0)
    return TRUE;
  g_propagate_error (error, _lxcmon_libvirt_error_new ("cannot register for libvirt's events"));
  return FALSE;
}

static void
close_handle (LxcmonLibvirtLink *self)
{
  if (self->handle == NULL)
    return;

  if (self->lifecycle_id >= 0)
    virConnectDomainEventDeregisterAny (self->handle, self->lifecycle_id);
  if (self->reboot_id >= 0)
    virConnectDomainEventDeregisterAny (self->handle, self->reboot_id);
  /* It holds a reference to the connection. */
  if (self->has_close_callback)
    virConnectUnregisterCloseCallback (self->handle, on_close);
  self->lifecycle_id = self->reboot_id = -1;
  self->has_close_callback = FALSE;
  virConnectClose (self->handle);
  self->handle = NULL;
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
  self->lost = NOT_LOST;
  g_mutex_unlock (&self->mutex);
  g_atomic_int_inc (&self->serial);

  if (!open_handle (self, error))
    return FALSE;
  gboolean local = is_local (self);
  if (!register_callbacks (self, local, error))
    return FALSE;
  /* Drivers within our own process know no keepalive, and need none. */
  virConnectSetKeepAlive (self->handle, KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT);

  GPtrArray *domains = list_domains (self, local, error);
  if (domains == NULL)
    return FALSE;
  Report *report = report_new (self, (guint) g_atomic_int_get (&self->serial), tell_listed);
  report->domains = domains;
  post (report);
  return TRUE;
}

/* Waits for the end of the connection, or until we are stopped. */
static void
wait_for_loss (LxcmonLibvirtLink *self)
{
  g_mutex_lock (&self->mutex);
  while (!self->stopped && self->lost == NOT_LOST)
    {
      if (self->has_close_callback)
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
post_loss (LxcmonLibvirtLink *self)
{
  g_mutex_lock (&self->mutex);
  int reason = self->lost;
  g_mutex_unlock (&self->mutex);

  _lxcmon_libvirt_loop_pass (LOOP_TIMEOUT_MS);
  post_error (self, tell_lost,
              g_error_new (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_LOST,
                           "the connection to %s was lost: %s", self->uri, get_reason (reason)));
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
  for (gint64 pause_ms = PAUSE_MIN_MS; !is_stopped (self);
       pause_ms = MIN (pause_ms * 2, PAUSE_MAX_MS))
    {
      g_autoptr (GError) error = NULL;

      sleep_unless_stopped (self, pause_ms);
      if (!is_stopped (self) && connect_once (self, &error))
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
    post_error (self, tell_failed, error);
  while (connected)
    {
      wait_for_loss (self);
      if (is_stopped (self))
        break;
      post_loss (self);
      close_handle (self);
      connected = connect_again (self);
    }

  close_handle (self);
  link_unref (self);
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

  g_atomic_int_inc (&n_links);
  g_atomic_ref_count_init (&self->refs);
  g_weak_ref_init (&self->owner, owner);
  self->funcs = funcs;
  self->context = g_main_context_ref (context);
  self->uri = g_strdup (uri);
  g_mutex_init (&self->mutex);
  g_cond_init (&self->cond);
  self->lost = NOT_LOST;
  self->lifecycle_id = self->reboot_id = -1;
  self->handle = handle;
  self->handle_is_new = handle != NULL;
  g_thread_unref (g_thread_new ("lxcmon-libvirt", link_run, link_ref (self)));

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
  link_unref (self);
}
