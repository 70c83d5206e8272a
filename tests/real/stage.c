/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* stage.c: see stage.h for what this file owns. */

#include "stage.h"

#include <signal.h>

#include "real-test.h"

#define END_TIMEOUT_MS 60000

typedef StageSlot Slot;

/* ---- What the worker does ---- */

typedef struct
{
  Stage *stage;
  Slot *slot;
  int signum;
  pid_t old;
  gboolean done;
  char *seen;
  GError *error;
} Job;

static void
job_create (gpointer data)
{
  Job *self = data;

  self->done = libvirtd_create (self->stage->libvirtd, self->slot->container, &self->error);
}

static void
job_destroy (gpointer data)
{
  Job *self = data;

  self->done = libvirtd_destroy_domain (self->stage->libvirtd, self->slot->container, &self->error);
}

static void
job_wait_end (gpointer data)
{
  Job *self = data;

  self->done = container_wait_end (self->slot->container, END_TIMEOUT_MS, &self->error);
}

/* The controller ends, and libvirtd has noticed that. */
static void
job_wait_next (gpointer data)
{
  Job *self = data;

  self->done = container_wait_end (self->slot->container, END_TIMEOUT_MS, &self->error)
               && libvirtd_wait_next (self->stage->libvirtd, self->slot->container, self->old,
                                      &self->error);
}

/* Whether libvirtd has the container under the controller that is known. */
static void
job_check (gpointer data)
{
  Job *self = data;

  self->done = libvirtd_find_controller (self->stage->libvirtd, self->slot->container) == self->old;
}

static void
job_wait_attached (gpointer data)
{
  Job *self = data;

  self->done = libvirtd_wait_attached (self->slot->container);
}

static void
job_end_libvirtd (gpointer data)
{
  Job *self = data;

  libvirtd_kill (self->stage->libvirtd, self->signum);
  self->done = libvirtd_wait_end (self->stage->libvirtd, END_TIMEOUT_MS, &self->error);
  g_clear_pointer (&self->stage->libvirtd, libvirtd_free);
}

static void
job_start_libvirtd (gpointer data)
{
  Job *self = data;

  self->stage->libvirtd = libvirtd_start (&self->error);
  self->done = self->stage->libvirtd != NULL;
}

static void
job_start_witness (gpointer data)
{
  Job *self = data;

  self->stage->witness = witness_start ();
  for (guint i = 0; i < STAGE_N_SLOTS; i++)
    if (self->stage->slots[i].life != NULL)
      witness_know (self->stage->witness, self->stage->slots[i].life->name);
}

static void
job_end_witness (gpointer data)
{
  Job *self = data;
  guint n_doubles;

  self->seen = witness_end (self->stage->witness, &n_doubles);
  self->stage->n_doubles += n_doubles;
  g_clear_pointer (&self->stage->witness, witness_free);
}

static gboolean
try_job (Stage *self, WorkerFunc func, Slot *slot)
{
  Job job = { .stage = self,
              .slot = slot,
              .old = slot != NULL && slot->life != NULL ? slot->life->controller : 0 };

  worker_run (self->worker, func, &job);
  if (job.error != NULL)
    g_test_message ("%s", job.error->message);
  g_clear_error (&job.error);
  return job.done;
}

static void
do_job (Stage *self, WorkerFunc func, Slot *slot)
{
  g_assert_true (try_job (self, func, slot));
}

/* ---- Starts ---- */

static void
new_container (Stage *self, Slot *slot)
{
  g_autofree char *name = g_strdup_printf ("c%u", self->n_names++);

  if (slot->container != NULL)
    g_ptr_array_add (self->retired, slot->container);
  slot->container = container_new (name);
}

/* The controller ends, and libvirtd notices that, or is told to. */
static void
wait_next (Stage *self, Slot *slot)
{
  if (try_job (self, job_wait_next, slot))
    return;
  lives_note (self->lives, slot->life->name, "has ended, and libvirtd has not noticed");
  slot->life->is_unnoticed = TRUE;
  self->n_hung_up++;
  do_job (self, job_destroy, slot);
  do_job (self, job_wait_next, slot);
}

static void
destroy (Stage *self, Slot *slot)
{
  slot->life->deed = DEED_DESTROY;
  slot->life->view = VIEW_LIBVIRT;
  do_job (self, job_destroy, slot);
  do_job (self, job_wait_next, slot);
  lives_wait_closed (self->lives, slot->life);
  slot->life = NULL;
}

/* 9.0.0 has lost the connection to its own container: that one is of no use. */
static void
destroy_unless_attached (Stage *self, Slot *slot)
{
  if (try_job (self, job_wait_attached, slot))
    return;
  self->n_hung_up++;
  destroy (self, slot);
}

/* libvirtd_create() has tried more than once, and has destroyed these. */
static void
know_failed_starts (Stage *self, Slot *slot, const pid_t *controllers, guint n, gboolean is_settled)
{
  for (guint i = 0; i < n; i++)
    {
      Life *life = lives_know (self->lives, slot->container, controllers[i]);

      life->deed = DEED_DESTROY;
      life->view = is_settled ? VIEW_LIBVIRT : VIEW_CHANGE;
      self->n_hung_up++;
      if (is_settled)
        lives_wait_closed (self->lives, life);
    }
}

/* If @is_settled, the host is connected, and reports the start.
 *
 * 9.0.0 does not start some containers again that have ended while it was away: that is no failure. */
static void
create (Stage *self, Slot *slot, gboolean is_settled)
{
  guint n_before, n;
  const pid_t *controllers;

  container_get_controllers (slot->container, &n_before);
  gboolean done = try_job (self, job_create, slot);
  controllers = container_get_controllers (slot->container, &n);
  know_failed_starts (self, slot, controllers + n_before, n - n_before - (done ? 1 : 0),
                      is_settled);
  if (!done)
    {
      self->n_not_started++;
      new_container (self, slot);
      return;
    }
  slot->life = lives_know (self->lives, slot->container, controllers[n - 1]);
  if (is_settled)
    real_wait (slot->life->n_inits == 1);
}

void
stage_create_missing (Stage *self)
{
  for (guint i = 0; i < STAGE_N_SLOTS; i++)
    if (self->slots[i].life == NULL)
      create (self, &self->slots[i], TRUE);
}

void
stage_create_early (Stage *self)
{
  for (guint i = 0; i < STAGE_N_SLOTS; i++)
    if (self->slots[i].life == NULL && g_test_rand_bit ())
      create (self, &self->slots[i], FALSE);
}

/* ---- Ends ---- */

void
stage_destroy_all (Stage *self)
{
  for (guint i = 0; i < STAGE_N_SLOTS; i++)
    if (self->slots[i].life != NULL)
      destroy (self, &self->slots[i]);
}

/* A container that runs and was told nothing yet, or NULL. */
static Slot *
choose (Stage *self)
{
  guint first = (guint) g_test_rand_int_range (0, STAGE_N_SLOTS);

  for (guint i = 0; i < STAGE_N_SLOTS; i++)
    {
      Slot *slot = &self->slots[(first + i) % STAGE_N_SLOTS];
      if (slot->life != NULL && slot->life->deed == DEED_NONE)
        return slot;
    }
  return NULL;
}

static const char *const deed_names[]
    = { "", "is shut down", "exits", "reboots", "is killed", "is destroyed" };

static void
order (Stage *self, Slot *slot, View view)
{
  Life *life = slot->life;

  life->deed = (Deed) g_test_rand_int_range (DEED_SHUTDOWN, view == VIEW_LIBVIRT ? DEED_DESTROY + 1
                                                                                 : DEED_DESTROY);
  life->view = view;
  lives_note (self->lives, life->name, deed_names[life->deed]);
  switch (life->deed)
    {
    case DEED_SHUTDOWN:
      real_command (slot->container, "shutdown");
      break;
    case DEED_EXIT:
      real_command (slot->container, "exit 42");
      break;
    case DEED_REBOOT:
      real_command (slot->container, "reboot");
      break;
    case DEED_KILL:
      container_signal (slot->container, SIGKILL);
      break;
    case DEED_DESTROY:
      do_job (self, job_destroy, slot);
      break;
    case DEED_NONE:
    default:
      g_assert_not_reached ();
    }
}

void
stage_order_some (Stage *self, guint min, guint max, View view)
{
  int n = g_test_rand_int_range ((int) min, (int) max + 1);
  Slot *slot;

  for (int i = 0; i < n && (slot = choose (self)) != NULL; i++)
    {
      order (self, slot, view);
      real_run_for (g_test_rand_int_range (0, 5));
    }
}

/* The container has ended. If it was killed without libvirtd, its init may still read orders, and if it was not
 * started wholly, there may be an order that nobody has read. */
static void
end_life (Stage *self, Slot *slot, Life *life)
{
  gboolean is_clean
      = !slot->is_uncertain && (life->deed != DEED_KILL || life->view == VIEW_LIBVIRT);

  slot->life = NULL;
  slot->is_uncertain = FALSE;
  if (!is_clean)
    new_container (self, slot);
}

/* A container that libvirtd has restarted. */
static void
begin_next_life (Stage *self, Slot *slot, Life *before)
{
  before->was_restarted = TRUE;
  slot->life
      = lives_know (self->lives, slot->container, container_get_controller_pid (slot->container));
}

/* Waits for what was ordered while libvirtd ran. */
static void
resolve_calm (Stage *self, Slot *slot)
{
  Life *life = slot->life;

  wait_next (self, slot);
  lives_wait_closed (self->lives, life);
  if (container_get_controller_pid (slot->container) == 0)
    {
      end_life (self, slot, life);
      return;
    }
  begin_next_life (self, slot, life);
  real_wait (slot->life->n_inits == 1);
  destroy_unless_attached (self, slot);
}

/* A controller that libvirtd has started, and has not lived to report. Returns whether there is one. */
static gboolean
adopt_next (Slot *slot)
{
  g_autoptr (GError) error = NULL;
  pid_t next = container_find_controller (slot->container);

  return next != 0 && container_adopt (slot->container, next, &error);
}

/* Waits for what was ordered before libvirtd had ended, or without it. It may have restarted a container before
 * it ended. */
static void
resolve_away (Stage *self, Slot *slot)
{
  Life *life = slot->life;

  do_job (self, job_wait_end, slot);
  lives_wait_closed (self->lives, life);
  if (!adopt_next (slot))
    {
      end_life (self, slot, life);
      return;
    }
  begin_next_life (self, slot, life);
  /* It may have been started by the libvirtd before. */
  slot->life->n_changes++;
  slot->is_uncertain = TRUE;
}

/* libvirtd has started a container again, was killed at once, and does not know it when it is back; or the
 * controller has ended with it. */
static void
end_orphan (Stage *self, Slot *slot)
{
  Life *life = slot->life;

  self->n_orphans++;
  life->deed = DEED_KILL;
  life->view = VIEW_CHANGE;
  container_signal (slot->container, SIGKILL);
  do_job (self, job_wait_end, slot);
  lives_wait_closed (self->lives, life);
  end_life (self, slot, life);
}

/* Waits for what was ordered before libvirtd had started. */
static void
resolve_started (Stage *self, Slot *slot)
{
  Life *life = slot->life;

  wait_next (self, slot);
  lives_wait_closed (self->lives, life);
  if (container_get_controller_pid (slot->container) == 0 && !adopt_next (slot))
    {
      end_life (self, slot, life);
      return;
    }
  begin_next_life (self, slot, life);
  /* It may have been started by the libvirtd before. */
  slot->life->n_changes++;
  slot->is_uncertain = TRUE;
}

static void
check_orphan (Stage *self, Slot *slot)
{
  slot->is_uncertain = FALSE;
  if (!try_job (self, job_check, slot))
    end_orphan (self, slot);
}

static void
resolve (Stage *self, void (*func) (Stage *, Slot *))
{
  for (guint i = 0; i < STAGE_N_SLOTS; i++)
    if (self->slots[i].life != NULL && self->slots[i].life->deed != DEED_NONE)
      func (self, &self->slots[i]);
}

void
stage_resolve_calm (Stage *self)
{
  resolve (self, resolve_calm);
}

void
stage_resolve_away (Stage *self)
{
  resolve (self, resolve_away);
}

void
stage_resolve_started (Stage *self)
{
  resolve (self, resolve_started);
  for (guint i = 0; i < STAGE_N_SLOTS; i++)
    if (self->slots[i].is_uncertain)
      check_orphan (self, &self->slots[i]);
}

/* ---- libvirtd ---- */

static void
count_change (Stage *self)
{
  for (guint i = 0; i < STAGE_N_SLOTS; i++)
    if (self->slots[i].life != NULL)
      self->slots[i].life->n_changes++;
}

/* Does a job, during which up to two containers may end. Returns when libvirtd has locked its file, or 0. */
static gint64
change_with_orders (Stage *self, WorkerFunc func, int signum, int within_ms)
{
  Job job = { .stage = self, .signum = signum };
  gint64 deadline = real_deadline (), locked_at = 0, order_at[2];
  Slot *slot;

  for (guint i = 0; i < G_N_ELEMENTS (order_at); i++)
    order_at[i] = g_get_monotonic_time ()
                  + g_test_rand_int_range (0, within_ms + 1) * G_TIME_SPAN_MILLISECOND;
  worker_begin (self->worker, func, &job);
  while (!worker_is_done (self->worker))
    {
      real_iterate (deadline, "libvirtd's end or start");
      if (locked_at == 0 && libvirtd_find_living () != 0)
        locked_at = g_get_monotonic_time ();
      for (guint i = 0; i < G_N_ELEMENTS (order_at); i++)
        if (g_get_monotonic_time () > order_at[i] && (slot = choose (self)) != NULL)
          {
            order (self, slot, VIEW_CHANGE);
            order_at[i] = G_MAXINT64;
          }
    }
  g_assert_no_error (job.error);
  g_assert_true (job.done);
  lives_note (self->lives, LIVES_HOST, "libvirtd has ended, or answers");
  return locked_at;
}

void
stage_end_libvirtd (Stage *self, int signum, int within_ms)
{
  count_change (self);
  lives_note (self->lives, LIVES_HOST,
              signum == SIGKILL ? "libvirtd is killed" : "libvirtd is stopped");
  change_with_orders (self, job_end_libvirtd, signum, within_ms);
}

gint64
stage_start_libvirtd (Stage *self, int within_ms)
{
  lives_note (self->lives, LIVES_HOST, "libvirtd is started");
  return change_with_orders (self, job_start_libvirtd, 0, within_ms);
}

/* ---- The witness ---- */

void
stage_begin_witness (Stage *self)
{
  Job job = { .stage = self };

  worker_run (self->worker, job_start_witness, &job);
  lives_begin_witness (self->lives);
}

void
stage_end_witness (Stage *self)
{
  Job job = { .stage = self };

  worker_run (self->worker, job_end_witness, &job);
  lives_compare (self->lives, job.seen);
  g_free (job.seen);
}

/* ---- The stage ---- */

static void
on_started (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;

  lxcmon_host_start_finish (LXCMON_HOST (object), result, &error);
  g_assert_no_error (error);
  *(gboolean *) user_data = TRUE;
}


gboolean
stage_set_up (Stage *self)
{
  g_autofree char *why = libvirtd_why_unsupported ();
  gboolean is_started = FALSE;

  if (why != NULL)
    {
      g_test_skip (why);
      return FALSE;
    }
  self->n_descriptors = real_count_descriptors ();
  self->worker = worker_new ();
  self->retired = g_ptr_array_new_with_free_func ((GDestroyNotify) container_free);
  for (guint i = 0; i < STAGE_N_SLOTS; i++)
    new_container (self, &self->slots[i]);
  self->host = lxcmon_host_new (NULL);
  self->lives = lives_new (self->host);
  lxcmon_host_start_async (self->host, NULL, on_started, &is_started);
  real_wait (is_started);
  return TRUE;
}

void
stage_tear_down (Stage *self)
{
  lxcmon_host_stop (self->host);
  g_clear_pointer (&self->lives, lives_free);
  g_clear_object (&self->host);
  g_clear_pointer (&self->libvirtd, libvirtd_free);
  for (guint i = 0; i < STAGE_N_SLOTS; i++)
    container_free (self->slots[i].container);
  g_clear_pointer (&self->retired, g_ptr_array_unref);
  g_clear_pointer (&self->worker, worker_free);
  /* The thread of the connection ends a moment later. */
  real_wait_descriptors (self->n_descriptors);
}
