"""One question to one server over HTTP: what status does it answer with?"""

from __future__ import annotations

import asyncio
import contextlib
from urllib.parse import urlsplit


async def http_status(url: str, timeout_s: float = 2.0) -> int | None:
    """The status of GET `url`; None when nobody answers in time."""
    parts = urlsplit(url)
    request = f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
    with contextlib.suppress(OSError, TimeoutError, ValueError, IndexError):
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
            try:
                writer.write(request.encode())
                return int((await reader.readline()).split()[1])
            finally:
                writer.close()
    return None
