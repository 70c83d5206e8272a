# SPDX-License-Identifier: LGPL-2.1-or-later
"""The first program that a user of Python writes, against a real container.

    test-real-python.py REAL-RUN [--preload LIBRARY] [--skip REASON]

LIBRARY is what the interpreter needs to have loaded before ours: a sanitizer's.
"""

import argparse
import os
import signal
import subprocess
import sys
import threading

NAME = 'real-python'
AFTER_MS = 200
PATIENCE_S = 60
SKIP = 77
INTERRUPTED = 128 + signal.SIGINT

# As the documentation has it, but for the container's name.
PROGRAM = f'''\
import gi; gi.require_version("Lxcmon", "1.0")
from gi.repository import GLib, Lxcmon
client = Lxcmon.Client.new("{NAME}")
client.connect("init", lambda c, pid: print("init", pid))
client.connect("exit", lambda c, status: print("exit", status.value_nick))
client.attach_async(None, lambda c, result: c.attach_finish(result))
GLib.MainLoop().run()
'''


def skip(reason):
    print(f'1..0 # SKIP {reason}')
    sys.exit(0)


def make_environment(preload):
    """For the interpreter alone: real-run has its own sanitizer, and Python leaks by design."""
    options = os.environ.get('ASAN_OPTIONS', '')
    settings = ['PYTHONUNBUFFERED=1', f'ASAN_OPTIONS={options}:detect_leaks=0']
    if preload:
        settings.append(f'LD_PRELOAD={preload}')
    return ['env', *settings]


def make_command(real_run, ending, preload):
    # The shell tells the pid that real-run has found, then becomes the program.
    shell = 'echo "expected $REAL_RUN_INIT_PID"; exec "$@"'
    return [real_run, NAME, '--end', ending, '--after', str(AFTER_MS), '--', 'sh', '-c', shell, 'sh',
            *make_environment(preload), sys.executable, '-c', PROGRAM]


def run(real_run, ending, preload):
    """Returns the program's first three lines, its exit code after an interrupt, and its complaints."""
    process = subprocess.Popen(make_command(real_run, ending, preload), text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    guard = threading.Timer(PATIENCE_S, process.terminate)
    guard.start()
    lines = [line for line in (process.stdout.readline().rstrip('\n') for _ in range(3)) if line]
    process.send_signal(signal.SIGINT)   # its main loop would run for ever
    complaints = process.communicate()[1]
    guard.cancel()
    return lines, process.returncode, complaints


def check(real_run, ending, nick, preload):
    lines, code, complaints = run(real_run, ending, preload)
    if code == SKIP:
        skip(complaints.strip())
    for line in lines + complaints.splitlines():
        print('#', line)
    pid = lines[0].split()[1] if lines and lines[0].startswith('expected ') else '?'
    return pid.isdigit() and lines[1:] == [f'init {pid}', f'exit {nick}'] and code == INTERRUPTED


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('real_run')
    parser.add_argument('--preload')
    parser.add_argument('--skip')
    options = parser.parse_args()
    if options.skip:
        skip(options.skip)
    try:
        import gi  # noqa: F401
    except ImportError:
        skip('PyGObject is not installed for this Python')

    cases = [('shutdown', 'shutdown'), ('42', 'shutdown'), ('reboot', 'reboot')]
    results = [check(options.real_run, ending, nick, options.preload) for ending, nick in cases]
    print(f'1..{len(cases)}')
    for number, (result, (ending, _)) in enumerate(zip(results, cases), 1):
        print(f'{"ok" if result else "not ok"} {number} /real/python/{ending}')
    sys.exit(0 if all(results) else 1)


main()
