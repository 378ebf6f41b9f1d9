"""What of a text is searched by, and indexing anew what an earlier version indexed otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from sqlalchemy import text

from chatai.core.actor import Actor
from chatai.core.database import Database
from chatai.core.settings import Settings
from chatai.domains.knowledge import postings, repository, service
from chatai.domains.knowledge.models import KnowledgeIndex
from chatai.domains.knowledge.ports import embedder
from chatai.domains.knowledge.terms import VERSION, codes, searchable
from chatai.integrations.openai.embeddings import OpenAIEmbedder
from tests.fakes.openai import FakeOpenAI
from tests.knowledge.conftest import Add, make_assistant

ORDER = "Приказ №57 о скидках действует май–июнь, цена 300₽ за бизнес‑план «Ромашка», при 20°C."
OTHERS = ("Насос PPR-9087 по ГОСТ 12.1.004 в наличии.", "Насос PPR-9088 под заказ, ГОСТ 12.1.005.")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("№5", "5"),
        ("Дом № 5", "Дом 5"),
        ("а–б и в—г", "а б и в г"),
        ("бизнес‑план", "бизнес-план"),
        ("300₽/м²", "300 /м²"),
        ("don’t", "don t"),
        ("PPR-9087 по ГОСТ 12.1.004, a_b", "PPR-9087 по ГОСТ 12.1.004, a_b"),
        ("и\u0306ог сло\u00adво ёж", "и\u0306ог слово еж"),  # a letter in two parts stays one
    ],
)
def test_signs_are_no_letters(given: str, expected: str) -> None:
    assert " ".join(searchable(given).split()) == expected


@pytest.mark.parametrize("code", ["PPR-9087", "PPR–9087", "РРR‑9087", "ppr 9087"])
def test_codes_are_the_same_ones_with_every_dash(code: str) -> None:
    assert "=ppr9087" in codes(code)


async def first_found(database: Database, actor: Actor, assistant_id: UUID, query: str) -> str:
    async with database.workspace(actor.workspace_id) as uow:
        found = await service.search(uow, assistant_id, query)
    return found[0].text if found else ""


@pytest.mark.parametrize("query", ["57", "№57", "№ 57", "приказ №57", "июнь", "май–июнь", "300", "бизнес", "20"])
async def test_what_signs_stand_by_is_found(
    database: Database, actor: Actor, assistant_id: UUID, ready: Add, query: str
) -> None:
    for number, content in enumerate((*OTHERS, ORDER)):
        await ready(f"{number}.txt", content)
    assert await first_found(database, actor, assistant_id, query) == ORDER
    async with database.workspace(actor.workspace_id) as uow:
        [document] = [one for one in await service.list_documents(uow, actor, assistant_id) if one.name == "2.txt"]
        assert (await service.list_chunks(uow, actor, document.id, words=query)).total == 1


async def test_codes_stay_exact(database: Database, actor: Actor, assistant_id: UUID, ready: Add) -> None:
    for number, content in enumerate((*OTHERS, ORDER)):
        await ready(f"{number}.txt", content)
    for query, which in (("PPR-9087", 0), ("РРR–9088", 1), ("ГОСТ 12.1.004", 0), ("гост 12.1.005", 1)):
        assert await first_found(database, actor, assistant_id, query) == OTHERS[which]


@pytest.fixture
async def vectors(settings: Settings) -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI() as fake:
        model = OpenAIEmbedder(
            settings.model_copy(update={"openai_base_url": fake.url, "embedding_model": "text-embedding-3-small"})
        )
        embedder.bind(model)
        yield fake
        embedder.bind(None)
        await model.close()


async def as_before(database: Database, actor: Actor, assistant_id: UUID) -> None:
    """Indexes by words as the version before did: signs are letters."""
    async with database.workspace(actor.workspace_id) as uow:
        await uow.session.execute(text("UPDATE chunk SET search = to_tsvector('russian', translate(text, '«»', '  '))"))
        index = await postings.locked(uow, actor.workspace_id, assistant_id)
        index.terms_version = 0
        index.terms = (await uow.session.execute(text("SELECT sum(length(search)) FROM chunk"))).scalar_one()
        await uow.session.flush()
        old = await postings.segments(uow, assistant_id)
        await postings.replace(uow, index, old, 1, index.last_number)


async def test_what_an_earlier_version_indexed_is_indexed_anew_without_new_vectors(
    database: Database, actor: Actor, assistant_id: UUID, vectors: FakeOpenAI, ready: Add
) -> None:
    for number, content in enumerate((*OTHERS, ORDER)):
        await ready(f"{number}.txt", content)
    state = text("SELECT id, number, content, text FROM chunk ORDER BY number")
    async with database.workspace(actor.workspace_id) as uow:
        chunks = (await uow.session.execute(state)).all()
    await as_before(database, actor, assistant_id)
    embedder_before, asked = embedder.optional, len(vectors.requests)
    embedder.bind(None)  # by words alone
    assert await first_found(database, actor, assistant_id, "57") == ""
    embedder.bind(embedder_before)

    assert await service.enqueue_all(database) == 1
    await service.tend(database, actor.workspace_id, assistant_id)
    assert len(vectors.requests) == asked
    embedder.bind(None)
    assert await first_found(database, actor, assistant_id, "57") == ORDER
    assert await first_found(database, actor, assistant_id, "PPR-9087") == OTHERS[0]
    async with database.workspace(actor.workspace_id) as uow:
        assert (await uow.session.execute(state)).all() == chunks
        index = await uow.session.get_one(KnowledgeIndex, assistant_id)
        assert index.terms_version == VERSION
        assert index.terms == (await uow.session.execute(text("SELECT sum(length(search)) FROM chunk"))).scalar_one()
    assert await service.enqueue_all(database) == 0


async def test_a_copy_of_what_an_earlier_version_indexed_is_indexed_anew(
    database: Database, actor: Actor, assistant_id: UUID, ready: Add
) -> None:
    await ready("order.txt", ORDER)
    await as_before(database, actor, assistant_id)
    copy = await make_assistant(database, actor, "Copy")
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        await service.copy_documents(uow, actor, assistant_id, copy, [])
    assert await first_found(database, actor, copy, "57") == ""
    await service.tend(database, actor.workspace_id, copy)
    assert await first_found(database, actor, copy, "57") == ORDER


async def test_indexing_anew_that_was_cut_off_is_brought_to_its_end(
    database: Database, actor: Actor, assistant_id: UUID, ready: Add
) -> None:
    await ready("order.txt", ORDER)
    await as_before(database, actor, assistant_id)
    async with database.workspace(actor.workspace_id) as uow:
        index = await postings.locked(uow, actor.workspace_id, assistant_id)
        assert await repository.index_chunks_anew(uow, index, 0, 10) == (index.last_number, 1)
    assert await first_found(database, actor, assistant_id, "57") == ""  # the chunk says it, its segment does not yet
    assert await first_found(database, actor, assistant_id, "скидках") == ORDER
    await service.tend(database, actor.workspace_id, assistant_id)
    assert await first_found(database, actor, assistant_id, "57") == ORDER
