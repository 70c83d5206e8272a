/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See fake-backend.h for what this file owns. */

#include "fake-backend.h"

#include "lxcmon-glib/lxcmon-backend-private.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

Fake fake;

/* ---- The backend ---- */

#define FAKE_TYPE_BACKEND (fake_backend_get_type ())
G_DECLARE_FINAL_TYPE (FakeBackend, fake_backend, FAKE, BACKEND, LxcmonBackend)

struct _FakeBackend
{
  LxcmonBackend parent_instance;
};

G_DEFINE_FINAL_TYPE (FakeBackend, fake_backend, LXCMON_TYPE_BACKEND)

static LxcmonBackend *last, *earlier; /* not owned */

enum
{
  PROP_KEEPS_TRYING = 1
};

static void
start (LxcmonBackend *backend)
{
  fake.n_started++;
  g_free (fake.uri);
  fake.uri = g_strdup (_lxcmon_backend_get_uri (backend));
  g_free (fake.trace_at_start);
  fake.trace_at_start = fake.trace != NULL ? g_strdup (fake.trace->str) : NULL;
}

static void
retry (LxcmonBackend *backend)
{
  fake.n_retries++;
}

static void
release (gpointer data)
{
}

/* The rows are nobody's afterwards. */
static void
stop (LxcmonBackend *backend)
{
  g_autoptr (GPtrArray) rows = _lxcmon_rows_copy (_lxcmon_backend_get_rows (backend));

  for (guint i = 0; i < rows->len; i++)
    _lxcmon_row_set_data (rows->pdata[i], NULL, NULL);
  fake.n_stopped++;
}

static void
fake_backend_set_property (GObject *object, guint prop_id, const GValue *value, GParamSpec *pspec)
{
  fake.keeps_trying = g_value_get_boolean (value);
}

static void
fake_backend_class_init (FakeBackendClass *klass)
{
  const GParamFlags flags = G_PARAM_WRITABLE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS;
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  LxcmonBackendClass *backend_class = LXCMON_BACKEND_CLASS (klass);

  object_class->set_property = fake_backend_set_property;
  backend_class->version = LXCMON_VERSION_S;
  backend_class->source = LXCMON_SOURCE_LIBVIRT;
  backend_class->start = start;
  backend_class->retry = retry;
  backend_class->stop = stop;
  g_object_class_install_property (object_class, PROP_KEEPS_TRYING,
                                   g_param_spec_boolean ("keeps-trying", NULL, NULL, FALSE, flags));
}

static void
fake_backend_init (FakeBackend *self)
{
  fake.n_made++;
  earlier = last;
  last = LXCMON_BACKEND (self);
}

void
fake_install (void)
{
  g_io_extension_point_register ("lxcmon-backend");
  g_io_extension_point_implement ("lxcmon-backend", FAKE_TYPE_BACKEND, "libvirt", 0);
}

void
fake_reset (void)
{
  g_free (fake.uri);
  g_free (fake.trace_at_start);
  fake = (Fake){ 0 };
  last = earlier = NULL;
}

/* Shows a container as libvirtd's. */
static void
show (LxcmonRows *rows, const char *name)
{
  LxcmonRow *row = _lxcmon_rows_lookup (rows, name);
  LxcmonModel model = LXCMON_MODEL_INIT (LXCMON_SOURCE_LIBVIRT, LXCMON_STATE_ATTACHED);

  if (row == NULL)
    return;
  _lxcmon_model_set_controller (&model, getpid ());
  model.init_pid = _lxcmon_monitor_get_model (LXCMON_MONITOR (row))->init_pid;
  _lxcmon_row_set_data (row, &fake, release);
  _lxcmon_rows_report (rows, row, LXCMON_REPORT_CHANGED, &model, NULL);
}

static void
list (LxcmonBackend *of, const char *text)
{
  g_autoptr (LxcmonBackend) backend = g_object_ref (of);
  LxcmonRows *rows = _lxcmon_backend_get_rows (backend);
  g_autoptr (GObject) host = g_object_ref (rows->host);
  g_auto (GStrv) names = g_strsplit (text, " ", -1);
  g_autoptr (GPtrArray) added = g_ptr_array_new_with_free_func (g_object_unref);

  _lxcmon_backend_report (backend, LXCMON_BACKEND_READY, NULL);
  for (guint i = 0; rows->source != NULL && names[i] != NULL && *names[i] != '\0'; i++)
    if (_lxcmon_rows_lookup (rows, names[i]) == NULL)
      g_ptr_array_add (added, _lxcmon_row_new (names[i]));
  _lxcmon_rows_add (rows, added);
  for (guint i = 0; rows->source != NULL && names[i] != NULL && *names[i] != '\0'; i++)
    show (rows, names[i]);
  _lxcmon_backend_report (backend, LXCMON_BACKEND_LISTED, NULL);
}

void
fake_list (const char *text)
{
  list (last, text);
}

void
fake_list_of_earlier (const char *text)
{
  list (earlier, text);
}

static void
report (LxcmonBackendNews news, const char *message)
{
  g_autoptr (LxcmonBackend) backend = g_object_ref (last);
  g_autoptr (GObject) host = g_object_ref (_lxcmon_backend_get_rows (backend)->host);
  g_autoptr (GError) error
      = g_error_new_literal (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_LOST, message);

  _lxcmon_backend_report (backend, news, error);
}

void
fake_fail (void)
{
  report (LXCMON_BACKEND_FAILED, "failed");
}

void
fake_lose (void)
{
  report (LXCMON_BACKEND_LOST, "lost");
}

/* ---- The driver ---- */

struct _FakeDriver
{
  pid_t pid;
  int fd; /* orders: 'S' and the path of a socket, 'L' and that of a lock; each is answered with a byte */
};

static gboolean
listen_at (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  unlink (path);
  return fd >= 0 && bind (fd, (struct sockaddr *) &address, sizeof address) == 0
         && listen (fd, 1) == 0;
}

static gboolean
lock_at (const char *path)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
  int fd = open (path, O_RDWR | O_CREAT, 0644);

  return fd >= 0 && fcntl (fd, F_SETLK, &lock) == 0 && ftruncate (fd, 0) == 0;
}

static _Noreturn void
run (int fd)
{
  char order[PATH_MAX + 2];
  ssize_t n;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  while ((n = read (fd, order, sizeof order - 1)) > 0)
    {
      order[n] = '\0';
      if (!(order[0] == 'S' ? listen_at (order + 1) : lock_at (order + 1))
          || write (fd, "", 1) != 1)
        break;
    }
  _exit (1);
}

static void
give_order (FakeDriver *self, char what, const char *dir, const char *base)
{
  g_autofree char *path = g_build_filename (dir, base, NULL);
  g_autofree char *order = g_strdup_printf ("%c%s", what, path);
  char byte;

  g_assert_cmpint (write (self->fd, order, strlen (order)), ==, (gssize) strlen (order));
  g_assert_cmpint (read (self->fd, &byte, 1), ==, 1);
}

FakeDriver *
fake_driver_start_at (const char *dir, const char *socket_dir)
{
  FakeDriver *self = g_new0 (FakeDriver, 1);
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), ==, 0);
  self->pid = fork ();
  if (self->pid == 0)
    run (fds[1]);
  close (fds[1]);
  self->fd = fds[0];
  /* As libvirtd does it. */
  if (socket_dir != NULL)
    fake_driver_listen (self, socket_dir);
  give_order (self, 'L', dir, "driver.pid");
  return self;
}

FakeDriver *
fake_driver_start (const char *dir)
{
  return fake_driver_start_at (dir, dir);
}

void
fake_driver_listen (FakeDriver *self, const char *socket_dir)
{
  give_order (self, 'S', socket_dir, "libvirt-sock-ro");
}

void
fake_driver_stop (FakeDriver *self)
{
  kill (self->pid, SIGKILL);
  g_assert_cmpint (waitpid (self->pid, NULL, 0), ==, self->pid);
  close (self->fd);
  g_free (self);
}
