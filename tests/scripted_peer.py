"""Run as a program: a peer that says "one two three" once it was given a second of audio. Argument: port."""

import sys

from aiohttp import web

BYTES = 32_000


async def serve(request: web.Request) -> web.WebSocketResponse:
    socket, received = web.WebSocketResponse(), 0
    await socket.prepare(request)
    async for message in socket:
        before, received = received, received + len(message.data)
        if before < BYTES <= received:
            await socket.send_str("one two three")
    return socket


if __name__ == "__main__":
    app = web.Application()
    app.add_routes([web.get("/", serve)])
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
