/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * A backend finds the containers of a host, and changes the host's rows. lxcmon-libvirt has one too; the
 * header is not installed.
 *
 * A subclass implements start(), which begins to find containers, and stop(), which ends this and leaves the
 * rows as they are. It may implement flush(), which reports what it has held back, and retry(), which tries
 * to connect at once. Before it changes the first row, and again after it has lost its source, it reports
 * READY; then the rows are its own.
 */

#include "lxcmon-rows-private.h"

typedef enum
{
  LXCMON_BACKEND_READY,  /* it is about to make the rows right */
  LXCMON_BACKEND_LISTED, /* the rows are right */
  LXCMON_BACKEND_FAILED, /* it could not begin; it may try again */
  LXCMON_BACKEND_LOST,   /* the rows cannot be kept right; it tries again */
  /* From the direct backend only: libvirtd may have come or gone, or the last connection was closed for it */
  LXCMON_BACKEND_DRIVER
} LxcmonBackendNews;

#define LXCMON_TYPE_BACKEND (_lxcmon_backend_get_type ())
LXCMON_EXPORT
G_DECLARE_DERIVABLE_TYPE (LxcmonBackend, _lxcmon_backend, LXCMON, BACKEND, GObject)

/* Receives news of a backend; @host may not free the backend meanwhile. */
typedef void (*LxcmonBackendFunc) (GObject *host, LxcmonBackend *self, LxcmonBackendNews news,
                                   const GError *error);

struct _LxcmonBackendClass
{
  GObjectClass parent_class;

  /* Of the lxcmon that it was built with: what is private differs between versions */
  const char *version;
  LxcmonSource source;
  void (*start) (LxcmonBackend *self);
  void (*flush) (LxcmonBackend *self);
  void (*retry) (LxcmonBackend *self);
  void (*stop) (LxcmonBackend *self);
};

/* For a host */
void _lxcmon_backend_start (LxcmonBackend *self, LxcmonRows *rows, LxcmonBackendFunc func);
void _lxcmon_backend_flush (LxcmonBackend *self);
void _lxcmon_backend_retry (LxcmonBackend *self);
void _lxcmon_backend_stop (LxcmonBackend *self);

/* For both, and for subclasses */
LXCMON_EXPORT const char *_lxcmon_backend_get_uri (LxcmonBackend *self);
LXCMON_EXPORT LxcmonRows *_lxcmon_backend_get_rows (LxcmonBackend *self);
LXCMON_EXPORT guint _lxcmon_backend_get_epoch (LxcmonBackend *self);
void _lxcmon_backend_new_epoch (LxcmonBackend *self);
LXCMON_EXPORT void _lxcmon_backend_report (LxcmonBackend *self, LxcmonBackendNews news,
                                           const GError *error);
