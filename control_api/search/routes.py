"""The routes of searching."""

from __future__ import annotations

from control_api import errors, limits
from control_api.routing import Policy, Route
from control_api.search import handlers

SEARCH = (
    Route(
        method="GET",
        path="/v1/search",
        handler=handlers.search_everything,
        policy=Policy.MEMBER,
        summary="Titles, transcripts and summaries of the organization's sessions, by words",
        tag="search",
        query=handlers.SearchQuery,
        response=handlers.SearchResult,
        errors=(errors.NotFoundError,),
        limit=limits.SEARCH,
    ),
    Route(
        method="GET",
        path="/v1/sessions/{id}/transcript/search",
        handler=handlers.search_transcript,
        policy=Policy.MEMBER,
        summary="What was said in one session, by words",
        tag="search",
        query=handlers.LineQuery,
        response=handlers.LinesFound,
        errors=(errors.NotFoundError,),
        limit=limits.SEARCH,
    ),
)
