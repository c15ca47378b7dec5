"""What a list is asked for, a page at a time."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from control_api.fields import PageSize
from control_api.http import Query


class Page(Query):
    limit: PageSize = 20
    cursor: Annotated[str, StringConstraints(max_length=200)] | None = Field(
        default=None, description="`next_cursor` of the page before"
    )
