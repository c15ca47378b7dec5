"""A recognizer in a process of its own: what kills it, and what becomes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from media_server.engines.errors import RecognitionError, RecognizerEndedError, RecognizerUnusableError
from media_server.engines.protocols import Excerpt, RestartableRecognizer
from media_server.engines.recognizer_process import RecognizerProcess
from tests import dying_recognizer
from tests.dying_recognizer import ABORTS, HANGS, IS_KILLED, RAISES, DyingRecognizer, sound
from tests.recognizers import LOUD

WAIT_S = 60.0
SECOND = 16_000


def until(holds: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    """A zombie is."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecognizerProcess]:
    recognizer = RecognizerProcess(DyingRecognizer, tmp_path_factory.mktemp("recognizer"))
    yield recognizer
    recognizer.close()


@pytest.fixture
def recognizer(shared: RecognizerProcess) -> RecognizerProcess:
    """Begun, whatever the test before did to it."""
    shared.start()
    return shared


def test_it_answers_like_one_in_this_process(recognizer: RecognizerProcess, tmp_path: Path) -> None:
    excerpts = [Excerpt(sound(LOUD, seconds * SECOND), is_final=True, language="en") for seconds in (1, 3, 30)]
    assert isinstance(recognizer, RestartableRecognizer)
    assert recognizer.recognize(excerpts) == DyingRecognizer(tmp_path).recognize(excerpts)


def test_what_it_raises_fails_the_batch_and_says_nothing_of_what_was_said(recognizer: RecognizerProcess) -> None:
    pid = recognizer.pid
    with pytest.raises(RecognitionError, match=r"^ValueError from the recognizer$"):
        recognizer.recognize([Excerpt(sound(RAISES, SECOND), is_final=True)])
    assert recognizer.recognize([Excerpt(sound(LOUD, SECOND), is_final=True)])[0].text
    assert recognizer.pid == pid


@pytest.mark.parametrize(("marker", "how"), [(ABORTS, "SIGABRT"), (IS_KILLED, "SIGKILL")])
def test_one_that_dies_says_so_and_can_be_begun_again(recognizer: RecognizerProcess, marker: float, how: str) -> None:
    with pytest.raises(RecognizerEndedError, match=f"by {how}") as raised:
        recognizer.recognize([Excerpt(sound(marker, SECOND), is_final=True)])
    assert raised.value.code == "recognizer_crashed"
    assert not recognizer.is_alive
    recognizer.start()
    assert recognizer.recognize([Excerpt(sound(LOUD, SECOND), is_final=True)])[0].text


@pytest.mark.parametrize("is_stopped", [False, True])
def test_one_that_hangs_or_is_stopped_can_be_ended(recognizer: RecognizerProcess, is_stopped: bool) -> None:
    pid = recognizer.pid
    assert pid is not None
    if is_stopped:
        os.kill(pid, signal.SIGSTOP)
    # More than a socket's buffer takes, so that who writes to a stopped one waits as well.
    excerpt = Excerpt(sound(LOUD if is_stopped else HANGS, 30 * SECOND), is_final=True)
    killing = threading.Timer(0.3, recognizer.kill)
    killing.start()
    with pytest.raises(RecognizerEndedError):
        recognizer.recognize([excerpt])
    killing.join()
    assert is_gone(pid)


def test_the_signals_of_a_terminal_do_not_end_it(recognizer: RecognizerProcess) -> None:
    assert recognizer.pid is not None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(recognizer.pid, number)
    assert recognizer.recognize([Excerpt(sound(LOUD, SECOND), is_final=True)])[0].text


def test_it_knows_no_address_of_a_database_and_dies_first_when_memory_is_short(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://secret")
    monkeypatch.setenv("LIVECONVO_TURN_SECRET", "secret")
    recognizer = RecognizerProcess(DyingRecognizer, tmp_path)
    recognizer.start()
    child = Path(f"/proc/{recognizer.pid}")
    assert b"secret" not in (child / "environ").read_bytes()
    assert int((child / "oom_score_adj").read_text()) > int(Path("/proc/self/oom_score_adj").read_text())
    recognizer.close()
    assert not recognizer.is_alive


def test_one_that_would_never_be_ready_says_why() -> None:
    with pytest.raises(RecognizerUnusableError, match="no such weights; get them with `make weights`"):
        RecognizerProcess(dying_recognizer.unusable).start()


def test_one_that_is_not_ready_in_time_is_ended() -> None:
    recognizer = RecognizerProcess(dying_recognizer.never_ready, start_s=0.2)
    with pytest.raises(RecognizerEndedError, match="ended while it began, by SIGKILL"):
        recognizer.start()
    assert recognizer.pid is None


def test_one_that_dies_while_it_begins_says_so() -> None:
    with pytest.raises(RecognizerEndedError, match="ended while it began, by SIGABRT"):
        RecognizerProcess(dying_recognizer.dies_at_birth).start()


PARENT = """
import sys, threading, time
from pathlib import Path
from media_server.engines.protocols import Excerpt
from media_server.engines.recognizer_process import RecognizerProcess
from tests.dying_recognizer import DyingRecognizer, HANGS, sound

recognizer = RecognizerProcess(DyingRecognizer, Path(sys.argv[1]))
recognizer.start()
print(recognizer.pid, flush=True)
if sys.argv[2] == "hung":
    recognizer.recognize([Excerpt(sound(HANGS, 16000), True)])
time.sleep(3600)
"""


@pytest.mark.parametrize("state", ["idle", "hung", "stopped"])
def test_nothing_is_left_when_its_parent_is_killed(tmp_path: Path, state: str) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path), state], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        if state == "stopped":
            os.kill(child, signal.SIGSTOP)
        assert not is_gone(child)
        parent.kill()
    until(lambda: is_gone(child), "the child outlived its parent")
