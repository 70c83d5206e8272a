/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One host, which is told nothing of libvirtd, while containers live and end in random order, and libvirtd is
 * stopped, killed, restarted, upgraded, and away for long: each life is reported once, with its end if anybody
 * could see it; libvirtd restarts what reboots; and "virsh event" has seen the same.
 *
 * Only libvirtd starts containers. They end while it runs, ends, is away, and starts. The harness is called in a
 * thread, so that the host's main context runs all the time. What is random depends on the seed alone; how it
 * coincides with libvirtd does not. */

#include <signal.h>
#include <string.h>

#include "real-test.h"
#include "stage.h"

#define UPGRADE_MS 5000
#define LATER_MS   2000
#define END_MS     80 /* what libvirtd needs to end, and some more */
#define START_MS \
  100 /* until it has locked its file and has connected to its containers, and some more */

/* How long after libvirtd's lock the host may still receive an EXIT, on a machine that is busy. */
#define LATEST_EXIT_MS 1000

typedef enum
{
  CHANGE_LATER,   /* stopped, and started some time later */
  CHANGE_KILLED,  /* killed, and started at once */
  CHANGE_AT_ONCE, /* stopped, and started at once */
  CHANGE_UPGRADE, /* stopped, and started 5 s later */
  CHANGE_LONG,    /* stopped or killed, and away until the host is attached */
  N_CHANGES
} Change;

static const char *const change_names[N_CHANGES]
    = { "stopped", "killed", "restarted", "upgraded", "away for long" };

/* With LXCMON_TEST_WHOLE, all of it; in a build without sanitizers, a part; otherwise, a little. */
typedef struct
{
  guint n_lives;
  guint n_changes[N_CHANGES];
} Plan;

static const Plan plan_whole = { 300, { 9, 8, 7, 3, 3 } };
static const Plan plan_full = { 50, { 1, 1, 1, 1, 1 } };
static const Plan plan_little = { 30, { 0, 1, 1, 0, 1 } };

typedef struct
{
  Stage stage;
  const Plan *plan;
  guint n_late_exits;
  gint64 latest_exit; /* in µs after libvirtd's lock */
} Test;

/* ---- Changes ---- */

/* Before it is away for long, few containers end: the others are left for the host. */
static void
end_libvirtd (Stage *stage, int signum, gboolean is_long)
{
  lives_end_calm (stage->lives);
  if (!is_long && g_test_rand_bit ())
    {
      stage_order_some (stage, 0, 2, VIEW_CHANGE);
      real_run_for (g_test_rand_int_range (0, 20));
    }
  stage_end_libvirtd (stage, signum, is_long ? 10 * END_MS : END_MS);
  stage_end_witness (stage);
}

/* An EXIT that is written after libvirtd has locked its file, and before the host has noticed, is lost to it. */
static void
count_late_exits (Test *self, gint64 locked_at)
{
  for (guint i = 0; i < lives_count (self->stage.lives); i++)
    {
      const Life *life = lives_get (self->stage.lives, i);

      if (life->exited && life->source == LXCMON_SOURCE_DIRECT && life->exited_at > locked_at)
        {
          self->n_late_exits++;
          self->latest_exit = MAX (self->latest_exit, life->exited_at - locked_at);
        }
    }
  g_assert_cmpint (self->latest_exit, <, LATEST_EXIT_MS * G_TIME_SPAN_MILLISECOND);
}

/* libvirtd has started: from now on, all can be seen. */
static void
settle (Stage *stage)
{
  stage_resolve_started (stage);
  stage_wait_shown (stage, LXCMON_SOURCE_LIBVIRT);
  stage_know_rows (stage);
  real_wait (stage_is_served (stage));
  stage_begin_witness (stage);
}

static void
start_libvirtd (Test *self)
{
  gint64 locked_at = stage_start_libvirtd (&self->stage, START_MS);

  stage_create_early (&self->stage);
  settle (&self->stage);
  count_late_exits (self, locked_at);
}

/* The host is attached to what still runs. Nobody else would report these ends. */
static void
be_away_for_long (Stage *stage)
{
  stage_wait_shown (stage, LXCMON_SOURCE_DIRECT);
  stage_know_rows (stage);
  stage_order_some (stage, 1, 3, VIEW_DIRECT);
  stage_resolve_away (stage);
}

static void
be_away (Stage *stage, Change change)
{
  gint64 upgraded_at = g_get_monotonic_time () + UPGRADE_MS * G_TIME_SPAN_MILLISECOND;

  real_wait (!lxcmon_host_get_connected (stage->host));
  stage_resolve_away (stage);
  stage_order_some (stage, 0, change == CHANGE_LONG ? 1 : 2, VIEW_NOBODY);
  stage_resolve_away (stage);
  /* All this was reported at once, and not only when the host attached. */
  g_assert_false (lxcmon_host_get_connected (stage->host));
  if (change == CHANGE_LONG)
    be_away_for_long (stage);
  else if (change == CHANGE_UPGRADE)
    real_wait (g_get_monotonic_time () >= upgraded_at);
  else
    real_run_for (g_test_rand_int_range (0, LATER_MS));
}

static void
do_change (Test *self, Change change)
{
  gboolean is_kill = change == CHANGE_KILLED || (change == CHANGE_LONG && g_test_rand_bit ());

  end_libvirtd (&self->stage, is_kill ? SIGKILL : SIGTERM, change == CHANGE_LONG);
  if (change != CHANGE_KILLED && change != CHANGE_AT_ONCE)
    be_away (&self->stage, change);
  start_libvirtd (self);
}

/* ---- The test ---- */

static const Plan *
choose_plan (void)
{
  if (g_getenv ("LXCMON_TEST_WHOLE") != NULL)
    return &plan_whole;
  return g_getenv ("LXCMON_TEST_FULL") != NULL ? &plan_full : &plan_little;
}

static guint
count_changes (const Plan *plan)
{
  guint n = 0;

  for (guint i = 0; i < N_CHANGES; i++)
    n += plan->n_changes[i];
  return n;
}

/* One of those that are left. */
static Change
choose_change (guint n_left[N_CHANGES], guint n)
{
  guint chosen = (guint) g_test_rand_int_range (0, (int) n), i = 0;

  while (chosen >= n_left[i])
    chosen -= n_left[i++];
  n_left[i]--;
  return (Change) i;
}

static void
live (Stage *stage, guint n_lives)
{
  stage_create_missing (stage);
  while (lives_count (stage->lives) < n_lives)
    {
      stage_order_some (stage, 1, 3, VIEW_LIBVIRT);
      stage_resolve_calm (stage);
      stage_create_missing (stage);
    }
}

static void
end_all (Stage *stage)
{
  stage_destroy_all (stage);
  real_wait (g_list_model_get_n_items (G_LIST_MODEL (stage->host)) == 0);
  /* For reports that must not come. */
  real_run_for (500);
  lives_end_calm (stage->lives);
  stage_end_witness (stage);
}

static void
check (Test *self)
{
  Stage *stage = &self->stage;

  for (guint i = 0; i < stage->retired->len; i++)
    lives_check_log (stage->lives, stage->retired->pdata[i]);
  for (guint i = 0; i < STAGE_N_SLOTS; i++)
    lives_check_log (stage->lives, stage->slots[i].container);
  lives_check (stage->lives);
  for (guint i = 0; i < N_CHANGES; i++)
    g_test_message ("libvirtd was %s: %u times", change_names[i], self->plan->n_changes[i]);
  g_test_message (
      "EXIT came to the host after libvirtd's lock: %u times, after %.0f ms at the latest",
      self->n_late_exits, (double) self->latest_exit / G_TIME_SPAN_MILLISECOND);
  g_test_message (
      "libvirt's own faults: %u containers that it has hung up on, %u that it could not start "
      "again, %u ends reported twice, %u containers started again that it did not know when it was back",
      stage->n_hung_up, stage->n_not_started, stage->n_doubles, stage->n_orphans);
}

static void
test_lives (void)
{
  Test self = { .plan = choose_plan () };
  const guint n_changes = count_changes (self.plan);
  guint n_left[N_CHANGES];

  if (!stage_set_up (&self.stage))
    return;
  memcpy (n_left, self.plan->n_changes, sizeof n_left);
  stage_start_libvirtd (&self.stage, 0);
  settle (&self.stage);
  for (guint i = 0; i < n_changes; i++)
    {
      live (&self.stage, self.plan->n_lives * (i + 1) / (n_changes + 1));
      do_change (&self, choose_change (n_left, n_changes - i));
    }
  live (&self.stage, self.plan->n_lives);
  end_all (&self.stage);
  check (&self);
  stage_tear_down (&self.stage);
}

/* libvirt-glib logs each step of its event loop. */
static void
drop_message (const char *domain, GLogLevelFlags level, const char *message, gpointer user_data)
{
}

int
main (int argc, char *argv[])
{
  if (!real_test_begin (&argc, &argv))
    return 0;
  g_log_set_handler (NULL, G_LOG_LEVEL_DEBUG, drop_message, NULL);
  real_test_add ("/real/host-lives/lives", test_lives);
  return g_test_run ();
}
