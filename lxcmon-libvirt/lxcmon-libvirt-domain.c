/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what a domain of libvirt says of a container: whether its id is a pid of this machine, and which
 * process the container's init is, with a pidfd of it. It does not call libvirtd, and does not wait.
 */

#include "lxcmon-libvirt-domain-private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <lxcmon/lxcmon-init.h>
#include <lxcmon/lxcmon-name.h>
#include <lxcmon/lxcmon-process.h>

#include "../lxcmon-glib/lxcmon-status-xml-private.h"

/*< private >
 * _lxcmon_libvirt_uri_is_local:
 *
 * Checks whether a URI leads to a libvirtd of this machine: it names no host, and its transport is none or
 * a Unix socket. Whether a socket is forwarded from another machine cannot be seen.
 */
gboolean
_lxcmon_libvirt_uri_is_local (const char *uri)
{
  g_autoptr (GUri) parsed = g_uri_parse (uri, G_URI_FLAGS_PARSE_RELAXED, NULL);

  if (parsed == NULL)
    return FALSE;
  const char *host = g_uri_get_host (parsed);
  const char *transport = strchr (g_uri_get_scheme (parsed), '+');

  return (host == NULL || *host == '\0') && (transport == NULL || strcmp (transport, "+unix") == 0);
}

/*< private >
 * _lxcmon_libvirt_find_init:
 *
 * Finds the pid of a container's init by the pid of its controller: in /proc, or else in libvirt's status
 * XML.
 *
 * Returns: a pid, or 0 if it is not known
 */
gint
_lxcmon_libvirt_find_init (const char *name, gint controller_pid)
{
  gint pid = lxcmon_process_find_init (controller_pid);

  if (pid != 0 || controller_pid <= 0)
    return pid;
  g_autofree char *path = lxcmon_name_to_socket_path (NULL, name, NULL);
  return path != NULL ? _lxcmon_status_xml_find_init (path, controller_pid) : 0;
}

/*< private >
 * _lxcmon_libvirt_domain_new:
 * @handle: libvirt's
 * @is_local: whether domains' ids are pids of controllers on this machine
 *
 * Copies what a handle says without a call to libvirtd. The init pid is searched at once, since the
 * container may end soon.
 */
LxcmonLibvirtDomain *
_lxcmon_libvirt_domain_new (virDomainPtr handle, gboolean is_local)
{
  LxcmonLibvirtDomain *self = g_new0 (LxcmonLibvirtDomain, 1);
  unsigned id = virDomainGetID (handle);

  virDomainGetUUIDString (handle, self->uuid);
  self->name = g_strdup (virDomainGetName (handle));
  self->id = id <= G_MAXINT ? (gint) id : 0;
  self->init_fd = -1;
  if (is_local)
    {
      self->controller_pid = self->id;
      self->init_pid = _lxcmon_libvirt_find_init (self->name, self->controller_pid);
    }

  return self;
}

/*< private >
 * _lxcmon_libvirt_domain_watch_init:
 *
 * Opens a pidfd of init, if its pid is known: at once, since the container may end soon.
 */
void
_lxcmon_libvirt_domain_watch_init (LxcmonLibvirtDomain *self)
{
  static gint warned;
  LxcmonError error;

  if (self->init_pid == 0)
    return;
  self->init_fd = lxcmon_init_open (self->init_pid, self->controller_pid, &error);
  if (self->init_fd < 0 && (error.system_errno == EMFILE || error.system_errno == ENFILE)
      && g_atomic_int_compare_and_exchange (&warned, FALSE, TRUE))
    g_warning ("how init ends will not be known of some containers: %s", error.message);
}

/*< private >
 * _lxcmon_libvirt_domain_steal_init_fd:
 *
 * Returns: (transfer full): the pidfd of init, or -1; the domain does not have it any more
 */
int
_lxcmon_libvirt_domain_steal_init_fd (LxcmonLibvirtDomain *self)
{
  int init_fd = self->init_fd;

  self->init_fd = -1;
  return init_fd;
}

void
_lxcmon_libvirt_domain_free (LxcmonLibvirtDomain *self)
{
  if (self->init_fd >= 0)
    close (self->init_fd);
  g_free (self->name);
  g_free (self);
}
