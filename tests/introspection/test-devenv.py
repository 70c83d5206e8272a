#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What "meson devenv" sets, which "./dev shell" uses: everything that was built is found, libvirt's backend too.

    test-devenv.py BUILD_DIR
"""

import os
import pathlib
import shutil
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'common'))

import gi

gi.require_version('LibvirtGObject', '1.0')
gi.require_version('Lxcmon', '1.0')
gi.require_version('LxcmonLibvirt', '1.0')
gi.require_version('LxcmonMock', '1.0')
from gi.repository import LibvirtGObject, Lxcmon, LxcmonLibvirt, LxcmonMock

import glib_tap

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()


class TestDevenv(unittest.TestCase):
    def test_libraries(self):
        # A library is loaded when it is used.
        LxcmonMock.Driver.new('/nonexistent')
        LxcmonLibvirt.host_new_for_connection(LibvirtGObject.Connection.new('test:///default')).stop()
        with open('/proc/self/maps', encoding='utf-8') as maps:
            libraries = {pathlib.Path(line.split()[-1]) for line in maps if '/liblxcmon' in line}
        self.assertEqual({library.name.split('.')[0] for library in libraries},
                         {'liblxcmon', 'liblxcmon-glib-1', 'liblxcmon-libvirt-1', 'liblxcmon-mock-1'})
        for library in libraries:
            self.assertIn(BUILD, library.parents)

    def test_module(self):
        host = Lxcmon.Host.new_for_uri('test:///default')
        self.assertTrue(host.start(None))
        self.assertEqual([monitor.props.name for monitor in host], ['test'])
        host.stop()
        self.assertEqual(pathlib.Path(os.environ['LXCMON_MODULE_DIR']), BUILD / 'lxcmon-libvirt')

    def test_command(self):
        self.assertEqual(shutil.which('lxcmon'), str(BUILD / 'tools' / 'lxcmon'))


if __name__ == '__main__':
    glib_tap.main()
