/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the choice of whom to ask: the controllers themselves, or libvirtd. Verbs know the answer as a
 * LxcmonSource and a LxcmonMonitorList; no other file knows whether there is a libvirt.
 */

#include "source.h"

#include <lxcmon/lxcmon-name.h>
#include <lxcmon/lxcmon-runtime-dir.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_LIBVIRT
#include <lxcmon-libvirt/lxcmon-libvirt.h>
#endif

/* Whose lock on driver.pid is in libvirt's own directory is found there. */
#define URI_HERE "lxc:///system"

#define SUFFIX ".sock"

static gboolean
has_libvirt (void)
{
#ifdef HAVE_LIBVIRT
  return TRUE;
#else
  return FALSE;
#endif
}

/* With a URI, nothing else can say where the containers are. */
static gboolean
check_connect (const Options *options, ExitCode *code)
{
  if (!has_libvirt ())
    *code = usage_error ("--connect: this lxcmon was built without libvirt");
  else if (*options->connect == '\0')
    *code = usage_error ("--connect: the URI is empty");
  else if (options->force || options->wait_if_busy)
    *code = usage_error ("--connect goes through libvirtd, which has the controllers' places: "
                         "--force and --wait-if-busy are for those who go without");
  else if (options->runtime_dir != NULL)
    *code
        = usage_error ("--connect asks libvirtd for the containers, --runtime-dir looks for their "
                       "sockets: choose one");
  else
    return TRUE;
  return FALSE;
}

/**
 * source_check:
 * @code: (out): the exit code, where the program is to end now
 *
 * Returns: whether the options about the source go together
 */
gboolean
source_check (const Options *options, ExitCode *code)
{
  if (options->connect == NULL)
    return TRUE;
  if (!check_connect (options, code))
    return FALSE;

  for (char **argument = options->arguments; argument != NULL && *argument != NULL; argument++)
    if (strchr (*argument, '/') != NULL)
      {
        *code
            = usage_error ("--connect: libvirtd knows containers by their names, and %s is a path",
                           *argument);
        return FALSE;
      }
  return TRUE;
}

static gboolean
is_libvirts_own (const char *dir)
{
  char *ours = realpath (dir, NULL);
  char *own = realpath (LXCMON_RUNTIME_DIR, NULL);
  gboolean same = ours != NULL && own != NULL && strcmp (ours, own) == 0;

  free (own);
  free (ours);
  return same;
}

/* Another directory's driver has other containers than the libvirtd that can be connected to. */
static gboolean
is_libvirtds (const char *dir)
{
  LxcmonDriver driver;

  return is_libvirts_own (dir) && lxcmon_runtime_dir_find_driver (dir, &driver, NULL)
         && driver.lives;
}

static char *
get_name_in_path (const char *path)
{
  char *name = g_path_get_basename (path);

  if (g_str_has_suffix (name, SUFFIX))
    name[strlen (name) - strlen (SUFFIX)] = '\0';
  return name;
}

/**
 * source_choose:
 * @argument: (nullable): a NAME or a PATH, or %NULL for all containers
 * @name: (out) (optional) (transfer full): the container's name, where libvirtd is to be asked
 *
 * Returns: whom to ask for a container, or for all
 */
LxcmonSource
source_choose (const Options *options, const char *argument, char **name)
{
  gboolean is_path = argument != NULL && strchr (argument, '/') != NULL;
  const char *runtime_dir
      = options->runtime_dir != NULL ? options->runtime_dir : LXCMON_RUNTIME_DIR;
  g_autofree char *dir = is_path ? g_path_get_dirname (argument) : g_strdup (runtime_dir);

  if (!has_libvirt () || options->force || options->wait_if_busy)
    return LXCMON_SOURCE_DIRECT;
  if (options->connect == NULL && !is_libvirtds (dir))
    return LXCMON_SOURCE_DIRECT;
  if (name != NULL && argument != NULL)
    *name = is_path ? get_name_in_path (argument) : g_strdup (argument);
  return LXCMON_SOURCE_LIBVIRT;
}

#ifdef HAVE_LIBVIRT

/* libvirt writes to a libvirtd that may have gone. Output that nobody reads is found out by its error. */
static LxcmonMonitorList *
new_libvirt_list (const char *uri)
{
  signal (SIGPIPE, SIG_IGN);
  return LXCMON_MONITOR_LIST (lxcmon_libvirt_host_new_for_uri (uri));
}

typedef struct
{
  SourceConnectionFunc func;
  gpointer user_data;
  gboolean is_lost;
} ConnectionWatch;

/* The first connection is no news, nor is the end of one that never was lost. */
static void
on_connected (LxcmonLibvirtHost *host, GParamSpec *pspec, ConnectionWatch *watch)
{
  const GError *error = lxcmon_libvirt_host_get_error (host);
  gboolean is_lost = !lxcmon_libvirt_host_get_connected (host) && error != NULL;

  if (watch->is_lost == is_lost)
    return;
  watch->is_lost = is_lost;
  watch->func (is_lost ? error : NULL, watch->user_data);
}

static void
free_connection_watch (gpointer data, GClosure *closure)
{
  g_free (data);
}

#endif

/**
 * source_new_list:
 * @follow: whether a container that reboots keeps its monitor
 *
 * Returns: (transfer full): a list that is not started
 */
LxcmonMonitorList *
source_new_list (const Options *options, LxcmonSource source, gboolean follow)
{
#ifdef HAVE_LIBVIRT
  if (source == LXCMON_SOURCE_LIBVIRT)
    return new_libvirt_list (options->connect != NULL ? options->connect : URI_HERE);
#endif
  LxcmonHost *host = lxcmon_host_new (options->runtime_dir);

  lxcmon_host_set_force (host, options->force);
  if (!follow)
    lxcmon_host_set_reboot_timeout (host, 0);
  return LXCMON_MONITOR_LIST (host);
}

/**
 * source_watch_connection:
 *
 * Calls a function when the connection behind a list is lost, and when it is back. Its handler has to be
 * disconnected before the list is stopped.
 *
 * Returns: the handler's id, or 0 where there is nothing to be lost
 */
gulong
source_watch_connection (LxcmonMonitorList *list, SourceConnectionFunc func, gpointer user_data)
{
#ifdef HAVE_LIBVIRT
  if (LXCMON_LIBVIRT_IS_HOST (list))
    {
      ConnectionWatch *watch = g_new0 (ConnectionWatch, 1);
      watch->func = func;
      watch->user_data = user_data;
      return g_signal_connect_data (list, "notify::connected", G_CALLBACK (on_connected), watch,
                                    free_connection_watch, 0);
    }
#endif
  return 0;
}
