"""What `liveconvo bench db` measures unless told, and what it refuses before anything starts."""

from __future__ import annotations

import pytest

from deploy.cli import main, parser


def test_it_measures_a_million_transcripts_unless_told() -> None:
    args = parser().parse_args(["bench", "db"])
    assert (args.transcripts, args.sessions, args.organizations, args.json) == (1_000_000, 20_000, 500, False)


@pytest.mark.parametrize("line", [
    ["--sessions", "999", "--organizations", "10"],
    ["--sessions", "2000", "--organizations", "2001"],
    ["--sessions", "2000", "--transcripts", "1999"],
])  # fmt: skip
def test_it_refuses_a_data_set_that_is_none(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "db", *line]) == 2
    assert "sessions at least" in capsys.readouterr().err
