// SPDX-License-Identifier: LGPL-2.1-or-later
// The client in JavaScript: attaching, every signal, errors, enums, waiting, following a reboot. Speaks TAP.
import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Lxcmon from 'gi://Lxcmon?version=1.0';
import LxcmonMock from 'gi://LxcmonMock?version=1.0';
import System from 'system';

// Nothing waits longer than this many seconds; a test that needs it has failed.
const PATIENCE = 60;

function waitUntil(condition, what) {
    const context = GLib.MainContext.default();
    const deadline = GLib.get_monotonic_time() + PATIENCE * 1000000;
    while (!condition()) {
        if (GLib.get_monotonic_time() > deadline)
            throw new Error(`waited too long for ${what}`);
        const id = GLib.timeout_add(GLib.PRIORITY_DEFAULT, 2, () => GLib.SOURCE_CONTINUE);
        context.iteration(true);
        GLib.Source.remove(id);
    }
}

function assertEqual(got, expected) {
    if (JSON.stringify(got) !== JSON.stringify(expected))
        throw new Error(`got ${JSON.stringify(got)}, expected ${JSON.stringify(expected)}`);
}

function assertFails(func, domain, code) {
    try {
        func();
    } catch (error) {
        if (error instanceof GLib.Error && error.matches(domain, code))
            return;
        throw error;
    }
    throw new Error('it did not fail');
}

// Runs a function with a controller and a client of it.
function withSession(func) {
    const directory = GLib.dir_make_tmp('lxcmon-test.XXXXXX');
    const path = GLib.build_filenamev([directory, 'web1.sock']);
    const mock = LxcmonMock.Controller.new(path);
    const driver = LxcmonMock.Driver.new(directory);
    mock.init_pid = 42;
    mock.start();
    const client = Lxcmon.Client.new_for_path(path);
    try {
        func({mock, driver, client, path});
    } finally {
        client.detach();
        driver.stop();
        mock.stop();
        GLib.rmdir(directory);
    }
}

function attach(client) {
    let outcome = null;
    client.attach_async(null, (source, result) => {
        try {
            outcome = {served: source.attach_finish(result)};
        } catch (error) {
            outcome = {error};
        }
    });
    waitUntil(() => outcome !== null, 'the attach');
    if (outcome.error)
        throw outcome.error;
    assertEqual(outcome.served, true);
}

function record(client) {
    const events = [];
    client.connect('init', (source, pid) => events.push(['init', source === client, pid]));
    client.connect('exit', (source, status) => events.push(['exit', source === client, status]));
    client.connect('closed', (source, error) => events.push(['closed', source === client, error && error.code]));
    return events;
}

const cases = {
    'life': ({mock, client}) => {
        const events = record(client);
        attach(client);
        assertEqual(client.state, Lxcmon.State.ATTACHED);
        mock.finish(Lxcmon.ExitStatus.SHUTDOWN);
        waitUntil(() => events.length === 3, 'three signals');
        assertEqual(events, [['init', true, 42], ['exit', true, Lxcmon.ExitStatus.SHUTDOWN], ['closed', true, null]]);
        assertEqual([client.exited, client.exit_status, client.exit_raw, client.init_pid, client.error],
            [true, Lxcmon.ExitStatus.SHUTDOWN, 1, 42, null]);
    },
    'detail': ({mock, client}) => {
        const heard = [];
        client.connect('exit::reboot', () => heard.push('reboot'));
        client.connect('exit::shutdown', () => heard.push('shutdown'));
        attach(client);
        mock.send_exit(Lxcmon.ExitStatus.REBOOT);
        waitUntil(() => heard.length > 0, 'the reboot');
        assertEqual(heard, ['reboot']);
    },
    'unknown-status': ({mock, client}) => {
        const events = record(client);
        attach(client);
        // length, monitor program, version 1, procedure EXIT, type MESSAGE, serial, status OK, 7
        const bytes = new DataView(new ArrayBuffer(32));
        [32, 0x12341234, 1, 1, 2, 1, 0, 7].forEach((word, i) => bytes.setUint32(4 * i, word));
        mock.send_bytes(new GLib.Bytes(new Uint8Array(bytes.buffer)));
        waitUntil(() => events.length === 2, 'EXIT');
        assertEqual([events[1][2], client.exit_raw], [Lxcmon.ExitStatus.UNKNOWN, 7]);
    },
    'lost': ({mock, client}) => {
        const events = record(client);
        attach(client);
        mock.die();
        waitUntil(() => events.length === 2, 'the end');
        assertEqual(events[1], ['closed', true, Lxcmon.MonitorError.LOST]);
        assertEqual(client.error.matches(Lxcmon.MonitorError, Lxcmon.MonitorError.LOST), true);
    },
    'notify': ({client}) => {
        const states = [];
        client.connect('notify::state', () => states.push(client.state));
        attach(client);
        client.detach();
        assertEqual(states, [Lxcmon.State.QUEUED, Lxcmon.State.ATTACHED, Lxcmon.State.DETACHED]);
    },
    'errors': ({mock, client, path}) => {
        const other = Lxcmon.Client.new_for_path(path);
        attach(other);
        assertFails(() => attach(client), Lxcmon.MonitorError, Lxcmon.MonitorError.BUSY);
        assertFails(() => attach(other), Gio.IOErrorEnum, Gio.IOErrorEnum.PENDING);
        assertFails(() => attach(Lxcmon.Client.new('a/b')), Lxcmon.MonitorError, Lxcmon.MonitorError.INVALID_NAME);
        other.detach();
        mock.stop();
        assertFails(() => client.attach(null), Lxcmon.MonitorError, Lxcmon.MonitorError.NOT_FOUND);
        assertFails(() => mock.send_init(1), Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_CONNECTED);
    },
    'driver': ({driver, client}) => {
        driver.start();
        assertFails(() => attach(client), Lxcmon.MonitorError, Lxcmon.MonitorError.BUSY);
        driver.stop();
        attach(client);
    },
    'enums': () => {
        const {ExitStatus, State, Source} = Lxcmon;
        assertEqual([ExitStatus.UNKNOWN, ExitStatus.ERROR, ExitStatus.SHUTDOWN, ExitStatus.REBOOT], [-1, 0, 1, 2]);
        assertEqual([State.DETACHED, State.CONNECTING, State.QUEUED, State.ATTACHED, State.EXITED, State.CLOSED],
            [0, 1, 2, 3, 4, 5]);
        assertEqual([Source.DIRECT, Source.LIBVIRT], [0, 1]);
    },
    'settings': () => {
        const client = new Lxcmon.Client({name: 'web1', runtime_dir: '/srv/lxc', force: true, reboot_timeout: 3});
        assertEqual([client.name, client.get_socket_path(), client.force, client.reboot_timeout],
            ['web1', '/srv/lxc/web1.sock', true, 3]);
        assertEqual([client.state, client.error, client.exit_status], [Lxcmon.State.DETACHED, null, -1]);
    },
    'wait-exit': ({mock, client}) => {
        client.attach(null);
        mock.finish(Lxcmon.ExitStatus.REBOOT);
        assertEqual(client.wait_exit(null), Lxcmon.ExitStatus.REBOOT);
    },
    'wait-exit-async': ({mock, client}) => {
        const statuses = [];
        attach(client);
        client.wait_exit_async(null, (source, result) => statuses.push(source.wait_exit_finish(result)));
        mock.finish(Lxcmon.ExitStatus.SHUTDOWN);
        waitUntil(() => statuses.length === 1, 'the end');
        assertEqual(statuses, [Lxcmon.ExitStatus.SHUTDOWN]);
    },
    'reboot-timeout': ({mock, client}) => {
        const pids = [];
        client.reboot_timeout = 60000;
        client.connect('init', (_source, pid) => pids.push(pid));
        attach(client);
        waitUntil(() => pids.length === 1, 'init');
        mock.finish(Lxcmon.ExitStatus.REBOOT);
        waitUntil(() => client.state === Lxcmon.State.CONNECTING, 'connecting');
        mock.init_pid = 43;
        mock.start();
        waitUntil(() => pids.length === 2, 'init again');
        assertEqual(pids, [42, 43]);
    },
    // Each is dropped while it is attached, and the next one needs its slot.
    'garbage': ({path, mock}) => {
        for (let i = 0; i < 10; i++) {
            (() => attach(Lxcmon.Client.new_for_path(path)))();
            waitUntil(() => {
                System.gc();
                return mock.n_clients === 0;
            }, 'the slot');
        }
    },
};

const names = Object.keys(cases);
let failed = 0;
print(`1..${names.length}`);
names.forEach((name, i) => {
    try {
        withSession(cases[name]);
        print(`ok ${i + 1} ${name}`);
    } catch (error) {
        failed++;
        print(`not ok ${i + 1} ${name}`);
        print(`# ${error}\n${error.stack ?? ''}`.replaceAll('\n', '\n# '));
    }
});
System.exit(failed > 0 ? 1 : 0);
