/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what every test of sessions does: open one, accept it, and wait for what is reported.
 */

#include "glib-owner.h"

#include <unistd.h>

#include "glib-test.h"

G_DEFINE_FINAL_TYPE (GlibOwner, glib_owner, G_TYPE_OBJECT)

gint glib_n_owners_finalized;

static void
glib_owner_dispose (GObject *object)
{
  g_clear_pointer (&((GlibOwner *) object)->session, _lxcmon_session_close);
  G_OBJECT_CLASS (glib_owner_parent_class)->dispose (object);
}

static void
glib_owner_finalize (GObject *object)
{
  g_string_free (((GlibOwner *) object)->events, TRUE);
  g_atomic_int_inc (&glib_n_owners_finalized);
  G_OBJECT_CLASS (glib_owner_parent_class)->finalize (object);
}

static void
glib_owner_class_init (GlibOwnerClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = glib_owner_dispose;
  G_OBJECT_CLASS (klass)->finalize = glib_owner_finalize;
}

static void
glib_owner_init (GlibOwner *self)
{
  self->model = (LxcmonModel) LXCMON_MODEL_INIT (LXCMON_SOURCE_DIRECT, LXCMON_STATE_DETACHED);
  self->events = g_string_new (NULL);
}

static void
on_event (GObject *object, LxcmonSession *session, const LxcmonEvent *event)
{
  static const char *const names[]
      = { "connected", "attached", "init", "exit", "closed", "failed" };
  GlibOwner *self = GLIB_OWNER (object);

  g_assert_true (self->session == session);
  _lxcmon_session_apply (session, event, &self->model);
  g_string_append_printf (self->events, "%s%s", self->events->len > 0 ? ", " : "",
                          names[event->type]);
  if (event->error != NULL)
    g_string_append_printf (self->events, " %s",
                            lxcmon_monitor_error_to_string (event->error->code));
  if (self->act != NULL && event->type == self->act_at)
    self->act (self);
}

gboolean
glib_owned_open (GlibOwned *self, guint reboot_timeout, LxcmonError *error)
{
  g_autoptr (GRefString) name = g_ref_string_new ("web1");
  g_autoptr (GRefString) path = g_ref_string_new (self->listener.path);
  LxcmonSessionSettings settings = {
    .name = name,
    .socket_path = path,
    .options = LXCMON_ATTACH_OPTIONS_INIT,
    .reboot_timeout = reboot_timeout,
  };

  settings.options.force = true;
  self->owner->session
      = _lxcmon_session_open (self->owner, g_main_context_default (), &settings, on_event, error);
  return self->owner->session != NULL;
}

void
glib_owned_init (GlibOwned *self)
{
  *self = (GlibOwned){ .owner = g_object_new (GLIB_TYPE_OWNER, NULL), .fd = -1 };
  core_listener_init (&self->listener);
}

void
glib_owned_accept (GlibOwned *self)
{
  self->fd = core_listener_accept (&self->listener);
  g_assert_cmpint (self->fd, >=, 0);
}

void
glib_owned_init_open (GlibOwned *self)
{
  LxcmonError error = { 0 };

  glib_owned_init (self);
  if (!glib_owned_open (self, 0, &error))
    g_error ("%s", error.message);
  glib_owned_accept (self);
}

void
glib_owned_clear (GlibOwned *self)
{
  g_clear_object (&self->owner);
  glib_test_drain ();
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon]"), ==, 0);
  if (self->fd >= 0)
    close (self->fd);
  core_listener_clear (&self->listener);
}

void
glib_owned_hang_up (GlibOwned *self)
{
  close (self->fd);
  self->fd = -1;
}

void
glib_owned_wait_for (GlibOwned *self, const char *events)
{
  glib_test_wait_until (g_str_has_suffix (self->owner->events->str, events));
}

/* Whether the client's end has been shut down. */
gboolean
glib_owned_is_left (GlibOwned *self)
{
  g_autofree char *received = core_receive (self->fd);

  return g_str_has_suffix (received, "end");
}

void
glib_owned_reach (GlibOwned *self, GlibStage stage)
{
  switch (stage)
    {
    case GLIB_STAGE_ATTACHED:
      core_send_pong (self->fd);
      glib_owned_wait_for (self, "attached");
      break;
    case GLIB_STAGE_INIT:
      core_send_init (self->fd, 42);
      glib_owned_wait_for (self, "init");
      break;
    case GLIB_STAGE_EXIT:
      core_send_exit (self->fd, 2);
      glib_owned_wait_for (self, "exit");
      break;
    case GLIB_STAGE_PENDING:
      core_send_story (self->fd);
      break;
    case GLIB_STAGE_CLOSED:
    case GLIB_STAGE_FOLLOWING:
      core_send_story (self->fd);
      glib_owned_hang_up (self);
      glib_owned_wait_for (self, "closed");
      if (stage == GLIB_STAGE_FOLLOWING)
        _lxcmon_session_follow (self->owner->session);
      break;
    case GLIB_STAGE_QUEUED:
    case GLIB_N_STAGES:
    default:
      break;
    }
}
