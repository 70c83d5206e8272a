#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the examples of docs/python.md as they are printed, with simulated controllers.

The examples watch the containers "web1" and "web2", whose sockets are below /run, so this script has to run in
tests/sandbox.

usage: test-page.py PAGE COMMAND
"""

import os
import pathlib
import re
import select
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'common'))

import glib_tap  # noqa: E402

PATIENCE = 60
RUNTIME_DIR = pathlib.Path('/run/libvirt/lxc')
PAGE, COMMAND = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])


class TestPage(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.program = pathlib.Path(folder.name, 'program.py')
        self.env = {**os.environ, 'PATH': f'{COMMAND.parent}:{os.environ["PATH"]}', 'PYTHONUNBUFFERED': '1'}

    def write(self, number):
        examples = re.findall('^```python\n(.*?)^```$', PAGE.read_text(encoding='utf-8'), re.M | re.S)
        self.program.write_text(examples[number], encoding='utf-8')

    def start(self, *command):
        process = subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def simulate(self, name, *arguments):
        path = RUNTIME_DIR / f'{name}.sock'
        path.unlink(missing_ok=True)  # that of one that was killed
        process = self.start(COMMAND, 'simulate', '--quiet', path, '--init-pid', '3740', '--after', '300ms', *arguments)
        deadline = time.monotonic() + PATIENCE
        while not path.exists():
            self.assertLess(time.monotonic(), deadline)
            self.assertIsNone(process.poll())
            select.select([], [], [], 0.01)

    def run_program(self):
        process = self.start(sys.executable, self.program)
        output, errors = process.communicate(timeout=PATIENCE)
        return output, errors, process.returncode

    def test_watch(self):
        self.write(0)
        self.simulate('web1')
        self.assertEqual(self.run_program(), ('init 3740\nexit SHUTDOWN\nclosed: SHUTDOWN\n', '', 0))

    def test_watch_reboot(self):
        self.write(0)
        self.simulate('web1', '--exit', 'reboot', '--repeat', '2')
        output, errors, code = self.run_program()
        self.assertEqual(output, 'init 3740\nexit REBOOT\nclosed: REBOOT\n' * 2)
        # There is no third run.
        self.assertRegex(errors, '^web1 rebooted')
        self.assertEqual(code, 1)

    def test_watch_lost(self):
        self.write(0)
        self.simulate('web1', '--exit', 'none')
        output, errors, code = self.run_program()
        self.assertRegex(output, '^init 3740\nclosed: the controller closed the connection without EXIT')
        self.assertEqual((errors, code), ('', 0))

    def test_watch_not_there(self):
        self.write(0)
        output, errors, code = self.run_program()
        self.assertEqual((output, code), ('', 1))
        self.assertRegex(errors, '^[^\n]*web1[^\n]*\n$')

    def test_wait(self):
        self.write(1)
        self.simulate('web1')
        self.simulate('web2', '--exit', 'none')
        output, errors, code = self.run_program()
        self.assertRegex(output, '^ended: .*\nnot known: the controller closed the connection')
        self.assertEqual((errors, code), ('', 0))

    def test_command(self):
        self.write(2)
        program = self.start(sys.executable, self.program)
        # It may see the last part only of the first run.
        self.simulate('web1', '--repeat', '100')
        self.read_until(program, 'attached web1\ninit web1\nexit web1\nclosed web1\n')

    def read_until(self, process, pattern):
        output = ''
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, output):
            ready, _, _ = select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))
            text = os.read(process.stdout.fileno(), 4096).decode() if ready else ''
            self.assertTrue(text, f'{pattern!r} did not come; the output was {output!r}')
            output += text


if __name__ == '__main__':
    assert os.environ['LXCMON_TEST_SANDBOX'] == os.readlink('/proc/self/ns/mnt')
    RUNTIME_DIR.mkdir(parents=True)
    glib_tap.main()
