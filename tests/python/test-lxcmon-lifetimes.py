#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Python module: ends of watches in every way, event loops, threads, forks, memory."""

import asyncio
import contextlib
import ctypes
import gc
import os
import subprocess
import sys
import tempfile
import threading
import unittest
import weakref

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'common'))

import glib_tap  # noqa: E402
import lxcmon  # noqa: E402
from session import (INIT, PATIENCE, SHUTDOWN, Controller, Session, collect, collect_all, count_pollers,  # noqa: E402
                     following, forbid_ignored_exceptions, make_exit, until, within)
from lxcmon import Attached, Closed, ErrorCode, Exit, ExitStatus, Init  # noqa: E402


class Oops(Exception):
    pass


class TestEnds(Session):
    """After each of these, the controller has lost its client, and the loop the hub's descriptor."""

    async def assert_detached(self, controller):
        await controller.until_left()
        await until(lambda: count_pollers() == 1)

    async def test_aclose(self):
        controller = self.start()
        watch, _ = await self.attach(controller)
        await watch.aclose()
        self.assertEqual(count_pollers(), 1)
        await self.assert_detached(controller)
        with self.assertRaises(StopAsyncIteration):
            await watch.__anext__()

    async def test_break(self):
        controller = self.start()
        async for _ in lxcmon.watch(self.path):
            break
        await self.assert_detached(controller)

    async def test_exception(self):
        controller = self.start()

        async def iterate():
            async for _ in lxcmon.watch(self.path):
                raise Oops

        try:
            await iterate()
        except Oops:
            # The exception, and so its frames, exist still.
            await self.assert_detached(controller)

    async def test_exception_and_aclosing(self):
        controller = self.start()
        watch = lxcmon.watch(self.path)
        try:
            async for _ in watch:
                raise Oops
        except Oops:
            await watch.aclose()
        self.assertEqual(count_pollers(), 1)
        await self.assert_detached(controller)

    async def cancel(self, coroutine):
        task = asyncio.ensure_future(coroutine)
        controller = self.controllers[0]
        await controller.until_served()
        await asyncio.sleep(0.05)
        task.cancel()
        # The task, and so its exception, exists still.
        await self.assert_detached(controller)
        self.assertTrue(task.cancelled())

    async def test_cancelled_while_waiting(self):
        self.start()
        await self.cancel(collect(lxcmon.watch(self.path)))

    async def test_cancelled_in_body(self):
        async def iterate():
            async for _ in lxcmon.watch(self.path):
                await asyncio.sleep(PATIENCE)

        self.start()
        await self.cancel(iterate())

    async def test_cancelled_wait(self):
        self.start()
        await self.cancel(lxcmon.wait(self.path))

    async def test_cancelled_while_attaching(self):
        self.start(first=b'').answers = False
        await self.cancel(lxcmon.wait(self.path))

    async def test_wait_leaves(self):
        controller = self.start()
        task = asyncio.ensure_future(lxcmon.wait(self.path))
        await controller.until_served()
        # The connection stays open on the controller's side.
        controller.send(make_exit(SHUTDOWN))
        self.assertIs(await within(task), ExitStatus.SHUTDOWN)
        await self.assert_detached(controller)

    async def test_garbage(self):
        controller = self.start()
        watch, _ = await self.attach(controller)
        del watch
        await self.assert_detached(controller)

    async def test_garbage_in_cycle(self):
        controller = self.start()
        watch, _ = await self.attach(controller)
        cycle = [watch]
        cycle.append(cycle)
        del watch, cycle
        gc.collect()
        await self.assert_detached(controller)

    async def test_never_begun(self):
        watch = lxcmon.watch(self.path)
        await watch.aclose()
        del watch
        lxcmon.watch(self.path)
        lxcmon.wait(self.path).close()
        self.assertEqual(count_pollers(), 1)

    async def test_failed_attach(self):
        with self.assertRaises(lxcmon.Error) as caught:
            await lxcmon.wait(self.path)
        self.assertIs(caught.exception.code, ErrorCode.NOT_FOUND)
        self.assertEqual(count_pollers(), 1)

    async def test_other_kind_of_loop(self):
        """Not every loop can poll descriptors."""
        self.start()

        def add_reader(descriptor, callback):
            raise NotImplementedError

        loop = asyncio.get_running_loop()
        loop.add_reader = add_reader
        with self.assertRaises(NotImplementedError):
            await lxcmon.wait(self.path)
        del loop.add_reader
        self.assertEqual(count_pollers(), 1)

    async def test_others_stay(self):
        controllers = [self.start(self.folder / f'{number}.sock') for number in range(3)]
        watches = [(await self.attach(controller))[0] for controller in controllers]
        await watches[0].aclose()
        await controllers[1].die()
        await collect(watches[1])
        self.assertEqual(count_pollers(), 2)
        await controllers[2].finish(SHUTDOWN)
        self.assertEqual([type(event) for event in await collect(watches[2])], [Init, Exit, Closed])

    async def test_again(self):
        controller = self.start()
        for _ in range(100):
            watch, _ = await self.attach(controller)
            await watch.aclose()
            await controller.until_left()


class TestTasks(Session):
    async def test_nobody_keeps_the_task(self):
        """What waits is not garbage, although only asyncio's weak set of tasks refers to the task."""
        controller = self.start()
        statuses = []

        async def iterate():
            statuses.append(await lxcmon.wait(self.path))

        asyncio.ensure_future(iterate())
        await controller.until_served()
        gc.collect()
        await controller.finish(SHUTDOWN)
        await until(lambda: statuses)

    async def test_slow_reader(self):
        """What is kept for it has a limit."""
        controller = self.start()
        watch, _ = await self.attach(controller)
        with contextlib.suppress(ConnectionError):
            for _ in range(3 * lxcmon.EVENTS_MAX):
                await within(asyncio.get_running_loop().sock_sendall(controller.client, INIT))
        await controller.until_left()
        n_events = 0
        with self.assertRaisesRegex(lxcmon.Error, 'web1 are not read'):
            async for _ in watch:
                n_events += 1
        self.assertEqual(n_events, lxcmon.EVENTS_MAX)

    async def test_fair(self):
        """A flood of events leaves the loop's other callbacks their turn, and is not left lying."""
        controller = self.start()
        watch, _ = await self.attach(controller)
        n_events, n_turns = 0, []

        def count_turn():
            n_turns.append(n_events)
            if n_events < 900:
                asyncio.get_running_loop().call_soon(count_turn)

        controller.send(INIT * 899)
        count_turn()
        while n_events < 900:
            await following(watch)
            n_events += 1
        self.assertGreaterEqual(len(set(n_turns)), 900 // lxcmon.EVENTS_PER_CALLBACK)
        await watch.aclose()


class TestLoops(unittest.TestCase):
    """Loops of the test's own, with a controller in a thread of its own, whose loop goes on."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='lxcmon-test.')
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, 'web1.sock')
        forbid_ignored_exceptions(self)
        self.before = len(os.listdir('/proc/self/fd'))
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.controller = self.call(self.start_controller())

    async def start_controller(self):
        return Controller(self.path)

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE)

    def tearDown(self):
        gc.collect()
        self.call(self.controller.until_left())
        self.call(self.controller.die())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()
        self.assertEqual(len(os.listdir('/proc/self/fd')), self.before)

    async def attach(self):
        watch = lxcmon.watch(self.path)
        await following(watch)
        return watch

    def test_closed_early(self):
        loop = asyncio.new_event_loop()
        watch = loop.run_until_complete(self.attach())
        loop.close()
        self.assertIsNotNone(self.controller.client)
        del watch

    def test_closed_while_waiting(self):
        loop = asyncio.new_event_loop()
        watch = loop.run_until_complete(self.attach())
        task = loop.create_task(collect_all(watch))
        task._log_destroy_pending = False  # a loop that is closed early has such tasks
        loop.run_until_complete(asyncio.sleep(0.05))
        loop.close()
        del watch, task

    def test_never_closed(self):
        loop = asyncio.new_event_loop()
        watch = loop.run_until_complete(self.attach())
        reference = weakref.ref(loop)
        # asyncio warns of it.
        with self.assertWarns(ResourceWarning) if sys.warnoptions else contextlib.nullcontext():
            del watch, loop
            gc.collect()
        self.assertIsNone(reference())

    def test_run_twice(self):
        for _ in range(2):
            asyncio.run(self.attach())
            self.call(self.controller.until_left())

    def test_run_fails(self):
        async def main():
            async for _ in lxcmon.watch(self.path):
                raise Oops

        with self.assertRaises(Oops):
            asyncio.run(main())

    def test_garbage_in_thread(self):
        """The garbage collector finds a watch in another thread than the loop's."""
        async def main():
            connection = lxcmon._Connection(lxcmon._Target(self.path, None),
                                            lxcmon._make_options(False, False, 2, 0))
            await within(connection.until_ready())
            hub = connection.hub
            boxes = [connection]
            del connection
            thread = threading.Thread(target=boxes.clear)
            thread.start()
            thread.join()
            # It is still there: the loop's own thread frees it.
            self.assertIsNotNone(hub.handle)
            await until(lambda: hub.handle is None)

        asyncio.run(main())

    def test_two_threads(self):
        """Each loop has a hub of its own."""
        async def main():
            self.assertIsInstance(await following(lxcmon.watch(self.path)), Attached)
            other = asyncio.new_event_loop()
            thread = threading.Thread(target=other.run_forever)
            thread.start()
            with self.assertRaises(lxcmon.Error) as caught:
                asyncio.run_coroutine_threadsafe(lxcmon.wait('x', runtime_dir='/nonexistent'), other).result(PATIENCE)
            self.assertIs(caught.exception.code, ErrorCode.NOT_FOUND)
            other.call_soon_threadsafe(other.stop)
            thread.join()
            other.close()

        asyncio.run(main())

    def test_end_of_program(self):
        """A program that ends with a watch prints nothing."""
        result = subprocess.run([sys.executable, '-c', f'''
import asyncio, lxcmon
async def attach():
    global watch
    watch = lxcmon.watch("{self.path}")
    print(await watch.__anext__())
loop = asyncio.new_event_loop()
loop.run_until_complete(attach())
loop.close()
'''], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=True)
        self.assertRegex(result.stdout, "^Attached\\(container='web1', ")
        self.assertEqual(result.stderr, '')


class TestFork(Session):
    def fork(self, function):
        """Runs function in a forked child, and returns what it returns as text."""
        read_end, write_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.write(write_end, repr(function()).encode())
            except BaseException as error:  # noqa: B902
                os.write(write_end, repr(error).encode())
            finally:
                os._exit(0)
        os.close(write_end)
        with open(read_end, encoding='utf-8') as file:
            output = file.read()
        os.waitpid(pid, 0)
        return output

    async def assert_goes_on(self, controller, watch):
        self.assertIsNotNone(controller.client)
        task = asyncio.ensure_future(collect(watch))
        await asyncio.sleep(0.05)
        await controller.finish(SHUTDOWN)
        self.assertEqual([type(event) for event in await task][-2:], [Exit, Closed])

    async def test_child_closes(self):
        controller = self.start()
        watch, _ = await self.attach(controller)
        before = count_pollers()

        def close():
            asyncio.new_event_loop().run_until_complete(watch.aclose())
            return count_pollers() - before

        # That of the new loop has come, and the hub's has gone.
        self.assertEqual(self.fork(close), '0')
        await self.assert_goes_on(controller, watch)

    async def test_child_drops(self):
        controller = self.start()
        watch, _ = await self.attach(controller)
        boxes = [watch]
        del watch

        def drop():
            boxes.clear()
            return gc.collect() >= 0

        self.assertEqual(self.fork(drop), 'True')
        await self.assert_goes_on(controller, boxes[0])

    async def test_child_iterates(self):
        controller = self.start()
        watch, _ = await self.attach(controller)
        await following(watch)
        self.assertIn('ErrorCode.FAILED: 0>, \'the event loop belongs to the parent process',
                      self.fork(lambda: asyncio.new_event_loop().run_until_complete(following(watch))))
        await self.assert_goes_on(controller, watch)

    async def test_child_uses_loop(self):
        controller = self.start()
        watch, _ = await self.attach(controller)
        other = lxcmon.watch(self.path)
        loop = asyncio.get_running_loop()

        def use():
            asyncio._set_running_loop(loop)
            return other.__anext__().send(None)

        self.assertIn('the event loop belongs to the parent process', self.fork(use))

        def close_and_use():
            asyncio.new_event_loop().run_until_complete(watch.aclose())
            return use()

        self.assertIn('the event loop belongs to the parent process', self.fork(close_and_use))
        await self.assert_goes_on(controller, watch)

    async def test_child_watches(self):
        """It has a hub of its own, and the parent's is not disturbed."""
        controller = self.start()
        watch, _ = await self.attach(controller)
        path = self.folder / 'other.sock'

        async def run():
            other = Controller(path)
            task = asyncio.ensure_future(lxcmon.wait(path))
            await other.until_served()
            await other.finish(SHUTDOWN)
            return await within(task)

        self.assertIn('SHUTDOWN', self.fork(lambda: asyncio.run(run())))
        await self.assert_goes_on(controller, watch)


class Mallinfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in ('arena', 'ordblks', 'smblks', 'hblks', 'hblkhd', 'usmblks',
                                                     'fsmblks', 'uordblks', 'fordblks', 'keepcost')]


class TestMemory(Session):
    def get_allocated(self):
        function = ctypes.CDLL(None).mallinfo2
        function.restype = Mallinfo
        return function().uordblks

    async def measure(self, repeat):
        """Returns by how many bytes what malloc has given out has grown over some hundred repetitions."""
        if 'LD_PRELOAD' in os.environ or not hasattr(ctypes.CDLL(None), 'mallinfo2'):
            self.skipTest('malloc does not count')
        for n_repetitions in 50, 500:
            gc.collect()
            before = self.get_allocated()
            for _ in range(n_repetitions):
                await repeat()
        gc.collect()
        return self.get_allocated() - before

    async def test_names(self):
        async def repeat():
            with self.assertRaises(lxcmon.Error):
                await lxcmon.wait('x' * 200, runtime_dir=self.folder)

        # One that is lost has 250 bytes.
        self.assertLess(await self.measure(repeat), 250 * 250)

    async def test_watches(self):
        controller = self.start()

        async def repeat():
            watch, _ = await self.attach(controller)
            await watch.aclose()
            await controller.until_left()

        # A connection has 200 bytes and a path, a hub several thousand.
        self.assertLess(await self.measure(repeat), 250 * 200)


if __name__ == '__main__':
    glib_tap.main()
