/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * A driver with a lock and sockets of its own, and what lxcmon_daemon_find_socket() is expected to say of it.
 */

#include "core-child.h"
#include "core-test.h"

#include <lxcmon/lxcmon-daemon.h>

#define CORE_DAEMON_NOBODY      65534
#define CORE_DAEMON_DEFAULT_DIR "/run/libvirt"

typedef enum
{
  CORE_LISTENS,
  CORE_IS_BOUND,     /* and does not listen */
  CORE_IS_ABSTRACT,  /* listens, and its name is no path */
  CORE_IS_RELATIVE,  /* listens, bound by a relative path */
  CORE_IS_INHERITED, /* listens, and another process has made it */
  CORE_IS_STRANGERS, /* listens, and a process of another user has made it */
} CoreDaemonHow;

typedef struct
{
  const char *name; /* NULL: there are no more */
  CoreDaemonHow how;
} CoreDaemonSocket;

#define CORE_DAEMON_MAX_SOCKETS 4

typedef struct
{
  const char *dir;  /* of the sockets */
  const char *lock; /* NULL: takes none */
  CoreDaemonSocket sockets[CORE_DAEMON_MAX_SOCKETS + 1];
} CoreDaemonPlan;

typedef struct
{
  char *dir;
  char *lock;
  CoreChild child;
  LxcmonDriver driver;
} CoreDaemon;

/* A driver whose pid is not known */
extern const LxcmonDriver core_daemon_unknown;

int core_daemon_run_plan (gconstpointer plan);
void core_daemon_init (CoreDaemon *self, const CoreDaemonSocket sockets[]);
void core_daemon_init_at (CoreDaemon *self, const char *socket_dir,
                          const CoreDaemonSocket sockets[]);
void core_daemon_clear (CoreDaemon *self);

void core_daemon_listen_at_default (CoreChild *child, const char *name, CoreDaemonHow how);
void core_daemon_remove_default (CoreChild *child, const char *name);

void core_daemon_assert_found (const LxcmonDriver *driver, const char *runtime_dir, const char *dir,
                               const char *name);
LxcmonError core_daemon_assert_none (const LxcmonDriver *driver, const char *runtime_dir,
                                     LxcmonMonitorError code);
gboolean core_daemon_needs_root (void);
gboolean core_daemon_needs_sandbox (void);
