"""What counts as reading everything in a plan."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.bench.db_plans import Catalog, unindexed

CATALOG = Catalog(
    frozenset({"sessions", "transcripts"}),
    frozenset({"sessions_active_idx"}),
    {"sessions_pkey": "id", "sessions_user_id_idx": "user_id"},
)


def _found(plan: dict[str, Any]) -> list[str]:
    return unindexed([{"Query Text": "SELECT\n  1", "Plan": plan}], CATALOG)


def _inside(plan: dict[str, Any]) -> dict[str, Any]:
    return {"Node Type": "Limit", "Plans": [{"Node Type": "Nested Loop", "Plans": [plan]}]}


SEQ_SCAN = {"Node Type": "Seq Scan", "Relation Name": "sessions"}
INDEX_SCAN = {"Node Type": "Index Scan", "Relation Name": "sessions", "Index Name": "sessions_pkey"}


def test_a_sequential_scan_is_found_however_deep() -> None:
    assert _found(_inside(SEQ_SCAN)) == ["Seq Scan on sessions: SELECT 1"]


def test_an_index_that_is_read_whole_is_found() -> None:
    assert _found(INDEX_SCAN) == ["Index Scan on sessions: SELECT 1"]


def test_an_index_that_is_skipped_through_is_found() -> None:
    assert _found(INDEX_SCAN | {"Index Name": "sessions_user_id_idx", "Index Cond": "(id = $1)"})


@pytest.mark.parametrize("plan", [
    INDEX_SCAN | {"Index Cond": "(id = $1)"},
    INDEX_SCAN | {"Index Name": "sessions_active_idx"},
    INDEX_SCAN | {"Index Name": "sessions_retention_idx", "Index Cond": "((created_at + '1 day') < now())"},
    SEQ_SCAN | {"Relation Name": "plans"},
    {"Node Type": "Function Scan", "Function Name": "unnest"},
])  # fmt: skip
def test_what_finds_its_rows_is_not(plan: dict[str, Any]) -> None:
    assert _found(_inside(plan)) == []


def test_a_bitmap_belongs_to_the_table_that_is_read_by_it() -> None:
    bitmap = {"Node Type": "Bitmap Index Scan", "Index Name": "transcripts_pkey"}
    heap = {"Node Type": "Bitmap Heap Scan", "Relation Name": "transcripts"}
    both = {"Node Type": "BitmapOr", "Plans": [bitmap, bitmap | {"Index Cond": "(id = $1)"}]}
    assert _found(heap | {"Plans": [both]}) == ["Bitmap Index Scan on transcripts: SELECT 1"]
