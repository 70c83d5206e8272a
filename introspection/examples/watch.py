#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Watches one container, named by its name or by the path of its controller's socket, until it is gone.
import sys

import gi; gi.require_version("Lxcmon", "1.0")
from gi.repository import GLib, Lxcmon


def attached(client, result):
    try:
        client.attach_finish(result)
    except GLib.Error as error:
        sys.exit(error.message)


where = sys.argv[1]
loop = GLib.MainLoop()
client = Lxcmon.Client.new_for_path(where) if "/" in where else Lxcmon.Client.new(where)
client.connect("init", lambda c, pid: print("init", pid, flush=True))
client.connect("exit", lambda c, status: print("exit", status.value_nick, flush=True))
client.connect("closed", lambda c, error: loop.quit())
client.attach_async(None, attached)
loop.run()
