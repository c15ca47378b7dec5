"""The commands that need no running stack, as somebody types them."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.cli import main
from deploy.paths import throwaway_folder
from deploy.ports import free_port, free_ports

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "LIVECONVO_OWNER_DATABASE_URL", "REDIS_URL", "LIVECONVO_PUBLIC_ORIGIN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def data_dir() -> Iterator[str]:
    with throwaway_folder() as folder:
        yield str(folder / "data")


def findings(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    return {check["name"]: check["verdict"] for check in json.loads(capsys.readouterr().out)["checks"]}


def test_migrate_says_what_it_applied_and_once_only(data_dir: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "--data-dir", data_dir]) == 0
    assert "applied 0001" in capsys.readouterr().out
    assert main(["migrate", "--data-dir", data_dir]) == 0
    assert capsys.readouterr().out == "the database is up to date\n"


def test_account_is_made_and_gets_another_link(data_dir: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["migrate", "--data-dir", data_dir])
    account = ["--name", "Ada", "--organization", "Engines", "--data-dir", data_dir]
    assert main(["admin", "create-user", "ada@example.org", *account]) == 0
    assert main(["admin", "sign-in-link", "Ada@example.org", "--data-dir", data_dir]) == 0
    links = [line for line in capsys.readouterr().out.splitlines() if line.startswith("http://localhost:8080/#/link/")]
    assert len(set(links)) == 2


def test_an_account_administrates_the_installation(data_dir: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["migrate", "--data-dir", data_dir])
    account = ["--name", "Ada", "--organization", "Engines", "--data-dir", data_dir]
    main(["admin", "create-user", "ada@example.org", *account])
    assert main(["admin", "make-admin", "Ada@example.org", "--data-dir", data_dir]) == 0
    assert main(["admin", "make-admin", "nobody@example.org", "--data-dir", data_dir]) == 1
    told = capsys.readouterr()
    assert told.out.endswith("Ada@example.org administrates this installation\n")
    assert told.err == "liveconvo: there is no account nobody@example.org\n"


def test_link_for_nobody_is_refused(data_dir: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["migrate", "--data-dir", data_dir])
    assert main(["admin", "sign-in-link", "nobody@example.org", "--data-dir", data_dir]) == 1
    assert capsys.readouterr().err == "liveconvo: there is no account nobody@example.org\n"


def test_doctor_changes_nothing(data_dir: str) -> None:
    main(["doctor", "--json", "--port", str(free_ports(2)), "--data-dir", data_dir])
    assert not Path(data_dir).exists()


def test_doctor_finds_missing_weights(
    data_dir: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVECONVO_WHISPER_MODEL", "/nowhere")
    assert main(["doctor", "--json", "--data-dir", data_dir]) == 1
    assert findings(capsys)["models"] == "problem"


def test_doctor_finds_a_database_that_is_away(
    data_dir: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://a:b@127.0.0.1:{free_port()}/c")
    assert main(["doctor", "--json", "--data-dir", data_dir]) == 1
    assert findings(capsys)["Postgres"] == "problem"


def test_doctor_minds_a_redis_that_is_away_only_a_little(
    data_dir: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    main(["doctor", "--json", "--data-dir", data_dir])
    assert findings(capsys)["Redis"] == "note"


def test_doctor_names_a_taken_port(data_dir: str, capsys: pytest.CaptureFixture[str]) -> None:
    port = free_ports(2)
    with socket.create_server(("127.0.0.1", port)):
        assert main(["doctor", "--json", "--port", str(port), "--data-dir", data_dir]) == 1
    assert findings(capsys)["ports"] == "problem"


def test_doctor_warns_where_browsers_refuse_the_microphone(
    data_dir: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVECONVO_PUBLIC_ORIGIN", "http://talk.example.org")
    assert main(["doctor", "--json", "--data-dir", data_dir]) == 1
    assert findings(capsys)["microphones"] == "problem"
