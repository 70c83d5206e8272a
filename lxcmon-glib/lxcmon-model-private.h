/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What is known of a container, as a plain struct that is copied as a whole. lxcmon-libvirt uses it too; the header is
 * not installed.
 */

#include <lxcmon-glib/lxcmon-glib.h>

#define LXCMON_UUID_SIZE 16

typedef struct
{
  LxcmonSource source;
  LxcmonState state;
  LxcmonEnd end;
  gint init_pid;       /* 0 while unknown */
  gint controller_pid; /* 0 while unknown */
  gboolean running;    /* as far as is known */
  gboolean exited;     /* EXIT was received in this run */
  LxcmonExitStatus exit_status;
  gint exit_raw;                 /* the number on the wire, -1 if there is none */
  gint init_exit_code;           /* -1 while unknown */
  gint init_signal;              /* 0 while unknown */
  guint8 uuid[LXCMON_UUID_SIZE]; /* all 0 while unknown */
  guint64 controller_start;      /* in ticks since the host was booted, 0 if it is not known */
} LxcmonModel;

/* The start of a run. */
#define LXCMON_MODEL_INIT(SOURCE, STATE)                                             \
  {                                                                                  \
    .source = (SOURCE), .state = (STATE), .exit_status = LXCMON_EXIT_STATUS_UNKNOWN, \
    .exit_raw = -1, .init_exit_code = -1,                                            \
  }

/* The properties that a model has the values of. A change of several is a set of bits, such as
 * `1u << LXCMON_MODEL_STATE`. */
enum
{
  LXCMON_MODEL_SOURCE = 1,
  LXCMON_MODEL_UUID,
  LXCMON_MODEL_STATE,
  LXCMON_MODEL_INIT_PID,
  LXCMON_MODEL_CONTROLLER_PID,
  LXCMON_MODEL_STARTED_AT,
  LXCMON_MODEL_LIFE,
  LXCMON_MODEL_RUNNING,
  LXCMON_MODEL_EXITED,
  LXCMON_MODEL_EXIT_STATUS,
  LXCMON_MODEL_EXIT_RAW,
  LXCMON_MODEL_INIT_EXIT_CODE,
  LXCMON_MODEL_INIT_SIGNAL,
  LXCMON_MODEL_END,
  LXCMON_MODEL_N_PROPS
};

void _lxcmon_model_install_properties (GParamSpec **properties);
void _lxcmon_model_get_property (const LxcmonModel *self, guint prop_id, GValue *value);
guint _lxcmon_model_compare (const LxcmonModel *self, const LxcmonModel *other);

LXCMON_EXPORT void _lxcmon_model_set_controller (LxcmonModel *self, gint pid);
LXCMON_EXPORT void _lxcmon_model_set_uuid (LxcmonModel *self, const char *uuid);
gboolean _lxcmon_model_has_uuid (const LxcmonModel *self);
char *_lxcmon_model_dup_uuid (const LxcmonModel *self);
char *_lxcmon_model_dup_life (const LxcmonModel *self);
GDateTime *_lxcmon_model_dup_started_at (const LxcmonModel *self);

/* Whether it is known how init ended. */
static inline gboolean
_lxcmon_model_knows_init_end (const LxcmonModel *self)
{
  return self->init_exit_code >= 0 || self->init_signal != 0;
}
