/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The queue of steps: its order, the objects that it refers to weakly, main loops in handlers and steps, more
 * events than one dispatch takes, a fork, and what is left of the queue in the end.
 */

#include <sys/socket.h>
#include <unistd.h>

#include "common/core-peer.h"
#include "common/glib-test.h"
#include "lxcmon-glib/lxcmon-main-source-private.h"

static LxcmonMainSource *
acquire (GMainContext *context)
{
  LxcmonError error = { 0 };
  LxcmonMainSource *source = _lxcmon_main_source_acquire (context, &error);

  g_assert_cmpstr (error.message, ==, "");
  g_assert_nonnull (source);
  return source;
}

typedef struct Fixture Fixture;

/* A step notes its name when it runs, "x", and when its data is freed, "(x)". */
typedef struct
{
  Fixture *fixture;
  char name;
} StepData;

struct Fixture
{
  LxcmonReceiver receiver;
  LxcmonMainSource *source;
  LxcmonConnection *connection;
  int fd; /* the controller's end */
  GObject *object;
  GString *log;
  void (*act) (Fixture *self, char name); /* in steps, and in events as 'e' */
  guint n_events;
};

static void
fixture_init (Fixture *self)
{
  *self = (Fixture){
    .source = acquire (g_main_context_default ()),
    .fd = -1,
    .object = g_object_new (G_TYPE_OBJECT, NULL),
    .log = g_string_new (NULL),
  };
}

static void
fixture_clear (Fixture *self)
{
  lxcmon_connection_free (self->connection);
  if (self->source != NULL)
    _lxcmon_main_source_release (self->source);
  if (self->fd >= 0)
    close (self->fd);
  g_clear_object (&self->object);
  g_string_free (self->log, TRUE);
}

static void
assert_log (Fixture *self, const char *expected)
{
  g_assert_cmpstr (self->log->str, ==, expected);
  g_string_truncate (self->log, 0);
}

static void
run_step (GObject *object, gpointer data)
{
  StepData *step = data;
  Fixture *self = step->fixture;

  g_assert_true (object == self->object);
  g_string_append_c (self->log, step->name);
  if (self->act != NULL)
    self->act (self, step->name);
}

static void
free_step (gpointer data)
{
  StepData *step = data;

  g_string_append_printf (step->fixture->log, "(%c)", step->name);
  g_free (step);
}

static StepData *
new_step (Fixture *self, char name)
{
  StepData *step = g_new (StepData, 1);

  *step = (StepData){ self, name };
  return step;
}

static void
push (Fixture *self, const char *names)
{
  for (const char *name = names; *name != '\0'; name++)
    _lxcmon_main_source_push (self->source, self->object, run_step, new_step (self, *name),
                              free_step);
}

static void
push_first (Fixture *self, char name)
{
  _lxcmon_main_source_push_first (self->source, self->object, run_step, new_step (self, name),
                                  free_step);
}

static void
test_steps_in_order (void)
{
  Fixture self;

  fixture_init (&self);
  push (&self, "abc");
  assert_log (&self, "");
  _lxcmon_main_source_run_steps (self.source);
  assert_log (&self, "a(a)b(b)c(c)");
  _lxcmon_main_source_run_steps (self.source);
  assert_log (&self, "");
  fixture_clear (&self);
}

/* A main loop runs them, even if there is no event. */
static void
test_steps_ready (void)
{
  Fixture self;

  fixture_init (&self);
  push (&self, "ab");
  g_assert_true (g_main_context_iteration (NULL, FALSE));
  assert_log (&self, "a(a)b(b)");
  g_assert_false (g_main_context_iteration (NULL, FALSE));
  fixture_clear (&self);
}

static void
push_more (Fixture *self, char name)
{
  if (name == 'a')
    {
      push (self, "x");
      push_first (self, '1');
    }
  else if (name == '1')
    push_first (self, '2');
}

/* A step adds others: after those that are there, or before them. */
static void
test_steps_added (void)
{
  Fixture self;

  fixture_init (&self);
  self.act = push_more;
  push (&self, "ab");
  _lxcmon_main_source_run_steps (self.source);
  assert_log (&self, "a(a)1(1)2(2)b(b)x(x)");
  fixture_clear (&self);
}

static void
drop_object (Fixture *self, char name)
{
  if (name == 'b')
    g_clear_object (&self->object);
}

/* The queue keeps no object alive. Steps of one that was disposed of are freed and not run. */
static void
test_steps_weak (void)
{
  Fixture self;

  fixture_init (&self);
  push (&self, "ab");
  g_clear_object (&self.object);
  _lxcmon_main_source_run_steps (self.source);
  assert_log (&self, "(a)(b)");

  /* It goes while its steps run: the one at hand keeps it. */
  self.object = g_object_new (G_TYPE_OBJECT, NULL);
  self.act = drop_object;
  push (&self, "abc");
  _lxcmon_main_source_run_steps (self.source);
  assert_log (&self, "a(a)b(b)(c)");
  fixture_clear (&self);
}

/* A step without data to free. */
static void
test_steps_without_data (void)
{
  Fixture self;
  StepData data = { &self, 'a' };

  fixture_init (&self);
  _lxcmon_main_source_push (self.source, self.object, run_step, &data, NULL);
  _lxcmon_main_source_run_steps (self.source);
  assert_log (&self, "a");
  fixture_clear (&self);
}

static void
test_steps_unrun (void)
{
  Fixture self;

  fixture_init (&self);
  push (&self, "ab");
  _lxcmon_main_source_release (g_steal_pointer (&self.source));
  assert_log (&self, "(a)(b)");
  fixture_clear (&self);
}

static void
release_source (Fixture *self, char name)
{
  if (name == 'a')
    _lxcmon_main_source_release (g_steal_pointer (&self->source));
}

/* The last user releases the source in a step: the source is kept until the steps have run. */
static void
test_steps_released (void)
{
  for (guint i = 0; i < 2; i++)
    {
      Fixture self;

      fixture_init (&self);
      self.act = release_source;
      push (&self, "ab");
      if (i == 0)
        _lxcmon_main_source_run_steps (self.source);
      else
        g_main_context_iteration (NULL, FALSE);
      assert_log (&self, "a(a)b(b)");
      g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon]"), ==, 0);
      fixture_clear (&self);
    }
}

static void
run_loop (Fixture *self, char name)
{
  if (name == 'a')
    glib_test_drain ();
}

/* A main loop in a step runs the next steps, each once. */
static void
test_steps_nested (void)
{
  Fixture self;

  fixture_init (&self);
  self.act = run_loop;
  push (&self, "abc");
  g_main_context_iteration (NULL, FALSE);
  assert_log (&self, "ab(b)c(c)(a)");
  fixture_clear (&self);
}

/* ---- Events and steps ---- */

static void
on_event (LxcmonReceiver *receiver, const LxcmonEvent *event)
{
  Fixture *self = (Fixture *) receiver;

  self->n_events++;
  g_string_append_printf (self->log, "%u", event->type);
  if (self->act != NULL)
    self->act (self, 'e');
}

static void
attach (Fixture *self)
{
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  self->fd = fds[1];
  self->receiver = (LxcmonReceiver){ .event = on_event, .name = "web1" };
  self->connection
      = lxcmon_connection_new (_lxcmon_main_source_get_hub (self->source), NULL, &self->receiver);
  g_assert_true (lxcmon_connection_attach_fd (self->connection, fds[0], NULL, NULL));
}

static void
push_two (Fixture *self, char name)
{
  if (name == 'e')
    push (self, "ab");
}

/* The steps of an event run before the next event. */
static void
test_event_steps (void)
{
  Fixture self;

  fixture_init (&self);
  attach (&self);
  self.act = push_two;
  core_send_story (self.fd);
  g_main_context_iteration (NULL, FALSE);
  assert_log (&self, "1a(a)b(b)2a(a)b(b)3a(a)b(b)");
  fixture_clear (&self);
}

static void
push_and_run_loop (Fixture *self, char name)
{
  if (name != 'e')
    return;
  push (self, "a");
  if (self->n_events == 1)
    glib_test_drain ();
}

/* A main loop in the handler of an event runs the step of that event first, and then takes the next event. */
static void
test_event_nested (void)
{
  Fixture self;

  fixture_init (&self);
  attach (&self);
  self.act = push_and_run_loop;
  core_send_story (self.fd);
  g_main_context_iteration (NULL, FALSE);
  assert_log (&self, "1a(a)2a(a)3a(a)");
  fixture_clear (&self);
}

static void
send_many (Fixture *self, guint n)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  const CoreMessage init = core_init_message (42);

  for (guint i = 0; i < n; i++)
    core_put_message (bytes, &init);
  core_send_array (self->fd, bytes);
}

/* More events than one dispatch takes: the source stays ready, although its descriptor may not be. */
static void
test_many_events (void)
{
  Fixture self;
  guint n_dispatches = 0;

  fixture_init (&self);
  attach (&self);
  send_many (&self, 3000);
  for (guint last = 0; self.n_events < 3001; last = self.n_events)
    {
      g_assert_true (g_main_context_iteration (NULL, FALSE));
      g_assert_cmpuint (self.n_events, >, last);
      g_assert_cmpuint (self.n_events - last, <=, 1024);
      n_dispatches++;
    }
  g_assert_cmpuint (n_dispatches, >=, 3);
  glib_test_drain ();
  g_assert_cmpuint (self.n_events, ==, 3001);
  g_assert_false (g_main_context_iteration (NULL, FALSE));
  fixture_clear (&self);
}

static GMainLoop *loop;

static void
quit_loop (Fixture *self, char name)
{
  if (self->n_events % 500 == 0)
    g_main_loop_quit (loop);
}

/* A handler quits the loop while events are buffered: the next one goes on. */
static void
test_quit_and_run (void)
{
  Fixture self;
  guint n_runs = 0;

  fixture_init (&self);
  attach (&self);
  self.act = quit_loop;
  loop = g_main_loop_new (NULL, FALSE);
  send_many (&self, 2999);
  for (; self.n_events < 3000; n_runs++)
    g_main_loop_run (loop);
  g_assert_cmpuint (n_runs, >=, 2);
  g_assert_cmpuint (self.n_events, ==, 3000);
  g_main_loop_unref (loop);
  fixture_clear (&self);
}

/* ---- fork ---- */

static GlibTestChild forked;

static int
run_rest_in_child (gpointer data)
{
  Fixture *self = data;
  guint n_events = self->n_events;

  self->act = NULL;
  g_string_truncate (self->log, 0);
  _lxcmon_main_source_run_steps (self->source);
  for (guint i = 0; i < 10; i++)
    g_main_context_iteration (NULL, FALSE);
  return self->log->len == 0 && self->n_events == n_events;
}

static void
fork_in_step (Fixture *self, char name)
{
  if (name == 'b')
    forked = glib_test_fork (run_rest_in_child, self);
}

/* A step forks: the child runs no other step and takes no event, the parent runs all. */
static void
test_forked_in_step (void)
{
  Fixture self;

  fixture_init (&self);
  attach (&self);
  self.act = fork_in_step;
  core_send_story (self.fd);
  push (&self, "abcd");
  g_main_context_iteration (NULL, FALSE);
  g_assert_cmpint (glib_test_join (&forked), ==, TRUE);
  assert_log (&self, "a(a)b(b)c(c)d(d)123");
  fixture_clear (&self);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/main-source-steps/in-order", test_steps_in_order);
  glib_test_add ("/main-source-steps/ready", test_steps_ready);
  glib_test_add ("/main-source-steps/added", test_steps_added);
  glib_test_add ("/main-source-steps/weak", test_steps_weak);
  glib_test_add ("/main-source-steps/without-data", test_steps_without_data);
  glib_test_add ("/main-source-steps/unrun", test_steps_unrun);
  glib_test_add ("/main-source-steps/released", test_steps_released);
  glib_test_add ("/main-source-steps/nested", test_steps_nested);
  glib_test_add ("/main-source-steps/events/steps", test_event_steps);
  glib_test_add ("/main-source-steps/events/nested", test_event_nested);
  glib_test_add ("/main-source-steps/events/many", test_many_events);
  glib_test_add ("/main-source-steps/events/quit-and-run", test_quit_and_run);
  glib_test_add ("/main-source-steps/forked-in-step", test_forked_in_step);
  return g_test_run ();
}
