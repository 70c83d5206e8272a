#!/usr/bin/gjs -m
// SPDX-License-Identifier: LGPL-2.1-or-later
// Prints how the containers of this host start and end. The argument is the directory of the controllers' sockets, if
// it is not libvirt's usual one.
import GLib from 'gi://GLib';
import Lxcmon from 'gi://Lxcmon?version=1.0';
import System from 'system';

if (ARGV.length > 1) {
    printerr(`usage: ${System.programInvocationName} [RUNTIME-DIR]`);
    System.exit(1);
}

// Keep the host: if the last reference is dropped, it stops, and no event is reported any more.
const host = Lxcmon.Host.new(ARGV[0] ?? null);
host.connect('init', (_host, monitor, pid) => print(`${monitor.name} init ${pid}`));
host.connect('closed', (_host, monitor) => {
    // Emitted for each end, also if the controller was killed and there was no "exit". NONE: the container may still
    // run, but is no longer watched.
    if (monitor.end !== Lxcmon.End.NONE)
        print(`${monitor.name} ended: ${monitor.describe_end()}`);
});
host.connect('notify::error', () => {
    // The host goes on trying; the error is null when the list is up to date again.
    if (host.error !== null)
        printerr(`not up to date: ${host.error.message}`);
});
host.start_async(null, (_host, result) => {
    try {
        host.start_finish(result);
    } catch (error) {
        printerr(error.message);
        System.exit(1);
    }
    // The first list is complete.
    for (let i = 0; i < host.get_n_items(); i++)
        print(`${host.get_item(i).name} is there`);
});
GLib.MainLoop.new(null, false).run();
