"""What reads strangers' files can do nothing else, takes no more than it may, and says why it read nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import control_api
from control_api.documents.extraction import cage
from control_api.documents.extraction.reasons import REASONS
from control_api.documents.extraction.run import DEADLINE_S, Reading, read_pages
from tests.document_bombs import SAYING, Maker, corpus, page_of, stream

ROOT = str(Path(control_api.__file__).parent.parent)
SHORT = frozenset(
    {
        "pdf_nested_flate_3", "pdf_lzw_bomb", "pdf_table_before_itself", "pdf_pages_doubled", "pdf_pages_1000000",
        "pdf_encrypted_aes", "pdf_truncated", "pdf_and_zip", "docx_bomb_said_small", "docx_bomb_overlapped",
        "docx_slip", "docx_external_file", "docx_billion_laughs", "json_arrays_1000000_deep", "txt_noise",
    }
)  # fmt: skip
"""For every day: one of each kind of harm."""
LEFT_S = 5.0
"""Beyond the deadline, for a busy machine to end and count a process."""


def read(content: bytes, kind: str, deadline_s: float = DEADLINE_S) -> Reading:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        return read_pages(file, kind, deadline_s)


def outcome(name: str, kind: str, make: Maker) -> tuple[str, Reading]:
    return name, read(make(), kind)


def reason_of(reading: Reading) -> str | None:
    """As the worker tells it."""
    if reading.pages is not None and not "".join(reading.pages).strip():
        return "no_text"
    return reading.refused


# the cage -----------------------------------------------------------------------------------------------------------

ATTEMPTS = {
    "open a file": "open('/etc/passwd')",
    "see its parent": "open(f'/proc/{os.getppid()}/environ')",
    "write a file": "open('/tmp/x', 'w')",
    "list a folder": "os.listdir('/')",
    "make a socket": "socket.socket()",
    "make a socket of this machine": "socket.socket(socket.AF_UNIX)",
    "make a pair of sockets": "socket.socketpair()",
    "start a program": "os.execv('/bin/true', ['true'])",
    "fork": "os.fork()",
    "start a thread": "threading.Thread(target=print).start()",
    "signal another": "os.kill(os.getppid(), 0)",
    "raise its limits": "resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
    "take memory": "bytearray(300 * 1024 * 1024)",
}
PROBE = """
import os, resource, socket, sys, threading
sys.path.insert(0, sys.argv[1])
from control_api.documents.extraction import cage
cage.limit()
cage.close()
for attempt in sys.argv[2:]:
    try:
        exec(attempt)
    except (OSError, RuntimeError, MemoryError, ValueError) as error:
        print(type(error).__name__)
    else:
        print("did it")
print(sorted(os.environ))
"""


def probe(program: str, attempts: list[str]) -> list[str]:
    """What each attempt came to, and at last the environment."""
    ended = subprocess.run(
        [sys.executable, "-I", "-c", program, ROOT, *attempts], env={}, capture_output=True, text=True, check=True
    )
    return [line for line in ended.stdout.splitlines() if line]


def test_in_the_cage_nothing_can_be_opened_reached_or_started() -> None:
    ended = subprocess.run(
        [sys.executable, "-I", "-c", PROBE, ROOT, *ATTEMPTS.values()],
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    *done, environment = ended.stdout.splitlines()
    refused = dict(zip(ATTEMPTS, done, strict=True))
    assert [what for what, came in refused.items() if came == "did it"] == []
    assert refused["open a file"] == refused["make a socket"] == "PermissionError"
    assert refused["take memory"] == "MemoryError"
    assert environment in {"[]", "['LC_CTYPE']"}


def test_the_same_attempts_succeed_outside() -> None:
    """Or the test above would prove nothing."""
    outside = PROBE.replace("cage.limit()", "").replace("cage.close()", "")
    attempts = [
        attempt for what, attempt in ATTEMPTS.items() if what not in {"start a program", "fork", "write a file"}
    ]
    ended = subprocess.run(
        [sys.executable, "-I", "-c", outside, ROOT, *attempts], capture_output=True, text=True, check=True
    )
    assert ended.stdout.count("did it") == len(attempts)


def test_a_machine_that_cannot_close_the_cage_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "sparc")
    with pytest.raises(cage.CageError):
        cage.close()


def test_what_takes_too_long_is_ended() -> None:
    began_s = time.monotonic()
    reading = read(page_of(stream(b"BT /F1 12 Tf " + b"(a) Tj " * 1_000_000 + b"ET")), "pdf", deadline_s=1)
    assert reading.refused == "too_slow"
    assert time.monotonic() - began_s < 1 + LEFT_S


# documents ----------------------------------------------------------------------------------------------------------


def test_a_pdf_is_read_page_by_page() -> None:
    reading = read(page_of(stream(SAYING)), "pdf", deadline_s=60)
    assert (reading.pages, reading.refused) == (["The price is 100"], None)


def test_what_no_text_shows_is_left_out() -> None:
    said = read(page_of(stream(rb"BT /F1 12 Tf 50 700 Td (A\000\014\033b) Tj ET")), "pdf", deadline_s=60)
    assert said.pages == ["Ab"]


def test_halves_of_characters_are_replaced() -> None:
    """A map of a font may name any number as a character."""
    half = stream(b"1 beginbfchar <41> <D800> endbfchar")
    said = read(page_of(stream(b"BT /F1 12 Tf 50 700 Td (AB) Tj ET"), half, font=b"/ToUnicode 6 0 R"), "pdf", 60)
    assert said.refused is None
    "".join(said.pages or []).encode()


def test_there_are_at_least_sixty_bombs() -> None:
    names = [name for name, _, _ in corpus()]
    assert len(set(names)) == len(names) >= 60
    assert set(names) >= SHORT


def test_t47_bombs_end_in_time_with_a_reason() -> None:
    """RELIABILITY T47, one of each kind."""
    chosen = [bomb for bomb in corpus() if bomb[0] in SHORT]
    with ThreadPoolExecutor(2) as pool:
        for name, reading in pool.map(lambda bomb: outcome(*bomb), chosen):
            assert reading.wall_s < DEADLINE_S + LEFT_S, name
            assert reason_of(reading) in REASONS or name == "txt_noise", (name, reading.refused)


def test_reasons_are_sentences() -> None:
    assert all(text.endswith(".") and json.dumps(code) for code, text in REASONS.items())
