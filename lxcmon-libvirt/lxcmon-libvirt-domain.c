/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what a domain of libvirt says of a container: whether its id is a pid of this machine, and which
 * process the container's init is. It does not call libvirtd, and does not wait.
 */

#include "lxcmon-libvirt-domain-private.h"

#include <string.h>

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
  if (is_local)
    {
      self->controller_pid = self->id;
      self->init_pid = _lxcmon_libvirt_find_init (self->name, self->controller_pid);
    }

  return self;
}

void
_lxcmon_libvirt_domain_free (LxcmonLibvirtDomain *self)
{
  g_free (self->name);
  g_free (self);
}
