/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns one attach: the connection, the main context that it belongs to, and after a reboot the wait for
 * the next controller. It holds a weak reference to its owner, so that dropping the last reference to the
 * owner ends the attach. It is opened in its context, and may be closed from any thread.
 */

#include "lxcmon-session-private.h"

#include "lxcmon-socket-watch-private.h"
#include "lxcmon-status-xml-private.h"

struct _LxcmonSession
{
  LxcmonReceiver receiver; /* the first member: the connection's user data points to it */
  gatomicrefcount refs;
  GWeakRef owner;
  LxcmonSessionFunc func;
  LxcmonMainSource *source; /* NULL once closed */

  GRefString *name; /* shared with the owner, as the path is */
  GRefString *socket_path;
  LxcmonAttachOptions options;
  guint reboot_timeout;

  GMutex mutex;                 /* keeps the connection while another thread shuts it down */
  LxcmonConnection *connection; /* one for each life; NULL between two */
  guint n_lives;                /* counts connections */

  guint64 file;    /* which socket file the connection was made to */
  gint64 deadline; /* monotonic, in µs: when to give up the next controller; 0 for no wait */
  LxcmonSocketWatch *watch; /* while its socket is not there */
};

LxcmonSession *
_lxcmon_session_ref (LxcmonSession *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

void
_lxcmon_session_unref (LxcmonSession *self)
{
  if (!g_atomic_ref_count_dec (&self->refs))
    return;

  g_assert (self->source == NULL && self->connection == NULL);
  g_weak_ref_clear (&self->owner);
  g_mutex_clear (&self->mutex);
  g_ref_string_release (self->name);
  g_ref_string_release (self->socket_path);
  g_free (self);
}

static void
drop_connection (LxcmonSession *self)
{
  g_mutex_lock (&self->mutex);
  g_clear_pointer (&self->connection, lxcmon_connection_free);
  g_mutex_unlock (&self->mutex);
}

/* Creates the connection for a run. */
static gboolean
connect_controller (LxcmonSession *self, LxcmonError *error)
{
  LxcmonHub *hub = _lxcmon_main_source_get_hub (self->source);
  LxcmonConnection *connection = lxcmon_connection_new (hub, NULL, &self->receiver);

  if (connection == NULL)
    g_error ("out of memory");
  if (self->reboot_timeout > 0)
    self->file = _lxcmon_socket_watch_identify (self->socket_path);
  if (!lxcmon_connection_attach (connection, self->socket_path, &self->options, error))
    {
      lxcmon_connection_free (connection);
      return FALSE;
    }

  g_mutex_lock (&self->mutex);
  self->connection = connection;
  self->n_lives++;
  g_mutex_unlock (&self->mutex);
  return TRUE;
}

static void
deliver (LxcmonSession *self, const LxcmonEvent *event)
{
  GObject *owner = g_weak_ref_get (&self->owner);

  if (owner == NULL)
    return;
  self->func (owner, self, event);
  g_object_unref (owner);
}

static void
stop_watching (LxcmonSession *self)
{
  g_clear_pointer (&self->watch, _lxcmon_socket_watch_free);
}

/* Whether an attach that failed may succeed a moment later: the new controller is not there yet, does not
 * listen yet, or ended before it accepted us. */
static gboolean
may_retry (LxcmonSession *self, const LxcmonError *error)
{
  return self->deadline != 0 && g_get_monotonic_time () < self->deadline
         && (error->code == LXCMON_MONITOR_ERROR_NOT_FOUND
             || error->code == LXCMON_MONITOR_ERROR_REFUSED
             || error->code == LXCMON_MONITOR_ERROR_LOST);
}

static void
give_up (LxcmonSession *self, const LxcmonError *error)
{
  const LxcmonEvent event = { .type = LXCMON_EVENT_FAILED, .error = error };

  self->deadline = 0;
  stop_watching (self);
  deliver (self, &event);
}

static void
give_up_in_time (LxcmonSession *self)
{
  LxcmonError error = { .code = LXCMON_MONITOR_ERROR_TIMED_OUT };

  g_snprintf (error.message, sizeof error.message,
              "%s rebooted, and no new controller appeared within %u ms", self->name,
              self->reboot_timeout);
  give_up (self, &error);
}

/* Connects to the next controller, if its socket exists. */
static void
check_next_controller (gpointer user_data)
{
  g_autoptr (LxcmonSession) self = _lxcmon_session_ref (user_data);
  const LxcmonEvent connected = { .type = LXCMON_EVENT_CONNECTED };
  guint64 last = self->file;
  guint64 now = _lxcmon_socket_watch_identify (self->socket_path);
  LxcmonError error;

  /* In a forked child, the parent goes on. */
  if (_lxcmon_main_source_was_forked (self->source))
    return;
  if (now == 0 || now == last)
    {
      if (g_get_monotonic_time () >= self->deadline)
        give_up_in_time (self);
      return;
    }

  if (connect_controller (self, &error))
    {
      stop_watching (self);
      deliver (self, &connected);
      return;
    }
  self->file = last;
  if (!may_retry (self, &error))
    give_up (self, &error);
}

static void
watch_for_next_controller (LxcmonSession *self)
{
  self->watch
      = _lxcmon_socket_watch_new (self->socket_path, _lxcmon_main_source_get_context (self->source),
                                  check_next_controller, self);
}

/*< private >
 * _lxcmon_session_is_followed:
 *
 * Returns: whether the session waits for the next controller after a reboot
 */
gboolean
_lxcmon_session_is_followed (LxcmonSession *self)
{
  return self->reboot_timeout > 0;
}

/*< private >
 * _lxcmon_session_follow:
 *
 * Begins to wait for the next controller. Its connection is reported as %LXCMON_EVENT_CONNECTED, and a
 * failure as %LXCMON_EVENT_FAILED.
 */
void
_lxcmon_session_follow (LxcmonSession *self)
{
  drop_connection (self);
  self->deadline
      = g_get_monotonic_time () + (gint64) self->reboot_timeout * G_TIME_SPAN_MILLISECOND;
  watch_for_next_controller (self);
}

/* The connection has ended. */
static void
end_connection (LxcmonSession *self, const LxcmonEvent *event)
{
  const LxcmonEvent connecting = { .type = LXCMON_EVENT_CONNECTED };
  guint life = self->n_lives;

  if (event->type == LXCMON_EVENT_FAILED && may_retry (self, event->error))
    {
      drop_connection (self);
      watch_for_next_controller (self);
      deliver (self, &connecting);
      return;
    }

  deliver (self, event);
  /* Unless the owner has closed the session, or follows a reboot already. */
  if (self->n_lives == life)
    drop_connection (self);
}

/* The session is kept while handlers run: its owner compares it with the one that it has afterwards, which
 * might be at the same address otherwise. */
static void
on_event (LxcmonReceiver *receiver, const LxcmonEvent *event)
{
  g_autoptr (LxcmonSession) self = _lxcmon_session_ref ((LxcmonSession *) receiver);

  if (event->type == LXCMON_EVENT_ATTACHED)
    self->deadline = 0;
  if (event->type == LXCMON_EVENT_CLOSED || event->type == LXCMON_EVENT_FAILED)
    end_connection (self, event);
  else
    deliver (self, event);
}

static LxcmonState
get_state (LxcmonSession *self)
{
  if (self->connection != NULL)
    return lxcmon_connection_get_state (self->connection);
  return self->deadline != 0 ? LXCMON_STATE_CONNECTING : LXCMON_STATE_DETACHED;
}

static void
set_init_end (LxcmonModel *model, const LxcmonEvent *event)
{
  model->init_exit_code = event->init_exit_code;
  model->init_signal = event->init_signal;
}

/*< private >
 * _lxcmon_session_apply:
 * @event: what the owner was given
 * @model: (inout): what is known of the container
 *
 * Writes what an event changes into a model.
 */
void
_lxcmon_session_apply (LxcmonSession *self, const LxcmonEvent *event, LxcmonModel *model)
{
  if (event->type == LXCMON_EVENT_CONNECTED)
    *model = (LxcmonModel) LXCMON_MODEL_INIT (LXCMON_SOURCE_DIRECT, LXCMON_STATE_CONNECTING);
  if (self->connection != NULL)
    _lxcmon_model_set_controller (model, lxcmon_connection_get_controller_pid (self->connection));
  switch (event->type)
    {
    case LXCMON_EVENT_ATTACHED:
      /* A client that missed INIT finds the pid in /proc, as the core does, or in the status XML. */
      model->running = TRUE;
      model->init_pid = lxcmon_connection_get_init_pid (self->connection);
      if (lxcmon_connection_get_missed_init (self->connection))
        _lxcmon_status_xml_complete (self->socket_path, model);
      break;
    case LXCMON_EVENT_INIT:
      model->init_pid = event->pid;
      break;
    case LXCMON_EVENT_EXIT:
      model->running = FALSE;
      model->exited = TRUE;
      model->exit_status = event->status;
      model->exit_raw = event->raw;
      model->end = _lxcmon_end_from_exit_status (event->status);
      set_init_end (model, event);
      break;
    case LXCMON_EVENT_CLOSED:
      set_init_end (model, event);
      break;
    case LXCMON_EVENT_CONNECTED:
    case LXCMON_EVENT_FAILED:
    default:
      break;
    }
  model->state = get_state (self);
}

/*< private >
 * _lxcmon_session_dup_init_pidfd:
 *
 * Returns: (transfer full): a pidfd of the container's init, or -1
 */
int
_lxcmon_session_dup_init_pidfd (LxcmonSession *self)
{
  return self->connection != NULL ? lxcmon_connection_dup_init_pidfd (self->connection) : -1;
}

/*< private >
 * _lxcmon_session_open:
 * @owner: a #GObject, to which the session holds a weak reference
 * @context: the main context in which @func is called
 * @settings: how to attach; copied
 * @func: called for each event
 * @error: (out): return location for an error
 *
 * Begins an attach.
 *
 * Returns: (transfer full) (nullable): a session to end with _lxcmon_session_close(), or %NULL with
 *   @error set if the attach failed at once
 */
LxcmonSession *
_lxcmon_session_open (gpointer owner, GMainContext *context, const LxcmonSessionSettings *settings,
                      LxcmonSessionFunc func, LxcmonError *error)
{
  LxcmonMainSource *source = _lxcmon_main_source_acquire (context, error);

  if (source == NULL)
    return NULL;

  LxcmonSession *self = g_new0 (LxcmonSession, 1);
  g_atomic_ref_count_init (&self->refs);
  g_mutex_init (&self->mutex);
  g_weak_ref_init (&self->owner, owner);
  self->func = func;
  self->source = source;
  self->name = g_ref_string_acquire (settings->name);
  self->socket_path = g_ref_string_acquire (settings->socket_path);
  self->options = settings->options;
  self->reboot_timeout = settings->reboot_timeout;
  self->receiver.event = on_event;
  self->receiver.name = self->name;
  if (connect_controller (self, error))
    return self;

  _lxcmon_session_close (self);
  return NULL;
}

static gboolean
close_in_context (gpointer user_data)
{
  LxcmonSession *self = user_data;

  stop_watching (self);
  drop_connection (self);
  g_clear_pointer (&self->source, _lxcmon_main_source_release);
  return G_SOURCE_REMOVE;
}

/*< private >
 * _lxcmon_session_shutdown:
 *
 * Leaves the controller at once. What has been received is still reported, and then that the connection was
 * closed. May be called from any thread.
 */
void
_lxcmon_session_shutdown (LxcmonSession *self)
{
  g_mutex_lock (&self->mutex);
  if (self->connection != NULL)
    lxcmon_connection_shutdown (self->connection);
  g_mutex_unlock (&self->mutex);
}

/*< private >
 * _lxcmon_session_close:
 * @self: (transfer full): a session
 *
 * Ends an attach; nothing more is reported. If this is another thread than the context's, the connection
 * is shut down at once, and the rest is freed in the context.
 */
void
_lxcmon_session_close (LxcmonSession *self)
{
  g_autoptr (GMainContext) context
      = g_main_context_ref (_lxcmon_main_source_get_context (self->source));

  if (_lxcmon_context_acquire_to_end (context))
    {
      close_in_context (self);
      _lxcmon_session_unref (self);
      _lxcmon_context_release_ended (context);
      return;
    }

  g_weak_ref_set (&self->owner, NULL);
  _lxcmon_session_shutdown (self);
  _lxcmon_context_queue (context, close_in_context, self, (GDestroyNotify) _lxcmon_session_unref);
}

LxcmonMainSource *
_lxcmon_session_get_source (LxcmonSession *self)
{
  return self->source;
}
