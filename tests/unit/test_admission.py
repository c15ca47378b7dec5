"""Who is let in, by how full and how late the node is."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from media_server.admission import SAMPLES, Admission, watch_loop, watch_memory
from media_server.open_files import free_files

LATE_S = 0.05


def admission(*latenesses_s: float, most: int = 10) -> Admission:
    made = Admission(most, LATE_S)
    for lateness_s in latenesses_s:
        made.note(lateness_s)
    return made


@pytest.mark.parametrize(("here", "is_open"), [(0, True), (9, True), (10, False), (11, False)])
@pytest.mark.parametrize("is_new_call", [True, False])
def test_nobody_comes_beyond_the_number(here: int, is_open: bool, is_new_call: bool) -> None:
    assert admission().is_open(here, is_new_call=is_new_call) is is_open


def test_a_late_node_begins_no_call_and_goes_on_with_those_it_has() -> None:
    late = admission(*[0.06] * (SAMPLES // 2))
    assert not late.is_open(1, is_new_call=True)
    assert late.is_open(1, is_new_call=False)


def test_a_stall_closes_nothing_and_what_is_over_is_forgotten() -> None:
    assert admission(*[0.001] * SAMPLES, 3.0).is_open(1, is_new_call=True)
    assert admission(*[0.5] * SAMPLES, *[0.001] * SAMPLES).is_open(1, is_new_call=True)


def test_lateness_at_the_limit_is_not_late() -> None:
    assert admission(*[LATE_S] * SAMPLES).is_open(1, is_new_call=True)


@pytest.mark.parametrize(("free_bytes", "is_open"), [(None, True), (1000, True), (999, False), (-5, False)])
@pytest.mark.parametrize("is_new_call", [True, False])
def test_nobody_new_comes_while_memory_is_short(free_bytes: int | None, is_open: bool, is_new_call: bool) -> None:
    made = Admission(10, LATE_S, spare_bytes=1000)
    made.free_bytes = free_bytes
    assert made.is_open(1, is_new_call=is_new_call) is is_open
    assert (made.load(1) > 1) is not is_open


@pytest.mark.parametrize(("spare", "is_open"), [(0, True), (-1, True), (1, False)])
@pytest.mark.parametrize("is_new_call", [True, False])
def test_nobody_new_comes_while_few_files_may_be_opened(spare: int, is_open: bool, is_new_call: bool) -> None:
    free = free_files()
    assert free is not None
    made = Admission(10, LATE_S, spare_files=free + spare)
    assert made.is_open(1, is_new_call=is_new_call) is is_open
    assert (made.load(1) > 1) is not is_open


def test_each_open_file_is_one_less() -> None:
    before = free_files()
    assert before is not None
    with Path("/dev/null").open():
        assert free_files() == before - 1
    assert free_files() == before


async def test_memory_is_looked_at() -> None:
    watched = Admission(10, LATE_S)
    watching = asyncio.ensure_future(watch_memory(watched))
    async with asyncio.timeout(10):
        while watched.free_bytes is None:
            await asyncio.sleep(0.01)
    watching.cancel()


def test_the_load_is_what_is_scarcer() -> None:
    assert admission(*[0.0] * SAMPLES).load(5) == 0.5
    assert admission(*[0.1] * SAMPLES).load(5) == pytest.approx(2.0)
    assert admission().load(0) == 0.0


@pytest.mark.slow
async def test_a_blocked_loop_is_noticed() -> None:
    watched = admission()
    watching = asyncio.ensure_future(watch_loop(watched))
    for _ in range(SAMPLES):
        await asyncio.sleep(0)
        time.sleep(0.17)  # noqa: ASYNC251 - what is tested
        await asyncio.sleep(0.005)
    watching.cancel()
    assert watched.is_late
