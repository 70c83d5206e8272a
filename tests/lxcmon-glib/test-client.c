/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The type: construction, the settings with their ranges and notifications, the name that follows from a
 * socket's path, and misuse.
 */

#include <lxcmon-glib/lxcmon-glib.h>

#include "common/glib-session.h"
#include "common/glib-test.h"

typedef struct
{
  const char *name;
  guint minimum;
  guint default_value;
  guint (*get) (LxcmonClient *self);
  void (*set) (LxcmonClient *self, guint value);
} NumberCase;

static const NumberCase number_cases[] = {
  { "attach-timeout", 1, 2000, lxcmon_client_get_attach_timeout, lxcmon_client_set_attach_timeout },
  { "keepalive-interval", 0, 0, lxcmon_client_get_keepalive_interval,
    lxcmon_client_set_keepalive_interval },
  { "reboot-timeout", 0, 0, lxcmon_client_get_reboot_timeout, lxcmon_client_set_reboot_timeout },
};

static void
count (GObject *object, GParamSpec *property, gpointer user_data)
{
  (*(guint *) user_data)++;
}

static guint
get_number (LxcmonClient *client, const char *name)
{
  guint value;

  g_object_get (client, name, &value, NULL);
  return value;
}

static void
test_number (gconstpointer data)
{
  const NumberCase *test = data;
  g_autoptr (LxcmonClient) client = lxcmon_client_new ("web1");
  g_autofree char *signal = g_strconcat ("notify::", test->name, NULL);
  GParamSpec *property = g_object_class_find_property (G_OBJECT_GET_CLASS (client), test->name);
  guint n_notified = 0;

  g_assert_true (G_IS_PARAM_SPEC_UINT (property));
  g_assert_cmpuint (G_PARAM_SPEC_UINT (property)->minimum, ==, test->minimum);
  g_assert_cmpuint (G_PARAM_SPEC_UINT (property)->maximum, ==, G_MAXINT);
  g_assert_cmpuint (G_PARAM_SPEC_UINT (property)->default_value, ==, test->default_value);
  g_signal_connect (client, signal, G_CALLBACK (count), &n_notified);

  g_assert_cmpuint (test->get (client), ==, test->default_value);
  test->set (client, test->default_value);
  g_assert_cmpuint (n_notified, ==, 0);
  test->set (client, 17);
  g_assert_cmpuint (n_notified, ==, 1);
  g_assert_cmpuint (get_number (client, test->name), ==, 17);
  g_object_set (client, test->name, 17, NULL);
  g_assert_cmpuint (n_notified, ==, 1);
  g_object_set (client, test->name, G_MAXINT, NULL);
  g_assert_cmpuint (n_notified, ==, 2);
  g_assert_cmpuint (test->get (client), ==, G_MAXINT);
  test->set (client, test->minimum);
  g_assert_cmpuint (n_notified, ==, 3);

  glib_test_expect_critical ("*<= MS_MAX*");
  test->set (client, (guint) G_MAXINT + 1);
  if (test->minimum > 0)
    {
      glib_test_expect_critical ("*>= 1*");
      test->set (client, 0);
    }
  g_test_assert_expected_messages ();
  g_assert_cmpuint (test->get (client), ==, test->minimum);
  g_assert_cmpuint (n_notified, ==, 3);
}

typedef struct
{
  const char *name;
  gboolean (*get) (LxcmonClient *self);
  void (*set) (LxcmonClient *self, gboolean value);
} SwitchCase;

static const SwitchCase switch_cases[] = {
  { "force", lxcmon_client_get_force, lxcmon_client_set_force },
  { "wait-if-busy", lxcmon_client_get_wait_if_busy, lxcmon_client_set_wait_if_busy },
};

static void
test_switch (gconstpointer data)
{
  const SwitchCase *test = data;
  g_autoptr (LxcmonClient) client = lxcmon_client_new ("web1");
  g_autofree char *signal = g_strconcat ("notify::", test->name, NULL);
  guint n_notified = 0;
  gboolean value;

  g_signal_connect (client, signal, G_CALLBACK (count), &n_notified);
  g_assert_false (test->get (client));
  test->set (client, FALSE);
  g_assert_cmpuint (n_notified, ==, 0);
  test->set (client, 42);
  g_assert_cmpint (test->get (client), ==, TRUE);
  g_assert_cmpuint (n_notified, ==, 1);
  test->set (client, TRUE);
  g_assert_cmpuint (n_notified, ==, 1);
  g_object_set (client, test->name, FALSE, NULL);
  g_object_get (client, test->name, &value, NULL);
  g_assert_false (value);
  g_assert_cmpuint (n_notified, ==, 2);
}

typedef struct
{
  const char *title;
  const char *name;
  const char *runtime_dir;
  const char *given_path;
  const char *expected_name;
  const char *expected_dir;
  const char *expected_path;
} IdentityCase;

static const IdentityCase identity_cases[] = {
  { "name", "web1", NULL, NULL, "web1", "/run/libvirt/lxc", "/run/libvirt/lxc/web1.sock" },
  { "runtime-dir", "web1", "/srv/lxc", NULL, "web1", "/srv/lxc", "/srv/lxc/web1.sock" },
  { "path", NULL, NULL, "/srv/db.sock", "db", "/run/libvirt/lxc", "/srv/db.sock" },
  { "path-without-suffix", NULL, NULL, "/srv/db", "db", "/run/libvirt/lxc", "/srv/db" },
  { "path-relative", NULL, NULL, "db.sock", "db", "/run/libvirt/lxc", "db.sock" },
  { "path-not-utf8", NULL, NULL, "/srv/\xff\xfe.sock", "\xef\xbf\xbd\xef\xbf\xbd",
    "/run/libvirt/lxc", "/srv/\xff\xfe.sock" },
  { "name-and-path", "web1", NULL, "/srv/db.sock", "web1", "/run/libvirt/lxc", "/srv/db.sock" },
  { "name-utf8", "größe", NULL, NULL, "größe", "/run/libvirt/lxc", "/run/libvirt/lxc/größe.sock" },
  { "name-invalid", "a/b", NULL, NULL, "a/b", "/run/libvirt/lxc", NULL },
  { "name-none", NULL, NULL, NULL, NULL, "/run/libvirt/lxc", NULL },
};

static void
test_identity (gconstpointer data)
{
  const IdentityCase *test = data;
  g_autoptr (LxcmonClient) client
      = g_object_new (LXCMON_TYPE_CLIENT, "name", test->name, "runtime-dir", test->runtime_dir,
                      "socket-path", test->given_path, NULL);
  g_autofree char *name = NULL;
  g_autofree char *dir = NULL;
  g_autofree char *path = NULL;

  g_object_get (client, "name", &name, "runtime-dir", &dir, "socket-path", &path, NULL);
  g_assert_cmpstr (name, ==, test->expected_name);
  g_assert_cmpstr (dir, ==, test->expected_dir);
  g_assert_cmpstr (path, ==, test->expected_path);
  g_assert_cmpstr (lxcmon_monitor_get_name (LXCMON_MONITOR (client)), ==, name);
  g_assert_cmpstr (lxcmon_client_get_runtime_dir (client), ==, dir);
  g_assert_cmpstr (lxcmon_client_get_socket_path (client), ==, path);
}

static void
test_misuse (void)
{
  LxcmonClient *none = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 15; i++)
    glib_test_expect_critical ("*LXCMON_IS_CLIENT (self)*");
  glib_test_expect_critical ("lxcmon_monitor_wait_exit_async*LXCMON_IS_MONITOR (self)*");
  glib_test_expect_critical ("lxcmon_monitor_wait_exit*LXCMON_IS_MONITOR (self)*");
  g_assert_null (lxcmon_client_get_runtime_dir (none));
  g_assert_null (lxcmon_client_get_socket_path (none));
  for (guint i = 0; i < G_N_ELEMENTS (number_cases); i++)
    {
      g_assert_cmpuint (number_cases[i].get (none), ==, 0);
      number_cases[i].set (none, 1);
    }
  for (guint i = 0; i < G_N_ELEMENTS (switch_cases); i++)
    {
      g_assert_false (switch_cases[i].get (none));
      switch_cases[i].set (none, TRUE);
    }
  lxcmon_client_attach_async (none, NULL, NULL, NULL);
  g_assert_false (lxcmon_client_attach (none, NULL, &error));
  lxcmon_client_detach (none);
  lxcmon_monitor_wait_exit_async (LXCMON_MONITOR (none), NULL, NULL, NULL);
  g_assert_cmpint (lxcmon_monitor_wait_exit (LXCMON_MONITOR (none), NULL, &error), ==,
                   LXCMON_EXIT_STATUS_UNKNOWN);
  g_test_assert_expected_messages ();
  g_assert_no_error (error);
}

/* A result of another client's. */
static void
test_wrong_result (void)
{
  g_autoptr (LxcmonClient) client = lxcmon_client_new ("web1");
  g_autoptr (LxcmonClient) other = lxcmon_client_new ("web2");
  g_autoptr (GTask) task = g_task_new (other, NULL, NULL, NULL);

  glib_test_expect_critical ("*g_task_is_valid (result, self)*");
  g_assert_false (lxcmon_client_attach_finish (client, G_ASYNC_RESULT (task), NULL));
  glib_test_expect_critical ("*g_task_is_valid (result, self)*");
  g_assert_cmpint (lxcmon_monitor_wait_exit_finish (LXCMON_MONITOR (client), G_ASYNC_RESULT (task),
                                                    NULL),
                   ==, LXCMON_EXIT_STATUS_UNKNOWN);
  g_test_assert_expected_messages ();
}

static void
test_detach_unattached (void)
{
  g_autoptr (LxcmonClient) client = lxcmon_client_new ("web1");
  guint n_notified = 0;

  g_signal_connect (client, "notify", G_CALLBACK (count), &n_notified);
  lxcmon_client_detach (client);
  lxcmon_client_detach (client);
  g_assert_cmpuint (n_notified, ==, 0);
  g_assert_cmpint (lxcmon_monitor_get_state (LXCMON_MONITOR (client)), ==, LXCMON_STATE_DETACHED);
}

/* Running dispose by hand closes the session. The object can still be asked, and emits nothing more. */
static void
test_dispose (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  lxcmon_mock_controller_set_init_pid (session->mock, 42);
  glib_session_attach (session);
  glib_test_wait_until (session->signals->len > 0);
  g_object_run_dispose (G_OBJECT (session->client));
  g_object_run_dispose (G_OBJECT (session->client));
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_DETACHED);
  glib_test_wait_until (lxcmon_mock_controller_get_n_clients (session->mock) == 0);
  g_assert_cmpstr (session->signals->str, ==, "init 42");
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  for (guint i = 0; i < G_N_ELEMENTS (number_cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/client/%s", number_cases[i].name);
      glib_test_add_data (path, test_number, &number_cases[i]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (switch_cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/client/%s", switch_cases[i].name);
      glib_test_add_data (path, test_switch, &switch_cases[i]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (identity_cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/client/identity/%s", identity_cases[i].title);
      glib_test_add_data (path, test_identity, &identity_cases[i]);
    }
  glib_test_add ("/client/misuse", test_misuse);
  glib_test_add ("/client/wrong-result", test_wrong_result);
  glib_test_add ("/client/detach-unattached", test_detach_unattached);
  glib_test_add ("/client/dispose", test_dispose);
  return g_test_run ();
}
