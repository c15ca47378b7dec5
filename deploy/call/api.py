"""The few requests of the control API that a caller needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp

REACH_S = 3.0
"""A server that is not reached by then is tried again: a dark network swallowed what was sent."""
CONSENT_VERSION = "liveconvo-call-1"


class ApiError(Exception):
    """The server refused; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Joining:
    """Where and with what a participant sends the offer."""

    participant_id: str
    media_url: str
    ticket: str
    ice_servers: list[dict[str, Any]]


class Api:
    """A signed-in client; use it inside `async with`."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Api:
        self._http = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=aiohttp.ClientTimeout(total=15, sock_connect=REACH_S),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._http is not None:
            await self._http.close()

    async def create_session(self, title: str, conversation_type: str) -> str:
        body = await self.request("POST", "/v1/sessions", {"title": title, "conversation_type": conversation_type})
        return str(body["id"])

    async def join(
        self,
        session_id: str,
        name: str,
        role: str,
        *,
        shared_mic: bool,
        previous_ticket: str | None = None,
        consents: bool = True,
    ) -> Joining:
        """
        Args:
            previous_ticket: of an earlier join of this participant, who comes back.
            consents: to being heard and transcribed.
        """
        consent = {"version": CONSENT_VERSION, "at": datetime.now(UTC).isoformat()}
        body = await self.request(
            "POST",
            f"/v1/sessions/{session_id}/join",
            {
                "name": name,
                "role": role,
                "shared_mic": shared_mic,
                "consent": consent if consents else None,
                "previous_ticket": previous_ticket,
            },
        )
        return Joining(body["participant_id"], body["media_url"], body["ticket"], body["ice_servers"])

    async def end(self, session_id: str) -> None:
        await self.request("POST", f"/v1/sessions/{session_id}/end")

    async def summary(self, session_id: str) -> dict[str, Any] | None:
        """The summary, finished or failed; None while it is being written."""
        body = await self.request("GET", f"/v1/sessions/{session_id}/summary", missing="summary_not_found")
        if body is None or body["generation_status"] not in ("completed", "failed"):
            return None
        return dict(body)

    async def request(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, missing: str | None = None
    ) -> Any:
        """The response's JSON.

        Raises:
            ApiError: the server refused, or cannot be reached.
        """
        assert self._http is not None  # noqa: S101 - inside `async with`
        try:
            async with self._http.request(method, self._url + path, json=body) as response:
                answer = await response.json(content_type=None) if response.content_length != 0 else None
                if response.ok:
                    return answer
                code = answer.get("code") if isinstance(answer, dict) else None
                if missing is not None and code == missing:
                    return None
                detail = answer.get("detail") if isinstance(answer, dict) else None
                raise ApiError(f"{method} {path}: {response.status} {code or ''} {detail or ''}".strip())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ApiError(f"{self._url} cannot be reached ({type(error).__name__})") from error
