// SPDX-License-Identifier: LGPL-2.1-or-later
// Prints how the containers of this host start and end. The argument is the directory of the controllers' sockets, if
// it is not libvirt's usual one.

int main (string[] args) {
    if (args.length > 2) {
        printerr ("usage: %s [RUNTIME-DIR]\n", args[0]);
        return 1;
    }

    var loop = new MainLoop ();
    // Keep the host: if the last reference is dropped, it stops, and no event is reported any more.
    var host = new Lxcmon.Host (args[1]);
    int result = 0;

    host.init.connect ((monitor, pid) => print ("%s init %d\n", monitor.name, pid));
    host.closed.connect ((monitor, error) => {
        // Emitted for each end, also if the controller was killed and there was no "exit". NONE: the container may
        // still run, but is no longer watched.
        if (monitor.end != Lxcmon.End.NONE)
            print ("%s ended: %s\n", monitor.name, monitor.describe_end ());
    });
    host.notify["error"].connect (() => {
        // The host goes on trying; the error is null when the list is up to date again.
        if (host.error != null)
            printerr ("not up to date: %s\n", host.error.message);
    });
    host.start_async.begin (null, (object, task) => {
        try {
            host.start_async.end (task);
        } catch (Error error) {
            printerr ("%s\n", error.message);
            result = 1;
            loop.quit ();
            return;
        }
        // The first list is complete.
        for (uint i = 0; i < host.get_n_items (); i++)
            print ("%s is there\n", ((Lxcmon.Monitor) host.get_item (i)).name);
    });
    loop.run ();
    return result;
}
