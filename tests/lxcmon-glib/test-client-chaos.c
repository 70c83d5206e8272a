/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Clients whose handlers do anything at random, while their controllers do too. Whatever happens, each call
 * returns once, signals come in order, none comes after a detach or after "closed", and nothing is left.
 */

#include "common/glib-session.h"
#include "common/glib-test.h"

#define N_CLIENTS     6
#define N_CONTROLLERS 3
#define MAX_DEPTH     4

typedef struct
{
  char *paths[N_CONTROLLERS];
  LxcmonMockController *mocks[N_CONTROLLERS];
  struct _Actor *actors[N_CLIENTS];
  GPtrArray *cancellables; /* of all calls */
  guint depth;             /* of main loops in handlers */
  guint n_begun;           /* calls */
  guint n_returned;        /* their callbacks */
} Chaos;

typedef struct _Actor
{
  Chaos *chaos;
  LxcmonClient *client;
  GCancellable *cancellable; /* of the last call */
  gboolean silent;           /* no signal may come before the next attach */
  gboolean exited;           /* EXIT has come in this run */
} Actor;

static void act (Actor *self);

static void
on_returned_attach (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Actor *self = user_data;

  lxcmon_client_attach_finish (LXCMON_CLIENT (object), result, NULL);
  self->chaos->n_returned++;
  act (self);
}

static void
on_returned_wait (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Actor *self = user_data;

  lxcmon_monitor_wait_exit_finish (LXCMON_MONITOR (object), result, NULL);
  self->chaos->n_returned++;
  act (self);
}

static void
on_init (LxcmonClient *client, gint pid, gpointer user_data)
{
  Actor *self = user_data;

  g_assert_true (client == self->client);
  g_assert_false (self->silent);
  act (self);
}

static void
on_exit_signal (LxcmonClient *client, LxcmonExitStatus status, gpointer user_data)
{
  Actor *self = user_data;

  g_assert_true (client == self->client);
  g_assert_false (self->silent);
  self->exited = TRUE;
  act (self);
}

static void
on_closed (LxcmonClient *client, const GError *error, gpointer user_data)
{
  Actor *self = user_data;
  LxcmonMonitor *monitor = LXCMON_MONITOR (client);

  g_assert_true (client == self->client);
  g_assert_false (self->silent);
  g_assert_cmpint (self->exited, ==, error == NULL);
  self->exited = FALSE;
  self->silent = lxcmon_monitor_get_end (monitor) != LXCMON_END_REBOOT
                 || lxcmon_client_get_reboot_timeout (client) == 0;
  act (self);
}

static void
on_notify (LxcmonClient *client, GParamSpec *property, gpointer user_data)
{
  act (user_data);
}

static void
make_client (Actor *self)
{
  self->client
      = lxcmon_client_new_for_path (self->chaos->paths[g_test_rand_int_range (0, N_CONTROLLERS)]);
  self->silent = TRUE;
  self->exited = FALSE;
  lxcmon_client_set_reboot_timeout (self->client, g_test_rand_bit () ? 20 : 0);
  lxcmon_client_set_attach_timeout (self->client, 5);
  lxcmon_client_set_wait_if_busy (self->client, g_test_rand_bit ());
  /* The busy check takes its time. */
  lxcmon_client_set_force (self->client, g_test_rand_int_range (0, 8) > 0);
  g_signal_connect (self->client, "init", G_CALLBACK (on_init), self);
  g_signal_connect (self->client, "exit", G_CALLBACK (on_exit_signal), self);
  g_signal_connect (self->client, "closed", G_CALLBACK (on_closed), self);
  g_signal_connect (self->client, "notify", G_CALLBACK (on_notify), self);
}

/* An emission that is under way goes on after the handlers are disconnected, as GObject has it. */
static void
drop_client (Actor *self)
{
  g_signal_handlers_disconnect_by_data (self->client, self);
  g_clear_object (&self->client);
  make_client (self);
}

static void
begin_call (Actor *self)
{
  self->chaos->n_begun++;
  self->cancellable = g_cancellable_new ();
  g_ptr_array_add (self->chaos->cancellables, self->cancellable);
}

static void
begin_attach (Actor *self)
{
  LxcmonState state = lxcmon_monitor_get_state (LXCMON_MONITOR (self->client));

  if (state == LXCMON_STATE_DETACHED || state == LXCMON_STATE_CLOSED)
    self->silent = self->exited = FALSE;
  begin_call (self);
  lxcmon_client_attach_async (self->client, self->cancellable, on_returned_attach, self);
}

static void
begin_wait (Actor *self)
{
  begin_call (self);
  lxcmon_monitor_wait_exit_async (LXCMON_MONITOR (self->client), self->cancellable,
                                  on_returned_wait, self);
}

static void
detach (Actor *self)
{
  self->silent = TRUE;
  lxcmon_client_detach (self->client);
}

static void
iterate (Actor *self)
{
  if (self->chaos->depth >= MAX_DEPTH)
    return;
  self->chaos->depth++;
  for (gint n = g_test_rand_int_range (1, 4); n > 0; n--)
    g_main_context_iteration (NULL, FALSE);
  self->chaos->depth--;
}

/* In a handler, or between two iterations. */
static void
act (Actor *self)
{
  if (self->client == NULL)
    return;
  switch (g_test_rand_int_range (0, 14))
    {
    case 0:
      detach (self);
      break;
    case 1:
      begin_attach (self);
      break;
    case 2:
      if (self->chaos->depth < MAX_DEPTH)
        drop_client (self);
      break;
    case 3:
    case 4:
      iterate (self);
      break;
    case 5:
      if (self->cancellable != NULL)
        g_cancellable_cancel (self->cancellable);
      break;
    case 6:
      begin_wait (self);
      break;
    case 7:
      /* Of another client. */
      detach (self->chaos->actors[g_test_rand_int_range (0, N_CLIENTS)]);
      break;
    default:
      break;
    }
}

static void
act_controller (LxcmonMockController *mock)
{
  switch (g_test_rand_int_range (0, 10))
    {
    case 0:
      lxcmon_mock_controller_start (mock, NULL);
      break;
    case 1:
      lxcmon_mock_controller_send_init (mock, 42, NULL);
      break;
    case 2:
      lxcmon_mock_controller_send_exit (mock, LXCMON_EXIT_STATUS_REBOOT, NULL);
      break;
    case 3:
      lxcmon_mock_controller_finish (mock,
                                     g_test_rand_bit () ? LXCMON_EXIT_STATUS_REBOOT
                                                        : LXCMON_EXIT_STATUS_SHUTDOWN,
                                     NULL);
      lxcmon_mock_controller_start (mock, NULL);
      break;
    case 4:
      lxcmon_mock_controller_die (mock, NULL);
      lxcmon_mock_controller_start (mock, NULL);
      break;
    default:
      break;
    }
}

static void
end_actor (Actor *self)
{
  LxcmonClient *client = g_steal_pointer (&self->client);

  g_signal_handlers_disconnect_by_data (client, self);
  lxcmon_client_detach (client);
  g_object_unref (client);
}

static void
test_chaos (void)
{
  g_autofree char *dir = glib_test_make_dir ();
  guint n_steps = glib_test_is_slow () ? 2000 : 6000;
  Actor actors[N_CLIENTS] = { 0 };
  Chaos chaos = { .cancellables = g_ptr_array_new_with_free_func (g_object_unref) };

  for (guint i = 0; i < N_CONTROLLERS; i++)
    {
      chaos.paths[i] = g_strdup_printf ("%s/c%u.sock", dir, i);
      chaos.mocks[i] = lxcmon_mock_controller_new (chaos.paths[i]);
      lxcmon_mock_controller_set_init_pid (chaos.mocks[i], 7);
      g_assert_true (lxcmon_mock_controller_start (chaos.mocks[i], NULL));
    }
  for (guint i = 0; i < N_CLIENTS; i++)
    {
      actors[i].chaos = &chaos;
      chaos.actors[i] = &actors[i];
      make_client (&actors[i]);
    }

  for (guint i = 0; i < n_steps; i++)
    {
      Actor *actor = &actors[g_test_rand_int_range (0, N_CLIENTS)];

      if (i % 4 == 0)
        act_controller (chaos.mocks[g_test_rand_int_range (0, N_CONTROLLERS)]);
      if (i % 2 == 0)
        act (actor);
      else if (lxcmon_monitor_get_state (LXCMON_MONITOR (actor->client)) == LXCMON_STATE_DETACHED)
        begin_attach (actor);
      g_main_context_iteration (NULL, FALSE);
    }

  for (guint i = 0; i < N_CLIENTS; i++)
    end_actor (&actors[i]);
  /* A client that was dropped is there until its calls have returned. */
  for (guint i = 0; i < chaos.cancellables->len; i++)
    g_cancellable_cancel (chaos.cancellables->pdata[i]);
  glib_test_wait_until (chaos.n_returned == chaos.n_begun);
  g_assert_cmpuint (chaos.n_begun, >, n_steps / 100);
  g_ptr_array_unref (chaos.cancellables);
  for (guint i = 0; i < N_CONTROLLERS; i++)
    {
      lxcmon_mock_controller_stop (chaos.mocks[i]);
      g_object_unref (chaos.mocks[i]);
      g_free (chaos.paths[i]);
    }
  glib_test_remove_dir (g_steal_pointer (&dir));
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/client-chaos", test_chaos);
  return g_test_run ();
}
