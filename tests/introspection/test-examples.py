#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The programs that the documentation shows, and the examples, each against a controller.

    test-examples.py [NAME=COMMAND...]: how to run each example, as in watch.py=/usr/bin/python3 watch.py
"""

import os
import shlex
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'common'))

import glib_tap  # noqa: E402
from glib_session import Lxcmon, Session, wait_until  # noqa: E402

EXAMPLES = dict(argument.split('=', 1) for argument in sys.argv[1:])

# Ten lines, of which one differs: it names a path instead of a container.
PROGRAM = '''\
import gi; gi.require_version("Lxcmon", "1.0")
from gi.repository import GLib, Lxcmon
client = Lxcmon.Client.new_for_path({path!r})
client.connect("init", lambda c, pid: print("init", pid))
client.connect("exit", lambda c, status: print("exit", status.value_nick))
client.attach_async(None, lambda c, result: c.attach_finish(result))
GLib.MainLoop().run()
'''


class TestPrograms(Session):
    def start(self, command):
        # Any warning is fatal, those of the introspection machinery too.
        environment = dict(os.environ, G_DEBUG='fatal-warnings', PYTHONUNBUFFERED='1')
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=environment)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def wait_for_client(self, process):
        wait_until(lambda: self.mock.props.n_clients == 1 or process.poll() is not None, 'the program')
        self.assertIsNone(process.poll(), process.poll() is not None and process.stderr.read())

    def check_example(self, name):
        if name not in EXAMPLES:
            self.skipTest(f'{name} was not built')
        command = shlex.split(EXAMPLES[name])
        for status in (Lxcmon.ExitStatus.SHUTDOWN, Lxcmon.ExitStatus.REBOOT):
            process = self.start(command + [self.path])
            self.wait_for_client(process)
            self.mock.finish(status)
            output, errors = process.communicate(timeout=60)
            self.assertEqual((output, errors), (f'init 42\nexit {status.value_nick}\n', ''))
            self.assertEqual(process.returncode, 0)
            self.mock.start()

        # No such container: it says why, and fails.
        process = self.start(command + [self.path + '.none'])
        output, errors = process.communicate(timeout=60)
        self.assertEqual(output, '')
        self.assertIn(self.path + '.none', errors)
        self.assertEqual(process.returncode, 1)
        process = self.start(command + ['no-such-container'])
        output, errors = process.communicate(timeout=60)
        self.assertIn('no-such-container', errors)
        self.assertEqual(process.returncode, 1)

    def test_ten_lines(self):
        process = self.start([sys.executable, '-c', PROGRAM.format(path=self.path)])
        self.wait_for_client(process)
        self.assertEqual(process.stdout.readline(), 'init 42\n')
        self.mock.finish(Lxcmon.ExitStatus.REBOOT)
        self.assertEqual(process.stdout.readline(), 'exit reboot\n')
        process.terminate()
        output, errors = process.communicate(timeout=60)
        self.assertEqual((output, errors), ('', ''))

    def test_watch_py(self):
        self.check_example('watch.py')

    def test_watch_js(self):
        self.check_example('watch.js')

    def test_watch_vala(self):
        self.check_example('watch.vala')


if __name__ == '__main__':
    glib_tap.main()
