/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what becomes of one row: attached, shown from outside, rebooting, closed. One set_mode(); what a
 * row's client tells comes in here, and goes on to the host's handlers.
 */

#include "lxcmon-host-private.h"

#include <lxcmon/lxcmon-process.h>

#include "lxcmon-status-xml-private.h"

#define RETRY_MIN_US (50 * G_TIME_SPAN_MILLISECOND)
#define RETRY_MAX_US (5 * G_TIME_SPAN_SECOND) /* also for a place that somebody has: nobody tells */

static void
set_deadline (LxcmonHostRow *self, gint64 deadline)
{
  LxcmonHost *host = self->host;

  self->deadline = deadline;
  if (deadline != 0 && (host->due_at == 0 || deadline < host->due_at))
    host->due_at = deadline;
}

/* The one place where a row's mode is written. */
static void
set_mode (LxcmonHostRow *self, LxcmonHostRowMode mode, gint64 deadline)
{
  LxcmonHost *host = self->host;

  host->n_pending -= self->mode == LXCMON_ROW_PENDING;
  self->mode = (guint8) mode;
  host->n_pending += self->mode == LXCMON_ROW_PENDING;
  set_deadline (self, deadline);
  _lxcmon_host_work_schedule (host);
}

/* When to try again: later each time, up to a bound. */
static gint64
next_try (LxcmonHostRow *self)
{
  gint64 pause = RETRY_MIN_US << MIN (self->n_tries, 7);

  self->n_tries = (guint8) MIN (self->n_tries + 1, G_MAXUINT8);
  return g_get_monotonic_time () + MIN (pause, RETRY_MAX_US);
}

static LxcmonClient *
make_client (LxcmonHost *host, const char *name)
{
  g_autofree char *path = g_strconcat (_lxcmon_host_get_dir (host), "/", name, ".sock", NULL);

  /* The path says it all. The directory is the host's, as long as this is a row of it. */
  return g_object_new (LXCMON_TYPE_CLIENT, "name", name, "socket-path", path, NULL);
}

/*< private >
 * _lxcmon_host_row_get_dir:
 *
 * Where the sockets of a row's host are.
 */
const char *
_lxcmon_host_row_get_dir (const LxcmonHostRow *self)
{
  return _lxcmon_host_get_dir (self->host);
}

/*< private >
 * _lxcmon_host_row_new:
 *
 * Makes a row for a container that has come.
 */
LxcmonHostRow *
_lxcmon_host_row_new (LxcmonHost *host, const LxcmonRuntimeSocket *socket)
{
  LxcmonHostRow *self = g_new0 (LxcmonHostRow, 1);

  self->host = host;
  self->client = make_client (host, socket->name);
  self->client->row = self;
  self->file = socket->file;
  self->mode = LXCMON_ROW_FAILED;
  set_mode (self, LXCMON_ROW_PENDING, 0);
  return self;
}

/*< private >
 * _lxcmon_host_row_leave:
 * @self: (transfer full): a row that is no longer in the list
 *
 * Frees a row. Its client is the host's no more, and a client like any other.
 */
void
_lxcmon_host_row_leave (LxcmonHostRow *self)
{
  self->host->n_pending -= self->mode == LXCMON_ROW_PENDING;
  self->client->row = NULL;
  if (self->host->runtime_dir != NULL)
    _lxcmon_client_ensure_extra (self->client)->runtime_dir = g_strdup (self->host->runtime_dir);
  g_object_unref (self->client);
  g_free (self);
}

static gboolean
is_code (const GError *error, LxcmonMonitorError code)
{
  return g_error_matches (error, LXCMON_MONITOR_ERROR, (gint) code);
}

/* Whether an attach failed for want of descriptors or memory, and not for the row's own sake. */
static gboolean
is_shortage (LxcmonHostRow *self, const GError *error)
{
  const LxcmonError *why
      = lxcmon_connection_get_error (_lxcmon_client_get_connection (self->client));

  if (!is_code (error, LXCMON_MONITOR_ERROR_FAILED))
    return FALSE;
  return why == NULL || _lxcmon_host_is_shortage (why);
}

static void
take_shortage (LxcmonHostRow *self, const GError *error)
{
  LxcmonHost *host = self->host;

  if (!host->said_shortage)
    g_warning ("not all containers can be attached to, and the others are served: %s",
               error->message);
  host->said_shortage = TRUE;
  host->shortage_until = g_get_monotonic_time () + LXCMON_HOST_SHORTAGE_US;
  set_mode (self, LXCMON_ROW_PENDING, 0);
}

/* An attach has failed. What a moment later may be otherwise is tried again: the controller has bound
 * its socket and does not listen yet, or it has gone before it served us. */
static void
take_failure (LxcmonHostRow *self, const GError *error)
{
  if (is_shortage (self, error))
    take_shortage (self, error);
  else if (is_code (error, LXCMON_MONITOR_ERROR_BUSY))
    {
      set_mode (self, LXCMON_ROW_BUSY, next_try (self));
      _lxcmon_host_work_scan_soon (self->host);
    }
  else if (is_code (error, LXCMON_MONITOR_ERROR_NOT_FOUND)
           || is_code (error, LXCMON_MONITOR_ERROR_REFUSED)
           || is_code (error, LXCMON_MONITOR_ERROR_LOST))
    set_mode (self, LXCMON_ROW_RETRY, next_try (self));
  else
    set_mode (self, LXCMON_ROW_FAILED, 0);
}

void
_lxcmon_host_row_handle_failed (LxcmonClient *client, const GError *error)
{
  take_failure (client->row, error);
}

/*< private >
 * _lxcmon_host_row_attach:
 *
 * Attaches a row whose turn it is, in the host's context. The row may be gone afterwards.
 */
void
_lxcmon_host_row_attach (LxcmonHostRow *self)
{
  g_autoptr (LxcmonHeldClient) client = _lxcmon_client_hold (self->client);
  g_autoptr (GError) error = NULL;

  client->force = self->host->force != FALSE;
  set_mode (self, LXCMON_ROW_ATTACHED, 0);
  gboolean begun = _lxcmon_client_begin_row (client, &error);
  if (client->row != self || self->mode != LXCMON_ROW_ATTACHED)
    return;
  if (!begun)
    take_failure (self, error);
  else
    self->host->said_shortage = self->host->said_shortage && self->host->shortage_until != 0;
}

/* Who listens: the status XML says it at once, and is a hint; a walk over /proc takes longer. */
static gint
find_controller (LxcmonHostRow *self, LxcmonRuntimeDir *look, const LxcmonRuntimeSocket *socket)
{
  gint pid = _lxcmon_status_xml_find_controller (self->client->socket_path);

  if (lxcmon_process_has_socket (pid, socket->listener))
    return pid;
  if (socket->controller_pid == 0)
    lxcmon_runtime_dir_find_controllers (look);
  return socket->controller_pid;
}

/* Shows what can be known of a container from outside. */
static void
observe (LxcmonHostRow *self, LxcmonHostRowMode mode, const GError *error, LxcmonRuntimeDir *look,
         const LxcmonRuntimeSocket *socket)
{
  LxcmonClient *client = self->client;
  gint controller = _lxcmon_client_get_observed_pid (client);
  gint init = lxcmon_monitor_get_init_pid (LXCMON_MONITOR (client));

  if (self->mode != mode || self->file != socket->file || controller == 0)
    {
      if (self->file != socket->file || !self->asked)
        controller = find_controller (self, look, socket);
      self->asked = TRUE;
      init = 0;
    }
  if (init == 0)
    init = lxcmon_process_find_init (controller);
  if (init == 0)
    init = _lxcmon_status_xml_find_init (client->socket_path, controller);

  self->file = socket->file;
  self->reboot_until = 0;
  set_mode (self, mode, mode == LXCMON_ROW_BUSY ? self->deadline : 0);
  _lxcmon_client_observe (client, error, controller, init);
}

static void
observe_managed (LxcmonHostRow *self, LxcmonRuntimeDir *look, const LxcmonRuntimeSocket *socket)
{
  g_autoptr (GError) error = _lxcmon_host_driver_error (self->host, self->client->name);

  observe (self, LXCMON_ROW_MANAGED, error, look, socket);
}

static void
become_pending (LxcmonHostRow *self, const LxcmonRuntimeSocket *socket)
{
  if (self->file != socket->file)
    self->n_tries = 0;
  self->file = socket->file;
  self->asked = FALSE;
  set_mode (self, LXCMON_ROW_PENDING, 0);
}

/* Somebody else is served: the place is looked at again now and then, and with every look. */
static void
observe_busy (LxcmonHostRow *self, LxcmonRuntimeDir *look, const LxcmonRuntimeSocket *socket)
{
  const GError *known
      = self->mode == LXCMON_ROW_BUSY ? _lxcmon_client_get_error (self->client) : NULL;
  g_autoptr (GError) error
      = known != NULL
            ? g_error_copy (known)
            : g_error_new (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY,
                           "the controller of %s serves another client", self->client->name);

  if (self->mode != LXCMON_ROW_BUSY || g_get_monotonic_time () >= self->deadline)
    set_deadline (self, next_try (self));
  observe (self, LXCMON_ROW_BUSY, error, look, socket);
}

/* Nobody manages the container: its place is taken, where it is free. */
static void
try_place (LxcmonHostRow *self, LxcmonRuntimeDir *look, const LxcmonRuntimeSocket *socket)
{
  if (socket->n_served > 0 && !self->host->force)
    observe_busy (self, look, socket);
  else
    become_pending (self, socket);
}

/*< private >
 * _lxcmon_host_row_update:
 * @look: a look at the runtime directory
 * @socket: what it says of the row's socket, on which somebody listens
 *
 * Makes a row true. The row may be gone afterwards.
 */
void
_lxcmon_host_row_update (LxcmonHostRow *self, LxcmonRuntimeDir *look,
                         const LxcmonRuntimeSocket *socket)
{
  gboolean is_new = self->file != socket->file;
  gboolean wants_place = FALSE;

  switch ((LxcmonHostRowMode) self->mode)
    {
    case LXCMON_ROW_CLOSED:
      return;
    case LXCMON_ROW_REBOOTING:
      if (!is_new)
        return;
      wants_place = TRUE;
      break;
    case LXCMON_ROW_PENDING:
    case LXCMON_ROW_MANAGED:
    case LXCMON_ROW_BUSY:
      wants_place = TRUE;
      break;
    case LXCMON_ROW_FAILED:
      wants_place = is_new;
      break;
    case LXCMON_ROW_RETRY:
      wants_place = is_new || g_get_monotonic_time () >= self->deadline;
      break;
    case LXCMON_ROW_ATTACHED:
    default:
      /* Another file is somebody else's: what it is attached to has ended, and says so itself. */
      break;
    }

  if (_lxcmon_host_driver_manages (self->host))
    observe_managed (self, look, socket);
  else if (wants_place)
    try_place (self, look, socket);
}

/*< private >
 * _lxcmon_host_row_miss:
 *
 * Nobody listens on a row's socket. The row may be gone afterwards.
 */
void
_lxcmon_host_row_miss (LxcmonHostRow *self)
{
  switch ((LxcmonHostRowMode) self->mode)
    {
    case LXCMON_ROW_ATTACHED:
    case LXCMON_ROW_REBOOTING:
      break;
    case LXCMON_ROW_CLOSED:
      self->may_go = TRUE;
      if (!self->telling && g_get_monotonic_time () >= self->deadline)
        _lxcmon_host_model_remove (self->host, self);
      break;
    case LXCMON_ROW_PENDING:
    case LXCMON_ROW_MANAGED:
    case LXCMON_ROW_BUSY:
    case LXCMON_ROW_FAILED:
    case LXCMON_ROW_RETRY:
    default:
      if (self->reboot_until > g_get_monotonic_time ())
        set_mode (self, LXCMON_ROW_REBOOTING, self->reboot_until);
      else
        _lxcmon_host_model_remove (self->host, self);
      break;
    }
}

static void
close_row (LxcmonHostRow *self, gboolean may_go)
{
  LxcmonHost *host = self->host;

  self->may_go = (guint8) may_go;
  self->reboot_until = 0;
  if (may_go && host->linger_timeout == 0)
    {
      _lxcmon_host_model_remove (host, self);
      return;
    }
  set_mode (self, LXCMON_ROW_CLOSED,
            g_get_monotonic_time () + (gint64) host->linger_timeout * G_TIME_SPAN_MILLISECOND);
}

gboolean
_lxcmon_host_row_is_due (LxcmonHostRow *self, gint64 now)
{
  return (self->deadline != 0 && now >= self->deadline)
         || (self->reboot_until != 0 && now >= self->reboot_until);
}

/* The next controller has not come. */
static void
give_up_reboot (LxcmonHostRow *self)
{
  LxcmonHost *host = self->host;
  g_autoptr (LxcmonHeldClient) client = _lxcmon_client_hold (self->client);
  g_autoptr (GError) error = g_error_new (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_TIMED_OUT,
                                          "%s rebooted, and no new controller came within %u ms",
                                          client->name, host->reboot_timeout);

  self->reboot_until = 0;
  _lxcmon_client_set_error (client, error);
  _lxcmon_client_notify_changes (client);
  if (client->row == self && self->mode == LXCMON_ROW_REBOOTING)
    close_row (self, TRUE);
}

/*< private >
 * _lxcmon_host_row_take_deadline:
 *
 * A row's deadline is over. The row may be gone afterwards.
 */
void
_lxcmon_host_row_take_deadline (LxcmonHostRow *self, gint64 now)
{
  switch ((LxcmonHostRowMode) self->mode)
    {
    case LXCMON_ROW_REBOOTING:
      give_up_reboot (self);
      break;
    case LXCMON_ROW_CLOSED:
      self->deadline = 0;
      if (self->may_go)
        _lxcmon_host_model_remove (self->host, self);
      else
        _lxcmon_host_work_scan_soon (self->host);
      break;
    case LXCMON_ROW_RETRY:
    case LXCMON_ROW_BUSY:
      self->reboot_until = self->reboot_until > now ? self->reboot_until : 0;
      _lxcmon_host_work_scan_soon (self->host);
      /* Until that is done, there is nothing to wait for. */
      self->deadline = 0;
      break;
    case LXCMON_ROW_PENDING:
    case LXCMON_ROW_ATTACHED:
    case LXCMON_ROW_MANAGED:
    case LXCMON_ROW_FAILED:
    default:
      self->deadline = self->reboot_until = 0;
      break;
    }
}

static void
handle_init (LxcmonClient *client, gint pid)
{
  LxcmonHost *host = client->row->host;

  client->row->reboot_until = 0;
  if (!g_atomic_int_get (&host->dropped))
    lxcmon_monitor_list_emit_init (LXCMON_MONITOR_LIST (host), LXCMON_MONITOR (client), pid);
}

static void
handle_exit (LxcmonClient *client, LxcmonExitStatus status)
{
  LxcmonHost *host = client->row->host;

  if (!g_atomic_int_get (&host->dropped))
    lxcmon_monitor_list_emit_exit (LXCMON_MONITOR_LIST (host), LXCMON_MONITOR (client), status);
}

/*< private >
 * _lxcmon_host_row_pay:
 * @client: a host's row, which the caller holds
 *
 * Tells the host what it is owed, unless the client has left since.
 */
void
_lxcmon_host_row_pay (LxcmonClient *client)
{
  LxcmonHostRow *self = client->row;
  LxcmonOwed owed = self->owed;

  self->owed = LXCMON_OWED_NOTHING;
  if (owed == LXCMON_OWED_NOTHING || _lxcmon_client_has_left (client, self->owed_epoch))
    return;
  if (owed == LXCMON_OWED_INIT)
    handle_init (client, self->owed_value);
  else
    handle_exit (client, (LxcmonExitStatus) self->owed_value);
}

/*< private >
 * _lxcmon_host_row_owe:
 * @client: a host's row, which the caller holds
 * @owed: what its own handlers are going to hear
 * @value: a pid, or a status
 *
 * Notes what the host has to hear after the row's own handlers. A main loop in one of those may bring
 * the next event: what the host is owed until then is told before.
 *
 * Returns: false where a handler has left what was going on
 */
gboolean
_lxcmon_host_row_owe (LxcmonClient *client, LxcmonOwed owed, gint value)
{
  guint16 epoch = client->epoch;

  _lxcmon_host_row_pay (client);
  if (_lxcmon_client_has_left (client, epoch))
    return FALSE;

  LxcmonHostRow *self = client->row;
  if (self != NULL)
    {
      self->owed = (guint8) owed;
      self->owed_value = value;
      self->owed_epoch = epoch;
    }
  return TRUE;
}

static gboolean
has_rebooted (LxcmonClient *client, const GError *error)
{
  return error == NULL && client->row->host->reboot_timeout > 0
         && lxcmon_monitor_get_exit_status (LXCMON_MONITOR (client)) == LXCMON_EXIT_STATUS_REBOOT;
}

/* What a controller's end makes of its row. The model is true before anybody is told. */
static void
take_end (LxcmonHostRow *self, const GError *error)
{
  LxcmonHost *host = self->host;
  gint64 now = g_get_monotonic_time ();

  /* There is a descriptor again. */
  if (host->shortage_until != 0)
    host->shortage_until = now;
  self->n_tries = 0;
  self->asked = FALSE;
  if (has_rebooted (self->client, error))
    {
      self->reboot_until = now + (gint64) host->reboot_timeout * G_TIME_SPAN_MILLISECOND;
      set_mode (self, LXCMON_ROW_REBOOTING, self->reboot_until);
    }
  else
    {
      if (error == NULL)
        g_hash_table_add (host->ended, g_memdup2 (&self->file, sizeof self->file));
      set_mode (self, LXCMON_ROW_CLOSED, 0);
    }
}

void
_lxcmon_host_row_handle_closed (LxcmonClient *client, const GError *error)
{
  LxcmonHostRow *self = client->row;
  g_autoptr (LxcmonHost) host = g_object_ref (self->host);

  take_end (self, error);
  self->telling = TRUE;
  if (!g_atomic_int_get (&host->dropped))
    lxcmon_monitor_list_emit_closed (LXCMON_MONITOR_LIST (host), LXCMON_MONITOR (client), error);
  if (client->row != self)
    return;

  self->telling = FALSE;
  _lxcmon_host_work_scan_soon (host);
  if (self->mode == LXCMON_ROW_CLOSED)
    close_row (self, error == NULL);
}
