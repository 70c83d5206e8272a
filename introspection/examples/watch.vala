// SPDX-License-Identifier: LGPL-2.1-or-later
// Watches one container until it ends. The argument is its name, or the path of its controller's socket.

int main (string[] args) {
    if (args.length != 2) {
        stderr.printf ("usage: %s NAME|PATH\n", args[0]);
        return 1;
    }

    var loop = new MainLoop ();
    // Keep the client: dropping the last reference detaches it.
    var client = "/" in args[1] ? new Lxcmon.Client.for_path (args[1]) : new Lxcmon.Client (args[1]);
    var statuses = (EnumClass) typeof (Lxcmon.ExitStatus).class_ref ();
    int result = 0;

    client.init.connect (pid => stdout.printf ("init %d\n", pid));
    client.exit.connect (status => stdout.printf ("exit %s\n", statuses.get_value (status).value_nick));
    client.closed.connect (error => {
        // The last signal. If the controller was killed, it is the only one that reports the end.
        stdout.printf ("closed: %s\n", client.describe_end ());
        loop.quit ();
    });
    client.attach_async.begin (null, (object, task) => {
        try {
            client.attach_async.end (task);
        } catch (Error error) {
            stderr.printf ("%s\n", error.message);
            result = 1;
            loop.quit ();
        }
    });
    loop.run ();
    return result;
}
