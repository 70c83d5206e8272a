/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * A backend that stands in for libvirtd's, and does what a test says; and a process that stands in for libvirtd.
 */

#include <lxcmon-glib/lxcmon-glib.h>

typedef struct
{
  guint n_made;
  guint n_started;
  guint n_stopped;
  guint n_retries;
  char *uri; /* of the one made last */
  gboolean keeps_trying;
  const GString *trace; /* of the test's, or NULL */
  char *trace_at_start; /* what it was when the backend was started */
} Fake;

extern Fake fake;

/* Makes it the extension that hosts find. */
void fake_install (void);
void fake_reset (void);

/* The backend that was made last has a list: names with spaces between them. */
void fake_list (const char *names);
/* The same for the one that was made before. */
void fake_list_of_earlier (const char *names);
void fake_fail (void);
void fake_lose (void);

/* Holds the lock on driver.pid of a directory, and listens on libvirt-sock-ro. */
typedef struct _FakeDriver FakeDriver;

FakeDriver *fake_driver_start (const char *dir);
/* @socket_dir: another one for the socket; NULL for no socket */
FakeDriver *fake_driver_start_at (const char *dir, const char *socket_dir);
/* It has no socket, and makes one now. */
void fake_driver_listen (FakeDriver *self, const char *socket_dir);
void fake_driver_stop (FakeDriver *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FakeDriver, fake_driver_stop)
