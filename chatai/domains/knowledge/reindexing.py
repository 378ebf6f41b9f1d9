"""Indexing anew by words what an earlier version of ChatAI indexed by other terms (`terms.VERSION`).

Chunks and their vectors stay as they are; only what they are searched by is made again, some hundred at a time, and
then each segment of the inverted index. Search goes on meanwhile, by the old terms and the new ones as they come. Cut
off, it begins again and finds little left to do.
"""

from __future__ import annotations

from uuid import UUID

import structlog

from chatai.core.database import Database
from chatai.domains.knowledge import postings, repository
from chatai.domains.knowledge.models import KnowledgeIndex, KnowledgeSegment
from chatai.domains.knowledge.terms import VERSION

log = structlog.get_logger(__name__)

CHUNKS_AT_ONCE = 500


async def index_anew(database: Database, workspace_id: UUID, assistant_id: UUID) -> None:
    """Brings an assistant's index by words to this version. Only one may run for an assistant."""
    async with database.workspace(workspace_id) as uow:
        index = await uow.session.get(KnowledgeIndex, assistant_id)
    if index is None or index.terms_version >= VERSION:
        return
    seen, changed, first = 0, 0, True
    while True:
        seen, changed = await _chunks(database, workspace_id, assistant_id, seen)
        if changed or first:  # a run that was cut off may have left segments of before over chunks that are done
            await _segments(database, workspace_id, assistant_id)
        first = False
        async with database.workspace(workspace_id) as uow:
            locked = await postings.locked(uow, workspace_id, assistant_id)
            if locked.last_number == seen:  # else chunks came meanwhile, which may be copies of old ones
                locked.terms_version = VERSION
                log.info("indexed_anew", assistant_id=str(assistant_id), version=VERSION)
                return


async def _chunks(database: Database, workspace_id: UUID, assistant_id: UUID, after: int) -> tuple[int, int]:
    """Makes the chunks' terms anew; the last number that was given by then, and how many were others before."""
    total = 0
    while True:
        async with database.workspace(workspace_id) as uow:
            index = await postings.locked(uow, workspace_id, assistant_id)
            last, changed = await repository.index_chunks_anew(uow, index, after, CHUNKS_AT_ONCE)
            if last == after:
                return index.last_number, total
            after, total = last, total + changed


async def _segments(database: Database, workspace_id: UUID, assistant_id: UUID) -> None:
    async with database.workspace(workspace_id) as uow:
        found = [(segment.id, segment.chunks) for segment in await postings.segments(uow, assistant_id)]
    for segment_id, chunks in found:
        async with database.workspace(workspace_id) as uow:
            if chunks < postings.SMALL:  # whoever adds chunks may take it into a new one, which has the new terms
                index = await postings.locked(uow, workspace_id, assistant_id)
            else:
                index = await uow.session.get_one(KnowledgeIndex, assistant_id)
            segment = await uow.session.get(KnowledgeSegment, segment_id)
            if segment is not None:
                await postings.replace(uow, index, [segment], segment.first, segment.last)
