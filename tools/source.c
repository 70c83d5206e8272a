/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the decision whether containers are watched directly or through libvirtd. No other file depends
 * on whether the command is built with libvirt.
 */

#include "source.h"

#include <lxcmon/lxcmon-name.h>
#include <lxcmon/lxcmon-runtime-dir.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

#ifdef HAVE_LIBVIRT
#include <lxcmon-libvirt/lxcmon-libvirt.h>
#endif

/* The driver that holds the lock on driver.pid in libvirt's own directory. */
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

static ExitCode
check_arguments (const Options *options)
{
  for (char **argument = options->arguments; argument != NULL && *argument != NULL; argument++)
    if (options_is_path (*argument))
      return usage_error ("--connect: libvirtd knows containers by name, and %s is a path",
                          *argument);
  return EXIT_CODE_DONE;
}

/**
 * source_check:
 * @code: (out): the exit code, if the options cannot be used together
 *
 * Returns: whether the options about the source can be used together
 */
gboolean
source_check (const Options *options, ExitCode *code)
{
  if (options->connect == NULL)
    return TRUE;

  if (!has_libvirt ())
    *code = usage_error ("--connect: this lxcmon is built without libvirt");
  else if (*options->connect == '\0')
    *code = usage_error ("--connect: the URI is empty");
  else if (options->force || options->wait_if_busy)
    *code = usage_error ("--connect watches through libvirtd; --force and --wait-if-busy are for "
                         "direct connections");
  else if (options->runtime_dir != NULL)
    *code = usage_error ("--connect watches through libvirtd; --runtime-dir is for direct "
                         "connections");
  else
    *code = check_arguments (options);
  return *code == EXIT_CODE_DONE;
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

/* The driver of another directory is not the one that answers at URI_HERE. */
static gboolean
is_libvirtds (const char *dir)
{
  LxcmonDriver driver;

  return is_libvirts_own (dir) && lxcmon_runtime_dir_find_driver (dir, &driver, NULL)
         && driver.running;
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
 * @name: (out) (optional) (transfer full): the name of the container, if it is watched through libvirtd
 *
 * Returns: how a container, or all of them, are to be watched
 */
LxcmonSource
source_choose (const Options *options, const char *argument, char **name)
{
  gboolean is_path = argument != NULL && options_is_path (argument);
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

/**
 * source_new_list:
 * @follow: whether a container keeps its monitor when it reboots
 *
 * Returns: (transfer full): a list that is not started
 */
LxcmonMonitorList *
source_new_list (const Options *options, LxcmonSource source, gboolean follow)
{
#ifdef HAVE_LIBVIRT
  if (source == LXCMON_SOURCE_LIBVIRT)
    {
      const char *uri = options->connect != NULL ? options->connect : URI_HERE;
      signal (SIGPIPE, SIG_IGN); /* libvirt may write to a libvirtd that has exited */
      return LXCMON_MONITOR_LIST (lxcmon_libvirt_host_new_for_uri (uri));
    }
#endif
  LxcmonHost *host = lxcmon_host_new (options->runtime_dir);

  lxcmon_host_set_force (host, options->force);
  if (!follow)
    lxcmon_host_set_reboot_timeout (host, 0);
  return LXCMON_MONITOR_LIST (host);
}
