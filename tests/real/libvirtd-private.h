/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* libvirtd-private.h: what libvirtd.c and libvirtd-virsh.c share.
 *
 * Owns: the struct.
 * Does not: be included by a test. */

#pragma once

#include "libvirtd.h"

struct _Libvirtd
{
  char *directory; /* its configuration, log, pid file, drivers */
  char *log_path;
  pid_t pid; /* 0 when it has been reaped */
  int pidfd;
  guint tcp_port;        /* 0 if it does not listen */
  guint timeout_s;       /* 0 if it does not end by itself */
  gboolean is_elsewhere; /* its sockets */
  char *socket_dir;      /* NULL for the default one */
  char *uri;
};
