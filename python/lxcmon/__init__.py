# SPDX-License-Identifier: LGPL-2.1-or-later
"""Events of libvirt's LXC containers, in asyncio's event loop.

    async for event in lxcmon.watch("web1"):
        print(event)
    status = await lxcmon.wait("web1")

The module calls the C library liblxcmon. It needs neither GLib nor a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import itertools
import math
import os
import threading
import weakref
from collections import deque
from dataclasses import dataclass
from enum import IntEnum
from typing import AsyncGenerator, Deque, Dict, Optional, Tuple, Union

__all__ = ["Attached", "Closed", "End", "Error", "ErrorCode", "Event", "Exit", "ExitStatus", "Init", "wait", "watch"]

# After so many events, the loop's other callbacks get their turn.
EVENTS_PER_CALLBACK = 256
# How many events are kept for a reader that does not come. A run of a container has four.
EVENTS_MAX = 1024
# How often to look for the next controller after a reboot, in seconds.
NEXT_CONTROLLER_INTERVAL = 0.05


# ---- What the caller sees ------------------------------------------------------------------------


class ExitStatus(IntEnum):
    """How a container ended, as its controller reported it."""

    UNKNOWN = -1  # a number that this version of lxcmon has no name for
    ERROR = 0  # the controller failed
    SHUTDOWN = 1  # the container's init ended in any way but a reboot
    REBOOT = 2  # the container's init called reboot(2)


class End(IntEnum):
    """How a container ended, if it did."""

    NONE = 0  # it may still run, but is no longer watched
    SHUTDOWN = 1
    REBOOT = 2
    ERROR = 3
    UNKNOWN = 4
    LOST = 5  # the controller ended without reporting how the container ended
    DESTROYED = 6  # known only through libvirtd


class ErrorCode(IntEnum):
    """Why something failed."""

    FAILED = 0  # anything without a code of its own
    NOT_FOUND = 1  # there is no such container
    PERMISSION = 2  # access to the socket is denied
    REFUSED = 3  # the socket is stale: its controller was killed
    BUSY = 4  # the controller's one client slot is taken, or libvirtd needs it
    UNTRUSTED = 5  # the socket, its directory or the peer belongs to a user who could imitate a controller
    INVALID_NAME = 6
    PROTOCOL = 7  # the peer sent what controllers do not send
    TRUNCATED = 8  # the stream ended inside a message
    LOST = 9  # the connection ended, and how the container ended is not known
    DESTROYED = 10  # known only through libvirtd
    TIMED_OUT = 11


class Error(Exception):
    """Why a container cannot be watched, or is no longer watched."""

    def __init__(self, code: ErrorCode, message: str, system_errno: int = 0) -> None:
        super().__init__(code, message, system_errno)
        self.code = code
        self.message = message
        self.system_errno = system_errno  # the errno that caused it, or 0

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class Attached:
    """The controller has accepted the connection. The first event."""

    container: str
    controller_pid: Optional[int]  # None: not known
    init_pid: Optional[int]  # None: not known, or Init follows


@dataclass(frozen=True)
class Init:
    """The container's init has started. Only the very first client of a controller receives it."""

    container: str
    pid: int


@dataclass(frozen=True)
class Exit:
    """The container has ended."""

    container: str
    status: ExitStatus
    raw: int  # the number on the wire


@dataclass(frozen=True)
class Closed:
    """The connection has ended. The last event, but for a reboot that is followed."""

    container: str
    end: End
    error: Optional[Error]  # None if and only if there was an Exit


Event = Union[Attached, Init, Exit, Closed]
StrPath = Union[str, "os.PathLike[str]"]


# ---- The library ---------------------------------------------------------------------------------


class _LxcmonError(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_int),
        ("system_errno", ctypes.c_int),
        ("message", ctypes.c_char * 320),
    ]


class _LxcmonAttachOptions(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_size_t),
        ("attach_timeout", ctypes.c_uint),
        ("keepalive_interval", ctypes.c_uint),
        ("force", ctypes.c_bool),
        ("wait_if_busy", ctypes.c_bool),
        ("watch_init", ctypes.c_bool),
    ]


class _LxcmonEvent(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("connection", ctypes.c_void_p),
        ("user_data", ctypes.c_void_p),
        ("pid", ctypes.c_int),
        ("status", ctypes.c_int),
        ("raw", ctypes.c_int),
        ("init_exit_code", ctypes.c_int),
        ("init_signal", ctypes.c_int),
        ("error", ctypes.POINTER(_LxcmonError)),
    ]


# LxcmonEventType
_ATTACHED, _INIT, _EXIT, _CLOSED, _FAILED = range(1, 6)

_POINTER = ctypes.c_void_p
_ERROR = ctypes.POINTER(_LxcmonError)
_FUNCTIONS = {  # the type of the result, and those of the arguments
    "connection_attach": (ctypes.c_bool, _POINTER, ctypes.c_char_p, ctypes.POINTER(_LxcmonAttachOptions), _ERROR),
    "connection_free": (None, _POINTER),
    "connection_get_controller_pid": (ctypes.c_int, _POINTER),
    "connection_get_init_pid": (ctypes.c_int, _POINTER),
    "connection_new": (_POINTER, _POINTER, _POINTER, _POINTER),
    "get_struct_size": (ctypes.c_size_t, ctypes.c_char_p),
    "get_version": (ctypes.c_char_p,),
    "hub_get_fd": (ctypes.c_int, _POINTER),
    "hub_get_timeout": (ctypes.c_int, _POINTER),
    "hub_new": (_POINTER, _ERROR),
    "hub_next_event": (ctypes.c_bool, _POINTER, ctypes.POINTER(_LxcmonEvent)),
    "hub_unref": (None, _POINTER),
    "name_to_socket_path": (_POINTER, ctypes.c_char_p, ctypes.c_char_p, _ERROR),
}


def _load() -> ctypes.PyDLL:
    # PyDLL keeps the interpreter's lock during a call. No function blocks, and the garbage collector, which may run
    # in any thread, cannot free a connection while its hub is at work.
    try:
        library = ctypes.PyDLL("liblxcmon.so.0")
        for name, (result, *arguments) in _FUNCTIONS.items():
            function = getattr(library, "lxcmon_" + name)
            function.restype = result
            function.argtypes = arguments
    except (OSError, AttributeError) as error:
        raise ImportError(f"liblxcmon.so.0 cannot be used: {error}") from error

    for struct in _LxcmonAttachOptions, _LxcmonError, _LxcmonEvent:
        name = struct.__name__[1:]
        size = library.lxcmon_get_struct_size(name.encode())
        if size != ctypes.sizeof(struct):
            version = library.lxcmon_get_version().decode()
            raise ImportError(
                f"liblxcmon.so.0 has version {version}, which this module is not made for: the size of {name} is "
                f"{size} bytes, and not {ctypes.sizeof(struct)}"
            )
    return library


_lib = _load()
_free = ctypes.PyDLL(None).free
_free.argtypes = [ctypes.c_void_p]
_free.restype = None

__version__: str = _lib.lxcmon_get_version().decode()


def _to_error(error: _LxcmonError) -> Error:
    try:
        code = ErrorCode(error.code)
    except ValueError:
        code = ErrorCode.FAILED
    return Error(code, error.message.decode(errors="replace"), error.system_errno)


# ---- One hub for each event loop -----------------------------------------------------------------

# The loop's reader keeps the hub; a strong reference from here would keep a loop that nobody closes.
_hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.ref[_Hub]] = weakref.WeakKeyDictionary()
_keys = itertools.count(1)


class _Hub:
    """The connections of an event loop. It exists as long as there are any."""

    handle: Optional[int] = None

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        error = _LxcmonError()
        self.loop = loop
        self.pid = os.getpid()
        self.thread = threading.get_ident()
        # By their keys, which are the user data of their events. Who iterates over a watch owns its connection.
        self.connections: Dict[int, weakref.ref[_Connection]] = {}
        # What a task waits for: nothing else might refer to the task.
        self.waiters: Dict[int, asyncio.Future[None]] = {}
        self.timer: Optional[asyncio.TimerHandle] = None
        self.handle = _lib.lxcmon_hub_new(ctypes.byref(error))
        if self.handle is None:
            raise _to_error(error)
        loop.add_reader(_lib.lxcmon_hub_get_fd(self.handle), self.dispatch)
        _hubs[loop] = weakref.ref(self)

    @staticmethod
    def get() -> _Hub:
        loop = asyncio.get_running_loop()
        reference = _hubs.get(loop)
        hub = reference() if reference is not None else None
        if hub is None:
            return _Hub(loop)
        hub.check_process()
        return hub

    def is_forked(self) -> bool:
        return self.pid != os.getpid()

    def check_process(self) -> None:
        if self.is_forked():
            raise Error(
                ErrorCode.FAILED,
                "the event loop belongs to the parent process: after fork, use a new one, for example by asyncio.run()",
            )

    def add(self, connection: _Connection) -> int:
        key = next(_keys)
        self.connections[key] = weakref.ref(connection)
        return key

    def remove(self, key: int) -> None:
        del self.connections[key]
        self.waiters.pop(key, None)
        if not self.connections:
            self.close()

    def dispatch(self) -> None:
        event = _LxcmonEvent()
        for _ in range(EVENTS_PER_CALLBACK):
            # The garbage collector may have freed the last connection.
            if self.handle is None or not _lib.lxcmon_hub_next_event(self.handle, ctypes.byref(event)):
                break
            reference = self.connections.get(event.user_data)
            connection = reference() if reference is not None else None
            if connection is not None:
                connection.receive(event)
        self.schedule()

    def schedule(self) -> None:
        """Comes back for what does not make the descriptor readable."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        timeout = _lib.lxcmon_hub_get_timeout(self.handle) if self.handle is not None else -1
        if timeout >= 0:
            self.timer = self.loop.call_later(timeout / 1000, self.dispatch)

    def close(self) -> None:
        # In a forked child, the selector is the parent's too, so nothing may be removed from it. The hub then stays
        # in _hubs, which keeps this loop from being used.
        if not self.is_forked():
            _hubs.pop(self.loop, None)
            if self.timer is not None:
                self.timer.cancel()
            self.loop.remove_reader(_lib.lxcmon_hub_get_fd(self.handle))
        self.free()

    def free(self) -> None:
        handle, self.handle = self.handle, None
        _lib.lxcmon_hub_unref(handle)

    def __del__(self) -> None:
        if self.handle is not None:
            self.free()


# ---- One connection for each run of a container --------------------------------------------------

_ENDS = {
    ExitStatus.UNKNOWN: End.UNKNOWN,
    ExitStatus.ERROR: End.ERROR,
    ExitStatus.SHUTDOWN: End.SHUTDOWN,
    ExitStatus.REBOOT: End.REBOOT,
}


class _Connection:
    """An asynchronous iterator over the events of one run."""

    handle: Optional[int] = None

    def __init__(self, target: _Target, options: _LxcmonAttachOptions) -> None:
        error = _LxcmonError()
        self.container = target.container
        self.file = target.identify()
        self.end = End.NONE
        self.events: Deque[Union[Event, Error]] = deque()
        self.is_over = False
        self.hub = _Hub.get()
        self.key = self.hub.add(self)
        self.handle = _lib.lxcmon_connection_new(self.hub.handle, None, self.key)
        if self.handle is None:
            self.hub.remove(self.key)
            raise MemoryError
        if not _lib.lxcmon_connection_attach(self.handle, target.path, ctypes.byref(options), ctypes.byref(error)):
            self.close()
            raise _to_error(error)
        self.hub.schedule()

    def close(self) -> None:
        handle, self.handle = self.handle, None
        if handle is not None:
            _lib.lxcmon_connection_free(handle)
            self.hub.remove(self.key)

    def __del__(self) -> None:
        if self.handle is None:
            return
        # The garbage collector may run in any thread, and loops take calls from their own thread only.
        if threading.get_ident() != self.hub.thread and not self.hub.is_forked():
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self.hub.loop.call_soon_threadsafe(self.close)
                return
        self.close()

    def receive(self, event: _LxcmonEvent) -> None:
        item = self.to_item(event)
        if item is None:
            return
        if len(self.events) >= EVENTS_MAX:
            self.close()
            item = Error(ErrorCode.FAILED, f"the events of {self.container} are not read: {EVENTS_MAX} are waiting")
        self.events.append(item)
        waiter = self.hub.waiters.get(self.key)
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def to_item(self, event: _LxcmonEvent) -> Union[Event, Error, None]:
        if event.type == _ATTACHED:
            controller_pid = _lib.lxcmon_connection_get_controller_pid(self.handle)
            init_pid = _lib.lxcmon_connection_get_init_pid(self.handle)
            return Attached(self.container, controller_pid or None, init_pid or None)
        if event.type == _INIT:
            return Init(self.container, event.pid)
        if event.type == _EXIT:
            status = ExitStatus(event.status)
            self.end = _ENDS[status]
            return Exit(self.container, status, event.raw)
        if event.type == _CLOSED:
            return self.to_closed(_to_error(event.error.contents) if event.error else None)
        if event.type == _FAILED:
            return _to_error(event.error.contents)
        return None

    def to_closed(self, error: Optional[Error]) -> Closed:
        if error is not None:
            self.end = End.LOST if error.code in (ErrorCode.LOST, ErrorCode.TRUNCATED) else End.NONE
        return Closed(self.container, self.end, error)

    async def until_ready(self) -> None:
        """Waits for an event. Raises the error if there is no more."""
        while not self.events:
            self.hub.check_process()
            waiter = self.hub.waiters[self.key] = self.hub.loop.create_future()
            try:
                await waiter
            finally:
                self.hub.waiters.pop(self.key, None)
        first = self.events[0]
        if isinstance(first, Error):
            self.events.popleft()
            raise first

    def __aiter__(self) -> _Connection:
        return self

    async def __anext__(self) -> Event:
        if self.is_over:
            raise StopAsyncIteration
        await self.until_ready()
        event = self.events.popleft()
        assert not isinstance(event, Error)
        self.is_over = isinstance(event, Closed)
        return event


# ---- Watching ------------------------------------------------------------------------------------


class _Target:
    """A container, and the socket of its controller."""

    def __init__(self, name_or_path: StrPath, runtime_dir: Optional[StrPath]) -> None:
        if isinstance(name_or_path, str) and "/" not in name_or_path:
            self.container = name_or_path
            self.path = _find_socket(name_or_path, runtime_dir)
        else:
            self.path = _encode(name_or_path)
            self.container = os.path.basename(os.fsdecode(self.path))
            if self.container.endswith(".sock"):
                self.container = self.container[: -len(".sock")]

    def identify(self) -> Optional[Tuple[int, int, int]]:
        """Identifies the file of the socket. An inode alone is not enough: some file systems use it again at once."""
        try:
            info = os.lstat(self.path)
        except OSError:
            return None
        return info.st_dev, info.st_ino, info.st_ctime_ns


def _encode(text: StrPath) -> bytes:
    encoded = os.fsencode(text)
    if b"\0" in encoded:
        raise Error(ErrorCode.INVALID_NAME, "not a container's name or path: it contains a null character")
    return encoded


def _find_socket(name: str, runtime_dir: Optional[StrPath]) -> bytes:
    error = _LxcmonError()
    folder = _encode(runtime_dir) if runtime_dir is not None else None
    path = _lib.lxcmon_name_to_socket_path(folder, _encode(name), ctypes.byref(error))
    if path is None:
        raise _to_error(error)
    try:
        return ctypes.string_at(path)
    finally:
        _free(path)


def _to_milliseconds(name: str, seconds: float) -> int:
    # ctypes would take any number, modulo 2**32.
    if not 0 <= seconds < 2**32 / 1000:
        raise ValueError(f"{name} is not a time in seconds: {seconds}")
    return math.ceil(seconds * 1000)


def _make_options(
    force: bool, wait_if_busy: bool, attach_timeout: float, keepalive_interval: float
) -> _LxcmonAttachOptions:
    return _LxcmonAttachOptions(
        ctypes.sizeof(_LxcmonAttachOptions),
        _to_milliseconds("attach_timeout", attach_timeout),
        _to_milliseconds("keepalive_interval", keepalive_interval),
        force,
        wait_if_busy,
    )


async def _connect_again(
    last: _Connection, target: _Target, options: _LxcmonAttachOptions, timeout: float
) -> _Connection:
    """Waits for the next controller after a reboot, and connects to it."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    while True:
        if target.identify() not in (None, last.file):
            try:
                return await _connect(target, options)
            except Error as error:
                # The controller does not listen yet, or ended before it accepted the connection.
                if error.code not in (ErrorCode.NOT_FOUND, ErrorCode.REFUSED, ErrorCode.LOST):
                    raise
        if loop.time() >= deadline:
            raise Error(
                ErrorCode.TIMED_OUT,
                f"{target.container} rebooted, and no new controller appeared within {timeout:g} s",
            )
        await asyncio.sleep(NEXT_CONTROLLER_INTERVAL)


async def _connect(target: _Target, options: _LxcmonAttachOptions) -> _Connection:
    """Connects, and waits for the first event."""
    connection = _Connection(target, options)
    try:
        await connection.until_ready()
    except BaseException:
        connection.close()
        raise
    return connection


async def watch(
    name_or_path: StrPath,
    *,
    runtime_dir: Optional[StrPath] = None,
    force: bool = False,
    wait_if_busy: bool = False,
    attach_timeout: float = 2.0,
    keepalive_interval: float = 0.0,
    reboot_timeout: float = 10.0,
) -> AsyncGenerator[Event, None]:
    """Watches a container until it ends.

    A string without "/" is the name of a container, anything else the path of a controller's socket. It is attached
    when the iteration begins; if that fails, Error is raised. All times are in seconds.

    runtime_dir: the directory of the sockets; by default /run/libvirt/lxc
    force: connect without a busy check, and stay connected if libvirtd starts; for the container's own driver
    wait_if_busy: wait for the client slot if it is taken, instead of failing with BUSY
    attach_timeout: how long to wait in the controller's backlog if another client has its slot
    keepalive_interval: after how long without a message the controller is asked whether it is there; 0 for never
    reboot_timeout: how long to wait for the next controller after a reboot, before Error is raised with TIMED_OUT;
        0 to end with the first run

    The container is detached when the iteration ends or is cancelled, or the generator is closed or garbage.
    """
    target = _Target(name_or_path, runtime_dir)
    options = _make_options(force, wait_if_busy, attach_timeout, keepalive_interval)
    connection = _Connection(target, options)
    while True:
        with contextlib.closing(connection):
            async for event in connection:
                yield event
        if connection.end != End.REBOOT or reboot_timeout <= 0:
            return
        connection = await _connect_again(connection, target, options, reboot_timeout)


async def wait(
    name_or_path: StrPath,
    *,
    runtime_dir: Optional[StrPath] = None,
    force: bool = False,
    wait_if_busy: bool = False,
    attach_timeout: float = 2.0,
    keepalive_interval: float = 0.0,
) -> ExitStatus:
    """Waits until a container ends or reboots. The arguments are those of watch().

    Raises Error if the container cannot be attached, and if the connection ends before it is known how the container
    ended: with LOST if its controller was killed, and with BUSY if libvirtd has started.
    """
    options = _make_options(force, wait_if_busy, attach_timeout, keepalive_interval)
    with contextlib.closing(_Connection(_Target(name_or_path, runtime_dir), options)) as connection:
        async for event in connection:
            if isinstance(event, Exit):
                return event.status
            if isinstance(event, Closed) and event.error is not None:
                raise event.error
    raise AssertionError("there is an Exit or an error")
