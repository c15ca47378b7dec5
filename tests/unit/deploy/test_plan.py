"""Which ports, addresses and environments a stack's servers get."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.plan import Plan, Services, api_program, media_program, role_url

SERVICES = Services("postgresql://api@x/db", "postgresql://media@x/db", "postgresql://jobs@x/db", "redis://x/0")


def plan(workers: int = 1, **environment: str) -> Plan:
    return Plan(Path("/data"), port=9000, workers=workers, environment=environment)


def test_media_nodes_take_the_ports_after_the_api() -> None:
    assert plan(workers=3).ports() == [9000, 9001, 9002, 9003]


def test_browsers_find_everything_on_localhost_by_default() -> None:
    assert (plan().public_origin, plan().media_url(0)) == ("http://localhost:9000", "http://localhost:9001")


def test_media_nodes_are_found_on_the_public_host() -> None:
    assert plan(LIVECONVO_PUBLIC_ORIGIN="http://talk.example").media_url(1) == "http://talk.example:9002"


def test_owner_address_never_reaches_a_server() -> None:
    program = media_program(plan(LIVECONVO_OWNER_DATABASE_URL="postgresql://owner:secret@x/db"), SERVICES, 0)
    assert "secret" not in str(program.environment)


def test_settings_of_the_caller_reach_the_servers() -> None:
    assert api_program(plan(OPENAI_API_KEY="k"), SERVICES).environment["OPENAI_API_KEY"] == "k"


def test_each_server_has_the_login_of_its_own_role() -> None:
    logins = [program.environment["DATABASE_URL"]
              for program in (api_program(plan(), SERVICES), media_program(plan(), SERVICES, 0))]  # fmt: skip
    assert logins == [SERVICES.api_url, SERVICES.media_url]


def test_nodes_of_one_machine_have_different_names() -> None:
    names = {media_program(plan(workers=2), SERVICES, k).environment["LIVECONVO_NODE"] for k in range(2)}
    assert len(names) == 2


@pytest.mark.parametrize(
    ("given", "drain_s"), [({}, 0), ({"LIVECONVO_DRAIN_S": "20"}, 20), ({"LIVECONVO_DRAIN_S": "x"}, 0)]
)
def test_nodes_are_given_the_time_that_they_may_drain(given: dict[str, str], drain_s: float) -> None:
    program = media_program(plan(**given), SERVICES, 0)
    assert program.drain_s == drain_s
    assert program.environment["LIVECONVO_DRAIN_S"] == (given.get("LIVECONVO_DRAIN_S") or "0")


def test_role_url_keeps_the_database_and_its_options() -> None:
    url = role_url("postgresql://owner:pw@db.example:5433/talk?sslmode=require", "liveconvo_api", "a/b@c")
    assert url == "postgresql://liveconvo_api:a%2Fb%40c@db.example:5433/talk?sslmode=require"
