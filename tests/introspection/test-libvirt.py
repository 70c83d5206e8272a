#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The host through libvirt, from Python, with the driver that libvirt brings for tests."""

import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'common'))

import gi

gi.require_version('Lxcmon', '1.0')
gi.require_version('LxcmonLibvirt', '1.0')
gi.require_version('LibvirtGObject', '1.0')
from gi.repository import Gio, GLib, LibvirtGObject, Lxcmon, LxcmonLibvirt

import glib_tap
from glib_session import wait_until

URI = 'test:///default'


class TestHost(unittest.TestCase):
    def setUp(self):
        self.connection = LibvirtGObject.Connection.new(URI)
        self.connection.open(None)
        self.connection.fetch_domains(None)
        self.domain = self.connection.get_domains()[0]
        self.events = []

    def start(self, host):
        results = []
        host.connect('init', lambda h, m, pid: self.events.append((m.get_name(), 'init', pid)))
        host.connect('exit', lambda h, m, status: self.events.append((m.get_name(), 'exit', status.value_nick)))
        host.connect('exit::shutdown', lambda h, m, status: self.events.append('shutdown'))
        host.connect('closed', lambda h, m, e: self.events.append((m.get_name(), 'closed', e and e.code)))
        host.start_async(None, lambda h, result: results.append(h.start_finish(result)))
        wait_until(lambda: results, 'the start')
        self.assertEqual(results, [True])

    def live_and_end(self, host):
        self.start(host)
        self.assertEqual((host.props.connected, host.props.error), (True, None))
        self.assertEqual((host.props.source, host.props.uri), (Lxcmon.Source.LIBVIRT, URI))
        self.assertIsInstance(host, Gio.ListModel)
        self.assertIsInstance(host, Lxcmon.Host)
        self.assertEqual([m.props.name for m in host], ['test'])
        self.assertEqual(host.lookup('test').props.source, Lxcmon.Source.LIBVIRT)
        self.domain.stop(0)
        wait_until(lambda: host.props.n_items == 0, 'the end')
        self.domain.start(0)
        wait_until(lambda: host.props.n_items == 1, 'the start')
        self.domain.shutdown(0)
        wait_until(lambda: host.props.n_items == 0, 'the end')
        self.assertEqual(self.events, [
            ('test', 'closed', Lxcmon.MonitorError.DESTROYED), ('test', 'init', 0),
            ('test', 'exit', 'shutdown'), 'shutdown', ('test', 'closed', None)])
        self.domain.start(0)
        wait_until(lambda: host.props.n_items == 1, 'the start')
        host.stop()
        self.assertEqual(list(host), [])

    def test_uri(self):
        self.live_and_end(Lxcmon.Host.new_for_uri(URI))

    def test_connection(self):
        self.live_and_end(LxcmonLibvirt.host_new_for_connection(self.connection))

    def test_error(self):
        host = Lxcmon.Host.new_for_uri('lxc:///system?socket=/nonexistent')
        errors = []

        def on_started(host, result):
            try:
                host.start_finish(result)
            except GLib.Error as error:
                errors.append(error)

        host.start_async(None, on_started)
        wait_until(lambda: errors, 'the error')
        self.assertTrue(errors[0].matches(Lxcmon.monitor_error_quark(), Lxcmon.MonitorError.FAILED))
        self.assertIn('/nonexistent', errors[0].message)

    def test_module(self):
        """A program that does not link libvirt loads the module when it needs it, and an error says what is missing."""
        program = (
            'import gi; gi.require_version("Lxcmon", "1.0")\n'
            'from gi.repository import GLib, Lxcmon\n'
            f'host = Lxcmon.Host.new_for_uri("{URI}")\n'
            'loaded = lambda: "libvirt.so" in open("/proc/self/maps").read()\n'
            'try:\n'
            '    print(loaded(), host.start(None), loaded(), *(monitor.props.name for monitor in host))\n'
            'except GLib.Error as error:\n'
            '    print(error.message)\n')

        def run(module_dir):
            environment = dict(os.environ, LXCMON_MODULE_DIR=module_dir)
            return subprocess.run([sys.executable, '-c', program], env=environment, check=True, timeout=60,
                                  stdout=subprocess.PIPE, text=True).stdout

        self.assertEqual(run(os.environ['LXCMON_MODULE_DIR']), 'False True True test\n')
        self.assertIn('not installed: there is no /nonexistent/', run('/nonexistent'))


if __name__ == '__main__':
    glib_tap.main()
