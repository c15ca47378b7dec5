"""Documents of a session: given by whose session it is, read by jobs, gone with the session."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest

from db import documents
from db.documents import Document, NewDocument
from db.errors import InvalidError, NotFoundError
from db.records import Session
from tests.people import Person
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _give(world: World, person: Person, session: Session, *, name: str = "offer.pdf") -> Document:
    async with world.by(person) as conn:
        return await documents.insert_document(
            conn, NewDocument(session.id, person.user_id, name, "pdf", 1000, "documents/1")
        )


async def test_members_see_what_was_given_to_a_session(world: World) -> None:
    session = await world.session(world.alice)
    given = [await _give(world, world.alice, session, name=f"{number}.pdf") for number in range(2)]
    for person in (world.alice, world.bob):
        async with world.by(person) as conn:
            assert await documents.list_documents(conn, session.id) == given
            assert await documents.get_document(conn, given[0].id) == given[0]
    assert (given[0].processing_status, given[0].organization_id) == ("pending", world.alice.organization_id)


async def test_the_oldest_is_listed_first(world: World) -> None:
    session = await world.session(world.alice)
    given = [await _give(world, world.alice, session, name=f"{number}.pdf") for number in range(3)]
    await world.owner("UPDATE documents SET created_at = created_at - interval '1 day' WHERE id = $1", given[2].id)
    async with world.by(world.bob) as conn:
        listed = await documents.list_documents(conn, session.id)
    assert [document.original_filename for document in listed] == ["2.pdf", "0.pdf", "1.pdf"]


async def test_only_whose_session_it_is_gives_some(world: World) -> None:
    session = await world.session(world.alice)
    for person in (world.bob, world.charlie):
        with pytest.raises(NotFoundError) as refusal:
            await _give(world, person, session)
        assert refusal.value.code == "session_not_found"


async def test_nobody_gives_in_somebody_elses_name(world: World) -> None:
    session = await world.session(world.alice)
    with pytest.raises(NotFoundError):
        async with world.by(world.bob) as conn:
            await documents.insert_document(conn, NewDocument(session.id, world.alice.user_id, "a.pdf", "pdf", 1))


@pytest.mark.parametrize(
    ("name", "size", "code"),
    [("", 1, "documents_original_filename_check"), ("a.pdf", -1, "documents_file_size_bytes_check")],
)
async def test_a_rule_that_is_broken_is_told_by_name(world: World, name: str, size: int, code: str) -> None:
    session = await world.session(world.alice)
    with pytest.raises(InvalidError) as refusal:
        async with world.by(world.alice) as conn:
            await documents.insert_document(conn, NewDocument(session.id, world.alice.user_id, name, "pdf", size))
    assert refusal.value.code == code


async def test_to_a_stranger_there_is_nothing(world: World) -> None:
    session = await world.session(world.alice)
    given = await _give(world, world.alice, session)
    async with world.by_jobs() as conn:
        await documents.claim_document(conn, given.id)
        await documents.store_text(conn, given.id, "words")
    async with world.by(world.charlie) as conn:
        assert await documents.list_documents(conn, session.id) == []
        assert await documents.read_text(conn, given.id) is None
        for query in (documents.get_document, documents.delete_document):
            with pytest.raises(NotFoundError) as refusal:
                await query(conn, given.id)
            assert refusal.value.code == "document_not_found"


@pytest.mark.parametrize("name", ["alice", "bob"])
async def test_its_author_and_those_who_manage_delete_it(world: World, name: str) -> None:
    session = await world.session(world.bob)
    given = await _give(world, world.bob, session)
    async with world.by(getattr(world, name)) as conn:
        await documents.delete_document(conn, given.id)
        assert await documents.list_documents(conn, session.id) == []
        with pytest.raises(NotFoundError):
            await documents.get_document(conn, given.id)
        with pytest.raises(NotFoundError):
            await documents.delete_document(conn, given.id)


async def test_another_member_does_not_delete_it(world: World) -> None:
    given = await _give(world, world.alice, await world.session(world.alice))
    with pytest.raises(NotFoundError):
        async with world.by(world.bob) as conn:
            await documents.delete_document(conn, given.id)


async def test_a_document_is_read_once(world: World) -> None:
    given = await _give(world, world.alice, await world.session(world.alice))
    async with world.by_jobs() as conn:
        claimed = await documents.claim_document(conn, given.id)
        assert claimed is not None
        assert claimed.processing_status == "processing"
        assert await documents.store_text(conn, given.id, "What it says", ocr_confidence_score=Decimal("0.90"))
        assert not await documents.store_text(conn, given.id, "Something else")
        assert await documents.claim_document(conn, given.id) is None
    async with world.by(world.bob) as conn:
        read = await documents.get_document(conn, given.id)
        assert (read.processing_status, read.ocr_confidence_score) == ("completed", Decimal("0.90"))
        assert await documents.read_text(conn, given.id) == "What it says"


async def test_nothing_is_stored_without_a_claim(world: World) -> None:
    given = await _give(world, world.alice, await world.session(world.alice))
    async with world.by_jobs() as conn:
        assert not await documents.store_text(conn, given.id, "words")
        assert not await documents.fail_document(conn, given.id, "unreadable")
        assert (await documents.get_document(conn, given.id)).processing_status == "pending"


async def test_a_failed_one_is_claimed_again(world: World) -> None:
    given = await _give(world, world.alice, await world.session(world.alice))
    async with world.by_jobs() as conn:
        await documents.claim_document(conn, given.id)
        assert await documents.fail_document(conn, given.id, "unreadable")
        failed = await documents.get_document(conn, given.id)
        assert (failed.processing_status, failed.processing_error) == ("failed", "unreadable")
        again = await documents.claim_document(conn, given.id)
    assert again is not None
    assert again.processing_error is None


async def test_a_text_that_is_not_read_yet_is_none(world: World) -> None:
    given = await _give(world, world.alice, await world.session(world.alice))
    async with world.by(world.alice) as conn:
        assert await documents.read_text(conn, given.id) is None


async def test_no_tenant_reads_documents_for_itself(world: World) -> None:
    given = await _give(world, world.alice, await world.session(world.alice))
    for query in (
        lambda conn: documents.claim_document(conn, given.id),
        lambda conn: documents.fail_document(conn, given.id, "no"),
        lambda conn: documents.store_text(conn, given.id, "mine"),
    ):
        with pytest.raises(NotFoundError):
            async with world.by(world.alice) as conn:
                await query(conn)


async def test_everything_of_a_deleted_session_is_gone(world: World) -> None:
    session = await world.session(world.alice)
    waiting, read, claimed = [await _give(world, world.alice, session, name=f"{n}.pdf") for n in range(3)]
    async with world.by_jobs() as conn:
        await documents.claim_document(conn, read.id)
        await documents.store_text(conn, read.id, "words")
        await documents.claim_document(conn, claimed.id)
    await world.delete_session(session)
    with pytest.raises(NotFoundError):
        await _give(world, world.alice, session)
    async with world.by(world.alice) as conn:
        assert await documents.list_documents(conn, session.id) == []
        assert await documents.read_text(conn, read.id) is None
        for query in (documents.get_document, documents.delete_document):
            with pytest.raises(NotFoundError):
                await query(conn, read.id)
    async with world.by_jobs() as conn:
        assert await documents.claim_document(conn, waiting.id) is None
        assert not await documents.store_text(conn, claimed.id, "words")
        assert not await documents.fail_document(conn, claimed.id, "unreadable")


async def test_a_deleted_document_is_not_read_any_more(world: World) -> None:
    given = await _give(world, world.alice, await world.session(world.alice))
    async with world.by_jobs() as conn:
        await documents.claim_document(conn, given.id)
    async with world.by(world.alice) as conn:
        await documents.delete_document(conn, given.id)
    async with world.by_jobs() as conn:
        assert not await documents.store_text(conn, given.id, "words")
        assert not await documents.fail_document(conn, given.id, "unreadable")
        assert await documents.claim_document(conn, given.id) is None


async def test_what_a_deleted_document_says_is_gone(world: World) -> None:
    given = await _give(world, world.alice, await world.session(world.alice))
    async with world.by_jobs() as conn:
        await documents.claim_document(conn, given.id)
        await documents.store_text(conn, given.id, "words")
    async with world.by(world.alice) as conn:
        assert await documents.read_text(conn, given.id) == "words"
        await documents.delete_document(conn, given.id)
        assert await documents.read_text(conn, given.id) is None


async def test_one_that_never_was_is_not_found(world: World) -> None:
    async with world.by(world.alice) as conn:
        with pytest.raises(NotFoundError):
            await documents.get_document(conn, uuid4())
