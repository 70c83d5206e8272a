/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* worker.c: see worker.h for what this file owns. */

#include "worker.h"

#include "real-test.h"

/* The functions of a harness have limits of their own, which are shorter. */
#define PATIENCE_US (300 * G_TIME_SPAN_SECOND)

struct _Worker
{
  GThread *thread;
  GAsyncQueue *calls;
  gint n_pending; /* atomic */
};

/* @func is NULL: the thread is to end. */
typedef struct
{
  WorkerFunc func;
  gpointer data;
} Call;

static gpointer
run (gpointer data)
{
  Worker *self = data;

  for (;;)
    {
      g_autofree Call *call = g_async_queue_pop (self->calls);

      if (call->func == NULL)
        return NULL;
      call->func (call->data);
      g_atomic_int_dec_and_test (&self->n_pending);
    }
}

static void
push (Worker *self, WorkerFunc func, gpointer data)
{
  Call *call = g_new (Call, 1);

  *call = (Call){ func, data };
  g_async_queue_push (self->calls, call);
}

Worker *
worker_new (void)
{
  Worker *self = g_new0 (Worker, 1);

  self->calls = g_async_queue_new_full (g_free);
  self->thread = g_thread_new ("harness", run, self);
  return self;
}

void
worker_free (Worker *self)
{
  push (self, NULL, NULL);
  g_thread_join (self->thread);
  g_async_queue_unref (self->calls);
  g_free (self);
}

void
worker_begin (Worker *self, WorkerFunc func, gpointer data)
{
  g_assert_true (worker_is_done (self));
  g_atomic_int_inc (&self->n_pending);
  push (self, func, data);
}

gboolean
worker_is_done (Worker *self)
{
  return g_atomic_int_get (&self->n_pending) == 0;
}

void
worker_run (Worker *self, WorkerFunc func, gpointer data)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_US;

  worker_begin (self, func, data);
  while (!worker_is_done (self))
    real_iterate (deadline, "the harness");
}
