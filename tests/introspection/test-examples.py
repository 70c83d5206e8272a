#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The examples, and the first program of the README, each with simulated controllers.

    test-examples.py README [NAME=COMMAND...]: how to run each example, as in watch.py=/usr/bin/python3 watch.py
"""

import os
import pathlib
import re
import shlex
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'common'))

import glib_tap  # noqa: E402
from glib_session import PATIENCE, Lxcmon, LxcmonMock, Session, wait_until  # noqa: E402

README = pathlib.Path(sys.argv.pop(1))
EXAMPLES = dict(argument.split('=', 1) for argument in sys.argv[1:])
ENDS = {Lxcmon.ExitStatus.SHUTDOWN: 'shut down', Lxcmon.ExitStatus.REBOOT: 'rebooted'}


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
        guard = threading.Timer(PATIENCE, process.kill)
        guard.start()
        self.addCleanup(guard.cancel)
        return process

    def wait_for_client(self, process):
        wait_until(lambda: self.mock.props.n_clients == 1 or process.poll() is not None, 'the program')
        self.assertIsNone(process.poll(), process.poll() is not None and process.stderr.read())

    def expect(self, process, *lines):
        for line in lines:
            self.assertRegex(process.stdout.readline(), f'^{line}\n$')

    def check_ends(self, command):
        """The program prints each start and each end, also of a container that starts later."""
        process = self.start(command)
        self.wait_for_client(process)
        self.expect(process, 'web1 is there', 'web1 init 42')
        for status, text in ENDS.items():
            self.mock.finish(status)
            self.expect(process, f'web1 ended: {text}')
            self.mock.start()
            self.expect(process, 'web1 init 42')
        # A controller that is killed sends no EXIT.
        self.mock.die()
        self.expect(process, 'web1 ended: its controller ended .+')
        process.kill()
        self.assertEqual(process.communicate(), ('', ''))
        self.mock.start()

    def check_driver(self, command):
        """If libvirtd is running and cannot be reached, the program prints why, and what can be known."""
        driver = LxcmonMock.Driver.new(self.directory)
        self.assertTrue(driver.start())
        process = self.start(command)
        self.assertRegex(process.stderr.readline(), '^not up to date: .+\n$')
        self.expect(process, 'web1 is there')
        self.assertEqual(self.mock.props.n_clients, 0)
        process.kill()
        driver.stop()

    def check_failure(self, command, reason):
        process = self.start(command)
        output, errors = process.communicate(timeout=PATIENCE)
        self.assertEqual((output, process.returncode), ('', 1))
        self.assertIn(reason, errors)
        self.assertNotIn('Traceback', errors)

    def check_example(self, name):
        if name not in EXAMPLES:
            self.skipTest(f'{name} was not built')
        command = shlex.split(EXAMPLES[name])
        self.check_ends(command + [self.directory])
        self.check_driver(command + [self.directory])
        self.check_failure(command + [self.path], self.path + ' is not a directory')
        self.check_failure(command + [self.directory, 'more'], 'usage')

    def test_readme(self):
        program = re.search(r'^```python\n(.*?)^```$', README.read_text(encoding='utf-8'), re.M | re.S).group(1)

        def make_command(directory):
            code = program.replace('Host.new(None)', f'Host.new({directory!r})')
            self.assertIn(directory, code)
            return [sys.executable, '-c', code]

        self.check_ends(make_command(self.directory))
        self.check_driver(make_command(self.directory))
        self.check_failure(make_command(self.path), self.path + ' is not a directory')

    def test_watch_py(self):
        self.check_example('watch.py')

    def test_watch_js(self):
        self.check_example('watch.js')

    def test_watch_vala(self):
        self.check_example('watch.vala')


if __name__ == '__main__':
    glib_tap.main()
