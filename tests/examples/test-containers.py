#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The GTK example, on a display of its own: its window follows the containers.

    test-containers.py EXAMPLE LXCMON PICTURE: the programs, and where a picture of the window goes
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

EXAMPLE, LXCMON, PICTURE = sys.argv[1:]
PATIENCE_S = 60
NAMES = ['db1', 'web1', 'web 2']


def skip(why):
    print(f'1..0 # SKIP {why}')
    sys.exit(0)


# Without -noreset, the server would reset after the first picture, when no client is left.
class Screen:
    def __init__(self):
        reader, writer = os.pipe()
        self.server = subprocess.Popen(
            ['Xvfb', '-displayfd', str(writer), '-screen', '0', '480x320x24', '-nolisten', 'tcp',
             '-noreset'],
            pass_fds=[writer], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(writer)
        with os.fdopen(reader) as stream:
            self.display = ':' + stream.readline().strip()
        self.environment = dict(os.environ, DISPLAY=self.display, GDK_BACKEND='x11', GSK_RENDERER='cairo',
                                GTK_A11Y='none', GSETTINGS_BACKEND='memory', GDK_SCALE='1', G_DEBUG='')

    # As raw pixels, so that equal pictures are equal bytes.
    def grab(self):
        return subprocess.run(['import', '-window', 'root', '-depth', '8', 'rgb:-'], check=True,
                              env=self.environment, stdout=subprocess.PIPE).stdout

    def keep(self, path):
        subprocess.run(['import', '-window', 'root', path], check=True, env=self.environment)

    # Waits for a picture that is stable and right.
    def wait(self, what, is_right):
        deadline = time.monotonic() + PATIENCE_S
        last = None
        while time.monotonic() < deadline:
            picture = self.grab()
            if picture == last and is_right(picture):
                return picture
            last = picture
            time.sleep(0.1)
        raise AssertionError(f'waited too long for {what}')

    def close(self):
        self.server.terminate()
        self.server.wait()


def start_container(folder, name):
    path = os.path.join(folder, name + '.sock')
    process = subprocess.Popen([LXCMON, 'simulate', '--quiet', path, '--init-pid', '4711'])
    deadline = time.monotonic() + PATIENCE_S
    while not os.path.exists(path):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    return process


# A row of the list changes at least some lines of the picture.
def count_differing_lines(a, b):
    row = 480 * 3
    return sum(a[i:i + row] != b[i:i + row] for i in range(0, len(a), row))


def run(folder, screen, processes):
    example = subprocess.Popen([EXAMPLE, folder], env=screen.environment)
    processes.append(example)
    blank = screen.grab()
    empty = screen.wait('a window', lambda picture: picture != blank)

    pictures = [empty]
    containers = []
    for name in NAMES:
        containers.append(start_container(folder, name))
        processes.append(containers[-1])
        pictures.append(screen.wait(f'{name} to be shown', lambda picture: picture != pictures[-1]))
        assert count_differing_lines(pictures[-1], pictures[-2]) >= 8
    full = screen.wait('a stable picture', lambda picture: True)
    assert count_differing_lines(full, empty) >= 8 * len(NAMES)
    screen.keep(PICTURE)

    for container in containers:
        container.send_signal(signal.SIGTERM)
        container.wait()
    screen.wait('an empty list again', lambda picture: picture == empty)
    assert example.poll() is None


def main():
    for program in 'Xvfb', 'import':
        if shutil.which(program) is None:
            skip(f'there is no {program}')
    print('1..1')
    folder = tempfile.mkdtemp(prefix='lxcmon-', dir='/tmp')
    screen = Screen()
    processes = []
    try:
        run(folder, screen, processes)
        print('ok 1 the window follows the containers')
        print(f'# a picture of it: {PICTURE}')
    finally:
        for process in processes:
            process.kill()
            process.wait()
        screen.close()
        shutil.rmtree(folder)


main()
