#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The host over libvirt, from Python, with the driver that libvirt brings for tests."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'common'))

import gi

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
        self.assertTrue(host.props.connected)
        self.assertIsInstance(host, Gio.ListModel)
        self.assertIsInstance(host, Lxcmon.MonitorList)
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
        self.live_and_end(LxcmonLibvirt.Host.new_for_uri(URI))

    def test_connection(self):
        host = LxcmonLibvirt.Host.new(self.connection)
        self.assertIs(host.props.connection, self.connection)
        self.assertEqual(host.props.uri, URI)
        self.live_and_end(host)

    def test_error(self):
        host = LxcmonLibvirt.Host.new_for_uri('lxc:///system?socket=/nonexistent')
        errors = []

        def on_started(host, result):
            try:
                host.start_finish(result)
            except GLib.Error as error:
                errors.append(error)

        host.start_async(None, on_started)
        wait_until(lambda: errors, 'the error')
        self.assertTrue(errors[0].matches(Lxcmon.monitor_error_quark(), Lxcmon.MonitorError.FAILED))


if __name__ == '__main__':
    glib_tap.main()
