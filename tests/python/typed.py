# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a program may rely on, for a checker of types. It is checked and not run."""

import pathlib
from typing import Optional, Tuple

import lxcmon


async def tell(event: lxcmon.Event) -> Tuple[str, int]:
    """The kinds of events, of which one must be left out: the checker knows all of them."""
    if isinstance(event, lxcmon.Attached):
        pid: Optional[int] = event.init_pid
        return event.container, pid or 0
    if isinstance(event, lxcmon.Init):
        return event.container, event.pid
    if isinstance(event, lxcmon.Exit):
        status: lxcmon.ExitStatus = event.status
        return event.container, status
    end: lxcmon.End = event.end
    error: Optional[lxcmon.Error] = event.error
    code: Optional[lxcmon.ErrorCode] = error.code if error is not None else None
    return event.container, code or end


async def watch() -> None:
    async for event in lxcmon.watch(pathlib.Path("web1.sock"), force=True, reboot_timeout=0.5):
        await tell(event)
    watch = lxcmon.watch("web1", runtime_dir=pathlib.Path("/run"), wait_if_busy=True)
    await watch.aclose()


async def wait() -> lxcmon.ExitStatus:
    return await lxcmon.wait("web1", runtime_dir="/run", attach_timeout=1, keepalive_interval=1)
