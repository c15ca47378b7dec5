"""The web client's message types are those of the server."""

from pathlib import Path

from media_server.events import typescript

GENERATED = Path(__file__).parents[2] / "web_client" / "src" / "lib" / "events.ts"


def test_the_generated_types_are_current() -> None:
    assert GENERATED.read_text() == typescript(), (
        "stale: run `.venv/bin/python -m media_server.events > web_client/src/lib/events.ts`"
    )
