#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Watches one container until it ends. The argument is its name, or the path of its controller's socket.
import sys

import gi; gi.require_version("Lxcmon", "1.0")
from gi.repository import GLib, Lxcmon


def on_attached(client, result):
    try:
        client.attach_finish(result)
    except GLib.Error as error:
        sys.exit(error.message)


def on_closed(client, error):
    # The last signal. If the controller was killed, it is the only one that reports the end.
    print("closed:", client.describe_end(), flush=True)
    loop.quit()


if len(sys.argv) != 2:
    sys.exit(f"usage: {sys.argv[0]} NAME|PATH")
target = sys.argv[1]
loop = GLib.MainLoop()
# Keep the client: dropping the last reference detaches it.
client = Lxcmon.Client.new_for_path(target) if "/" in target else Lxcmon.Client.new(target)
client.connect("init", lambda client, pid: print("init", pid, flush=True))
client.connect("exit", lambda client, status: print("exit", status.value_nick, flush=True))
client.connect("closed", on_closed)
client.attach_async(None, on_attached)
loop.run()
