"""ICE servers for one participant: TURN credentials that expire (coturn's `use-auth-secret`, HMAC-SHA1)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from uuid import UUID

from pydantic import Field

from control_api.http import View
from control_api.settings import TurnSettings


class IceServer(View):
    """One entry of a browser's RTCConfiguration.iceServers."""

    urls: list[str]
    username: str = Field(description="Unix time of expiry and participant id")
    credential: str


def ice_servers(turn: TurnSettings, participant_id: UUID, now_s: int) -> list[IceServer]:
    """What the participant may use to be relayed; empty without TURN."""
    if not turn.urls or not turn.secret:
        return []
    username = f"{now_s + turn.credential_ttl_s}:{participant_id}"
    # The protocol's choice of hash, not ours: draft-uberti-behave-turn-rest-00 §2.2.
    digest = hmac.new(turn.secret.encode(), username.encode(), hashlib.sha1).digest()
    return [IceServer(urls=list(turn.urls), username=username, credential=base64.b64encode(digest).decode())]
