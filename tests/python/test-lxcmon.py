#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Python module: events, errors, options, reboots, libvirtd.

    test-lxcmon.py SOURCE_ROOT
"""

import asyncio
import dataclasses
import math
import os
import pathlib
import pickle
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'common'))

import glib_tap  # noqa: E402
import lxcmon  # noqa: E402
from session import (INIT_PID, PONG, REBOOT, SHUTDOWN, Session, collect, count_pollers, following,  # noqa: E402
                     make_exit, until, within)
from lxcmon import Attached, Closed, End, ErrorCode, Exit, ExitStatus, Init  # noqa: E402

SOURCE_ROOT = pathlib.Path(sys.argv[1])

CONTROLLER_WITH_INIT = '''
import ctypes, os, signal, socket, sys
CLONE_NEWPID, PR_SET_PDEATHSIG = 0x20000000, 1
libc = ctypes.CDLL(None)
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
if libc.unshare(CLONE_NEWPID) < 0:
    sys.exit()
init = os.fork()
if init == 0:
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.close(1)
    signal.pause()
print(init, flush=True)
client, _ = listener.accept()
client.send(PONG)
signal.pause()
'''.replace('PONG', repr(PONG))


class TestEvents(Session):
    async def end(self, finish):
        """Returns the events of one run that ends by finish(controller)."""
        controller = self.start()
        watch, attached = await self.attach(controller, reboot_timeout=0)
        self.assertEqual(attached, Attached('web1', os.getpid(), None))
        self.assertEqual(await following(watch), Init('web1', INIT_PID))
        await finish(controller)
        return await collect(watch)

    async def test_shutdown(self):
        events = await self.end(lambda controller: controller.finish(SHUTDOWN))
        self.assertEqual(events, [Exit('web1', ExitStatus.SHUTDOWN, 1), Closed('web1', End.SHUTDOWN, None)])

    async def test_reboot(self):
        events = await self.end(lambda controller: controller.finish(REBOOT))
        self.assertEqual(events, [Exit('web1', ExitStatus.REBOOT, 2), Closed('web1', End.REBOOT, None)])

    async def test_error(self):
        events = await self.end(lambda controller: controller.finish(0))
        self.assertEqual(events, [Exit('web1', ExitStatus.ERROR, 0), Closed('web1', End.ERROR, None)])

    async def test_unknown(self):
        events = await self.end(lambda controller: controller.finish(7))
        self.assertEqual(events, [Exit('web1', ExitStatus.UNKNOWN, 7), Closed('web1', End.UNKNOWN, None)])

    async def assert_ends_without_exit(self, finish, end, code):
        (closed,) = await self.end(finish)
        self.assertEqual(dataclasses.replace(closed, error=None), Closed('web1', end, None))
        self.assertIs(closed.error.code, code)
        self.assertTrue(str(closed.error))

    async def test_lost(self):
        await self.assert_ends_without_exit(lambda controller: controller.die(), End.LOST, ErrorCode.LOST)

    async def test_truncated(self):
        async def finish(controller):
            controller.send(PONG[:-1])
            await controller.die()

        await self.assert_ends_without_exit(finish, End.LOST, ErrorCode.TRUNCATED)

    async def test_protocol(self):
        async def finish(controller):
            controller.send(b'\xff' * 36)

        await self.assert_ends_without_exit(finish, End.NONE, ErrorCode.PROTOCOL)

    async def test_pending_together(self):
        controller = self.start()
        watch, _ = await self.attach(controller)
        controller.send(make_exit(SHUTDOWN))
        await controller.die()
        events = await collect(watch)
        self.assertEqual([type(event) for event in events], [Init, Exit, Closed])

    async def test_missed_init(self):
        watch, attached = await self.attach(self.start(first=PONG))
        self.assertIsNone(attached.init_pid)  # this process has no init below it
        await watch.aclose()

    async def test_missed_init_and_found_it(self):
        """The controller is a process with a child that is the first of a pid namespace."""
        process = subprocess.Popen([sys.executable, '-c', CONTROLLER_WITH_INIT, self.path], stdout=subprocess.PIPE)
        try:
            line = process.stdout.readline()
            if not line:
                self.skipTest('a pid namespace cannot be made')
            watch = lxcmon.watch(self.path)
            attached = await following(watch)
            self.assertEqual(attached, Attached('web1', process.pid, int(line)))
            await watch.aclose()
        finally:
            process.kill()
            process.communicate()

    async def test_frozen(self):
        with self.assertRaises(dataclasses.FrozenInstanceError):
            Init('web1', 1).pid = 2


class TestTargets(Session):
    async def see(self, *arguments, **options):
        watch = lxcmon.watch(*arguments, **options)
        event = await following(watch)
        await watch.aclose()
        return event.container

    async def test_name(self):
        self.start()
        self.assertEqual(await self.see('web1', runtime_dir=self.folder), 'web1')

    async def test_name_and_text(self):
        self.start()
        self.assertEqual(await self.see('web1', runtime_dir=str(self.folder)), 'web1')

    async def test_path(self):
        self.start()
        self.assertEqual(await self.see(str(self.path)), 'web1')

    async def test_path_object(self):
        self.start(self.folder / 'other')
        self.assertEqual(await self.see(self.folder / 'other'), 'other')

    async def test_path_object_without_slash(self):
        self.start(self.folder / 'web2.sock')
        here = os.open('.', os.O_RDONLY)
        try:
            os.chdir(self.folder)
            self.assertEqual(await self.see(pathlib.Path('web2.sock')), 'web2')
        finally:
            os.chdir(here)
            os.close(here)

    async def test_default_runtime_dir(self):
        error = await self.assert_fails(ErrorCode.NOT_FOUND, lxcmon.wait('lxcmon-test-not-there'))
        self.assertIn('/run/libvirt/lxc/lxcmon-test-not-there.sock', error.message)

    async def test_undecodable(self):
        self.start(os.fsdecode(bytes(self.folder) + b'/\xff.sock'))
        self.assertEqual(await self.see(os.fsdecode(bytes(self.folder) + b'/\xff.sock')), '\udcff')


class TestErrors(Session):
    async def test_not_found(self):
        error = await self.assert_fails(ErrorCode.NOT_FOUND, following(lxcmon.watch(self.path)))
        self.assertEqual((error.system_errno, str(error)), (2, error.message))
        self.assertIn(str(self.path), error.message)
        self.assertIsInstance(error.code, int)

    async def test_invalid_name(self):
        for name in '', '.', 'a\nb', 'a' * 251, 'web1\0x', '\udcff':
            with self.subTest(name):
                await self.assert_fails(ErrorCode.INVALID_NAME, lxcmon.wait(name, runtime_dir=self.folder))

    async def test_invalid_path(self):
        self.start()
        await self.assert_fails(ErrorCode.INVALID_NAME, lxcmon.wait(f'{self.path}\0'))

    async def test_refused(self):
        await self.start().die()
        await self.assert_fails(ErrorCode.REFUSED, lxcmon.wait(self.path))

    async def test_times(self):
        for seconds in -1, -0.001, math.nan, math.inf, 2**32 / 1000:
            for name in 'attach_timeout', 'keepalive_interval':
                with self.subTest(name, seconds=seconds), self.assertRaisesRegex(ValueError, name):
                    await lxcmon.wait(self.path, **{name: seconds})
        await self.assert_fails(ErrorCode.FAILED, lxcmon.wait(self.start().path, attach_timeout=0))

    async def test_pickle(self):
        error = pickle.loads(pickle.dumps(lxcmon.Error(ErrorCode.BUSY, 'taken', 11)))
        self.assertEqual((error.code, error.message, error.system_errno), (ErrorCode.BUSY, 'taken', 11))

    def test_without_loop(self):
        with self.assertRaises(RuntimeError):
            lxcmon.wait(self.path).send(None)


class TestWait(Session):
    async def start_wait(self, controller, **options):
        task = asyncio.ensure_future(lxcmon.wait(controller.path, **options))
        await controller.until_served()
        return task

    async def test_ends(self):
        for status in ExitStatus.SHUTDOWN, ExitStatus.REBOOT, ExitStatus.ERROR:
            controller = self.start()
            task = await self.start_wait(controller)
            await controller.finish(int(status))
            self.assertIs(await within(task), status)

    async def test_lost(self):
        controller = self.start()
        task = await self.start_wait(controller)
        await controller.die()
        await self.assert_fails(ErrorCode.LOST, task)

    async def test_several(self):
        controllers = [self.start(self.folder / f'{number}.sock') for number in range(10)]
        tasks = [await self.start_wait(controller) for controller in controllers]
        # One for the loop, one for all of them.
        self.assertEqual(count_pollers(), 2)
        for number in reversed(range(10)):
            await controllers[number].finish(1 + number % 2)
            self.assertEqual(await within(tasks[number]), 1 + number % 2)
        self.assertEqual(count_pollers(), 1)


class TestOptions(Session):
    async def test_busy(self):
        controller = self.start()
        watch, _ = await self.attach(controller)
        await self.assert_fails(ErrorCode.BUSY, lxcmon.wait(self.path))
        # Without a busy check it is queued first. The default is 2 seconds.
        started = asyncio.get_running_loop().time()
        await self.assert_fails(ErrorCode.BUSY, lxcmon.wait(self.path, force=True, attach_timeout=2.5))
        self.assertGreaterEqual(asyncio.get_running_loop().time() - started, 2.4)
        await watch.aclose()

    async def test_wait_if_busy(self):
        controller = self.start()
        first, _ = await self.attach(controller)
        second = asyncio.ensure_future(lxcmon.watch(self.path, wait_if_busy=True).__anext__())
        await asyncio.sleep(0.2)
        self.assertFalse(second.done())
        await first.aclose()
        self.assertIsInstance(await within(second), Attached)

    async def test_keepalive(self):
        controller = self.start()
        watch, _ = await self.attach(controller, keepalive_interval=0.1)
        controller.answers = False
        _, closed = await collect(watch)
        self.assertEqual((closed.end, closed.error.code), (End.NONE, ErrorCode.TIMED_OUT))

    async def test_no_keepalive(self):
        controller = self.start()
        watch, _ = await self.attach(controller)
        await following(watch)
        controller.answers = False
        with self.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(watch.__anext__(), 0.5)


class TestReboot(Session):
    async def reboot(self, **options):
        controller = self.start()
        watch, _ = await self.attach(controller, **options)
        await controller.finish(REBOOT)
        for kind in Init, Exit, Closed:
            self.assertIsInstance(await following(watch), kind)
        return watch

    async def test_followed(self):
        watch = await self.reboot()
        task = asyncio.ensure_future(collect(watch))
        await asyncio.sleep(0.1)
        controller = self.start()
        await controller.until_served()
        await controller.finish(SHUTDOWN)
        self.assertEqual([type(event) for event in await task], [Attached, Init, Exit, Closed])

    async def test_not_the_old_socket(self):
        controller = self.start()
        watch, _ = await self.attach(controller, reboot_timeout=0.3)
        controller.send(make_exit(REBOOT))
        controller.client.shutdown(2)
        for kind in Init, Exit, Closed:
            self.assertIsInstance(await following(watch), kind)
        await self.assert_fails(ErrorCode.TIMED_OUT, following(watch))

    async def test_not_listening_yet(self):
        watch = await self.reboot()
        task = asyncio.ensure_future(collect(watch))
        await self.start().die()
        await asyncio.sleep(0.2)
        os.unlink(self.path)
        controller = self.start()
        await controller.until_served()
        await controller.finish(SHUTDOWN)
        self.assertEqual(len(await task), 4)

    async def test_timed_out(self):
        watch = await self.reboot(reboot_timeout=0.2)
        error = await self.assert_fails(ErrorCode.TIMED_OUT, following(watch))
        self.assertIn('web1 rebooted', error.message)

    async def test_twice(self):
        watch = await self.reboot()
        for _ in range(2):
            task = asyncio.ensure_future(following(watch))
            controller = self.start()
            self.assertIsInstance(await task, Attached)
            await controller.finish(REBOOT)
            for kind in Init, Exit, Closed:
                self.assertIsInstance(await following(watch), kind)
        await watch.aclose()

    async def test_cancelled(self):
        watch = await self.reboot()
        with self.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(watch.__anext__(), 0.2)


class TestDriver(Session):
    async def test_before(self):
        self.start()
        self.start_driver()
        error = await self.assert_fails(ErrorCode.BUSY, lxcmon.wait(self.path))
        self.assertIn('manages the containers', error.message)

    async def test_yields(self):
        controller = self.start()
        watch, _ = await self.attach(controller)
        await following(watch)
        task = asyncio.ensure_future(collect(watch))
        self.start_driver()
        (closed,) = await task
        self.assertEqual((closed.end, closed.error.code), (End.NONE, ErrorCode.BUSY))
        await controller.until_left()

    async def test_wait(self):
        controller = self.start()
        task = asyncio.ensure_future(lxcmon.wait(self.path))
        await controller.until_served()
        self.start_driver()
        await self.assert_fails(ErrorCode.BUSY, task)

    async def test_force(self):
        controller = self.start()
        watch, _ = await self.attach(controller, force=True)
        self.start_driver()
        await asyncio.sleep(0.3)
        self.assertIsInstance(await following(watch), Init)
        await controller.finish(SHUTDOWN)
        self.assertEqual([type(event) for event in await collect(watch)], [Exit, Closed])


class TestLibrary(unittest.TestCase):
    def read_enum(self, header, name):
        """Returns the names and numbers of an enum in C."""
        text = re.sub(r'/\*.*?\*/', '', (SOURCE_ROOT / header).read_text(encoding='utf-8'), flags=re.S)
        ((body,),) = [re.findall(rf'typedef enum\s*{{([^}}]*)}} {name};', text)]
        prefix = re.sub(r'(?<=[a-z])(?=[A-Z])', '_', name).upper() + '_'
        values, value = {}, -1
        for item in body.strip().rstrip(',').split(','):
            key, _, number = item.partition('=')
            value = int(number) if number else value + 1
            values[key.strip().replace(prefix, '')] = value
        return values

    def test_enums(self):
        for header, name, enum in (('lxcmon/lxcmon-types.h', 'LxcmonExitStatus', ExitStatus),
                                   ('lxcmon/lxcmon-types.h', 'LxcmonMonitorError', ErrorCode),
                                   ('lxcmon-glib/lxcmon-monitor.h', 'LxcmonEnd', End)):
            self.assertEqual({member.name: member.value for member in enum}, self.read_enum(header, name))
        types = self.read_enum('lxcmon/lxcmon-event.h', 'LxcmonEventType')
        for name in 'ATTACHED', 'INIT', 'EXIT', 'CLOSED', 'FAILED':
            self.assertEqual(getattr(lxcmon, '_' + name), types['LXCMON_EVENT_' + name])

    def test_version(self):
        (version,) = re.findall("^  version: '(.*)'", (SOURCE_ROOT / 'meson.build').read_text(encoding='utf-8'), re.M)
        self.assertEqual(lxcmon.__version__, version)

    def run_python(self, program, **environment):
        return subprocess.run([sys.executable, '-c', program], env={**os.environ, **environment}, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False).stdout

    def test_other_struct(self):
        for struct in 'LxcmonAttachOptions', 'LxcmonError', 'LxcmonEvent':
            output = self.run_python(f'''
import ctypes
class Library(ctypes.PyDLL):
    def __getattr__(self, name):
        function = super().__getattr__(name)
        if name != "lxcmon_get_struct_size":
            return function
        function.restype = ctypes.c_size_t
        class Other:
            def __call__(self, struct):
                return function(struct) + 8 * (struct == b"{struct}")
        setattr(self, name, Other())
        return getattr(self, name)
ctypes.PyDLL = Library
import lxcmon
''')
            self.assertRegex(output, f'ImportError: .*which this module is not made for: the size of {struct} is')

    def test_no_library(self):
        if 'LD_PRELOAD' in os.environ:
            self.skipTest('the library is found by its runpath')
        output = self.run_python('import lxcmon', LD_LIBRARY_PATH='/nonexistent')
        if 'Traceback' not in output:
            self.skipTest('the library is installed')
        self.assertIn('ImportError: liblxcmon.so.0 cannot be used', output)

    def test_old_library(self):
        output = self.run_python('''
import ctypes
ctypes.PyDLL = lambda name, load=ctypes.PyDLL: load(None)
import lxcmon
''')
        self.assertIn('ImportError: liblxcmon.so.0 cannot be used: ', output)


if __name__ == '__main__':
    del sys.argv[1]
    glib_tap.main()
