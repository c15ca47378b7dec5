"""Every query of the product that a screen, a live call or a job makes; a new one joins one of the lists."""

from __future__ import annotations

from deploy.bench import (
    db_call_queries,
    db_job_queries,
    db_material_queries,
    db_screen_queries,
    db_team_queries,
)
from deploy.bench.db_call_queries import BATCHES
from deploy.bench.db_screen_queries import SESSION_PAGE

__all__ = ["BATCHES", "QUERIES", "SESSION_PAGE"]

QUERIES = (
    *db_screen_queries.QUERIES,
    *db_material_queries.QUERIES,
    *db_team_queries.QUERIES,
    *db_call_queries.QUERIES,
    *db_job_queries.QUERIES,
)
