# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of the Python module are made of: controllers that run in the event loop of the test, and waits
that have a limit."""

import asyncio
import contextlib
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

import lxcmon

# Nothing waits longer than this many seconds; a test that needs it has failed.
PATIENCE = 60
INIT_PID = 3740

SHUTDOWN, REBOOT = 1, 2

# length; program "monitor", version, procedure INIT, type MESSAGE, serial, status OK; pid
INIT = struct.pack('>7IQ', 36, 0x12341234, 1, 2, 2, 1, 0, INIT_PID)
# length; program "keepalive", version, procedure PONG, type MESSAGE, serial, status OK
PONG = struct.pack('>7I', 28, 0x6B656570, 1, 2, 2, 0, 0)
# PING has the same length, and is all that a client sends.
PING_LENGTH = 28


def make_exit(status):
    # length; program "monitor", version, procedure EXIT, type MESSAGE, serial, status OK; status of the container
    return struct.pack('>8I', 32, 0x12341234, 1, 1, 2, 1, 0, status)


class Controller:
    """A controller without a container. It serves one client at a time, the first with INIT, and answers PINGs."""

    def __init__(self, path, first=INIT):
        self.path = path
        self.first = first
        self.answers = True
        self.client = None
        self.served = asyncio.Event()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.setblocking(False)
        self.listener.bind(os.fspath(path))
        self.listener.listen(31)
        self.task = asyncio.get_running_loop().create_task(self.serve())

    async def serve(self):
        loop = asyncio.get_running_loop()
        while True:
            self.client, _ = await loop.sock_accept(self.listener)
            with self.client:
                self.send(self.first)
                self.first = b''
                self.served.set()
                with contextlib.suppress(ConnectionError):
                    while pings := await loop.sock_recv(self.client, 64 * PING_LENGTH):
                        if self.answers:
                            self.send(PONG * (len(pings) // PING_LENGTH))
            self.client = None
            self.served.clear()

    def send(self, message):
        self.client.send(message)

    async def until_served(self):
        await asyncio.wait_for(self.served.wait(), PATIENCE)

    async def until_left(self):
        await until(lambda: self.client is None)

    async def die(self):
        """Ends as if it was killed: the file stays."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.listener.close()

    async def finish(self, status):
        self.send(make_exit(status))
        os.unlink(self.path)
        await self.die()


# Holds the lock of a running libvirtd, in a process of its own: it would not be seen otherwise.
DRIVER = '''
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX, 1)
print("locked", flush=True)
sys.stdin.read()
'''


class Driver:
    def __init__(self, folder):
        self.process = subprocess.Popen([sys.executable, '-c', DRIVER, folder / 'driver.pid'], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b'locked\n'

    def stop(self):
        self.process.communicate()


async def until(condition):
    """Runs the loop until a condition holds that nothing in the loop tells of."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    while not condition():
        if loop.time() > deadline:
            raise AssertionError('waited too long')
        await asyncio.sleep(0.001)


def within(awaitable):
    return asyncio.wait_for(awaitable, PATIENCE)


async def following(watch):
    """The next event."""
    return await within(watch.__anext__())


async def collect(watch):
    return await within(collect_all(watch))


async def collect_all(watch):
    return [event async for event in watch]


def find_descriptors():
    """The open descriptors, and what they are."""
    found = {}
    for number in os.listdir('/proc/self/fd'):
        with contextlib.suppress(FileNotFoundError):  # that of the folder
            found[number] = os.readlink(f'/proc/self/fd/{number}')
    return found


def count_pollers():
    return sum(name == 'anon_inode:[eventpoll]' for name in find_descriptors().values())


def forbid_ignored_exceptions(test):
    """Fails a test in which a finalizer raises an exception, which Python only prints."""
    ignored = []

    def check():
        sys.unraisablehook = sys.__unraisablehook__
        test.assertEqual(ignored, [])

    sys.unraisablehook = lambda unraisable: ignored.append(str(unraisable.exc_value))
    test.addCleanup(check)


class Session(unittest.IsolatedAsyncioTestCase):
    """A folder, and self.path in it for the controller of a container web1. No descriptor may be left, no thread
    started, and GLib not used."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='lxcmon-test.'))
        self.path = self.folder / 'web1.sock'
        self.addCleanup(shutil.rmtree, self.folder)
        forbid_ignored_exceptions(self)

    async def asyncSetUp(self):
        self.controllers = []
        self.drivers = []
        self.before = find_descriptors()

    async def asyncTearDown(self):
        for controller in self.controllers:
            await controller.die()
        for driver in self.drivers:
            driver.stop()
        await self.assert_no_descriptors()
        self.assertEqual(threading.active_count(), 1)
        self.assertNotIn('gi', sys.modules)

    async def assert_no_descriptors(self):
        # A generator that is garbage is closed by the loop, a moment later.
        for _ in range(1000):
            left = {number: name for number, name in find_descriptors().items() if self.before.get(number) != name}
            if not left:
                break
            await asyncio.sleep(0.001)
        self.assertEqual(left, {})

    def start(self, path=None, **arguments):
        controller = Controller(path or self.path, **arguments)
        self.controllers.append(controller)
        return controller

    def start_driver(self):
        self.drivers.append(Driver(self.folder))

    async def attach(self, controller, **options):
        """Returns a watch that has returned Attached, and the event."""
        watch = lxcmon.watch(controller.path, **options)
        event = await following(watch)
        self.assertIsInstance(event, lxcmon.Attached)
        return watch, event

    async def assert_fails(self, code, awaitable):
        with self.assertRaises(lxcmon.Error) as caught:
            await within(awaitable)
        self.assertIs(caught.exception.code, code, caught.exception)
        return caught.exception

