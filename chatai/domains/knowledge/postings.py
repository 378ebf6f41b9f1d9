"""The inverted index of an assistant's chunks: segments of postings, written once and merged as they grow many.

Chunks have numbers, given in order under a lock on the assistant's row in `knowledge_index`; a segment covers a run of
numbers. A document's chunks become a segment in the very transaction that stores them, taking the small segments
before them into the new one. Large segments are merged by a job, some of like size at a time, so a chunk is written
again only a few times as an assistant grows. Chunks that are taken away leave their postings behind: search looks up
every chunk that it names and passes over those that are gone, and merging forgets them.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from chatai.core.database import UnitOfWork
from chatai.domains.knowledge.models import Chunk, KnowledgeIndex, KnowledgeSegment
from chatai.domains.knowledge.terms import VERSION

TEND_TASK = "tend_index"

K1, B = 1.2, 0.7
IMPACTS = 4096  # an entry is `number * IMPACTS + impact`
FIRST_BLOCK = 256  # entries; each block after it is twice as long
TENDED_AT_ONCE = 3  # of the four places that the jobs process has
SMALL = 1_000  # chunks; below, a segment is taken into the next one at once, and the job leaves it alone
TOGETHER = 2_000  # chunks that are indexed anew at once, at most, when a document is added
TIER = 4  # segments of like size are merged when they are so many, and two are alike within this factor
LIVE_SHARE = 0.75  # a segment with fewer of its chunks alive is written anew

_BUILD = text(
    """
    INSERT INTO chunk_posting (assistant_id, segment, term, block, workspace_id, size, bound, entries)
    SELECT :assistant_id, :segment, term, block, :workspace_id, count(*), max(impact),
           array_agg(number * :impacts + impact)
    FROM (
        SELECT term, number, impact,
               CAST(floor(ln((row_number() OVER (PARTITION BY term ORDER BY impact DESC) + :first_block - 1)
                             / CAST(:first_block AS float8)) / ln(CAST(2 AS float8))) AS int) AS block
        FROM (
            SELECT hashtextextended(lexeme, 0) AS term, CAST(number AS bigint) AS number,
                   CAST(floor((:impacts - 1) * times / (times + :length_base + :length_share * length(search))) AS int)
                   AS impact
            FROM chunk, unnest(search) AS word(lexeme, positions, weights), greatest(cardinality(positions), 1) AS times
            WHERE assistant_id = :assistant_id AND number BETWEEN :first AND :last
        ) AS weighed
    ) AS placed
    GROUP BY term, block
    """
)

_REMOVE_CHUNKS = text(
    """
    WITH gone AS (
        DELETE FROM chunk WHERE document_id = :document_id RETURNING length(search) AS terms
    )
    UPDATE knowledge_index SET chunks = chunks - (SELECT count(*) FROM gone),
                               terms = terms - (SELECT coalesce(sum(terms), 0) FROM gone)
    WHERE assistant_id = :assistant_id
    """
)


_COPY_CHUNKS = text(
    """
    WITH made AS (
        INSERT INTO chunk (id, created_at, workspace_id, assistant_id, document_id, number, ordinal, page, page_end,
                           char_start, char_end, heading, text, original_text, disabled, content, search)
        SELECT gen_random_uuid(), now(), workspace_id, :assistant_id, :copied_id,
               :last_number + row_number() OVER (ORDER BY ordinal), ordinal, page, page_end, char_start, char_end,
               heading, text, original_text, disabled, content, search
        FROM chunk WHERE document_id = :original_id
        RETURNING length(search) AS terms
    )
    SELECT count(*), coalesce(sum(terms), 0) FROM made
    """
)


async def locked(uow: UnitOfWork, workspace_id: UUID, assistant_id: UUID) -> KnowledgeIndex:
    """The assistant's row, made if need be. Until the transaction ends nobody else adds or takes chunks."""
    statement = insert(KnowledgeIndex).values(
        assistant_id=assistant_id, workspace_id=workspace_id, chunks=0, terms=0, last_number=0, embedding_model="",
        dimension=0, near_index=False, terms_version=VERSION,
    )  # fmt: skip
    await uow.session.execute(statement.on_conflict_do_nothing())
    return await uow.session.get_one(KnowledgeIndex, assistant_id, with_for_update=True, populate_existing=True)


async def remove_chunks(uow: UnitOfWork, workspace_id: UUID, assistant_id: UUID, document_id: UUID) -> None:
    await locked(uow, workspace_id, assistant_id)
    values = {"assistant_id": assistant_id, "document_id": document_id}
    await uow.session.execute(_REMOVE_CHUNKS, values)


async def copy_chunks(uow: UnitOfWork, index: KnowledgeIndex, original_id: UUID, copied_id: UUID) -> None:
    """Gives a document of the (locked) assistant the chunks of another one. They still have to be indexed."""
    values = {
        "assistant_id": index.assistant_id, "original_id": original_id, "copied_id": copied_id,
        "last_number": index.last_number,
    }  # fmt: skip
    added(index, *(await uow.session.execute(_COPY_CHUNKS, values)).one())


def added(index: KnowledgeIndex, chunks: int, terms: int) -> None:
    """Counts chunks that were stored under the next numbers."""
    index.chunks += chunks
    index.last_number += chunks
    index.terms += int(terms)


async def add_segment(uow: UnitOfWork, index: KnowledgeIndex, first: int) -> None:
    """Indexes the chunks from a number on, which were just stored, and the small segments before them."""
    together = index.last_number - first + 1
    taken = []
    for segment in reversed(await segments(uow, index.assistant_id)):
        if segment.chunks >= SMALL or segment.chunks > together or together + segment.chunks > TOGETHER:
            break
        taken.append(segment)
        together += segment.chunks
        first = segment.first
    await replace(uow, index, taken, first, index.last_number)


async def merge(uow: UnitOfWork, workspace_id: UUID, assistant_id: UUID) -> bool:
    """Merges one run of segments of like size, or forgets what is gone in one. Returns whether there was any.

    Takes no lock for long: what it touches, `add_segment` leaves alone. Only one may run for an assistant.
    """
    index = await uow.session.get(KnowledgeIndex, assistant_id, populate_existing=True)
    if index is None:
        return False
    large = [segment for segment in await segments(uow, assistant_id) if segment.chunks >= SMALL]
    for run in _alike(large):
        await replace(uow, index, run, run[0].first, run[-1].last)
        return True
    for segment in large:
        if await _live(uow, segment) < LIVE_SHARE * segment.chunks:
            await replace(uow, index, [segment], segment.first, segment.last)
            return True
    return False


def _alike(large: Sequence[KnowledgeSegment]) -> list[list[KnowledgeSegment]]:
    """Runs of neighbours, long enough to be merged, none of which is much larger than the smallest."""
    runs: list[list[KnowledgeSegment]] = []
    for start in range(len(large) - TIER + 1):
        run = list(large[start : start + TIER])
        if max(part.chunks for part in run) <= TIER * min(part.chunks for part in run):
            runs.append(run)
    return sorted(runs, key=lambda run: sum(part.chunks for part in run))


async def enqueue_tending(uow: UnitOfWork, workspace_id: UUID, assistant_id: UUID) -> None:
    """Has the assistant's index tended soon, once, however often this is called.

    After an upgrade all are at once, for hours: everything else comes first, and finds a place in the jobs process.
    """
    await uow.enqueue(
        TEND_TASK,
        lock=f"index:{assistant_id.int % TENDED_AT_ONCE}",
        queueing_lock=f"index:{assistant_id}",
        priority=-100,
        workspace_id=workspace_id,
        assistant_id=assistant_id,
    )


async def segments(uow: UnitOfWork, assistant_id: UUID) -> Sequence[KnowledgeSegment]:
    statement = select(KnowledgeSegment).where(col(KnowledgeSegment.assistant_id) == assistant_id)
    return (await uow.session.execute(statement.order_by(col(KnowledgeSegment.first)))).scalars().all()


async def replace(
    uow: UnitOfWork, index: KnowledgeIndex, old: Sequence[KnowledgeSegment], first: int, last: int
) -> None:
    """Puts one segment over the chunks that are there in the place of others, unless one of them was replaced
    meanwhile: a job of whose worker nothing was heard for long is begun anew, and it may live."""
    assistant_id = index.assistant_id
    there = select(col(KnowledgeSegment.id)).where(col(KnowledgeSegment.id).in_([segment.id for segment in old]))
    if len((await uow.session.execute(there.with_for_update())).all()) < len(old):
        return
    await uow.session.execute(
        delete(KnowledgeSegment).where(col(KnowledgeSegment.id).in_([segment.id for segment in old]))
    )
    made = KnowledgeSegment(
        workspace_id=index.workspace_id, assistant_id=assistant_id, first=first, last=last, chunks=0
    )
    made.chunks = await _live(uow, made)
    if not made.chunks:
        return
    uow.session.add(made)
    await uow.session.flush()
    # Sorting a hundred thousand chunks' terms in 4 MB would go to the disk many times.
    await uow.session.execute(text("SELECT set_config('work_mem', '128MB', true)"))
    average = index.terms / max(index.chunks, 1) or 1.0
    values = {
        "assistant_id": assistant_id, "workspace_id": index.workspace_id, "segment": made.id, "first": first,
        "last": last, "impacts": IMPACTS, "first_block": FIRST_BLOCK, "length_base": K1 * (1 - B),
        "length_share": K1 * B / average,
    }  # fmt: skip
    await uow.session.execute(_BUILD, values)


async def _live(uow: UnitOfWork, segment: KnowledgeSegment) -> int:
    statement = (
        select(func.count())
        .select_from(Chunk)
        .where(col(Chunk.assistant_id) == segment.assistant_id)
        .where(col(Chunk.number).between(segment.first, segment.last))
    )
    return (await uow.session.execute(statement)).scalar_one()
