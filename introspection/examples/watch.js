#!/usr/bin/gjs -m
// SPDX-License-Identifier: LGPL-2.1-or-later
// Watches one container, named by its name or by the path of its controller's socket, until it is gone.
import GLib from 'gi://GLib';
import Lxcmon from 'gi://Lxcmon?version=1.0';
import System from 'system';

const nicks = {[-1]: 'unknown', 0: 'error', 1: 'shutdown', 2: 'reboot'};
const where = ARGV[0];
const loop = GLib.MainLoop.new(null, false);
const client = where.includes('/') ? Lxcmon.Client.new_for_path(where) : Lxcmon.Client.new(where);
client.connect('init', (_client, pid) => print(`init ${pid}`));
client.connect('exit', (_client, status) => print(`exit ${nicks[status]}`));
client.connect('closed', () => loop.quit());
client.attach_async(null, (_client, result) => {
    try {
        client.attach_finish(result);
    } catch (error) {
        printerr(error.message);
        System.exit(1);
    }
});
loop.run();
