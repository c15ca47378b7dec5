"""Commands to a live call, by whoever may change its session: the node carries them out, and says what came of it.

Rules:
- A command has an id, the client's if it names one: the same again is the same command, and is carried out once.
- It is a row before anything happens. The answer waits for the node; when that takes too long it is 202, and what
  became of the command is asked by its id.
- What is for the moment (all but ending the call and sending somebody away) is carried out within thirty seconds or not
  at all, also when the node was killed meanwhile.
- Guidance by hand goes to those to whom guidance is granted, and to nobody else.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID, uuid4

from aiohttp import web
from pydantic import ConfigDict, Field, model_validator

from control_api import errors
from control_api.access import as_member, as_user, changeable_session, check_permission
from control_api.auth import member
from control_api.fields import CoachedRole, Prose
from control_api.http import Body, View, body, path_id, respond
from control_api.state import state
from db import calls, commands, sessions
from db.commands import CommandState
from db.errors import NotFoundError
from db.pool import Connection
from db.records import Session

Kind = Literal["end", "remove_participant", "mute", "unmute", "pause", "unpause", "off_record", "on_record", "guide"]
TO_SOMEBODY = frozenset({"remove_participant", "mute", "unmute"})
ASK_S, ASK_LONGER_S = 0.05, 0.25
REFUSED: dict[str, type[errors.Refusal]] = {
    "no_call": errors.NoLiveCallError,
    "no_participant": errors.ParticipantAwayError,
    "muted_by_themselves": errors.MutedByThemselvesError,
    "not_started": errors.CallNotStartedError,
    "not_kept": errors.CommandNotKeptError,
}
"""What a node says instead of `done`."""


class HandGuidance(Body):
    content: Annotated[Prose, Field(min_length=1, max_length=500)]
    guidance_type: Literal["ask", "clarify", "avoid", "suggest", "warn"] = "suggest"
    priority: Annotated[int, Field(ge=1, le=3)] = 1
    role: CoachedRole | None = None
    """For the coached of this role alone; without it, and without a participant, for all who are coached."""


class NewCommand(Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"kind": "off_record"},
                {"kind": "mute", "participant_id": "7f6f9f5e-1c5b-4f0c-9d57-3f1d0f6a2b11"},
                {"kind": "guide", "guidance": {"content": "Ask for the budget.", "role": "host"}},
            ]
        }
    )

    id: UUID | None = None
    """The client's own, so that sending it again changes nothing."""
    kind: Kind
    participant_id: UUID | None = None
    """Whom it is about; for `guide`, whom it is for alone."""
    guidance: HandGuidance | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.kind == "guide") != (self.guidance is not None):
            raise ValueError("guidance belongs to guide")
        if self.kind in TO_SOMEBODY and self.participant_id is None:
            raise ValueError("name the participant")
        if self.participant_id is not None and self.kind not in TO_SOMEBODY | {"guide"}:
            raise ValueError("this concerns the whole call")
        if self.participant_id is not None and self.guidance is not None and self.guidance.role is not None:
            raise ValueError("guidance is for a role or for a participant")
        return self


class CommandView(View):
    id: UUID
    kind: str
    state: Literal["pending", "done", "refused", "not_carried_out"]
    outcome: str | None = Field(description="What the node said; null while it has said nothing")
    created_at: datetime
    acknowledged_at: datetime | None

    @classmethod
    def of(cls, command: CommandState) -> Self:
        return cls(
            id=command.id,
            kind=command.kind,
            state=_state_of(command),
            outcome=command.outcome,
            created_at=command.created_at,
            acknowledged_at=command.acknowledged_at,
        )


async def give_command(request: web.Request) -> web.Response:
    sent, who = body(request, NewCommand), member(request)
    async with as_member(request) as conn:
        session = await changeable_session(conn, who, path_id(request))
        await check_permission(conn, who, "calls.moderate")
        payload = await _payload(conn, session, sent)
        call = await calls.current_call(conn, session.id)
        command = await _known(conn, session, sent, payload)
        if command is None:
            if call is None:
                raise errors.NoLiveCallError
            command_id = sent.id or uuid4()
            is_new = await commands.insert_command(
                conn,
                id=command_id,
                session_id=session.id,
                organization_id=session.organization_id,
                kind=sent.kind,
                payload=payload,
                created_by=who.user_id,
            )
            if not is_new:
                raise errors.ConflictError("This id is another command's.")
            command = await commands.find_command(conn, session.id, command_id)
    if call is not None and command.outcome is None:
        await state(request).live.wake_node(call.node)
    return _answer(await _carried_out(request, command))


async def get_command(request: web.Request) -> web.Response:
    async with as_member(request) as conn:
        session = await changeable_session(conn, member(request), path_id(request))
        command = await commands.find_command(conn, session.id, path_id(request, "command_id"))
    return respond(CommandView.of(command))


async def _known(conn: Connection, session: Session, sent: NewCommand, payload: dict[str, Any]) -> CommandState | None:
    """The same command, if it was given before.

    Raises:
        ConflictError: the id is another one's.
    """
    if sent.id is None:
        return None
    try:
        command = await commands.find_command(conn, session.id, sent.id)
    except NotFoundError:
        return None
    if (command.kind, command.payload) != (sent.kind, payload):
        raise errors.ConflictError("This id is another command's.")
    return command


async def _payload(conn: Connection, session: Session, sent: NewCommand) -> dict[str, Any]:
    """What the node is told.

    Raises:
        NotFoundError: no such participant.
        NotCoachedError: guidance for somebody to whom none is granted.
    """
    person = None
    if sent.participant_id is not None:
        people = await sessions.list_participants(conn, session.id)
        person = next((each for each in people if each.id == sent.participant_id), None)
        if person is None:
            raise errors.NotFoundError
    if sent.guidance is None:
        return {} if person is None else {"participant_id": str(person.id)}
    role = sent.guidance.role
    if (person is not None and not person.coached) or (role is not None and role not in session.coached_roles):
        raise errors.NotCoachedError
    audience = "coached"
    if person is not None:
        audience = f"participant:{person.id}"
    elif role is not None:
        audience = f"role:{role}"
    return {
        "audience": audience,
        "content": sent.guidance.content,
        "guidance_type": sent.guidance.guidance_type,
        "priority": sent.guidance.priority,
    }


async def _carried_out(request: web.Request, command: CommandState) -> CommandState:
    """As it is once the node has answered, or the time is up."""
    loop = asyncio.get_running_loop()
    until, pause_s = loop.time() + state(request).settings.command_wait_s, ASK_S
    while command.outcome is None and not command.is_late and loop.time() < until:
        await asyncio.sleep(pause_s)
        pause_s = min(ASK_LONGER_S, 1.5 * pause_s)
        async with as_user(request, member(request).user_id) as conn:
            command = await commands.find_command(conn, command.session_id, command.id)
    return command


def _answer(command: CommandState) -> web.Response:
    """
    Raises:
        Refusal: what the node said instead of doing it.
    """
    if _state_of(command) == "refused":
        raise REFUSED.get(command.outcome or "", errors.CommandFailedError)
    if command.is_late:
        raise errors.CommandFailedError
    response = respond(CommandView.of(command), 200 if command.outcome else 202)
    response.headers["Location"] = f"/v1/sessions/{command.session_id}/commands/{command.id}"
    return response


def _state_of(command: CommandState) -> Literal["pending", "done", "refused", "not_carried_out"]:
    if command.outcome is not None:
        return "done" if command.outcome == "done" else "refused"
    return "not_carried_out" if command.is_late else "pending"
