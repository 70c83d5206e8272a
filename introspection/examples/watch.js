#!/usr/bin/gjs -m
// SPDX-License-Identifier: LGPL-2.1-or-later
// Watches one container until it ends. The argument is its name, or the path of its controller's socket.
import GLib from 'gi://GLib';
import Lxcmon from 'gi://Lxcmon?version=1.0';
import System from 'system';

if (ARGV.length !== 1) {
    printerr(`usage: ${System.programInvocationName} NAME|PATH`);
    System.exit(1);
}

const nicks = {[-1]: 'unknown', 0: 'error', 1: 'shutdown', 2: 'reboot'};
const [target] = ARGV;
const loop = GLib.MainLoop.new(null, false);
// Keep the client: dropping the last reference detaches it.
const client = target.includes('/') ? Lxcmon.Client.new_for_path(target) : Lxcmon.Client.new(target);
client.connect('init', (_client, pid) => print(`init ${pid}`));
client.connect('exit', (_client, status) => print(`exit ${nicks[status]}`));
client.connect('closed', () => {
    // The last signal. If the controller was killed, it is the only one that reports the end.
    print(`closed: ${client.describe_end()}`);
    loop.quit();
});
client.attach_async(null, (_client, result) => {
    try {
        client.attach_finish(result);
    } catch (error) {
        printerr(error.message);
        System.exit(1);
    }
});
loop.run();
