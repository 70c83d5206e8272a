/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The model: its values as texts and times, and what differs between two.
 */

#include <unistd.h>

#include <lxcmon/lxcmon-process.h>

#include "common/glib-test.h"
#include "lxcmon-glib/lxcmon-model-private.h"

static const LxcmonModel fresh = LXCMON_MODEL_INIT (LXCMON_SOURCE_DIRECT, LXCMON_STATE_DETACHED);

static void
test_uuid (void)
{
  static const char *const bad[] = { "", "u", "c7a5fdbdedaf9455926ad65c16db1809",
                                     "c7a5fdbd-edaf-9455-926a-d65c16db180", "not-a-uuid" };
  LxcmonModel model = fresh;

  g_assert_null (_lxcmon_model_dup_uuid (&model));
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      _lxcmon_model_set_uuid (&model, bad[i]);
      g_assert_false (_lxcmon_model_has_uuid (&model));
    }
  _lxcmon_model_set_uuid (&model, "C7A5FDBD-EDAF-9455-926A-D65C16DB1809");
  g_autofree char *upper = _lxcmon_model_dup_uuid (&model);
  g_assert_cmpstr (upper, ==, "c7a5fdbd-edaf-9455-926a-d65c16db1809");
  _lxcmon_model_set_uuid (&model, "00000000-0000-0000-0000-000000000001");
  g_autofree char *other = _lxcmon_model_dup_uuid (&model);
  g_assert_cmpstr (other, ==, "00000000-0000-0000-0000-000000000001");
  g_assert_cmpuint (_lxcmon_model_compare (&model, &fresh), ==, 1u << LXCMON_MODEL_UUID);
}

static void
test_controller (void)
{
  LxcmonModel model = fresh;

  g_assert_null (_lxcmon_model_dup_started_at (&model));
  g_assert_null (_lxcmon_model_dup_life (&model));
  _lxcmon_model_set_controller (&model, getpid ());
  g_autoptr (GDateTime) started_at = _lxcmon_model_dup_started_at (&model);
  gint64 start = lxcmon_process_get_start (getpid ());
  g_assert_cmpint (g_date_time_to_unix (started_at), ==, start / G_USEC_PER_SEC);
  g_assert_cmpint (g_date_time_get_microsecond (started_at), ==, start % G_USEC_PER_SEC);
  g_assert_cmpuint (_lxcmon_model_compare (&model, &fresh), ==,
                    1u << LXCMON_MODEL_CONTROLLER_PID | 1u << LXCMON_MODEL_STARTED_AT
                        | 1u << LXCMON_MODEL_LIFE);

  /* It is found out once: later that may be another process. */
  model.controller_start = 1;
  _lxcmon_model_set_controller (&model, getpid ());
  g_assert_cmpuint (model.controller_start, ==, 1);
  LxcmonModel next = model;
  next.controller_pid++;
  g_assert_cmpuint (_lxcmon_model_compare (&model, &next), ==,
                    1u << LXCMON_MODEL_CONTROLLER_PID | 1u << LXCMON_MODEL_LIFE);
  _lxcmon_model_set_controller (&model, 0);
  g_assert_cmpuint (_lxcmon_model_compare (&model, &fresh), ==, 0);
}

/* Every property has a value, and is compared. */
static void
test_properties (void)
{
  GParamSpec *properties[LXCMON_MODEL_N_PROPS] = { NULL };
  LxcmonModel other = { .source = LXCMON_SOURCE_LIBVIRT,
                        .state = LXCMON_STATE_EXITED,
                        .end = LXCMON_END_SHUTDOWN,
                        .init_pid = 1,
                        .controller_pid = 2,
                        .running = TRUE,
                        .exited = TRUE,
                        .exit_status = LXCMON_EXIT_STATUS_SHUTDOWN,
                        .exit_raw = 1,
                        .init_exit_code = 3,
                        .init_signal = 4,
                        .uuid = { 5 },
                        .controller_start = 6 };
  guint all = 0;

  _lxcmon_model_install_properties (properties);
  for (guint i = 1; i < LXCMON_MODEL_N_PROPS; i++)
    {
      g_auto (GValue) value = G_VALUE_INIT;

      g_assert_nonnull (properties[i]);
      g_value_init (&value, properties[i]->value_type);
      _lxcmon_model_get_property (&fresh, i, &value);
      g_assert_true (g_param_value_defaults (properties[i], &value));
      _lxcmon_model_get_property (&other, i, &value);
      if (i != LXCMON_MODEL_LIFE) /* which is not known in a container */
        g_assert_false (g_param_value_defaults (properties[i], &value));
      g_param_spec_unref (g_param_spec_ref_sink (properties[i]));
      all |= 1u << i;
    }
  g_assert_cmpuint (_lxcmon_model_compare (&fresh, &other), ==, all);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);

  glib_test_add ("/model/uuid", test_uuid);
  glib_test_add ("/model/controller", test_controller);
  glib_test_add ("/model/properties", test_properties);
  return g_test_run ();
}
