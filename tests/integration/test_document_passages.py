"""Passages of documents: in the documents' own languages, with their place, and never another tenant's."""

from __future__ import annotations

from uuid import UUID

import pytest

from db import context, documents, passages
from db.documents import Document, NewDocument
from db.passages import Found, Passage
from db.records import Session
from tests.people import Person
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXTS = {
    "english": "The offers that we have made are about the delivery of cars and of their tyres.",
    "german": "Die Angebote, die wir gemacht haben, sind über die Lieferung von Häusern und der Möbel.",
    "french": "Les offres que nous avons faites sont pour la livraison de maisons et de leurs chevaux.",
    "spanish": "Las ofertas que hemos hecho son para la entrega de las casas y de los caballos.",
    "italian": "Le offerte che abbiamo fatto sono per la consegna delle case e dei cavalli.",
    "dutch": "De aanbiedingen die wij hebben gemaakt zijn voor de levering van de huizen en het meubilair.",
    "russian": "Предложения, которые мы сделали, были о том, что и как мы доставим в дом.",
    "simple": "価格は四千二百ユーロです",
}


async def given(world: World, person: Person, session: Session, *contents: str) -> Document:
    async with world.by(person) as conn:
        document = await documents.insert_document(
            conn, NewDocument(session.id, person.user_id, "offer.pdf", "pdf", 100, None)
        )
    cut = [Passage(position, position + 1, content) for position, content in enumerate(contents)]
    async with world.by_jobs() as conn:
        await documents.claim_document(conn, document.id)
        assert await documents.store_text(conn, document.id, "\f".join(contents))
        await passages.store_passages(conn, document.id, cut, "\f".join(contents))
    return document


async def found(world: World, person: Person, session_id: UUID, question: str) -> list[Found]:
    async with world.by(person) as conn:
        return await passages.find_passages(conn, session_id, question)


@pytest.mark.parametrize("language", TEXTS)
async def test_a_text_is_known_by_its_small_words(world: World, language: str) -> None:
    async with world.by_jobs() as conn:
        assert await conn.fetchval("SELECT text_language($1)", TEXTS[language]) == language


@pytest.mark.parametrize(
    ("language", "question"),
    [
        ("english", "Who delivers tyre and car?"),
        ("german", "Was ist mit dem Haus?"),
        ("french", "Et le cheval et la maison?"),
        ("spanish", "¿Cuánto cuesta un caballo en casa?"),
    ],
)
async def test_a_question_finds_other_forms_of_its_words(world: World, language: str, question: str) -> None:
    session = await world.session(world.alice)
    document = await given(world, world.alice, session, TEXTS[language])
    [passage] = await found(world, world.alice, session.id, question)
    assert (passage.document_id, passage.page, passage.position) == (document.id, 1, 0)
    assert passage.language == language


async def test_documents_of_several_languages_are_asked_each_in_its_own(world: World) -> None:
    session = await world.session(world.alice)
    for language in ("english", "german"):
        await given(world, world.alice, session, TEXTS[language])
    passages_found = await found(world, world.alice, session.id, "Haus and car")
    assert {passage.language for passage in passages_found} == {"english", "german"}


async def test_the_passage_with_more_of_the_question_comes_first(world: World) -> None:
    session = await world.session(world.alice)
    await given(
        world,
        world.alice,
        session,
        "The price of it is high.",
        "The annual licence has a price of 100.",
        "And the rest.",
    )
    asked = await found(world, world.alice, session.id, "the price of the annual licence")
    assert [passage.page for passage in asked] == [2, 1]


@pytest.mark.parametrize("question", ["", "the of and", "' | ! & ( ) :* <->", "\\", "a & !b", "x" * 5000, "'); --"])
async def test_no_question_is_a_fault(world: World, question: str) -> None:
    session = await world.session(world.alice)
    await given(world, world.alice, session, TEXTS["english"])
    assert await found(world, world.alice, session.id, question) == []


async def test_another_tenant_finds_nothing_and_a_colleague_does(world: World) -> None:
    session = await world.session(world.alice)
    await given(world, world.alice, session, TEXTS["english"])
    assert await found(world, world.charlie, session.id, "cars") == []
    assert len(await found(world, world.bob, session.id, "cars")) == 1


async def test_a_node_finds_nothing_of_a_foreign_session_that_a_context_names(world: World) -> None:
    """Nodes are not bound to a tenant; whatever a context says, only the session's own organization is looked into."""
    foreign, own = await world.session(world.charlie), await world.session(world.alice)
    before = await world.session(world.alice)
    await given(world, world.charlie, foreign, TEXTS["english"])
    document = await given(world, world.alice, before, TEXTS["english"])
    linked = {"linked_session_ids": [str(foreign.id), str(before.id)]}
    async with world.by(world.alice) as conn:
        await context.put_context(conn, own.id, world.alice.user_id, text=None, metadata=linked)
    async with world.by_media() as conn:
        asked = await passages.find_passages(conn, own.id, "cars")
    assert [passage.document_id for passage in asked] == [document.id]


async def test_what_is_read_again_is_there_once(world: World) -> None:
    session = await world.session(world.alice)
    document = await given(world, world.alice, session, TEXTS["english"])
    async with world.by_jobs() as conn:
        await passages.store_passages(conn, document.id, [Passage(0, None, "The cars.")], "The cars.")
    [passage] = await found(world, world.alice, session.id, "cars")
    assert passage.content == "The cars."
    assert passage.page is None


async def test_a_deleted_document_and_a_deleted_session_say_nothing(world: World) -> None:
    session, gone = await world.session(world.alice), await world.session(world.alice)
    document = await given(world, world.alice, session, TEXTS["english"])
    await given(world, world.alice, gone, TEXTS["english"])
    async with world.by(world.alice) as conn:
        await documents.delete_document(conn, document.id)
    await world.delete_session(gone)
    for session_id in (session.id, gone.id):
        assert await found(world, world.alice, session_id, "cars") == []
