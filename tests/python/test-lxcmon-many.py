#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Python module: 1,000 containers at once, which end in different ways."""

import asyncio
import collections
import os
import resource
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'common'))

import glib_tap  # noqa: E402
import lxcmon  # noqa: E402
from session import Session, collect_all, find_descriptors, until, within  # noqa: E402

N_CONTAINERS = 1000
# A listening socket, and the two ends of a connection.
N_DESCRIPTORS = 3 * N_CONTAINERS + 100
# The hub's epoll set and timer, and for the lock of libvirtd: inotify, and the directory.
N_DESCRIPTORS_OF_HUB = 4


def count_descriptors():
    return len(find_descriptors())


class TestMany(Session):
    def setUp(self):
        super().setUp()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < N_DESCRIPTORS:
            self.skipTest(f'{N_DESCRIPTORS} descriptors are needed, and {hard} permitted')
        if soft < N_DESCRIPTORS:
            resource.setrlimit(resource.RLIMIT_NOFILE, (N_DESCRIPTORS, hard))

    async def end(self, number, controller):
        """Ends a container: a third each by a shutdown, a reboot and a loss."""
        if number % 3 == 2:
            await controller.die()
        else:
            await controller.finish(1 + number % 3)

    async def test_watch(self):
        controllers = [self.start(self.folder / f'web{number}.sock') for number in range(N_CONTAINERS)]
        before = count_descriptors()
        started = time.monotonic()
        tasks = [asyncio.ensure_future(collect_all(lxcmon.watch(controller.path, reboot_timeout=0)))
                 for controller in controllers]
        await until(lambda: all(controller.client is not None for controller in controllers))
        attached = time.monotonic()
        n_descriptors = count_descriptors() - before - N_CONTAINERS  # without the controllers' own ends
        self.assertLessEqual(n_descriptors, N_CONTAINERS + N_DESCRIPTORS_OF_HUB)
        self.assertEqual(threading.active_count(), 1)

        for number, controller in enumerate(controllers):
            await self.end(number, controller)
        lives = await within(asyncio.gather(*tasks))
        ended = time.monotonic()

        self.assertEqual(count_descriptors(), before - N_CONTAINERS)  # without the controllers' listening sockets
        for number, events in enumerate(lives):
            kinds = ['Attached', 'Init', 'Exit', 'Closed']
            if number % 3 == 2:
                kinds.remove('Exit')
            self.assertEqual([type(event).__name__ for event in events], kinds)
            self.assertEqual({event.container for event in events}, {f'web{number}'})
        ends = collections.Counter(events[-1].end.name for events in lives)
        self.assertEqual(ends, {'SHUTDOWN': 334, 'REBOOT': 333, 'LOST': 333})
        print(f'# {N_CONTAINERS} containers: attached after {attached - started:.3f} s, ended after another '
              f'{ended - attached:.3f} s, with {n_descriptors} descriptors')


if __name__ == '__main__':
    glib_tap.main()
