"""Rules of the control API that need no server: settings, rate limits, and where a call goes."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from control_api import limits, strict_json
from control_api.errors import SettingsError, TooManyRequestsError
from control_api.limits import RateLimit, RateLimiter
from control_api.sessions.nodes import choose
from control_api.settings import read_settings
from control_api.tokens import new_token
from db.live import Live
from db.records import Call, Node

NEEDED = {"DATABASE_URL": "postgresql://api@db/x", "LIVECONVO_JOBS_DATABASE_URL": "postgresql://jobs@db/x"}
THREE = RateLimit("test", 3, 60, by="address")
SESSION = UUID("11111111-1111-4111-8111-111111111111")


class NoRedis(Live):
    def __init__(self) -> None:
        """Nothing to connect to."""

    async def hit_rate_limit(self, name: str, period_s: int) -> int | None:
        return None


class CountingElsewhere(NoRedis):
    async def hit_rate_limit(self, name: str, period_s: int) -> int | None:
        return 100


def node(name: str) -> Node:
    return Node(name, f"http://{name}", datetime.now(UTC))


def test_settings_have_defaults_for_one_machine() -> None:
    settings = read_settings(NEEDED)
    assert (settings.host, settings.port, settings.public_origin) == ("127.0.0.1", 8080, "http://localhost:8080")
    assert not settings.language_model.is_set


def test_secrets_do_not_show_in_the_settings() -> None:
    settings = read_settings({**NEEDED, "OPENAI_API_KEY": "sk-canary", "LIVECONVO_TURN_SECRET": "canary"})
    assert "canary" not in repr(settings)
    assert "postgresql" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [("DATABASE_URL", ""), ("LIVECONVO_API_PORT", "http"), ("LIVECONVO_PUBLIC_ORIGIN", "localhost/app")],
)
def test_a_bad_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read_settings({**NEEDED, name: value})


async def test_the_limit_is_allowed_and_one_more_is_not() -> None:
    limiter = RateLimiter(NoRedis(), now=lambda: 30.0)
    for _ in range(3):
        await limiter.check(THREE, "one")
    with pytest.raises(TooManyRequestsError) as refused:
        await limiter.check(THREE, "one")
    assert refused.value.retry_after_s == 31


async def test_the_next_window_begins_anew() -> None:
    clock = iter([0.0, 0.0, 0.0, 60.0])
    limiter = RateLimiter(NoRedis(), now=lambda: next(clock))
    for _ in range(4):
        await limiter.check(THREE, "one")


async def test_other_keys_are_counted_apart() -> None:
    limiter = RateLimiter(NoRedis(), now=lambda: 0.0)
    for key in ("one", "two", "three", "four"):
        await limiter.check(THREE, key)


async def test_what_other_servers_counted_counts() -> None:
    with pytest.raises(TooManyRequestsError):
        await RateLimiter(CountingElsewhere(), now=lambda: 0.0).check(THREE, "one")


async def test_counters_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "KEPT_KEYS", 10)
    limiter = RateLimiter(NoRedis(), now=lambda: 0.0)
    for number in range(50):
        await limiter.check(THREE, str(number))
    assert len(limiter._counts) == 10


def test_a_live_call_decides_over_everything() -> None:
    now = datetime.now(UTC)
    call = Call(SESSION, uuid4(), "held", 1, "http://held", now, now, False)
    place = choose(SESSION, call, [node("idle")], {"idle": 0.0})
    assert place is not None
    assert place.node == "held"


def test_a_load_without_a_node_is_no_place() -> None:
    assert choose(SESSION, None, [], {"ghost": 0.0}) is None


def test_without_loads_the_last_registered_node_is_taken() -> None:
    place = choose(SESSION, None, [node("new"), node("old")], {})
    assert place is not None
    assert place.node == "new"


def test_equal_nodes_share_sessions_but_not_a_session() -> None:
    nodes, loads = [node("a"), node("b")], {"a": 0.5, "b": 0.5}
    chosen = {session_id: choose(session_id, None, nodes, loads) for session_id in (uuid4() for _ in range(50))}
    assert {place.node for place in chosen.values() if place} == {"a", "b"}
    assert all(choose(session_id, None, nodes[::-1], loads) == place for session_id, place in chosen.items())


def test_json_within_bounds_is_read() -> None:
    assert strict_json.parse('{"a": [1, 2.5, "é {[", null, true]}'.encode()) == {"a": [1, 2.5, "é {[", None, True]}


def test_nesting_up_to_the_limit_is_read() -> None:
    strict_json.parse(b"[" * strict_json.MAX_DEPTH + b"]" * strict_json.MAX_DEPTH)
    with pytest.raises(ValueError, match="deeper"):
        strict_json.parse(b"[" * (strict_json.MAX_DEPTH + 1) + b"]" * (strict_json.MAX_DEPTH + 1))


def test_no_token_looks_like_an_option_of_a_command() -> None:
    assert not any(new_token().startswith("-") for _ in range(1_000))
