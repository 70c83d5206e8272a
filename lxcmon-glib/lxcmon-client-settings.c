/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the properties that say how a client attaches. What is set counts from the next attach on.
 */

#include "lxcmon-client-private.h"

/* The longest time in milliseconds that can be asked for: some 24 days. */
#define MS_MAX G_MAXINT

#define SETTING (G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS)

static GParamSpec *properties[LXCMON_CLIENT_N_PROPS];

static void
define_settings (void)
{
  /**
   * LxcmonClient:take-place:
   *
   * Connect to the controller whoever else might want its one place. For an app that *is* the
   * container's driver, such as one that starts the controller itself. What is set counts from the
   * next attach on.
   *
   * Since: 0.1
   */
  properties[LXCMON_CLIENT_PROP_TAKE_PLACE]
      = g_param_spec_boolean ("take-place", NULL, NULL, FALSE, SETTING);

  /**
   * LxcmonClient:wait-for-place:
   *
   * Where somebody else has the controller's one place, wait for it instead of failing with
   * %LXCMON_MONITOR_ERROR_BUSY. What is set counts from the next attach on.
   *
   * Since: 0.1
   */
  properties[LXCMON_CLIENT_PROP_WAIT_FOR_PLACE]
      = g_param_spec_boolean ("wait-for-place", NULL, NULL, FALSE, SETTING);

  /**
   * LxcmonClient:attach-timeout:
   *
   * How long an attach waits where it turns out that somebody else is served, in milliseconds. Where
   * nobody is, it waits as long as it takes: leaving would cost the next client its INIT. What is set
   * counts from the next attach on.
   *
   * Since: 0.1
   */
  properties[LXCMON_CLIENT_PROP_ATTACH_TIMEOUT]
      = g_param_spec_uint ("attach-timeout", NULL, NULL, 1, MS_MAX, LXCMON_CLIENT_ATTACH_TIMEOUT,
                           SETTING);

  /**
   * LxcmonClient:keepalive-interval:
   *
   * After how long a silence, or twice that at the most, to ask the controller whether it still lives,
   * in milliseconds, or 0 for never. A controller that has not answered after as much again is given
   * up, with %LXCMON_MONITOR_ERROR_TIMED_OUT. What is set counts from the next attach on.
   *
   * Since: 0.1
   */
  properties[LXCMON_CLIENT_PROP_KEEPALIVE_INTERVAL]
      = g_param_spec_uint ("keepalive-interval", NULL, NULL, 0, MS_MAX, 0, SETTING);

  /**
   * LxcmonClient:follow-reboot:
   *
   * How long to wait for the container's next controller after a reboot, in milliseconds, or 0 for
   * not at all. The client attaches to it by itself: after "exit::reboot" and "closed" comes "init"
   * again. While it waits, its state is %LXCMON_STATE_CONNECTING; where it waits in vain, the state
   * becomes %LXCMON_STATE_DETACHED and the error %LXCMON_MONITOR_ERROR_TIMED_OUT. What is set counts
   * from the next attach on.
   *
   * Since: 0.1
   */
  properties[LXCMON_CLIENT_PROP_FOLLOW_REBOOT]
      = g_param_spec_uint ("follow-reboot", NULL, NULL, 0, MS_MAX, 0, SETTING);
}

void
_lxcmon_client_install_settings (GObjectClass *klass)
{
  define_settings ();
  for (guint i = LXCMON_CLIENT_PROP_TAKE_PLACE; i < LXCMON_CLIENT_N_PROPS; i++)
    g_object_class_install_property (klass, i, properties[i]);
}

/*< private >
 * _lxcmon_client_read_setting:
 *
 * Returns: whether there is such a setting
 */
gboolean
_lxcmon_client_read_setting (LxcmonClient *self, guint prop_id, GValue *value)
{
  switch (prop_id)
    {
    case LXCMON_CLIENT_PROP_TAKE_PLACE:
      g_value_set_boolean (value, self->take_place);
      return TRUE;
    case LXCMON_CLIENT_PROP_WAIT_FOR_PLACE:
      g_value_set_boolean (value, self->wait_for_place);
      return TRUE;
    case LXCMON_CLIENT_PROP_ATTACH_TIMEOUT:
      g_value_set_uint (value, lxcmon_client_get_attach_timeout (self));
      return TRUE;
    case LXCMON_CLIENT_PROP_KEEPALIVE_INTERVAL:
      g_value_set_uint (value, lxcmon_client_get_keepalive_interval (self));
      return TRUE;
    case LXCMON_CLIENT_PROP_FOLLOW_REBOOT:
      g_value_set_uint (value, lxcmon_client_get_follow_reboot (self));
      return TRUE;
    default:
      return FALSE;
    }
}

/*< private >
 * _lxcmon_client_write_setting:
 *
 * Returns: whether there is such a setting
 */
gboolean
_lxcmon_client_write_setting (LxcmonClient *self, guint prop_id, const GValue *value)
{
  switch (prop_id)
    {
    case LXCMON_CLIENT_PROP_TAKE_PLACE:
      lxcmon_client_set_take_place (self, g_value_get_boolean (value));
      return TRUE;
    case LXCMON_CLIENT_PROP_WAIT_FOR_PLACE:
      lxcmon_client_set_wait_for_place (self, g_value_get_boolean (value));
      return TRUE;
    case LXCMON_CLIENT_PROP_ATTACH_TIMEOUT:
      lxcmon_client_set_attach_timeout (self, g_value_get_uint (value));
      return TRUE;
    case LXCMON_CLIENT_PROP_KEEPALIVE_INTERVAL:
      lxcmon_client_set_keepalive_interval (self, g_value_get_uint (value));
      return TRUE;
    case LXCMON_CLIENT_PROP_FOLLOW_REBOOT:
      lxcmon_client_set_follow_reboot (self, g_value_get_uint (value));
      return TRUE;
    default:
      return FALSE;
    }
}

static void
set_ms (LxcmonClient *self, gsize offset, guint ms, guint prop_id)
{
  const LxcmonClientExtra *extra = _lxcmon_client_get_extra (self);

  if (G_STRUCT_MEMBER (guint, extra, offset) == ms)
    return;
  G_STRUCT_MEMBER (guint, _lxcmon_client_ensure_extra (self), offset) = ms;
  _lxcmon_client_tidy_extra (self);
  g_object_notify_by_pspec (G_OBJECT (self), properties[prop_id]);
}

/**
 * lxcmon_client_get_take_place:
 * @self: a client
 *
 * See [property@Lxcmon.Client:take-place].
 *
 * Returns: whether the client takes the place whoever else might want it
 *
 * Since: 0.1
 */
gboolean
lxcmon_client_get_take_place (LxcmonClient *self)
{
  g_return_val_if_fail (LXCMON_IS_CLIENT (self), FALSE);

  return self->take_place;
}

/**
 * lxcmon_client_set_take_place:
 * @self: a client
 * @take_place: whether to take the place whoever else might want it
 *
 * See [property@Lxcmon.Client:take-place].
 *
 * Since: 0.1
 */
void
lxcmon_client_set_take_place (LxcmonClient *self, gboolean take_place)
{
  g_return_if_fail (LXCMON_IS_CLIENT (self));

  if (self->take_place == (guint) !!take_place)
    return;
  self->take_place = !!take_place;
  g_object_notify_by_pspec (G_OBJECT (self), properties[LXCMON_CLIENT_PROP_TAKE_PLACE]);
}

/**
 * lxcmon_client_get_wait_for_place:
 * @self: a client
 *
 * See [property@Lxcmon.Client:wait-for-place].
 *
 * Returns: whether the client waits for the place
 *
 * Since: 0.1
 */
gboolean
lxcmon_client_get_wait_for_place (LxcmonClient *self)
{
  g_return_val_if_fail (LXCMON_IS_CLIENT (self), FALSE);

  return self->wait_for_place;
}

/**
 * lxcmon_client_set_wait_for_place:
 * @self: a client
 * @wait_for_place: whether to wait for the place
 *
 * See [property@Lxcmon.Client:wait-for-place].
 *
 * Since: 0.1
 */
void
lxcmon_client_set_wait_for_place (LxcmonClient *self, gboolean wait_for_place)
{
  g_return_if_fail (LXCMON_IS_CLIENT (self));

  if (self->wait_for_place == (guint) !!wait_for_place)
    return;
  self->wait_for_place = !!wait_for_place;
  g_object_notify_by_pspec (G_OBJECT (self), properties[LXCMON_CLIENT_PROP_WAIT_FOR_PLACE]);
}

/**
 * lxcmon_client_get_attach_timeout:
 * @self: a client
 *
 * See [property@Lxcmon.Client:attach-timeout].
 *
 * Returns: milliseconds
 *
 * Since: 0.1
 */
guint
lxcmon_client_get_attach_timeout (LxcmonClient *self)
{
  g_return_val_if_fail (LXCMON_IS_CLIENT (self), 0);

  return _lxcmon_client_get_extra (self)->attach_timeout;
}

/**
 * lxcmon_client_set_attach_timeout:
 * @self: a client
 * @attach_timeout: milliseconds, from 1 to %G_MAXINT
 *
 * See [property@Lxcmon.Client:attach-timeout].
 *
 * Since: 0.1
 */
void
lxcmon_client_set_attach_timeout (LxcmonClient *self, guint attach_timeout)
{
  g_return_if_fail (LXCMON_IS_CLIENT (self));
  g_return_if_fail (attach_timeout >= 1 && attach_timeout <= MS_MAX);

  set_ms (self, G_STRUCT_OFFSET (LxcmonClientExtra, attach_timeout), attach_timeout,
          LXCMON_CLIENT_PROP_ATTACH_TIMEOUT);
}

/**
 * lxcmon_client_get_keepalive_interval:
 * @self: a client
 *
 * See [property@Lxcmon.Client:keepalive-interval].
 *
 * Returns: milliseconds, or 0 for never
 *
 * Since: 0.1
 */
guint
lxcmon_client_get_keepalive_interval (LxcmonClient *self)
{
  g_return_val_if_fail (LXCMON_IS_CLIENT (self), 0);

  return _lxcmon_client_get_extra (self)->keepalive_interval;
}

/**
 * lxcmon_client_set_keepalive_interval:
 * @self: a client
 * @keepalive_interval: milliseconds, up to %G_MAXINT, or 0 for never
 *
 * See [property@Lxcmon.Client:keepalive-interval].
 *
 * Since: 0.1
 */
void
lxcmon_client_set_keepalive_interval (LxcmonClient *self, guint keepalive_interval)
{
  g_return_if_fail (LXCMON_IS_CLIENT (self));
  g_return_if_fail (keepalive_interval <= MS_MAX);

  set_ms (self, G_STRUCT_OFFSET (LxcmonClientExtra, keepalive_interval), keepalive_interval,
          LXCMON_CLIENT_PROP_KEEPALIVE_INTERVAL);
}

/**
 * lxcmon_client_get_follow_reboot:
 * @self: a client
 *
 * See [property@Lxcmon.Client:follow-reboot].
 *
 * Returns: milliseconds, or 0 for not at all
 *
 * Since: 0.1
 */
guint
lxcmon_client_get_follow_reboot (LxcmonClient *self)
{
  g_return_val_if_fail (LXCMON_IS_CLIENT (self), 0);

  return _lxcmon_client_get_extra (self)->follow_reboot;
}

/**
 * lxcmon_client_set_follow_reboot:
 * @self: a client
 * @follow_reboot: milliseconds, up to %G_MAXINT, or 0 for not at all
 *
 * See [property@Lxcmon.Client:follow-reboot].
 *
 * Since: 0.1
 */
void
lxcmon_client_set_follow_reboot (LxcmonClient *self, guint follow_reboot)
{
  g_return_if_fail (LXCMON_IS_CLIENT (self));
  g_return_if_fail (follow_reboot <= MS_MAX);

  set_ms (self, G_STRUCT_OFFSET (LxcmonClientExtra, follow_reboot), follow_reboot,
          LXCMON_CLIENT_PROP_FOLLOW_REBOOT);
}
