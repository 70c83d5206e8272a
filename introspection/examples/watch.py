#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Prints how the containers of this host start and end. The argument is the directory of the controllers' sockets, if
# it is not libvirt's usual one.
import sys

import gi; gi.require_version("Lxcmon", "1.0")
from gi.repository import GLib, Lxcmon


def on_init(host, monitor, pid):
    print(monitor.props.name, "init", pid, flush=True)


def on_closed(host, monitor, error):
    # Emitted for each end, also if the controller was killed and there was no "exit". NONE: the container may still
    # run, but is no longer watched.
    if monitor.props.end != Lxcmon.End.NONE:
        print(monitor.props.name, "ended:", monitor.describe_end(), flush=True)


def on_error(host, spec):
    # The host goes on trying; the error is None when the list is up to date again.
    if host.props.error is not None:
        print("not up to date:", host.props.error.message, file=sys.stderr)


def on_started(host, result):
    try:
        host.start_finish(result)
    except GLib.Error as error:
        sys.exit(error.message)
    # The first list is complete.
    for monitor in host:
        print(monitor.props.name, "is there", flush=True)


if len(sys.argv) > 2:
    sys.exit(f"usage: {sys.argv[0]} [RUNTIME-DIR]")
# Keep the host: if the last reference is dropped, it stops, and no event is reported any more.
host = Lxcmon.Host.new(sys.argv[1] if len(sys.argv) > 1 else None)
host.connect("init", on_init)
host.connect("closed", on_closed)
host.connect("notify::error", on_error)
host.start_async(None, on_started)
GLib.MainLoop().run()
