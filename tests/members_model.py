"""Who belongs to one organization and who is invited to it, naively: one step after the other, nobody else there.

A step takes the state and says what it is afterwards, or with which codes it may be refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

PEOPLE = 6
"""By their number: an owner, an admin, a member and three strangers."""
UNVERIFIED = PEOPLE - 1
"""The one whose address is not proven."""


class Refused(Exception):
    """With any of these codes."""

    def __init__(self, *codes: str) -> None:
        super().__init__(", ".join(codes))
        self.codes = codes


@dataclass(frozen=True, slots=True)
class Invited:
    key: bytes
    """The link's first token, by which it is told from others."""
    person: int
    role: str
    token: bytes
    status: str = "pending"
    is_lapsed: bool = False
    accepted_by: int | None = None


@dataclass(slots=True)
class State:
    seats: int
    members: dict[int, tuple[str, str]] = field(
        default_factory=lambda: {0: ("owner", "active"), 1: ("admin", "active"), 2: ("member", "active")}
    )
    """Role and status."""
    invited: list[Invited] = field(default_factory=list)
    working: frozenset[int] = frozenset({0, 1, 2})
    """Those who work in this organization."""

    def copy(self) -> State:
        return State(self.seats, dict(self.members), list(self.invited), self.working)

    def role(self, person: int) -> str | None:
        """None: not an active member."""
        role, status = self.members.get(person, ("", ""))
        return role if status == "active" else None

    def manages(self, person: int) -> bool:
        return self.role(person) in {"owner", "admin"}

    @property
    def is_owned(self) -> bool:
        return ("owner", "active") in self.members.values()

    # invitations

    def invite(self, actor: int, person: int, role: str, token: bytes) -> None:
        if not self.manages(actor):
            # Under the lock the rule of owners may speak before the policy does.
            raise Refused("organization_not_found", "not_found", *["not_an_owner"][: role == "owner"])
        if role == "owner" and self.role(actor) != "owner":
            raise Refused("not_an_owner")
        self.invited = [
            replace(one, status="expired") if one.status == "pending" and one.is_lapsed else one for one in self.invited
        ]
        if any(one.person == person and one.status == "pending" for one in self.invited):
            raise Refused("organization_invitations_pending_key")
        self.invited.append(Invited(token, person, role, token))

    def resend(self, actor: int, which: int, token: bytes) -> None:
        self._change(actor, which)
        self.invited[which] = replace(self.invited[which], token=token, is_lapsed=False)

    def cancel(self, actor: int, which: int) -> None:
        self._change(actor, which)
        self.invited[which] = replace(self.invited[which], status="cancelled")

    def _change(self, actor: int, which: int) -> None:
        one = self.invited[which]
        if not self.manages(actor):
            # Whoever waited for the lock and manages nothing any more may still see what is sent to themselves.
            own = ["invitation_state"][: one.person == actor]
            raise Refused("organization_not_found", "invitation_not_found", *own)
        if one.status != "pending":
            raise Refused("invitation_state")

    def accept(self, actor: int, which: int, token: bytes) -> None:
        one = self.invited[which]
        if token != one.token:
            raise Refused("invitation_not_found")
        if actor != one.person or actor == UNVERIFIED:
            raise Refused("invitation_not_yours")
        if one.status == "accepted" and one.accepted_by == actor and self.role(actor):
            return
        if one.status != "pending":
            raise Refused("invitation_state")
        if one.is_lapsed:
            raise Refused("invitation_expired")
        if self.role(actor) is None:
            if sum(status == "active" for _, status in self.members.values()) >= self.seats:
                raise Refused("member_limit")
            self.members[actor] = (one.role, "active")
        self.invited[which] = replace(one, status="accepted", accepted_by=actor)
        self.working |= {actor}

    def decline(self, which: int, token: bytes) -> None:
        one = self.invited[which]
        if token != one.token:
            raise Refused("invitation_not_found")
        if one.status != "pending":
            raise Refused("invitation_state")
        self.invited[which] = replace(one, status="declined")

    def lapse(self, which: int) -> None:
        self.invited[which] = replace(self.invited[which], is_lapsed=True)

    # members

    def set_role(self, actor: int, person: int, role: str) -> None:
        self._require_change(actor, person, role)
        self.members[person] = (role, self.members[person][1])

    def remove(self, actor: int, person: int) -> None:
        self._require_change(actor, person, None)
        self._take_out(person)

    def leave(self, actor: int) -> None:
        if self.role(actor) is None:
            raise Refused("organization_not_found")
        self._take_out(actor)

    def _require_change(self, actor: int, person: int, new_role: str | None) -> None:
        old_role, status = self.members.get(person, ("", "removed"))
        if self.role(actor) is None or status == "removed":
            raise Refused("member_not_found")
        if not self.manages(actor):
            raise Refused("not_a_manager")
        if "owner" in {old_role, new_role} and self.role(actor) != "owner":
            raise Refused("not_an_owner")

    def _take_out(self, person: int) -> None:
        self.members[person] = (self.members[person][0], "removed")
        self.working -= {person}
