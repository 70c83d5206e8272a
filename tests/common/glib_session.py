# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of the Python binding are made of: a controller, and waits that have a limit."""

import os
import shutil
import tempfile
import time
import unittest

import gi

gi.require_version('Lxcmon', '1.0')
gi.require_version('LxcmonMock', '1.0')
from gi.repository import GLib, Lxcmon, LxcmonMock  # noqa: E402

# Nothing waits longer than this many seconds; a test that needs it has failed.
PATIENCE = 60


def wait_until(condition, what='the condition'):
    """Runs the thread-default main context until the condition holds."""
    context = GLib.MainContext.ref_thread_default()
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f'waited too long for {what}')
        alarm = GLib.timeout_source_new(2)
        alarm.set_callback(lambda *_: False)
        alarm.attach(context)
        context.iteration(True)
        alarm.destroy()


def drain():
    while GLib.MainContext.ref_thread_default().iteration(False):
        pass


class Session(unittest.TestCase):
    """A controller at self.path, and a client of it."""

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix='lxcmon-test.')
        self.path = os.path.join(self.directory, 'web1.sock')
        self.mock = LxcmonMock.Controller.new(self.path)
        self.mock.set_init_pid(42)
        self.assertTrue(self.mock.start())
        self.client = Lxcmon.Client.new_for_path(self.path)

    def tearDown(self):
        self.client = None
        self.mock.stop()
        self.mock = None
        drain()
        shutil.rmtree(self.directory)

    def attach(self, client=None):
        """Attaches asynchronously; raises what finish raises."""
        outcome = []

        def on_attached(source, result):
            try:
                outcome.append(source.attach_finish(result))
            except GLib.Error as error:
                outcome.append(error)

        (client or self.client).attach_async(None, on_attached)
        wait_until(lambda: outcome, 'the attach')
        if isinstance(outcome[0], GLib.Error):
            raise outcome[0]
        self.assertIs(outcome[0], True)
