"""Every query of the product runs on an index: so say the plans that Postgres used, for its arguments and for any."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

import db
from deploy.bench.db_plans import PLAN_MODES, READ_WHOLE, Explainer, explainer, unindexed
from deploy.bench.db_queries import BATCHES, QUERIES
from deploy.bench.db_query import Query
from tests.chore_queries import CHORES
from tests.conftest import PostgresServer
from tests.explaining import Explained, explained_database

ALL = (*QUERIES, *BATCHES, *CHORES)

NOT_LISTED = {
    "administration.decide_verification": "by its id",
    "administration.read_connections": "on the catalog",
    "administration.set_organization_plan": "by its id",
    "administration.unproven_email": "by its id",
    "accounts.count_users": "at start-up, as the owner",
    "accounts.create_owner": "on the command line, as the owner",
    "accounts.create_sign_in_link": "on the command line, as the owner",
    "accounts.make_admin": "on the command line, as the owner",
    "erasure.close_organization": "on the command line, by its id",
    "calls.give_way": "reads no table",
    "devices.end_device": "by its id",
    "jobs.enqueue": "part of the queries that cause a job",
    "plans.find_price": "reads the few plans",
    "pool.act_as": "asked before each query here",
    "recordings.delete_recording": "by its id",
    "retention.count_due_sessions": "for people who ask what a sweep would do",
    "retention.count_spent": "for people who ask what a sweep would do",
    "role_check.refuse_unsafe_role": "at start-up, on the catalog",
    "standing.read_standing": "on the command line, on the catalog",
    "tombstones.list_tombstones": "on the command line, as the owner",
    "webhook_log.replay_delivery": "by its id",
}
"""Functions whose plans are not looked at, and why."""


@pytest.fixture(scope="module")
def explained(postgres_server: PostgresServer) -> Iterator[Explained]:
    with explained_database(postgres_server) as explained:
        yield explained


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def explainers(explained: Explained) -> AsyncIterator[dict[str, Explainer]]:
    async with AsyncExitStack() as stack:
        yield {role: await stack.enter_async_context(explainer(url)) for role, url in explained.urls.items()}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("query", ALL, ids=lambda query: query.name.replace(" ", "_"))
async def test_query_runs_on_an_index(query: Query, explained: Explained, explainers: dict[str, Explainer]) -> None:
    plans = [plan for mode in PLAN_MODES for plan in await explainers[query.role].plans(query, explained.sample, mode)]
    assert plans
    if query.name not in READ_WHOLE:
        assert unindexed(plans, explained.catalog) == []


def test_every_query_is_listed() -> None:
    listed = {query.name.split()[0] for query in ALL}
    assert _functions() == listed | NOT_LISTED.keys()
    assert not listed & NOT_LISTED.keys()


def test_no_two_queries_have_one_name() -> None:
    names = [query.name for query in ALL]
    assert len(names) == len(set(names))


def _functions() -> set[str]:
    """Public coroutines of `db` that take a connection first."""
    found = set()
    for module in (importlib.import_module(f"db.{info.name}") for info in pkgutil.iter_modules(db.__path__)):
        for name, function in inspect.getmembers(module, inspect.iscoroutinefunction):
            is_own = function.__module__ == module.__name__ and not name.startswith("_")
            if is_own and next(iter(inspect.signature(function).parameters), None) == "conn":
                found.add(f"{module.__name__.removeprefix('db.')}.{name}")
    return found
