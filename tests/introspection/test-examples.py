#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The examples, and the first program of the README, each with a simulated controller.

    test-examples.py README [NAME=COMMAND...]: how to run each example, as in watch.py=/usr/bin/python3 watch.py
"""

import os
import pathlib
import re
import shlex
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'common'))

import glib_tap  # noqa: E402
from glib_session import Lxcmon, Session, wait_until  # noqa: E402

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
        return process

    def wait_for_client(self, process):
        wait_until(lambda: self.mock.props.n_clients == 1 or process.poll() is not None, 'the program')
        self.assertIsNone(process.poll(), process.poll() is not None and process.stderr.read())

    def run_to_end(self, command, end):
        process = self.start(command)
        self.wait_for_client(process)
        end()
        output, errors = process.communicate(timeout=60)
        self.assertEqual((errors, process.returncode), ('', 0))
        return output

    def check_ends(self, command):
        for status, text in ENDS.items():
            output = self.run_to_end(command, lambda: self.mock.finish(status))
            self.assertEqual(output, f'init 42\nexit {status.value_nick}\nclosed: {text}\n')
            self.mock.start()

        # A controller that is killed sends no EXIT.
        output = self.run_to_end(command, self.mock.die)
        self.assertRegex(output, '^init 42\nclosed: .+\n$')
        self.mock.start()

    def check_failure(self, command, target):
        process = self.start(command)
        output, errors = process.communicate(timeout=60)
        self.assertEqual((output, process.returncode), ('', 1))
        self.assertIn(target, errors)
        self.assertNotIn('Traceback', errors)

    def check_example(self, name):
        if name not in EXAMPLES:
            self.skipTest(f'{name} was not built')
        command = shlex.split(EXAMPLES[name])
        self.check_ends(command + [self.path])
        for target in self.path + '.none', 'no-such-container':
            self.check_failure(command + [target], target)
        self.check_failure(command, 'usage')

    def test_readme(self):
        program = re.search(r'^```python\n(.*?)^```$', README.read_text(encoding='utf-8'), re.M | re.S).group(1)
        for path in self.path, self.path + '.none':
            code = program.replace('Client.new("web1")', f'Client.new_for_path({path!r})')
            self.assertIn(path, code)
            command = [sys.executable, '-c', code]
            if path == self.path:
                self.check_ends(command)
            else:
                self.check_failure(command, path)

    def test_watch_py(self):
        self.check_example('watch.py')

    def test_watch_js(self):
        self.check_example('watch.js')

    def test_watch_vala(self):
        self.check_example('watch.vala')


if __name__ == '__main__':
    glib_tap.main()
