"""What the command line understands, and what it refuses before anything starts."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from deploy.cli import main, parser


def test_up_listens_on_this_machine_only_unless_told() -> None:
    args = parser().parse_args(["up"])
    assert (args.host, args.port, args.workers, args.data_dir) == ("127.0.0.1", 8080, 1, None)


def test_call_takes_names_in_the_order_of_the_files() -> None:
    args = parser().parse_args(["call", "a.flac", "b.wav", "--name", "Host", "--name", "Guest"])
    assert (args.audio, args.name) == (["a.flac", "b.wav"], ["Host", "Guest"])


def test_call_needs_audio() -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["call"])


def test_call_refuses_an_unknown_conversation_type() -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["call", "a.wav", "--type", "party"])


@pytest.mark.parametrize("port", ["0", "32768", "http"])
def test_up_refuses_a_port_that_cannot_be_kept(port: str) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["up", "--port", port])


@pytest.mark.parametrize("workers", ["0", "65"])
def test_up_refuses_a_number_of_workers_without_sense(workers: str) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["up", "--workers", workers])


@pytest.mark.parametrize("line", [
    ["up"], ["call", "a.wav"], ["doctor"], ["bench", "asr"], ["migrate"],
    ["admin", "create-user", "a@b.c", "--name", "A", "--organization", "B"], ["admin", "sign-in-link", "a@b.c"],
])  # fmt: skip
def test_every_command_has_a_module(line: list[str]) -> None:
    module = parser().parse_args(line).runs.partition(":")[0]
    assert importlib.util.find_spec(module) is not None


def test_what_keeps_a_command_from_running_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["up", "--data-dir", str(tmp_path / "file" / "data")]) == 1
    assert capsys.readouterr().err.startswith("liveconvo: the data folder")
