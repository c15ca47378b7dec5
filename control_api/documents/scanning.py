"""The virus scanner, if there is one: clamd over its INSTREAM command, or a program that reads standard input.

A program ends with 0 for a clean file, 1 for an infected one, as `clamdscan -` does; anything else is no verdict.
"""

from __future__ import annotations

import asyncio
import shlex
import struct
from collections.abc import AsyncIterator
from typing import Protocol

from control_api.settings import ScannerSettings

_END = struct.pack(">I", 0)


class ScannerAwayError(Exception):
    """The scanner gave no verdict."""


class Scanner(Protocol):
    async def is_infected(self, content: AsyncIterator[bytes]) -> bool:
        """
        Raises:
            ScannerAwayError, and whatever `content` raises.
        """


def scanner_of(settings: ScannerSettings) -> Scanner | None:
    """None: nothing is scanned."""
    if settings.clamd:
        return Clamd(settings.clamd, settings.deadline_s)
    if settings.command:
        return Program(shlex.split(settings.command), settings.deadline_s)
    return None


class Clamd:
    """At `host:port`, or at the path of a socket."""

    def __init__(self, address: str, deadline_s: float) -> None:
        self._address = address
        self._deadline_s = deadline_s

    async def is_infected(self, content: AsyncIterator[bytes]) -> bool:
        try:
            async with asyncio.timeout(self._deadline_s):
                reader, writer = await self._connect()
                try:
                    return await self._ask(reader, writer, content)
                finally:
                    writer.close()
        except (OSError, TimeoutError, EOFError) as error:
            raise ScannerAwayError from error

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._address.startswith("/"):
            return await asyncio.open_unix_connection(self._address)
        host, _, port = self._address.rpartition(":")
        return await asyncio.open_connection(host, int(port))

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, content: AsyncIterator[bytes]
    ) -> bool:
        writer.write(b"zINSTREAM\0")
        async for piece in content:
            writer.write(struct.pack(">I", len(piece)) + piece)
            await writer.drain()
        writer.write(_END)
        await writer.drain()
        answer = (await reader.readuntil(b"\0")).rstrip(b"\0")
        if answer.endswith(b" OK"):
            return False
        if answer.endswith(b" FOUND"):
            return True
        raise ScannerAwayError


class Program:
    def __init__(self, argv: list[str], deadline_s: float) -> None:
        self._argv = argv
        self._deadline_s = deadline_s

    async def is_infected(self, content: AsyncIterator[bytes]) -> bool:
        try:
            program = await asyncio.create_subprocess_exec(
                *self._argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            raise ScannerAwayError from error
        try:
            async with asyncio.timeout(self._deadline_s):
                code = await self._feed(program, content)
        except TimeoutError as error:
            raise ScannerAwayError from error
        finally:
            if program.returncode is None:
                program.kill()
                await program.wait()
        if code not in {0, 1}:
            raise ScannerAwayError
        return code == 1

    async def _feed(self, program: asyncio.subprocess.Process, content: AsyncIterator[bytes]) -> int:
        assert program.stdin is not None  # noqa: S101 -- it is a pipe
        try:
            async for piece in content:
                program.stdin.write(piece)
                await program.stdin.drain()
        except ConnectionError:
            pass  # it knew enough before the end
        program.stdin.close()
        return await program.wait()
