/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What all backends have in common: news reach the host while the backend is started, and not afterwards.
 */

#include "common/glib-test.h"
#include "lxcmon-glib/lxcmon-backend-private.h"

typedef LxcmonBackend PlainBackend;
typedef LxcmonBackendClass PlainBackendClass;

static GType plain_backend_get_type (void);
G_DEFINE_TYPE (PlainBackend, plain_backend, LXCMON_TYPE_BACKEND)

static GString *calls;

static void
start (LxcmonBackend *self)
{
  g_string_append (calls, "start ");
}

static void
stop (LxcmonBackend *self)
{
  g_string_append (calls, "stop ");
}

static void
plain_backend_class_init (PlainBackendClass *klass)
{
  klass->start = start;
  klass->stop = stop;
}

static void
plain_backend_init (PlainBackend *self)
{
}

static void
on_news (GObject *host, LxcmonBackend *self, LxcmonBackendNews news, const GError *error)
{
  g_string_append_printf (calls, "%d%s ", news, error != NULL ? " error" : "");
}

static void
test_news (void)
{
  g_autoptr (LxcmonBackend) backend = g_object_new (plain_backend_get_type (), NULL);
  g_autoptr (GObject) host = g_object_new (G_TYPE_OBJECT, NULL);
  g_autoptr (GError) error = g_error_new_literal (LXCMON_MONITOR_ERROR, 0, "why");
  LxcmonRows rows = { .host = host };

  calls = g_string_new (NULL);
  _lxcmon_backend_report (backend, LXCMON_BACKEND_READY, NULL);
  _lxcmon_backend_start (backend, &rows, on_news);
  guint epoch = _lxcmon_backend_get_epoch (backend);
  g_assert_true (_lxcmon_backend_get_rows (backend) == &rows);
  _lxcmon_backend_report (backend, LXCMON_BACKEND_LISTED, NULL);
  _lxcmon_backend_report (backend, LXCMON_BACKEND_LOST, error);
  /* It has neither. */
  _lxcmon_backend_flush (backend);
  _lxcmon_backend_retry (backend);
  _lxcmon_backend_stop (backend);
  _lxcmon_backend_stop (backend);
  g_assert_cmpuint (_lxcmon_backend_get_epoch (backend), !=, epoch);
  _lxcmon_backend_report (backend, LXCMON_BACKEND_LISTED, NULL);
  g_assert_cmpstr (calls->str, ==, "start 1 3 error stop ");
  g_string_free (calls, TRUE);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/backend/news", test_news);
  return g_test_run ();
}
