/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns libvirt's status XML, as far as a client needs it: `<domstatus pid='CONTROLLER'>` with `<init pid='INIT'/>`
 * and `<domain><uuid>UUID</uuid></domain>` in it, beside the socket. It is a hint: libvirtd writes it after INIT, and may
 * have ended since, so it is used only if it is about the controller that we are attached to.
 */

#include "lxcmon-status-xml-private.h"

#include <lxcmon/lxcmon-process.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* libvirt's own are some 2 KiB. */
#define SIZE_MAX_BYTES (1024 * 1024)

typedef struct
{
  gint64 controller_pid;
  gint64 init_pid;
  char uuid[37]; /* "" if there is none */
} Status;

static gint64
read_pid (const char **names, const char **values)
{
  for (guint i = 0; names[i] != NULL; i++)
    {
      gint64 pid;
      if (strcmp (names[i], "pid") == 0
          && g_ascii_string_to_signed (values[i], 10, 1, G_MAXINT, &pid, NULL))
        return pid;
    }
  return 0;
}

static void
on_start_element (GMarkupParseContext *context, const char *element, const char **names,
                  const char **values, gpointer user_data, GError **error)
{
  Status *status = user_data;
  const GSList *stack = g_markup_parse_context_get_element_stack (context);

  if (stack->next == NULL && strcmp (element, "domstatus") == 0)
    status->controller_pid = read_pid (names, values);
  else if (stack->next != NULL && stack->next->next == NULL && strcmp (element, "init") == 0)
    status->init_pid = read_pid (names, values);
}

/* The uuid of the domain itself: other elements may have one too. */
static void
on_text (GMarkupParseContext *context, const char *text, gsize length, gpointer user_data,
         GError **error)
{
  Status *status = user_data;
  const GSList *stack = g_markup_parse_context_get_element_stack (context);

  if (strcmp (stack->data, "uuid") == 0 && stack->next != NULL
      && strcmp (stack->next->data, "domain") == 0 && stack->next->next != NULL
      && stack->next->next->next == NULL && length < sizeof status->uuid)
    g_strlcpy (status->uuid, text, length + 1);
}

static gboolean
parse (const char *text, gsize length, Status *status)
{
  static const GMarkupParser parser = { .start_element = on_start_element, .text = on_text };
  g_autoptr (GMarkupParseContext) context
      = g_markup_parse_context_new (&parser, (GMarkupParseFlags) 0, status, NULL);

  *status = (Status){ 0 };
  return g_markup_parse_context_parse (context, text, (gssize) length, NULL)
         && g_markup_parse_context_end_parse (context, NULL);
}

/*< private >
 * _lxcmon_status_xml_parse:
 *
 * Finds the init pid in a status XML. Returns 0 if there is none, or if the text is about another
 * controller.
 */
gint
_lxcmon_status_xml_parse (const char *text, gsize length, gint controller_pid)
{
  Status status;

  if (!parse (text, length, &status))
    return 0;
  return status.controller_pid == controller_pid ? (gint) status.init_pid : 0;
}

/* In a directory such as /tmp anybody can put a file beside the socket. */
static gboolean
is_trusted (uid_t uid)
{
  return uid == 0 || uid == geteuid ();
}

/* Reads a regular file of root's or ours that nobody has put a link in the place of. */
static char *
read_file (const char *path, gsize *length)
{
  struct stat info;
  int fd = open (path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  char *text = NULL;

  if (fd < 0)
    return NULL;
  if (fstat (fd, &info) == 0 && S_ISREG (info.st_mode) && is_trusted (info.st_uid)
      && info.st_size <= SIZE_MAX_BYTES)
    {
      text = g_malloc ((gsize) info.st_size);
      gssize n = read (fd, text, (gsize) info.st_size);
      *length = n > 0 ? (gsize) n : 0;
    }
  close (fd);

  return text;
}

static char *
read_beside (const char *socket_path, gsize *length)
{
  if (!g_str_has_suffix (socket_path, ".sock"))
    return NULL;
  g_autofree char *stem = g_strndup (socket_path, strlen (socket_path) - strlen (".sock"));
  g_autofree char *path = g_strconcat (stem, ".xml", NULL);

  return read_file (path, length);
}

/*< private >
 * _lxcmon_status_xml_find_controller:
 * @socket: what a scan knows of the socket
 *
 * Finds the controller's pid in the status XML beside its socket. It counts only where that process is the
 * one that listens.
 *
 * Returns: the pid, or 0 if it is not known
 */
gint
_lxcmon_status_xml_find_controller (const char *socket_path, const LxcmonRuntimeSocket *socket)
{
  gsize length = 0;
  Status status;
  g_autofree char *text = socket->listener != 0 ? read_beside (socket_path, &length) : NULL;

  if (text == NULL || !parse (text, length, &status))
    return 0;
  gint pid = (gint) status.controller_pid;
  return lxcmon_process_serves (pid, socket->listener, socket->listener_uid) ? pid : 0;
}

/*< private >
 * _lxcmon_status_xml_find_init:
 *
 * Finds the init pid in the status XML beside a controller's socket, or returns 0.
 */
gint
_lxcmon_status_xml_find_init (const char *socket_path, gint controller_pid)
{
  gsize length = 0;

  if (controller_pid <= 0)
    return 0;
  g_autofree char *text = read_beside (socket_path, &length);

  return text != NULL ? _lxcmon_status_xml_parse (text, length, controller_pid) : 0;
}

/*< private >
 * _lxcmon_status_xml_complete:
 * @model: (inout): of a container whose controller is known
 *
 * Adds the container's uuid, and the init pid if that is not known, from the status XML beside the controller's
 * socket.
 */
void
_lxcmon_status_xml_complete (const char *socket_path, LxcmonModel *model)
{
  gsize length = 0;
  Status status;

  if (model->controller_pid <= 0)
    return;
  g_autofree char *text = read_beside (socket_path, &length);
  if (text == NULL || !parse (text, length, &status)
      || status.controller_pid != model->controller_pid)
    return;
  _lxcmon_model_set_uuid (model, status.uuid);
  if (model->init_pid == 0)
    model->init_pid = (gint) status.init_pid;
}
