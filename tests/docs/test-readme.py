#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs README's examples as they are printed, against the installed tree and a simulated controller.

The examples speak of a container "web1", whose socket is below /run: tests/sandbox has to be around this
script. Prints TAP.

usage: test-readme.py README BUILD_DIR MESON
"""

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
    """Installs the tree below root; returns an environment in which it is found."""
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
    env["PATH"] = f"{next(root.rglob('bin/lxcmon')).parent}:{env['PATH']}"
    env["PYTHONUNBUFFERED"] = "1"
    return env


class Simulated:
    """A container web1 that lives for a moment, again and again."""

    def __init__(self, env, lives):
        self.process = subprocess.Popen(
            ["lxcmon", "simulate", "--quiet", SOCKET, "--init-pid", "3740", "--after", "300ms",
             "--repeat", str(lives)], env=env)

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
    """What a program that never ends prints, until it has printed the pattern."""
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


def run_python(code, env, cwd, *expected):
    path = pathlib.Path(cwd, "ten-lines.py")
    path.write_text(code, encoding="utf-8")
    with Simulated(env, 1), subprocess.Popen([sys.executable, path], env=env,
                                             stdout=subprocess.PIPE) as process:
        try:
            expect(read_until(process, r"exit \w+\n"), *expected)
        finally:
            process.kill()


def test_python(readme, env, cwd):
    code, _, _ = fenced(readme, "python")
    run_python(code, env, cwd, "^init 3740$", "^exit shutdown$")


def test_python_host(readme, env, cwd):
    _, code, _ = fenced(readme, "python")
    run_python(code, env, cwd, "^web1 init 3740$", "^web1 exit shutdown$")


# The same program, which goes on to end the one container that libvirt's driver for tests has.
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


def test_python_libvirt(readme, env, cwd):
    if not list(pathlib.Path(env["GI_TYPELIB_PATH"]).glob("LxcmonLibvirt-*")):
        return "built without libvirt"
    _, _, code = fenced(readme, "python")
    code = code.replace("lxc:///system", "test:///default").replace("GLib.MainLoop()", DESTROY + "GLib.MainLoop()")
    path = pathlib.Path(cwd, "through-libvirt.py")
    path.write_text(code, encoding="utf-8")
    with subprocess.Popen([sys.executable, path], env=env, stdout=subprocess.PIPE) as process:
        try:
            expect(read_until(process, r"closed .*\n"), "^test closed .*destroyed")
        finally:
            process.kill()
    return None


def compile_and_run(readme, env, cwd, header, source, *expected):
    (code,) = [block for block in fenced(readme, "c") if f"#include <{header}>" in block]
    (command,) = re.findall(rf"^    (cc {source} .*)$", readme, re.M)
    pathlib.Path(cwd, source).write_text(code, encoding="utf-8")
    run(command, env, cwd)
    with Simulated(env, 1):
        expect(run("./" + source.removesuffix(".c"), env, cwd), *expected)


def test_glib(readme, env, cwd):
    compile_and_run(readme, env, cwd, "lxcmon-glib/lxcmon-glib.h", "watch.c",
                    "^web1 runs: its init is 3740$", "^web1 ended: it is down$")


def test_core(readme, env, cwd):
    compile_and_run(readme, env, cwd, "lxcmon/lxcmon.h", "core.c", "^init 3740$", "^exit shutdown$")


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
    tests = [test_python, test_python_host, test_python_libvirt, test_glib, test_core, test_shell_container,
             test_shell_simulated]
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
