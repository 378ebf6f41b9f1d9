"""The inverted index says what the chunks say, however they came, went and were merged."""

from __future__ import annotations

import asyncio
import math
import re
from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from chatai.core.actor import Actor
from chatai.core.database import Database
from chatai.core.ids import new_id
from chatai.domains.knowledge import postings, repository, service
from chatai.domains.knowledge.models import Document, KnowledgeIndex
from chatai.domains.knowledge.query import NORMAL, Effort
from chatai.domains.knowledge.schemas import ChunkDraft
from tests.knowledge.conftest import Add, make_assistant
from tests.waiting import somebody_waits

ENTRIES = """
    SELECT lexeme, entry / 4096 AS number, count(*) FROM chunk_posting AS posting, unnest(entries) AS entry,
         (SELECT DISTINCT lexeme FROM chunk, unnest(search)) AS word
    WHERE posting.assistant_id = :assistant_id AND term = hashtextextended(lexeme, 0)
    GROUP BY 1, 2
"""
HELD = "SELECT lexeme, number FROM chunk, unnest(search) WHERE assistant_id = :assistant_id"


async def store(database: Database, actor: Actor, assistant_id: UUID, texts: list[str]) -> UUID:
    """A document with these texts as its chunks."""
    document = Document(
        workspace_id=actor.workspace_id, assistant_id=assistant_id, uploaded_by=new_id(), name="a", media_type="",
        size_bytes=0, sha256=new_id().hex, storage_name=uuid4().hex, state="ready",
    )  # fmt: skip
    drafts = [ChunkDraft(ordinal, 1, 1, 0, len(piece), "", piece) for ordinal, piece in enumerate(texts)]
    async with database.workspace(actor.workspace_id) as uow:
        uow.session.add(document)
        await uow.session.flush()
        await repository.replace_content(uow, document, [], [], drafts)
    return document.id


async def remove(database: Database, actor: Actor, document_id: UUID) -> None:
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        await service.delete_document(uow, actor, document_id)


async def pairs(database: Database, actor: Actor, assistant_id: UUID) -> tuple[set[Any], set[Any]]:
    """(term, chunk number) as indexed, each once, and as the chunks hold them."""
    async with database.workspace(actor.workspace_id) as uow:
        entries = (await uow.session.execute(text(ENTRIES), {"assistant_id": assistant_id})).all()
        held = (await uow.session.execute(text(HELD), {"assistant_id": assistant_id})).all()
    assert all(row.count == 1 for row in entries)
    return {(row.lexeme, row.number) for row in entries}, {(row.lexeme, row.number) for row in held}


async def sizes(database: Database, actor: Actor, assistant_id: UUID) -> list[int]:
    async with database.workspace(actor.workspace_id) as uow:
        return [segment.chunks for segment in await postings.segments(uow, assistant_id)]


async def merge(database: Database, actor: Actor, assistant_id: UUID) -> bool:
    async with database.workspace(actor.workspace_id) as uow:
        return await postings.merge(uow, actor.workspace_id, assistant_id)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments count as large from ten chunks on."""
    monkeypatch.setattr(postings, "SMALL", 10)
    monkeypatch.setattr(postings, "TOGETHER", 20)
    monkeypatch.setattr(postings, "FIRST_BLOCK", 4)


async def test_documents_one_by_one_become_few_segments(
    small: None, database: Database, actor: Actor, assistant_id: UUID
) -> None:
    for number in range(70):
        await store(database, actor, assistant_id, [f"общее слово и насос{number} {'вода ' * (number % 5)}"])
    indexed, held = await pairs(database, actor, assistant_id)
    assert indexed == held
    assert await sizes(database, actor, assistant_id) == [16, 16, 16, 16, 4, 2]
    assert await merge(database, actor, assistant_id)
    assert not await merge(database, actor, assistant_id)
    assert await sizes(database, actor, assistant_id) == [64, 4, 2]
    assert (await pairs(database, actor, assistant_id))[0] == held


async def test_large_segments_are_merged_and_forget_what_is_gone(
    small: None, database: Database, actor: Actor, assistant_id: UUID
) -> None:
    documents = [
        await store(database, actor, assistant_id, [f"насос{number} общее {part}" for part in range(12)])
        for number in range(5)
    ]
    assert await sizes(database, actor, assistant_id) == [12] * 5
    assert await merge(database, actor, assistant_id)
    assert await sizes(database, actor, assistant_id) == [48, 12]
    for document in documents[:2]:
        await remove(database, actor, document)
    async with database.workspace(actor.workspace_id) as uow:
        found = await service.search(uow, assistant_id, "общее", limit=36)
        assert await service.search(uow, assistant_id, "насос0") == []
        index = await uow.session.get_one(KnowledgeIndex, assistant_id)
        assert (index.chunks, index.last_number) == (36, 60)
    assert {passage.document_id for passage in found} == set(documents[2:])
    assert await merge(database, actor, assistant_id)
    assert await sizes(database, actor, assistant_id) == [24, 12]
    indexed, held = await pairs(database, actor, assistant_id)
    assert indexed == held
    assert not await merge(database, actor, assistant_id)


async def test_two_that_merge_at_once_leave_each_chunk_indexed_once(
    small: None, database: Database, actor: Actor, assistant_id: UUID
) -> None:
    """One's worker was thought dead, and its job was begun anew."""
    for number in range(5):
        await store(database, actor, assistant_id, [f"насос{number} общее {part}" for part in range(12)])

    async with database.workspace(actor.workspace_id) as uow:
        assert await postings.merge(uow, actor.workspace_id, assistant_id)
        other = asyncio.create_task(merge(database, actor, assistant_id))
        await somebody_waits(database)
    await other
    assert await sizes(database, actor, assistant_id) == [48, 12]
    indexed, held = await pairs(database, actor, assistant_id)
    assert indexed == held


async def test_ranks_as_bm25_counted_by_hand(database: Database, actor: Actor, assistant_id: UUID) -> None:
    texts = [" ".join(f"слово{(number * step) % 17}" for step in range(1, 5 + number % 7)) for number in range(60)]
    await store(database, actor, assistant_id, texts)
    query = "слово3 слово8 слово5"
    holding: dict[str, int] = defaultdict(int)
    for piece in texts:
        for word in set(piece.split()):
            holding[word] += 1
    average = sum(len(set(piece.split())) for piece in texts) / len(texts)

    def score(piece: str) -> float:
        counted = Counter(piece.split())
        norm = postings.K1 * (1 - postings.B + postings.B * len(counted) / average)
        return sum(
            math.log(1 + (len(texts) - holding[word] + 0.5) / (holding[word] + 0.5))
            * counted[word] * (postings.K1 + 1) / (counted[word] + norm)
            for word in query.split()
        )  # fmt: skip

    async with database.workspace(actor.workspace_id) as uow:
        found = await service.search(uow, assistant_id, query, limit=20)
    scores = [score(passage.text) for passage in found]
    # Neighbouring words gain a little on top, so the order is BM25's but for near ties.
    assert scores[0] == max(score(piece) for piece in texts)
    assert all(before >= after - 0.8 for before, after in pairwise(scores))


async def test_segments_of_another_average_length_are_scored_by_that_of_now(
    small: None, database: Database, actor: Actor, assistant_id: UUID
) -> None:
    """By the average when each was indexed, the long ones, which hold the word twice, would come first."""
    await store(database, actor, assistant_id, [f"клапан а{number} б{number} в{number}" for number in range(12)])
    long = [" ".join(["клапан клапан", *(f"г{number}д{word}" for word in range(40))]) for number in range(12)]
    await store(database, actor, assistant_id, long)
    assert await sizes(database, actor, assistant_id) == [12, 12]
    async with database.workspace(actor.workspace_id) as uow:
        found = await service.search(uow, assistant_id, "клапан", limit=6)
    assert [len(passage.text.split()) for passage in found] == [4] * 6


async def test_reading_less_finds_nearly_all(small: None, database: Database, actor: Actor, assistant_id: UUID) -> None:
    texts = [
        " ".join(["обычное"] * (1 + number % 3) + [f"редкое{number % 40}"] * (1 + number % 2) + ["вода"] * (number % 9))
        for number in range(400)
    ]
    await store(database, actor, assistant_id, texts)
    async with database.workspace(actor.workspace_id) as uow:
        for number in range(40):
            query = f"обычное редкое{number} вода"
            whole = await service.search(uow, assistant_id, query, effort=Effort(postings=10**9, candidates=400))
            less = await service.search(uow, assistant_id, query, effort=Effort(postings=60, candidates=20))
            # Rare words that are not asked for weigh nothing, and a chunk is as long as it has different words. So
            # chunks that differ in them alone, or in how often they stand there, are equally good.
            best = [
                sorted(re.sub(rf"(редкое(?!{number}\b)\d+ ?)+", "другое ", passage.text) for passage in found[:3])
                for found in (whole, less)
            ]
            assert best[0] == best[1]
            assert f"редкое{number} " in best[0][0] + best[0][1] + best[0][2]


async def test_two_documents_at_once_get_numbers_of_their_own(
    database: Database, actor: Actor, assistant_id: UUID
) -> None:
    import asyncio

    await asyncio.gather(
        *(store(database, actor, assistant_id, [f"насос {number} {part}" for part in range(7)]) for number in range(4))
    )
    indexed, held = await pairs(database, actor, assistant_id)
    assert indexed == held
    assert {number for _, number in held} == set(range(1, 29))


async def test_the_index_goes_with_the_assistant(database: Database, actor: Actor, ready: Add) -> None:
    from chatai.domains.assistants import service as assistants

    other = await make_assistant(database, actor, "Other")
    await ready("a.txt", "Гарантия два года", to=other)
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        await assistants.delete_assistant(uow, actor, other)
    async with database.system() as uow:
        for table in ("chunk", "chunk_posting", "knowledge_segment", "knowledge_index", "chunk_vector"):
            assert (await uow.session.execute(text(f"SELECT count(*) FROM {table}"))).scalar() == 0, table


async def test_another_workspace_sees_nothing_of_the_index(
    database: Database, actor: Actor, stranger: Actor, assistant_id: UUID
) -> None:
    await store(database, actor, assistant_id, ["Тайное слово"])
    async with database.workspace(stranger.workspace_id) as uow:
        assert await service.search(uow, assistant_id, "тайное", effort=NORMAL) == []
        for table in ("chunk_posting", "knowledge_segment", "knowledge_index"):
            statement = text(f"SELECT count(*) FROM {table} WHERE assistant_id = :assistant_id")
            assert (await uow.session.execute(statement, {"assistant_id": assistant_id})).scalar() == 0
    async with database.workspace(actor.workspace_id) as uow:
        assert len(await service.search(uow, assistant_id, "тайное")) == 1
