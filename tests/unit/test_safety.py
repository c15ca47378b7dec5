"""G22: what the control API refuses to start with, each setting from both sides, with a code and what to do."""

from __future__ import annotations

import pytest

from control_api.safety import CODES, faults, is_near, is_weak
from control_api.settings import read_settings

STRONG = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
SAFE = {
    "DATABASE_URL": f"postgresql://liveconvo_api:{STRONG}@db/x",
    "LIVECONVO_JOBS_DATABASE_URL": f"postgresql://liveconvo_jobs:{STRONG}@db/x",
}
GOOGLE = {"LIVECONVO_GOOGLE_CLIENT_ID": "id", "LIVECONVO_GOOGLE_CLIENT_SECRET": "secret"}
TURN = {"LIVECONVO_TURN_URLS": "turn:relay.example.org"}

UNSAFE: tuple[tuple[str, dict[str, str]], ...] = (
    ("same_login", {"LIVECONVO_JOBS_DATABASE_URL": SAFE["DATABASE_URL"]}),
    ("weak_secret_key", {"LIVECONVO_SECRET_KEY": "0123456789abcde"}),
    ("weak_secret_key", {"LIVECONVO_SECRET_KEY": "abababababababababababababababab"}),
    ("weak_secret_key", {"LIVECONVO_JOBS_DATABASE_URL": "postgresql://liveconvo_jobs:postgres@db/x"}),
    ("weak_secret_key", {"LIVECONVO_JOBS_DATABASE_URL": "postgresql://liveconvo_jobs@db/x"}),
    ("open_turn", TURN),
    ("weak_turn_secret", {**TURN, "LIVECONVO_TURN_SECRET": "s3cret"}),
    ("plain_http", {"LIVECONVO_PUBLIC_ORIGIN": "http://convo.example.org"}),
    ("plain_http", {"LIVECONVO_PUBLIC_ORIGIN": "http://192.0.2.1.example.org"}),
    ("plain_http_llm", {"OPENAI_BASE_URL": "http://models.example.org/v1"}),
    ("google_without_secret", {"LIVECONVO_GOOGLE_CLIENT_ID": "id"}),
    ("plain_http_google", {**GOOGLE, "LIVECONVO_GOOGLE_ISSUER": "http://accounts.example.org"}),
)
SAFE_ONES: tuple[dict[str, str], ...] = (
    {},
    {"LIVECONVO_SECRET_KEY": "0123456789abcdef"},
    {
        "LIVECONVO_SECRET_KEY": STRONG,
        "LIVECONVO_JOBS_DATABASE_URL": "postgresql://liveconvo_jobs@db/x",
    },
    {**TURN, "LIVECONVO_TURN_SECRET": STRONG},
    {"LIVECONVO_PUBLIC_ORIGIN": "https://convo.example.org"},
    {"LIVECONVO_PUBLIC_ORIGIN": "http://127.0.0.1:8080"},
    {"LIVECONVO_PUBLIC_ORIGIN": "http://[::1]:8080"},
    {"LIVECONVO_PUBLIC_ORIGIN": "http://10.77.1.2:8080"},
    {"OPENAI_BASE_URL": "http://localhost:9000/v1"},
    {"OPENAI_BASE_URL": "https://models.example.org/v1"},
    GOOGLE,
    {**GOOGLE, "LIVECONVO_GOOGLE_ISSUER": "http://127.0.0.1:9"},
)


def found(changes: dict[str, str], optimize: int = 0) -> list[str]:
    return [fault.code for fault in faults(read_settings({**SAFE, **changes}), optimize=optimize)]


@pytest.mark.parametrize(("code", "changes"), UNSAFE, ids=lambda value: value if isinstance(value, str) else "")
def test_an_unsafe_setting_is_refused_by_its_code_alone(code: str, changes: dict[str, str]) -> None:
    assert found(changes) == [code]


@pytest.mark.parametrize("changes", SAFE_ONES)
def test_a_safe_one_is_not(changes: dict[str, str]) -> None:
    assert found(changes) == []


@pytest.mark.parametrize("optimize", [1, 2])
def test_checks_are_not_taken_out(optimize: int) -> None:
    assert found({}, optimize) == ["optimized"]


def test_every_code_is_in_the_table_and_says_what_to_do_without_a_secret() -> None:
    everything = {**TURN, "LIVECONVO_TURN_SECRET": "s3cret", "LIVECONVO_SECRET_KEY": "k3y"}
    assert {code for code, _ in UNSAFE} | {"optimized"} == set(CODES)
    for fault in faults(read_settings({**SAFE, **everything}), optimize=1):
        assert fault.what_to_do.endswith(".")
        assert any(word in fault.what_to_do.lower() for word in ("set ", "start ", "name ", "give "))
        assert not any(secret in fault.what_to_do for secret in ("s3cret", "k3y", STRONG))


def test_all_faults_are_told_at_once() -> None:
    assert found({**TURN, "LIVECONVO_PUBLIC_ORIGIN": "http://convo.example.org"}, 1) == [
        "optimized", "open_turn", "plain_http",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("secret", "weak"),
    [("", True), ("abcdefghijklmno", True), ("abcdefghijklmnop", False), ("a" * 100, True), ("abcdefg" * 9, True)],
)
def test_a_secret_is_long_and_varied(secret: str, weak: bool) -> None:
    assert is_weak(secret) is weak


@pytest.mark.parametrize(
    ("url", "near"),
    [
        ("http://localhost", True), ("http://me.localhost:8080", True), ("http://127.9.9.9", True),
        ("http://192.168.1.7", True), ("http://8.8.8.8", False), ("http://localhost.example.org", False), ("", False),
    ],
)  # fmt: skip
def test_what_is_near_needs_no_tls(url: str, near: bool) -> None:
    assert is_near(url) is near
