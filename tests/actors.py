"""Who tries: the people and servers of the policy matrix, and what the words of POLICIES.md mean for them.

The meaning is written here once more, in Python and from the page's sentences, and knows nothing of the SQL that the
page is rendered into: a row is a mapping, a word is a question about an actor and a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from db.policies import ROLES, Access, Page, Table
from tests.valid_rows import Row, World


@dataclass(frozen=True, slots=True)
class Actor:
    name: str
    role: str = "api"
    user_id: UUID | None = None
    organizations: frozenset[UUID] = field(default_factory=frozenset)
    """Where they are an active member."""
    managed: frozenset[UUID] = field(default_factory=frozenset)
    owned: frozenset[UUID] = field(default_factory=frozenset)
    doors: frozenset[UUID] = field(default_factory=frozenset)
    is_admin: bool = False
    email: str | None = None
    """Proven."""

    @property
    def login(self) -> str:
        return ROLES[self.role]


def actors(world: World) -> list[Actor]:
    """Those of the api role first; media and jobs are bound to nobody."""
    north, south = world.sides["north"], world.sides["south"]
    here, there = frozenset({north.id}), frozenset({south.id})
    people = world.people

    def person(name: str, **more: object) -> Actor:
        return Actor(name, "api", people[name], **more)  # type: ignore[arg-type]

    return [
        person("north_owner", organizations=here, managed=here, owned=here, email="north_owner-north@example.org"),
        person("admin", organizations=here, managed=here, email="admin-north@example.org"),
        person("north_author", organizations=here, email="north_author-north@example.org"),
        person("colleague", organizations=here, email="colleague-north@example.org"),
        person("south_owner", organizations=there, managed=there, owned=there, email="south_owner-south@example.org"),
        person("invitee", email="invitee-north@example.org"),
        person("impostor"),
        person("former", email="former-north@example.org"),
        person("suspended"),
        person("closed_owner", email="closed_owner-closed@example.org"),
        Actor("signed_out"),
        person("platform_admin", is_admin=True, email="platform_admin-north@example.org"),
        person("door_keeper", is_admin=True, doors=here, email="door_keeper-north@example.org"),
        Actor("media", "media"),
        Actor("jobs", "jobs"),
    ]


@dataclass(frozen=True, slots=True)
class Judge:
    """What the page allows."""

    page: Page
    calls: Mapping[tuple[object, object], int]
    """(session, organization) → epoch."""

    def access(self, actor: Actor, table: str, verb: str) -> Access | None:
        return self.page.tables[table].access.get((actor.role, verb))

    def finds(self, actor: Actor, table: str, verb: str, row: Row) -> bool:
        """May the verb find this row? For insert: may it make it?"""
        access = self.access(actor, table, verb)
        if access is None:
            return False
        return access.words[0] == "lock" or self.allows(actor, table, verb, row)

    def allows(self, actor: Actor, table: str, verb: str, row: Row) -> bool:
        """May the verb leave this row behind?"""
        access = self.access(actor, table, verb)
        return access is not None and any(
            _MEANINGS[word](_Case(actor, self.page.tables[table], verb, row, self.calls))
            for word in access.words
            if word != "lock"
        )


def judge(page: Page, world: World) -> Judge:
    calls = {(row["session_id"], row["organization_id"]): row["epoch"] for row in world.rows["calls"]}
    return Judge(page, calls)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class _Case:
    actor: Actor
    table: Table
    verb: str
    row: Row
    calls: Mapping[tuple[object, object], int]

    @property
    def organization(self) -> object:
        return self.row.get(self.table.organization or "")

    def is_mine(self) -> bool:
        return self.actor.user_id is not None and self.row.get(self.table.person or "") == self.actor.user_id

    def is_ours(self) -> bool:
        doors = self.actor.doors if self.verb == "read" else frozenset()
        return self.organization in self.actor.organizations | doors

    def had_call(self, epoch: int) -> bool:
        session = self.row.get("id" if self.table.name == "sessions" else "session_id")
        return self.calls.get((session, self.organization), 0) >= epoch


_MEANINGS: Mapping[str, Callable[[_Case], bool]] = {
    "everyone": lambda _: True,
    "active": lambda case: case.row.get("is_active", True) is True,
    "usable": lambda case: (
        case.row.get("is_active", True) is True
        and bool(case.row.get("is_system_template") or case.row.get("is_public"))
    ),
    "self": _Case.is_mine,
    "members": _Case.is_ours,
    "managers": lambda case: case.organization in case.actor.managed,
    "owners": lambda case: case.organization in case.actor.owned,
    "author": lambda case: case.is_ours() and case.is_mine(),
    "managing": lambda case: case.organization in case.actor.managed and case.is_mine(),
    "host": lambda case: case.is_ours() and (case.is_mine() or case.row.get(case.table.person or "") is None),
    "personal": lambda case: (
        case.is_mine()
        and not case.row.get("is_organization_template")
        and (case.organization is None or case.organization in case.actor.organizations)
    ),
    "shared": lambda case: bool(case.row.get("is_organization_template")) and case.is_ours(),
    "curated": lambda case: bool(case.row.get("is_organization_template")) and case.organization in case.actor.managed,
    "admins": lambda case: case.actor.is_admin,
    "invitee": lambda case: case.actor.email is not None and case.row.get("email") == case.actor.email,
    "call": lambda case: case.had_call(1),
    "epoch": lambda case: case.had_call(case.row["epoch"]),  # type: ignore[arg-type]
}
