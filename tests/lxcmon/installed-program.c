/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A program as a user would write it, with poll() for a loop: one connection, to the other end of a socketpair.
 * test-installed.sh builds it against an installed tree.
 */

#include <lxcmon/lxcmon.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void
on_init (LxcmonConnection *connection, int pid, void *user_data)
{
  char *seen = user_data;

  (void) connection;
  if (pid == 3740)
    strcat (seen, "init ");
}

static void
on_exit_event (LxcmonConnection *connection, LxcmonExitStatus status, int raw, void *user_data)
{
  char *seen = user_data;

  (void) connection;
  (void) raw;
  strcat (seen, lxcmon_exit_status_to_string (status));
}

static void
on_closed (LxcmonConnection *connection, const LxcmonError *error, void *user_data)
{
  char *seen = user_data;

  (void) connection;
  strcat (seen, error == NULL ? " closed" : error->message);
}

static const LxcmonCallbacks callbacks = {
  LXCMON_CALLBACKS_INIT,
  .init = on_init,
  .exit = on_exit_event,
  .closed = on_closed,
};

static int
watch (LxcmonHub *hub)
{
  char seen[512] = "";
  unsigned char bytes[LXCMON_ENCODED_SIZE];
  LxcmonConnection *connection = lxcmon_connection_new (hub, &callbacks, seen);
  int pair[2];
  int n;

  if (connection == NULL || socketpair (AF_UNIX, SOCK_STREAM, 0, pair) < 0
      || !lxcmon_connection_attach_fd (connection, pair[0], NULL, NULL))
    return 1;
  n = (int) lxcmon_encode_init (bytes, sizeof bytes, 3740);
  if (write (pair[1], bytes, (size_t) n) != n)
    return 1;
  n = (int) lxcmon_encode_exit (bytes, sizeof bytes, LXCMON_EXIT_STATUS_REBOOT);
  if (write (pair[1], bytes, (size_t) n) != n)
    return 1;
  close (pair[1]);

  while (lxcmon_connection_get_state (connection) != LXCMON_STATE_CLOSED)
    {
      struct pollfd descriptor;

      descriptor.fd = lxcmon_hub_get_fd (hub);
      descriptor.events = lxcmon_hub_get_events (hub);
      if (poll (&descriptor, 1, lxcmon_hub_get_timeout (hub)) < 0)
        return 1;
      lxcmon_hub_dispatch (hub);
    }
  lxcmon_connection_free (connection);
  puts (seen);
  return strcmp (seen, "init reboot closed");
}

int
main (void)
{
  LxcmonHub *hub = lxcmon_hub_new (NULL);
  int failed = hub == NULL || watch (hub);

  lxcmon_hub_unref (hub);
  return failed;
}
