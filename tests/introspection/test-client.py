#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The client in Python: attaching, every signal, every property, errors, enums, waiting, threads, and
that the garbage collector finds nothing left."""

import gc
import os
import sys
import threading
import unittest
import weakref

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'common'))

import glib_tap  # noqa: E402
from glib_session import GLib, Lxcmon, LxcmonMock, Session, drain, wait_until  # noqa: E402
from gi.repository import Gio  # noqa: E402


class TestSignals(Session):
    def record(self):
        events = []
        self.client.connect('init', lambda client, pid: events.append(('init', client, pid)))
        self.client.connect('exit', lambda client, status: events.append(('exit', client, status)))
        self.client.connect('closed', lambda client, error: events.append(('closed', client, error)))
        return events

    def test_life(self):
        events = self.record()
        self.attach()
        self.assertEqual(self.client.props.state, Lxcmon.State.ATTACHED)
        self.mock.finish(Lxcmon.ExitStatus.SHUTDOWN)
        wait_until(lambda: len(events) == 3, 'three signals')
        self.assertEqual(events, [('init', self.client, 42), ('exit', self.client, Lxcmon.ExitStatus.SHUTDOWN),
                                  ('closed', self.client, None)])
        self.assertIsInstance(events[1][2], Lxcmon.ExitStatus)
        self.assertEqual(events[1][2].value_nick, 'shutdown')

    def test_detail(self):
        reboots, others = [], []
        self.client.connect('exit::reboot', lambda client, status: reboots.append(status))
        self.client.connect('exit::shutdown', lambda client, status: others.append(status))
        self.attach()
        self.mock.send_exit(Lxcmon.ExitStatus.REBOOT)
        wait_until(lambda: reboots, 'the reboot')
        self.assertEqual((reboots, others), ([Lxcmon.ExitStatus.REBOOT], []))

    def test_unknown_status(self):
        events = self.record()
        self.attach()
        # length, program, version, procedure EXIT, type MESSAGE, serial, status OK, 7
        words = (32, 0x12341234, 1, 1, 2, 1, 0, 7)
        self.mock.send_bytes(GLib.Bytes.new(b''.join(word.to_bytes(4, 'big') for word in words)))
        wait_until(lambda: len(events) == 2, 'EXIT')
        self.assertEqual(events[1][2], Lxcmon.ExitStatus.UNKNOWN)
        self.assertEqual(events[1][2].value_nick, 'unknown')
        self.assertEqual(self.client.props.exit_raw, 7)

    def test_lost(self):
        events = self.record()
        self.attach()
        self.mock.die()
        wait_until(lambda: len(events) == 2, 'the end')
        error = events[1][2]
        self.assertIsInstance(error, GLib.Error)
        self.assertTrue(error.matches(Lxcmon.MonitorError.quark(), Lxcmon.MonitorError.LOST))
        self.assertEqual(self.client.props.error.message, error.message)

    def test_detach_in_handler(self):
        events = self.record()
        self.client.connect('exit', lambda client, status: client.detach())
        self.attach()
        self.mock.finish(Lxcmon.ExitStatus.SHUTDOWN)
        wait_until(lambda: self.client.props.state == Lxcmon.State.DETACHED, 'detached')
        drain()
        self.assertEqual([event[0] for event in events], ['init', 'exit'])

    def test_notify(self):
        states = []
        self.client.connect('notify::state', lambda client, spec: states.append(client.props.state.value_nick))
        self.attach()
        self.client.detach()
        self.assertEqual(states, ['queued', 'attached', 'detached'])


class TestErrors(Session):
    def failure(self, client=None):
        with self.assertRaises(GLib.Error) as caught:
            self.attach(client)
        return caught.exception

    def check(self, error, code):
        self.assertEqual(error.domain, 'lxcmon-monitor-error-quark')
        self.assertTrue(error.matches(Lxcmon.MonitorError.quark(), code), error.message)

    def test_not_found(self):
        self.mock.stop()
        self.check(self.failure(), Lxcmon.MonitorError.NOT_FOUND)
        self.check(self.client.props.error, Lxcmon.MonitorError.NOT_FOUND)
        self.check(self.client.get_error(), Lxcmon.MonitorError.NOT_FOUND)

    def test_invalid_name(self):
        self.check(self.failure(Lxcmon.Client.new('a/b')), Lxcmon.MonitorError.INVALID_NAME)

    def test_busy(self):
        other = Lxcmon.Client.new_for_path(self.path)
        self.attach(other)
        self.check(self.failure(), Lxcmon.MonitorError.BUSY)

    def test_driver(self):
        driver = LxcmonMock.Driver.new(self.directory)
        self.assertTrue(driver.start())
        self.check(self.failure(), Lxcmon.MonitorError.BUSY)
        second = LxcmonMock.Driver.new(self.directory)
        with self.assertRaises(GLib.Error) as caught:
            second.start()
        self.assertTrue(caught.exception.matches(Gio.io_error_quark(), Gio.IOErrorEnum.BUSY))
        driver.stop()
        self.attach()

    def test_refused_blocking(self):
        self.mock.die()
        with self.assertRaises(GLib.Error) as caught:
            self.client.attach()
        self.check(caught.exception, Lxcmon.MonitorError.REFUSED)

    def test_pending_and_cancelled(self):
        self.attach()
        error = self.failure()
        self.assertTrue(error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.PENDING))
        cancellable = Gio.Cancellable()
        cancellable.cancel()
        with self.assertRaises(GLib.Error) as caught:
            self.client.wait_exit(cancellable)
        self.assertTrue(caught.exception.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED))

    def test_mock(self):
        with self.assertRaises(GLib.Error) as caught:
            self.mock.send_init(1)
        self.assertTrue(caught.exception.matches(Gio.io_error_quark(), Gio.IOErrorEnum.NOT_CONNECTED))


class TestEnums(unittest.TestCase):
    def test_values(self):
        expected = {
            Lxcmon.ExitStatus: {'unknown': -1, 'error': 0, 'shutdown': 1, 'reboot': 2},
            Lxcmon.State: {'detached': 0, 'connecting': 1, 'queued': 2, 'attached': 3, 'exited': 4, 'closed': 5},
            Lxcmon.Source: {'direct': 0, 'libvirt': 1},
        }
        for enum, values in expected.items():
            self.assertEqual({value.value_nick: int(value) for value in enum.__enum_values__.values()}, values)

    def test_error_codes(self):
        names = ('FAILED NOT_FOUND PERMISSION REFUSED BUSY UNTRUSTED INVALID_NAME PROTOCOL TRUNCATED LOST DESTROYED '
                 'TIMED_OUT').split()
        self.assertEqual([int(getattr(Lxcmon.MonitorError, name)) for name in names], list(range(len(names))))


class TestProperties(Session):
    def test_settings(self):
        client = Lxcmon.Client(name='web1', runtime_dir='/srv/lxc', force=True, wait_if_busy=True,
                               attach_timeout=1, keepalive_interval=2, reboot_timeout=3)
        self.assertEqual(client.props.name, 'web1')
        self.assertEqual(client.get_name(), 'web1')
        self.assertEqual(client.get_socket_path(), '/srv/lxc/web1.sock')
        self.assertEqual((client.props.force, client.props.wait_if_busy), (True, True))
        self.assertEqual((client.props.attach_timeout, client.props.keepalive_interval, client.props.reboot_timeout),
                         (1, 2, 3))
        with self.assertRaises((OverflowError, ValueError, TypeError)):
            client.props.attach_timeout = -1

    def test_initial(self):
        client = Lxcmon.Client.new('web1')
        self.assertIsInstance(client, Lxcmon.Monitor)
        self.assertEqual(client.props.source, Lxcmon.Source.DIRECT)
        self.assertEqual(client.props.state, Lxcmon.State.DETACHED)
        self.assertEqual((client.props.init_pid, client.props.controller_pid), (0, 0))
        self.assertEqual((client.props.exited, client.props.exit_raw), (False, -1))
        self.assertEqual(client.props.exit_status, Lxcmon.ExitStatus.UNKNOWN)
        self.assertIsNone(client.props.error)

    def test_served(self):
        self.attach()
        wait_until(lambda: self.client.props.init_pid == 42, 'init-pid')
        self.assertEqual(self.client.get_controller_pid(), os.getpid())
        self.assertEqual(self.mock.props.n_clients, 1)


class TestWaiting(Session):
    def test_blocking(self):
        self.client.attach()
        self.mock.finish(Lxcmon.ExitStatus.REBOOT)
        self.assertEqual(self.client.wait_exit(None), Lxcmon.ExitStatus.REBOOT)

    def test_async(self):
        statuses = []
        self.attach()
        self.client.wait_exit_async(None, lambda client, result: statuses.append(client.wait_exit_finish(result)))
        self.mock.finish(Lxcmon.ExitStatus.SHUTDOWN)
        wait_until(lambda: statuses, 'the end')
        self.assertEqual(statuses, [Lxcmon.ExitStatus.SHUTDOWN])

    def test_thread(self):
        """A thread with a context of its own, while this one runs another."""
        statuses = []

        def live():
            context = GLib.MainContext.new()
            context.push_thread_default()
            client = Lxcmon.Client.new_for_path(self.path)
            client.attach()
            statuses.append(client.wait_exit())
            client.detach()
            context.pop_thread_default()

        thread = threading.Thread(target=live)
        thread.start()
        wait_until(lambda: self.mock.props.n_clients == 1, 'the client')
        self.mock.finish(Lxcmon.ExitStatus.REBOOT)
        thread.join()
        self.assertEqual(statuses, [Lxcmon.ExitStatus.REBOOT])


class TestGarbage(Session):
    def test_clients(self):
        """Clients that refer to themselves by their handlers go with the collector, attached or not."""
        references = []
        for i in range(20):
            client = Lxcmon.Client.new_for_path(self.path)
            client.connect('init', lambda client, pid: None)
            client.keep = client
            if i % 2 == 0:
                self.attach(client)
            references.append(weakref.ref(client))
            del client
            gc.collect()
            wait_until(lambda: self.mock.props.n_clients == 0, 'the slot')
        drain()
        gc.collect()
        self.assertEqual([reference() for reference in references], [None] * len(references))

    def test_native(self):
        """The object goes with its wrapper, and a pending call keeps both."""
        gone, done = [], []
        client = Lxcmon.Client.new_for_path(self.path)
        client.weak_ref(lambda: gone.append(True))
        client.attach_async(None, lambda client, result: done.append(client.attach_finish(result)))
        del client
        gc.collect()
        self.assertEqual(gone, [])
        wait_until(lambda: done, 'the attach')
        gc.collect()
        wait_until(lambda: gone, 'the end of the client')

    def test_collected_in_thread(self):
        """The collector runs in a thread that does not run the client's context."""
        for _ in range(20):
            gone = []
            client = Lxcmon.Client.new_for_path(self.path)
            client.weak_ref(lambda: gone.append(True))
            self.attach(client)
            client.keep = client
            del client
            context = GLib.MainContext.default()
            self.assertTrue(context.acquire())
            thread = threading.Thread(target=gc.collect)
            thread.start()
            thread.join()
            context.release()
            wait_until(lambda: gone and self.mock.props.n_clients == 0, 'the end of the client')

    def test_controllers(self):
        gone = []
        controller = LxcmonMock.Controller.new(self.path + '2')
        controller.weak_ref(lambda: gone.append(True))
        controller.start()
        del controller
        gc.collect()
        self.assertEqual(gone, [True])
        self.assertFalse(os.path.exists(self.path + '2'))


class TestFollow(Session):
    def test_reboot(self):
        events = []
        self.client.set_reboot_timeout(60000)
        self.client.connect('init', lambda client, pid: events.append(pid))
        self.attach()
        wait_until(lambda: len(events) == 1, 'init')
        self.mock.finish(Lxcmon.ExitStatus.REBOOT)
        wait_until(lambda: self.client.props.state == Lxcmon.State.CONNECTING, 'connecting')
        self.mock.set_init_pid(43)
        self.mock.start()
        wait_until(lambda: len(events) == 2, 'init again')
        self.assertEqual(events, [42, 43])


if __name__ == '__main__':
    glib_tap.main()
