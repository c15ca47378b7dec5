"""Playbooks: who may use, make and change which."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from db import templates
from db.errors import ConflictError, DbError, InvalidError, NotFoundError
from db.templates import NewTemplate, Template
from tests.people import Person
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROMPTS = [{"kind": "cue", "cue": "pace", "guidance_type": "suggest", "priority": 2, "when": "fast", "say": "Slower."}]


async def _make(
    world: World, person: Person, name: str, *, is_shared: bool = False, conversation_type: str | None = None
) -> Template:
    async with world.by(person) as conn:
        return await templates.insert_template(
            conn,
            person.user_id,
            NewTemplate(
                organization_id=person.organization_id,
                name=name,
                conversation_type=conversation_type,
                is_organization_template=is_shared,
                guidance_prompts=PROMPTS,
                context_instructions="Ask.",
                summary_template="## Next",
            ),
        )


async def _names(world: World, person: Person, organization_id: UUID, conversation_type: str | None = None) -> set[str]:
    """Those that are not the system's."""
    async with world.by(person) as conn:
        listed = await templates.list_templates(
            conn, organization_id, person.user_id, conversation_type=conversation_type
        )
    return {one.name for one in listed if not one.is_system_template}


async def test_everybody_may_use_the_systems(world: World) -> None:
    async with world.by(world.charlie) as conn:
        listed = await templates.list_templates(conn, world.charlie.organization_id, world.charlie.user_id)
        [sales] = await templates.list_templates(
            conn, world.charlie.organization_id, world.charlie.user_id, conversation_type="sales"
        )
    assert {one.conversation_type for one in listed} == {"sales", "support", "meeting", "interview"}
    assert sales.is_system_template
    assert sales.guidance_prompts
    assert sales.summary_template


async def test_one_may_use_ones_own_and_what_the_organization_shares(world: World) -> None:
    await _make(world, world.alice, "Shared", is_shared=True)
    await _make(world, world.alice, "Alice's own")
    await _make(world, world.bob, "Bob's own")
    await _make(world, world.charlie, "Charlie's", is_shared=True)
    assert await _names(world, world.bob, world.alice.organization_id) == {"Shared", "Bob's own"}
    assert await _names(world, world.alice, world.alice.organization_id) == {"Shared", "Alice's own"}


async def test_one_may_use_what_was_made_public(world: World) -> None:
    made = await _make(world, world.charlie, "For all", is_shared=True)
    await world.owner("UPDATE templates SET is_public = true WHERE id = $1", made.id)
    try:
        assert await _names(world, world.bob, world.alice.organization_id) == {"For all"}
    finally:
        await world.owner("UPDATE templates SET is_public = false WHERE id = $1", made.id)


async def test_they_are_listed_by_name(world: World) -> None:
    for name in ("Zeal", "Mood", "Aim"):
        await _make(world, world.bob, name)
    async with world.by(world.bob) as conn:
        listed = await templates.list_templates(conn, world.bob.organization_id, world.bob.user_id)
    assert [one.name for one in listed if not one.is_system_template] == ["Aim", "Mood", "Zeal"]


async def test_what_is_of_another_organization_is_not_offered_in_this_one(world: World) -> None:
    dora = await world.colleague("Dora")
    await _make(world, dora, "Here")
    there = await world.join(dora, world.charlie.organization_id)
    await _make(world, there, "There")
    await _make(world, world.charlie, "Shared there", is_shared=True)
    assert await _names(world, dora, world.alice.organization_id) == {"Here"}
    assert await _names(world, dora, world.charlie.organization_id) == {"There", "Shared there"}


async def test_those_for_a_type_and_those_for_any_are_offered_for_it(world: World) -> None:
    await _make(world, world.alice, "For sales", conversation_type="sales")
    await _make(world, world.alice, "For support", conversation_type="support")
    await _make(world, world.alice, "For any")
    assert await _names(world, world.alice, world.alice.organization_id, "sales") == {"For sales", "For any"}


async def test_what_was_made_is_what_is_read(world: World) -> None:
    made = await _make(world, world.alice, "Shared", is_shared=True, conversation_type="meeting")
    async with world.by(world.bob) as conn:
        assert await templates.get_template(conn, made.id) == made
    assert (made.guidance_prompts, made.context_instructions, made.summary_template) == (PROMPTS, "Ask.", "## Next")
    assert (made.user_id, made.organization_id) == (world.alice.user_id, world.alice.organization_id)


@pytest.mark.parametrize("is_shared", [True, False])
async def test_to_a_stranger_it_is_not_there(world: World, is_shared: bool) -> None:
    made = await _make(world, world.alice, "A", is_shared=is_shared)
    for query in (
        lambda conn: templates.get_template(conn, made.id),
        lambda conn: templates.update_template(conn, made.id, {"name": "B"}),
        lambda conn: templates.delete_template(conn, made.id),
        lambda conn: templates.clone_template(
            conn, made.id, user_id=world.charlie.user_id, organization_id=world.charlie.organization_id, name="B"
        ),
    ):
        with pytest.raises(NotFoundError) as refusal:
            async with world.by(world.charlie) as conn:
                await query(conn)
        assert refusal.value.code == "template_not_found"


async def test_ones_own_is_not_there_for_those_who_manage_the_organization_either(world: World) -> None:
    made = await _make(world, world.bob, "Bob's own")
    with pytest.raises(NotFoundError):
        async with world.by(world.alice) as conn:
            await templates.get_template(conn, made.id)


async def test_only_those_who_manage_the_organization_share(world: World) -> None:
    with pytest.raises(NotFoundError):
        await _make(world, world.bob, "Bob's", is_shared=True)
    admin = await world.colleague("Dora", "admin")
    assert (await _make(world, admin, "Dora's", is_shared=True)).is_organization_template


async def test_nobody_makes_one_elsewhere_or_in_somebody_elses_name(world: World) -> None:
    for person in (
        Person(world.bob.user_id, world.charlie.organization_id, ""),
        Person(world.alice.user_id, world.bob.organization_id, ""),
    ):
        with pytest.raises(NotFoundError):
            async with world.by(world.bob) as conn:
                await templates.insert_template(
                    conn, person.user_id, NewTemplate(organization_id=person.organization_id, name="A")
                )


async def test_what_is_changed_is_changed_and_the_rest_stays(world: World) -> None:
    made = await _make(world, world.bob, "Bob's own")
    async with world.by(world.bob) as conn:
        changed = await templates.update_template(conn, made.id, {"name": "Better", "guidance_prompts": []})
    assert (changed.name, changed.guidance_prompts, changed.context_instructions) == ("Better", [], "Ask.")


async def test_a_member_changes_nothing_that_is_shared(world: World) -> None:
    made = await _make(world, world.alice, "Shared", is_shared=True)
    with pytest.raises(NotFoundError):
        async with world.by(world.bob) as conn:
            await templates.update_template(conn, made.id, {"name": "Mine"})
    with pytest.raises(NotFoundError):
        async with world.by(world.bob) as conn:
            await templates.delete_template(conn, made.id)


async def test_nobody_changes_the_systems(world: World) -> None:
    admin = await world.administrator()
    for person in (world.alice, admin):
        async with world.by(person) as conn:
            [sales] = [
                one
                for one in await templates.list_templates(
                    conn, world.alice.organization_id, person.user_id, conversation_type="sales"
                )
                if one.is_system_template
            ]
        with pytest.raises(NotFoundError):
            async with world.by(person) as conn:
                await templates.update_template(conn, sales.id, {"name": "Mine"})


async def test_one_that_is_switched_off_is_kept_and_not_offered(world: World) -> None:
    made = await _make(world, world.alice, "Shared", is_shared=True)
    async with world.by(world.alice) as conn:
        await templates.update_template(conn, made.id, {"is_active": False})
        assert not (await templates.get_template(conn, made.id)).is_active
    assert await _names(world, world.bob, world.alice.organization_id) == set()


async def test_a_deleted_one_is_not_there(world: World) -> None:
    made = await _make(world, world.alice, "Shared", is_shared=True)
    async with world.by(world.alice) as conn:
        await templates.delete_template(conn, made.id)
    assert await _names(world, world.alice, world.alice.organization_id) == set()
    for query in (
        lambda conn: templates.get_template(conn, made.id),
        lambda conn: templates.update_template(conn, made.id, {"name": "B"}),
        lambda conn: templates.delete_template(conn, made.id),
        lambda conn: templates.clone_template(
            conn, made.id, user_id=world.alice.user_id, organization_id=world.alice.organization_id, name="B"
        ),
    ):
        with pytest.raises(NotFoundError):
            async with world.by(world.alice) as conn:
                await query(conn)


async def test_a_copy_is_ones_own_to_change(world: World) -> None:
    made = await _make(world, world.alice, "Shared", is_shared=True, conversation_type="sales")
    async with world.by(world.bob) as conn:
        copy = await templates.clone_template(
            conn, made.id, user_id=world.bob.user_id, organization_id=world.bob.organization_id, name="Mine"
        )
        changed = await templates.update_template(conn, copy.id, {"context_instructions": "Listen."})
    assert (copy.guidance_prompts, copy.conversation_type, copy.is_organization_template) == (PROMPTS, "sales", False)
    assert changed.context_instructions == "Listen."
    async with world.by(world.alice) as conn:
        assert (await templates.get_template(conn, made.id)).context_instructions == "Ask."


async def test_the_systems_are_copied_for_an_organization_by_those_who_manage_it(world: World) -> None:
    async with world.by(world.alice) as conn:
        listed = await templates.list_templates(conn, world.alice.organization_id, world.alice.user_id)
        copy = await templates.clone_template(
            conn,
            listed[0].id,
            user_id=world.alice.user_id,
            organization_id=world.alice.organization_id,
            name="Ours",
            is_organization_template=True,
        )
    assert not copy.is_system_template
    assert copy.guidance_prompts == listed[0].guidance_prompts
    assert await _names(world, world.bob, world.alice.organization_id) == {"Ours"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, "no_changes"),
        ({"name": ""}, "templates_name_check"),
        ({"conversation_type": "chat"}, "templates_conversation_type_check"),
        ({"usage_count": 7}, "usage_count"),
        ({"guidance_prompts": {}}, "templates_guidance_prompts_check"),
    ],
)
async def test_a_rule_that_is_broken_is_told_by_name(
    world: World, changes: templates.TemplateChanges, code: str
) -> None:
    made = await _make(world, world.bob, "Bob's own")
    with pytest.raises(InvalidError) as refusal:
        async with world.by(world.bob) as conn:
            await templates.update_template(conn, made.id, changes)
    assert refusal.value.code == code


async def test_only_what_is_shared_is_published(world: World) -> None:
    own, shared = await _make(world, world.alice, "Own"), await _make(world, world.alice, "Ours", is_shared=True)
    with pytest.raises(ConflictError) as refusal:
        async with world.by(world.alice) as conn:
            await templates.update_template(conn, own.id, {"is_public": True})
    assert refusal.value.code == "template_not_shared"
    async with world.by(world.alice) as conn:
        assert (await templates.update_template(conn, shared.id, {"is_public": True})).version == shared.version
        changed = await templates.update_template(conn, shared.id, {"is_public": False, "summary_template": "## New"})
    assert changed.version == shared.version + 1


async def test_one_that_never_was_is_not_found(world: World) -> None:
    with pytest.raises(DbError) as refusal:
        async with world.by(world.alice) as conn:
            await templates.get_template(conn, uuid4())
    assert refusal.value.code == "template_not_found"
