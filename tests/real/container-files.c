/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* container-files.c: see container-files.h for what this file owns. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "container-files.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "container.h"
#include "process.h"

#define LIBVIRT_LOG_DIR "/var/log/libvirt/lxc"
#define MAX_OPEN_DIRS   16

/* It writes down when it begins, and which orders it obeys.
 *
 * The test holds the FIFO's writing end all the time, so end of file comes only
 * when the test has died: then the container ends too, which it would not do
 * by itself, since init outlives its controller. "read" is a builtin, so that
 * reboot is called by the process that is init. The trap makes TERM reach it:
 * the kernel drops signals to an init that handles none. */
static const char init_script[] = "#!/bin/busybox sh\n"
                                  "trap 'exit 0' TERM\n"
                                  "exec 3</command\n"
                                  "echo up >>/log\n"
                                  "while read -r verb argument <&3\n"
                                  "do\n"
                                  "  echo $verb >>/log\n"
                                  "  case $verb in\n"
                                  "    shutdown) exit 0 ;;\n"
                                  "    exit) exit \"$argument\" ;;\n"
                                  "    reboot) exec /bin/busybox reboot -f ;;\n"
                                  "  esac\n"
                                  "done\n";

/* libvirtd leaves .sock too when it destroys a domain; .pid and .xml when it
 * was killed itself; .xml.new when that happened at the wrong moment. A list
 * and not a pattern: "web.*" would also match the files of "web.2". */
static const char *const leftovers[] = {
  "xml", "xml.new", "sock", "pid", "dev", "devpts", "fuse",
};

const char *
container_files_emulator (void)
{
  static const char *const paths[] = {
    "/usr/lib/libvirt/libvirt_lxc",
    "/usr/libexec/libvirt_lxc",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (paths); i++)
    if (access (paths[i], X_OK) == 0)
      return paths[i];
  return NULL;
}

/* Static is what asks for no interpreter. Only programs of our own word size are checked; others do not
 * occur here. */
static gboolean
is_static_program (const char *path)
{
  g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, NULL);
  const char *data = file != NULL ? g_mapped_file_get_contents (file) : NULL;
  gsize length = data != NULL ? g_mapped_file_get_length (file) : 0;
  ElfW (Ehdr) header;

  if (length < sizeof header)
    return FALSE;
  memcpy (&header, data, sizeof header);
  if (memcmp (header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof (ElfW (Phdr))
      || header.e_phoff > length
      || header.e_phnum > (length - header.e_phoff) / sizeof (ElfW (Phdr)))
    return FALSE;

  for (guint i = 0; i < header.e_phnum; i++)
    {
      ElfW (Phdr) segment;

      memcpy (&segment, data + header.e_phoff + i * sizeof segment, sizeof segment);
      if (segment.p_type == PT_INTERP)
        return FALSE;
    }
  return TRUE;
}

char *
container_files_busybox (void)
{
  static const char *const paths[] = {
    "/bin/busybox",
    "/sbin/busybox",
    "/bin/busybox.static",
    "/bin/busybox-static",
  };
  g_autofree char *found = g_find_program_in_path ("busybox");

  if (found != NULL && is_static_program (found))
    return g_steal_pointer (&found);
  for (gsize i = 0; i < G_N_ELEMENTS (paths); i++)
    if (is_static_program (paths[i]))
      return g_strdup (paths[i]);
  return NULL;
}

static gboolean
make_directories (const char *root, GError **error)
{
  static const char *const names[] = {
    "bin", "proc", "sys", "dev", "etc", "tmp", "run",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (root, names[i], NULL);

      if (g_mkdir_with_parents (path, 0755) != 0)
        return process_set_errno (error, "Cannot make the directory", path);
    }
  return TRUE;
}

static gboolean
copy_busybox (const char *root, GError **error)
{
  g_autofree char *busybox = container_files_busybox ();
  g_autofree char *path = g_build_filename (root, "bin", "busybox", NULL);
  g_autofree char *program = NULL;
  gsize length = 0;

  if (busybox == NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                           "No static busybox for the container's root: install busybox-static");
      return FALSE;
    }
  return g_file_get_contents (busybox, &program, &length, error)
         && g_file_set_contents_full (path, program, (gssize) length,
                                      G_FILE_SET_CONTENTS_ONLY_EXISTING, 0755, error);
}

gboolean
container_files_make_root (const char *root, GError **error)
{
  g_autofree char *init = g_build_filename (root, "bin", "init", NULL);
  g_autofree char *fifo = g_build_filename (root, "command", NULL);

  if (!make_directories (root, error) || !copy_busybox (root, error))
    return FALSE;
  if (!g_file_set_contents_full (init, init_script, -1, G_FILE_SET_CONTENTS_ONLY_EXISTING, 0755,
                                 error))
    return FALSE;
  if (mkfifo (fifo, 0600) != 0 && errno != EEXIST)
    return process_set_errno (error, "Cannot make the FIFO", fifo);
  return TRUE;
}

char *
container_files_domain_xml (const char *name, const char *uuid, const char *root, pid_t id)
{
  /* Apart from the rest, whose quotes would else be escaped. */
  g_autofree char *id_attribute = id > 0 ? g_strdup_printf (" id='%d'", (int) id) : g_strdup ("");
  g_autofree char *body = NULL;
  struct utsname machine;

  uname (&machine);
  /* No security label: on a host with AppArmor libvirtd would else confine
   * the container to a profile that does not know our root. */
  body
      = g_markup_printf_escaped ("  <name>%s</name>\n"
                                 "  <uuid>%s</uuid>\n"
                                 "  <memory unit='KiB'>65536</memory>\n"
                                 "  <vcpu>1</vcpu>\n"
                                 "  <resource><partition>/machine</partition></resource>\n"
                                 "  <os><type arch='%s'>exe</type><init>/bin/init</init></os>\n"
                                 "  <on_poweroff>destroy</on_poweroff>\n"
                                 "  <on_reboot>restart</on_reboot>\n"
                                 "  <on_crash>destroy</on_crash>\n"
                                 "  <devices>\n"
                                 "    <emulator>%s</emulator>\n"
                                 "    <filesystem type='mount' accessmode='passthrough'>\n"
                                 "      <source dir='%s'/><target dir='/'/>\n"
                                 "    </filesystem>\n"
                                 "    <console type='pty'><target type='lxc' port='0'/></console>\n"
                                 "  </devices>\n"
                                 "  <seclabel type='none'/>\n"
                                 "</domain>\n",
                                 name, uuid, machine.machine, container_files_emulator (), root);
  return g_strdup_printf ("<domain type='lxc'%s>\n%s", id_attribute, body);
}

gboolean
container_files_write_status (const char *name, const char *uuid, const char *root,
                              pid_t controller, GError **error)
{
  g_autofree char *path = g_strdup_printf ("%s/%s.xml", CONTAINER_RUNTIME_DIR, name);
  g_autofree char *domain = container_files_domain_xml (name, uuid, root, controller);
  /* init is 0 until INIT has come: so libvirtd writes it too. */
  g_autofree char *text = g_strdup_printf (
      "<domstatus state='running' reason='booted' pid='%d'>\n<init pid='0'/>\n%s</domstatus>\n",
      (int) controller, domain);

  /* As a whole: the controller may be reading what was there before. */
  return g_file_set_contents_full (path, text, -1,
                                   G_FILE_SET_CONTENTS_CONSISTENT
                                       | G_FILE_SET_CONTENTS_ONLY_EXISTING,
                                   0600, error);
}

void
container_forget_driver (void)
{
  struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = 1 } };

  (void) utimensat (AT_FDCWD, CONTAINER_RUNTIME_DIR "/driver.pid", times, 0);
  (void) utimensat (AT_FDCWD, CONTAINER_RUNTIME_DIR, times, 0);
}

void
container_files_sweep (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (leftovers); i++)
    {
      g_autofree char *path
          = g_strdup_printf ("%s/%s.%s", CONTAINER_RUNTIME_DIR, name, leftovers[i]);

      /* The directories are empty: what the controller mounted on them was
       * in its own mount namespace. */
      g_remove (path);
    }
}

void
container_files_remove_log (const char *name)
{
  g_autofree char *path = g_strdup_printf ("%s/%s.log", LIBVIRT_LOG_DIR, name);

  g_unlink (path);
}

static int
remove_entry (const char *path, const struct stat *info, int type, struct FTW *walk)
{
  (void) info;
  (void) type;
  (void) walk;
  remove (path);
  return 0;
}

void
container_files_remove_tree (const char *path)
{
  nftw (path, remove_entry, MAX_OPEN_DIRS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
