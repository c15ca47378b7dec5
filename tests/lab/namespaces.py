"""Network namespaces without names: they are gone with the last process that is in one or holds it open.

So nothing is torn down, and nothing is left behind, whatever dies. It takes root, and /dev/net/tun.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import os
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from struct import pack
from typing import Any, Self, TypeVar

T = TypeVar("T")

_CLONE_NEWNET = 0x40000000
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_TUN = "/dev/net/tun"
_START_S, _STOP_S = 10.0, 10.0

_libc = ctypes.CDLL(None, use_errno=True)
_here = threading.local()


def why_not() -> str | None:
    """What is missing here; None: nothing."""
    if os.geteuid() != 0:
        return "network namespaces take root"
    if not os.access(_TUN, os.R_OK | os.W_OK):
        return f"{_TUN} is missing"
    return None


def make_namespace() -> int:
    """Go into a new one, alone; a descriptor that keeps it."""
    _check(_libc.unshare(_CLONE_NEWNET))
    ip("link set lo up")
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def enter_namespace(path: str) -> None:
    """Go into one with this thread, and with the threads and processes that it starts from now on."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(_libc.setns(descriptor, _CLONE_NEWNET))
    finally:
        os.close(descriptor)


def make_tun(name: str, host: str) -> int:
    """An interface of the present namespace that everything goes to; IP packets are read from its descriptor."""
    tun = os.open(_TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(tun, _TUNSETIFF, pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    ip(f"addr add {host}/32 dev {name}")
    ip(f"link set {name} up")
    ip(f"route add default dev {name} src {host}")
    return tun


def ip(command: str) -> None:
    """`ip` of iproute2 in the present namespace."""
    subprocess.run(["ip", *command.split()], check=True, capture_output=True, timeout=10)


def present_host() -> str | None:
    """The address of the namespace that this thread is in; None: it is in the machine's own."""
    return getattr(_here, "host", None)


class NamespaceLoop:
    """An event loop of its own, in a thread that is in a namespace; use it inside `with`.

    What runs there is reached with `run` from another loop, or with `call` from another thread.
    """

    def __init__(self, path: str, host: str) -> None:
        self._path = path
        self.host = host
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._started: Future[None] = Future()

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.result(_START_S)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_STOP_S)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        assert self._loop is not None
        return self._loop

    async def run(self, doing: Coroutine[Any, Any, T]) -> T:
        """What the coroutine returns; it runs there."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(doing, self.loop))

    async def call(self, function: Callable[[], T]) -> T:
        """What the function returns; it is called there."""

        async def doing() -> T:
            return function()

        return await self.run(doing())

    async def ip(self, command: str) -> None:
        """`ip` of iproute2 there."""
        await self.call(lambda: ip(command))

    async def move(self, interface: str, host: str) -> None:
        """Take the address away, as another network does, and give another one."""

        def moving() -> None:
            ip(f"addr flush dev {interface}")
            ip(f"addr add {host}/32 dev {interface}")
            ip(f"route replace default dev {interface} src {host}")
            self.host = _here.host = host

        await self.call(moving)

    @asynccontextmanager
    async def hosting(self, context: AbstractAsyncContextManager[T]) -> AsyncIterator[T]:
        """Entered there and left there, in one task; whatever it hosts fails this block too."""
        entered: Future[T] = Future()
        leaving = await self.call(asyncio.Event)

        async def host() -> None:
            try:
                async with context as value:
                    entered.set_result(value)
                    await leaving.wait()
            except BaseException as error:
                if not entered.done():
                    entered.set_exception(error)
                raise

        hosted = asyncio.ensure_future(self.run(host()))
        try:
            yield await asyncio.wrap_future(entered)
        finally:
            await self.call(leaving.set)
            await hosted

    def _live(self) -> None:
        try:
            enter_namespace(self._path)
            _here.host = self.host
            self._loop = loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)
            loop.call_soon(self._started.set_result, None)
        except BaseException as error:  # noqa: BLE001 - whoever started the thread raises it
            self._started.set_exception(error)
            return
        try:
            loop.run_forever()
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.run_until_complete(asyncio.sleep(0))
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            loop.close()


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
