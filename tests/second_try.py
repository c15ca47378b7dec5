"""Loaded where every test runs on a machine that others may keep busy: one that lives by the clock gets a second try.

Only those marked `slow` do: they speak, wait and time out in real time. A fault that is there fails both tries, and one
that comes and goes is named in the summary (`R`).
"""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("slow") is not None:
            item.add_marker(pytest.mark.flaky(reruns=1))
