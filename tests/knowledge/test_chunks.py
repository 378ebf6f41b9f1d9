"""Passages that their keeper edits, puts back, switches off and on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from chatai.core.actor import Actor, Role
from chatai.core.database import Database
from chatai.core.errors import Forbidden
from chatai.core.settings import Settings
from chatai.domains.audit.models import AuditEvent
from chatai.domains.knowledge import chunks, ingestion, repository, service
from chatai.domains.knowledge.errors import (
    BadChunk,
    ChangesAtRisk,
    ChunkChanged,
    ChunkNotFound,
    ChunkOfAnswer,
    DocumentNotFound,
)
from chatai.domains.knowledge.models import KnowledgeIndex
from chatai.domains.knowledge.ports import embedder
from chatai.domains.knowledge.schemas import ChunkChange, ChunkDraft, ChunkView, Passage
from chatai.integrations.openai.embeddings import OpenAIEmbedder
from tests.fakes.openai import FakeOpenAI
from tests.knowledge.conftest import Add, make_assistant
from tests.knowledge.test_postings import pairs

PUMPS = "Насос ППР-9087 стоит двенадцать тысяч рублей и подходит для скважин."
VALVES = "Вентили чугунные поставляются со склада за три дня."


@pytest.fixture
async def model(ports: None, settings: Settings) -> AsyncIterator[OpenAIEmbedder]:
    """An embedding model whose vectors of alike texts are near each other."""
    async with FakeOpenAI() as fake:
        made = OpenAIEmbedder(settings.model_copy(update={"openai_base_url": fake.url, "embedding_model": "small"}))
        embedder.bind(made)
        yield made
        await made.close()


class Keeper:
    """Calls the service as the edge does, each time in a unit of work of its own."""

    def __init__(self, database: Database, actor: Actor) -> None:
        self.database, self.actor = database, actor

    async def call(self, function: Any, *args: Any, **options: Any) -> Any:
        async with self.database.workspace(self.actor.workspace_id, self.actor.account_id) as uow:
            return await function(uow, self.actor, *args, **options)

    async def chunks(self, document_id: UUID, **options: Any) -> list[ChunkView]:
        found = await self.call(service.list_chunks, document_id, **options)
        return list(found.chunks)

    async def edit(self, chunk: ChunkView, new: str) -> ChunkView:
        edited: ChunkView = await self.call(service.edit_chunk, chunk.id, new, before=chunk.text)
        return edited

    async def found(self, assistant_id: UUID, query: str) -> list[Passage]:
        vector = await service.embed_query(query, assistant_id)
        async with self.database.workspace(self.actor.workspace_id) as uow:
            return await service.search(uow, assistant_id, query, vector=vector)


@pytest.fixture
def keeper(database: Database, actor: Actor) -> Keeper:
    return Keeper(database, actor)


async def test_an_edited_passage_is_found_by_its_new_words_and_not_by_its_old_ones(
    ready: Add, keeper: Keeper, database: Database, actor: Actor, assistant_id: UUID
) -> None:
    document = await ready("a.txt", PUMPS)
    await ready("b.txt", VALVES)
    (chunk,) = await keeper.chunks(document.id)
    edited = await keeper.edit(chunk, "  Помпа АБВ-1 стоит дорого.\r\nОна для колодцев.  ")
    assert (edited.text, edited.original_text) == ("Помпа АБВ-1 стоит дорого.\nОна для колодцев.", PUMPS)
    for words in ("насос", "скважина", "ППР-9087", "«двенадцать тысяч рублей»"):
        assert document.id not in {passage.document_id for passage in await keeper.found(assistant_id, words)}
    for words in ("помпы", "колодцы", "абв1", "«для колодцев»"):
        (passage,) = await keeper.found(assistant_id, words)
        assert (passage.chunk_id, passage.text, passage.edited) == (chunk.id, edited.text, True)
        assert (passage.char_start, passage.char_end) == (0, len(PUMPS))
    indexed, held = await pairs(database, actor, assistant_id)
    assert held <= indexed  # what is left over names a chunk number that is gone
    async with database.workspace(actor.workspace_id) as uow:
        index = await uow.session.get_one(KnowledgeIndex, assistant_id)
        assert index.chunks == 2
        assert index.terms == (await uow.session.execute(text("SELECT sum(length(search)) FROM chunk"))).scalar_one()

    restored = await keeper.call(service.restore_chunk, chunk.id)
    assert (restored.text, restored.original_text) == (PUMPS, None)
    assert await keeper.found(assistant_id, "помпа") == []
    assert [passage.text for passage in await keeper.found(assistant_id, "насосы")] == [PUMPS]
    assert not (await keeper.found(assistant_id, "насосы"))[0].edited
    assert await keeper.call(service.restore_chunk, chunk.id) == restored


async def test_an_edited_passage_keeps_its_place_when_a_part_of_it_is_cited(
    ready: Add, keeper: Keeper, database: Database, actor: Actor, assistant_id: UUID
) -> None:
    document = await ready("a.txt", PUMPS)
    (chunk,) = await keeper.chunks(document.id)
    await keeper.edit(chunk, "Помпа дорогая. Она нужна в колодце.")
    (passage,) = await keeper.found(assistant_id, "помпа")
    async with database.workspace(actor.workspace_id) as uow:
        cut = await service.narrow(uow, passage, 0, 14)
    assert (cut.text, cut.char_start, cut.char_end) == ("Помпа дорогая.", 0, len(PUMPS))


async def test_the_vector_follows_the_text(
    ready: Add, keeper: Keeper, database: Database, actor: Actor, assistant_id: UUID, model: OpenAIEmbedder
) -> None:
    document = await ready("a.txt", PUMPS)
    await ready("b.txt", VALVES)
    (before,) = [passage for passage in await keeper.found(assistant_id, PUMPS) if passage.text == PUMPS]
    assert before.vector_rank == 1
    (chunk,) = await keeper.chunks(document.id)
    new = "Помпа для колодца стоит пятнадцать тысяч."
    await keeper.edit(chunk, new)
    at_once = await keeper.found(assistant_id, PUMPS)
    assert not [passage for passage in at_once if passage.chunk_id == chunk.id and passage.vector_rank]
    found = await keeper.call(service.get_document, document.id)
    assert found.state == "embedding"
    await service.ingest(database, actor.workspace_id, document.id)
    await service.tend(database, actor.workspace_id, assistant_id)
    (after,) = [passage for passage in await keeper.found(assistant_id, new) if passage.chunk_id == chunk.id]
    assert (after.text_rank, after.vector_rank) == (1, 1)
    async with database.system() as uow:
        assert (await uow.session.execute(text("SELECT count(*) FROM chunk_vector"))).scalar_one() == 2


async def test_an_edit_in_the_middle_of_embedding_is_embedded_too(
    ready: Add,
    keeper: Keeper,
    database: Database,
    actor: Actor,
    assistant_id: UUID,
    model: OpenAIEmbedder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    document = await ready("a.txt", PUMPS)
    (chunk,) = await keeper.chunks(document.id)
    await keeper.edit(chunk, "Первая правка")
    embed_batch = ingestion._embed_batch
    edits = ["Вторая правка о колодце"]

    async def edit_when_all_is_done(*args: Any) -> bool:
        more = await embed_batch(*args)
        if not more and edits:
            (now_there,) = await keeper.chunks(document.id)
            await keeper.edit(now_there, edits.pop())
        return more

    monkeypatch.setattr(ingestion, "_embed_batch", edit_when_all_is_done)
    await service.ingest(database, actor.workspace_id, document.id)
    assert (await keeper.call(service.get_document, document.id)).state == "ready"
    (passage,) = await keeper.found(assistant_id, "Вторая правка о колодце")
    assert passage.vector_rank == 1


async def test_a_passage_that_is_switched_off_is_found_by_neither_leg(
    ready: Add, keeper: Keeper, database: Database, actor: Actor, assistant_id: UUID, model: OpenAIEmbedder
) -> None:
    document = await ready("a.txt", PUMPS)
    await ready("b.txt", VALVES)
    (chunk,) = await keeper.chunks(document.id)
    assert (await keeper.call(service.switch_chunk, chunk.id, on=False)).disabled
    for query in (PUMPS, "насос", "«подходит для скважин»"):
        assert chunk.id not in {passage.chunk_id for passage in await keeper.found(assistant_id, query)}
    assert [one.disabled for one in await keeper.chunks(document.id)] == [True]
    await service.ingest(database, actor.workspace_id, document.id)
    await service.tend(database, actor.workspace_id, assistant_id)
    async with database.system() as uow:  # its vector takes no neighbour's place
        assert (await uow.session.execute(text("SELECT count(*) FROM chunk_vector"))).scalar_one() == 1

    await keeper.call(service.switch_chunk, chunk.id, on=True)
    await service.ingest(database, actor.workspace_id, document.id)
    (passage,) = [one for one in await keeper.found(assistant_id, PUMPS) if one.chunk_id == chunk.id]
    assert (passage.text_rank, passage.vector_rank) == (1, 1)


async def test_what_cannot_be_written(ready: Add, keeper: Keeper, assistant_id: UUID) -> None:
    document = await ready("a.txt", PUMPS)
    (chunk,) = await keeper.chunks(document.id)
    for bad in ("", " \n", "…!", "я" * (chunks.MOST_CHARS + 1)):
        with pytest.raises(BadChunk) as caught:
            await keeper.edit(chunk, bad)
        assert "4000" in caught.value.sentence("ru")
    assert await keeper.edit(chunk, PUMPS + "\x00 ") == chunk  # nothing was changed
    await keeper.edit(chunk, "Первая правка")
    with pytest.raises(ChunkChanged):
        await keeper.edit(chunk, "Вторая правка, с того же начала")
    with pytest.raises(ChunkNotFound):
        await keeper.call(service.switch_chunk, uuid4(), on=False)


async def test_who_may_and_who_may_not(
    ready: Add, keeper: Keeper, database: Database, actor: Actor, stranger: Actor, new_actor: Any
) -> None:
    document = await ready("a.txt", PUMPS)
    (chunk,) = await keeper.chunks(document.id)

    async def refused(who: Keeper, error: type[Exception]) -> None:
        for function, options in (
            (service.edit_chunk, {"text": "Другое", "before": chunk.text}),
            (service.restore_chunk, {}),
            (service.switch_chunk, {"on": False}),
        ):
            with pytest.raises(error):
                await who.call(function, chunk.id, **options)

    user = Keeper(database, await new_actor(workspace_id=actor.workspace_id, role=Role.USER))
    await refused(user, Forbidden)
    assert await user.chunks(document.id) == [chunk]
    await refused(Keeper(database, stranger), ChunkNotFound)
    with pytest.raises(DocumentNotFound):
        await Keeper(database, stranger).chunks(document.id)
    assert await Keeper(database, stranger).call(service.count_changes, document.id) == (0, 0)
    operator = Keeper(database, await new_actor(workspace_id=actor.workspace_id, role=Role.OPERATOR))
    await operator.edit(chunk, "Правка оператора")
    await operator.call(service.switch_chunk, chunk.id, on=False)
    assert await keeper.call(service.count_changes, document.id) == (1, 1)
    async with database.workspace(actor.workspace_id) as uow:
        events = await uow.session.execute(
            AuditEvent.__table__.select().where(AuditEvent.__table__.c.subject_id == chunk.id)  # type: ignore[attr-defined]
        )
        actions = [(row.action, row.account_id) for row in events]
    assert actions == [
        ("knowledge:chunk:edit", operator.actor.account_id),
        ("knowledge:chunk:disable", operator.actor.account_id),
    ]


async def test_a_written_answers_passage_is_changed_with_the_answer(
    database: Database, actor: Actor, assistant_id: UUID, keeper: Keeper
) -> None:
    await keeper.call(service.add_pair, assistant_id, "Когда открыто?", "С девяти.")
    (pair,) = await keeper.call(service.list_pairs, assistant_id)
    await service.ingest(database, actor.workspace_id, pair.document_id)
    (chunk,) = await keeper.chunks(pair.document_id)
    with pytest.raises(ChunkOfAnswer):
        await keeper.edit(chunk, "С десяти.")


async def test_passages_are_listed_in_parts_and_by_words(ready: Add, keeper: Keeper) -> None:
    lines = [f"# Глава {number}\n\n{'Слова о насосах. ' * 60}Номер НС-{number}.\n" for number in range(1, 8)]
    document = await ready("a.md", "\n".join(lines))
    everything = await keeper.call(service.list_chunks, document.id)
    assert everything.total == document.chunk_count >= 7
    part = await keeper.call(service.list_chunks, document.id, first=2, limit=3)
    assert (part.total, part.chunks) == (everything.total, everything.chunks[2:5])
    for words in ("нс5", "НС-5", "глава 5"):
        (found,) = await keeper.chunks(document.id, words=words)
        assert "Глава 5" in found.heading
    assert len(await keeper.chunks(document.id, words="насос")) == everything.total  # in another form
    assert len(await keeper.chunks(document.id, words="насосах. слов")) == everything.total  # as it stands there
    assert await keeper.chunks(document.id, words="' | & :*") == []
    assert await keeper.chunks(document.id, words="кварк") == []


async def test_reading_again_asks_first_and_keeps_what_still_fits(
    ready: Add, keeper: Keeper, database: Database, actor: Actor, assistant_id: UUID, settings: Settings
) -> None:
    sections = [f"# Часть {name}\n\n" + f"{name} прибор измеряет давление и расход. " * 25 for name in "АБВ"]
    document = await ready("a.md", "\n\n".join(sections))
    first, second, third = await keeper.chunks(document.id)
    await keeper.edit(first, "Правка первой части о манометрах.")
    await keeper.call(service.switch_chunk, second.id, on=False)
    await keeper.edit(third, "Правка третьей части о счётчиках.")
    with pytest.raises(ChangesAtRisk) as caught:
        await keeper.call(service.reread_document, document.id)
    assert "3" in caught.value.sentence("ru")
    assert (await keeper.call(service.get_document, document.id)).state == "ready"

    original = await keeper.call(service.open_original, document.id)
    original.path.write_text("\n\n".join([*sections[:2], sections[2].replace("давление", "напор")]))
    await keeper.call(service.reread_document, document.id, confirmed=True)
    await service.ingest(database, actor.workspace_id, document.id)
    read = await keeper.call(service.get_document, document.id)
    assert (read.state, read.report["lost_changes"]) == ("ready", 1)
    again = await keeper.chunks(document.id)
    assert [one.original_text for one in again] == [first.text, None, None]
    assert [one.disabled for one in again] == [False, True, False]
    assert [passage.chunk_id for passage in await keeper.found(assistant_id, "манометр")] == [again[0].id]
    assert await keeper.found(assistant_id, "счётчик") == []
    assert again[1].id not in {passage.chunk_id for passage in await keeper.found(assistant_id, "прибор Б")}
    assert (await keeper.call(service.restore_chunk, again[0].id)).text == first.text


async def test_a_copy_of_the_assistant_has_the_changes_too(
    ready: Add, keeper: Keeper, database: Database, actor: Actor, assistant_id: UUID
) -> None:
    document = await ready("a.txt", PUMPS)
    off = await ready("b.txt", VALVES)
    (chunk,) = await keeper.chunks(document.id)
    await keeper.edit(chunk, "Помпа для колодца.")
    (valves,) = await keeper.chunks(off.id)
    await keeper.call(service.switch_chunk, valves.id, on=False)
    other = await make_assistant(database, actor, "Other")
    await keeper.call(service.copy_documents, assistant_id, other, [])
    assert [passage.text for passage in await keeper.found(other, "помпа")] == ["Помпа для колодца."]
    assert await keeper.found(other, "вентиль") == []
    copied = {item.name: item.id for item in await keeper.call(service.list_documents, other)}
    assert (await keeper.chunks(copied["a.txt"]))[0].original_text == PUMPS


def test_changes_go_to_the_passages_that_read_the_same_in_their_order() -> None:
    drafts = [ChunkDraft(number, 1, 1, 0, 1, "", piece) for number, piece in enumerate(["a", "b", "a", "c"])]
    changes = [ChunkChange("a", "first", False), ChunkChange("a", None, True), ChunkChange("gone", "x", False)]
    made, lost = chunks.carried_over(drafts, changes)
    assert [(one.text, one.original_text, one.disabled) for one in made] == [
        ("first", "a", False),
        ("b", None, False),
        ("a", None, True),
        ("c", None, False),
    ]
    assert lost == 1


async def test_edits_become_few_segments(
    ready: Add, keeper: Keeper, database: Database, actor: Actor, assistant_id: UUID
) -> None:
    document = await ready("a.txt", PUMPS)
    for number in range(40):
        (chunk,) = await keeper.chunks(document.id)
        await keeper.edit(chunk, f"Правка номер {number} о насосе")
    async with database.workspace(actor.workspace_id) as uow:
        assert (await uow.session.execute(text("SELECT count(*) FROM knowledge_segment"))).scalar_one() == 1
        assert (await repository.changed_chunks(uow, document.id))[0].read == PUMPS
    assert [passage.text for passage in await keeper.found(assistant_id, "насос")] == ["Правка номер 39 о насосе"]
