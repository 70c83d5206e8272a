#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the examples of the README as they are printed, with the installed tree and a simulated controller.

The examples watch a container "web1", whose socket is below /run, so this script has to run in tests/sandbox.
Prints TAP.

usage: test-readme.py README BUILD_DIR MESON
"""

import fcntl
import os
import pathlib
import re
import select
import subprocess
import sys
import tempfile
import time

LIMIT = 60  # seconds for what needs a fraction of one
SOCKET = "/run/libvirt/lxc/web1.sock"


def fenced(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def install(build, meson, root):
    """Installs the tree below root. Returns an environment in which it is found."""
    subprocess.run([meson, "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", root],
                   check=True, stdout=subprocess.DEVNULL)
    root = pathlib.Path(root)
    pcs = next(root.rglob("lxcmon.pc")).parent
    libs = next(root.rglob("liblxcmon.so.0")).parent
    for file in pcs.glob("*.pc"):
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace("prefix=/", f"prefix={root}/", 1), encoding="utf-8")
    env = dict(os.environ)
    env["PKG_CONFIG_PATH"] = str(pcs)
    env["LD_LIBRARY_PATH"] = str(libs)
    env["GI_TYPELIB_PATH"] = str(libs / "girepository-1.0")
    env["LXCMON_MODULE_DIR"] = str(libs / "lxcmon-1.0" / "modules")
    env["PATH"] = f"{next(root.rglob('bin/lxcmon')).parent}:{env['PATH']}"
    env["PYTHONUNBUFFERED"] = "1"
    return env


class Simulated:
    """A container web1 that runs for a moment, several times in a row."""

    def __init__(self, env, n_runs):
        self.process = subprocess.Popen(
            ["lxcmon", "simulate", "--quiet", SOCKET, "--init-pid", "3740", "--after", "300ms",
             "--repeat", str(n_runs)], env=env)

    def __enter__(self):
        deadline = time.monotonic() + LIMIT
        while not os.path.exists(SOCKET):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError("the simulated controller did not start")
            select.select([], [], [], 0.01)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def read_until(process, pattern):
    """Returns what a program prints, up to and including the pattern."""
    output = ""
    deadline = time.monotonic() + LIMIT
    while not re.search(pattern, output):
        ready, _, _ = select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))
        chunk = os.read(process.stdout.fileno(), 4096).decode() if ready else ""
        if not chunk:
            raise AssertionError(f"{pattern!r} did not come; the output was {output!r}")
        output += chunk
    return output


def expect(output, *lines):
    for line in lines:
        if not re.search(line, output, re.M):
            raise AssertionError(f"{line!r} is not in the output {output!r}")


def run(command, env, cwd):
    return subprocess.run(command, shell=True, cwd=cwd, env=env, capture_output=True, text=True,
                          timeout=LIMIT, check=True, executable="/bin/bash").stdout


def write_python(code, cwd):
    path = pathlib.Path(cwd, "program.py")
    path.write_text(code, encoding="utf-8")
    return path


def run_until(command, env, pattern):
    """Runs a program that does not end by itself, until it has printed the pattern."""
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE) as process:
        try:
            return read_until(process, pattern)
        finally:
            process.kill()


def run_python_until(code, env, cwd, pattern):
    return run_until([sys.executable, write_python(code, cwd)], env, pattern)


# Of the README, in this order: the host, the client, the test controller.
N_PYTHON = 3


def get_python(readme, number):
    programs = fenced(readme, "python")
    if len(programs) != N_PYTHON:
        raise AssertionError(f"the README has {len(programs)} programs in Python, and not {N_PYTHON}")
    return programs[number]


def test_host(readme, env, cwd):
    with Simulated(env, 1):
        output = run_python_until(get_python(readme, 0), env, cwd, "ended: .*\n")
    expect(output, "^web1 is there$", "^web1 init 3740$", "^web1 ended: shut down$")


def test_host_without_libvirtd(readme, env, cwd):
    """This process has the lock of libvirtd, to which nothing can connect."""
    code = get_python(readme, 0).replace("file=sys.stderr", "")
    with open(pathlib.Path(SOCKET).with_name("driver.pid"), "w", encoding="utf-8") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        try:
            with Simulated(env, 1):
                output = run_python_until(code, env, cwd, "is there\n")
        finally:
            os.unlink(file.name)
    expect(output, "^not up to date: .*libvirt", "^web1 is there$")


# The same program, which also ends the one container that libvirt's driver for tests has.
DESTROY = """
import gi; gi.require_version("LibvirtGObject", "1.0")
from gi.repository import LibvirtGObject
connection = LibvirtGObject.Connection.new("test:///default")
connection.open(None)
connection.fetch_domains(None)
def destroy(*_):
    connection.get_domains()[0].stop(0)
host.connect("notify::connected", destroy)
"""


def test_host_for_uri(readme, env, cwd):
    """The program, and the constructor that the table has for another host."""
    if not pathlib.Path(env["LXCMON_MODULE_DIR"]).exists():
        return "built without libvirt"
    (constructor,) = re.findall(r"`Lxcmon\.(Host\.new_for_uri) \(\"lxc\+ssh:", readme)
    code = get_python(readme, 0).replace("Host.new(None)", f'{constructor}("test:///default")')
    code = code.replace("GLib.MainLoop()", DESTROY + "GLib.MainLoop()")
    expect(run_python_until(code, env, cwd, "ended: .*\n"), "^test is there$", "^test ended: destroyed")
    return None


def test_client(readme, env, cwd):
    with Simulated(env, 1):
        output = run(f"{sys.executable} {write_python(get_python(readme, 1), cwd)}", env, cwd)
    expect(output, "^init 3740$", "^exit shutdown$", "^closed: shut down$")


def test_client_not_there(readme, env, cwd):
    result = subprocess.run([sys.executable, write_python(get_python(readme, 1), cwd)], env=env, capture_output=True,
                            text=True, timeout=LIMIT, check=False)
    if result.returncode != 1 or "web1" not in result.stderr or "Traceback" in result.stderr:
        raise AssertionError(f"without a container: {result}")


def test_mock(readme, env, cwd):
    run(f"{sys.executable} {write_python(get_python(readme, 2), cwd)}", env, cwd)


def compile_example(readme, env, cwd, header, source):
    """Compiles a program with the command that is printed below it. Returns the command that runs it."""
    (code,) = [block for block in fenced(readme, "c") if f"#include <{header}>" in block]
    (command,) = re.findall(rf"^    (cc {source} .*)$", readme, re.M)
    pathlib.Path(cwd, source).write_text(code, encoding="utf-8")
    run(command, env, cwd)
    return pathlib.Path(cwd, source).with_suffix("")


def test_glib(readme, env, cwd):
    program = compile_example(readme, env, cwd, "lxcmon-glib/lxcmon-glib.h", "watch.c")
    with Simulated(env, 1):
        output = run_until([program], env, "ended: .*\n")
    expect(output, "^web1 init 3740$", "^web1 ended: shut down$")


def test_core(readme, env, cwd):
    program = compile_example(readme, env, cwd, "lxcmon/lxcmon.h", "core.c")
    with Simulated(env, 1):
        expect(run(str(program), env, cwd), "^init 3740$", "^exit shutdown$", "^closed: ended$")


def test_shell_container(readme, env, cwd):
    commands, _ = fenced(readme, "sh")
    with Simulated(env, 3):
        expect(run(commands, env, cwd), "^web1 +running ", "Z web1 init pid=3740$", '"event":"closed"', "^shutdown$")


def test_shell_simulated(readme, env, cwd):
    _, commands = fenced(readme, "sh")
    # /tmp is the one directory that other tests use as well.
    output = run(commands.replace("/tmp/", f"{cwd}/"), env, cwd)
    expect(output, "Z try init pid=3740$", "Z try exit status=reboot$", "Z try closed$")


def main():
    assert os.environ["LXCMON_TEST_SANDBOX"] == os.readlink("/proc/self/ns/mnt")
    os.makedirs(os.path.dirname(SOCKET))
    readme = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")
    tests = [test_host, test_host_without_libvirtd, test_host_for_uri, test_client, test_client_not_there, test_mock,
             test_glib, test_core, test_shell_container, test_shell_simulated]
    print(f"1..{len(tests)}")
    failed = False
    with tempfile.TemporaryDirectory() as root, tempfile.TemporaryDirectory() as cwd:
        env = install(sys.argv[2], sys.argv[3], root)
        for number, test in enumerate(tests, 1):
            try:
                skipped = test(readme, env, cwd)
                print(f"ok {number} {test.__name__}" + (f" # SKIP {skipped}" if skipped else ""), flush=True)
            except (AssertionError, subprocess.SubprocessError, ValueError) as error:
                failed = True
                details = getattr(error, "stderr", "") or ""
                print(f"not ok {number} {test.__name__}")
                print("\n".join("# " + line for line in f"{error}\n{details}".splitlines()), flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
