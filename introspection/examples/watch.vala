// SPDX-License-Identifier: LGPL-2.1-or-later
// Watches one container, named by its name or by the path of its controller's socket, until it is gone.

int main (string[] args) {
    var loop = new MainLoop ();
    var client = "/" in args[1] ? new Lxcmon.Client.for_path (args[1]) : new Lxcmon.Client (args[1]);
    var statuses = (EnumClass) typeof (Lxcmon.ExitStatus).class_ref ();
    int result = 0;

    client.init.connect (pid => stdout.printf ("init %d\n", pid));
    client.exit.connect (status => stdout.printf ("exit %s\n", statuses.get_value (status).value_nick));
    client.closed.connect (error => loop.quit ());
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
