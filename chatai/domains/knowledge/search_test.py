"""What search finds for a question, and why: for those who tend the knowledge, to see what an answer would be given."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, LiteralString
from uuid import UUID

from chatai.core.actor import Actor
from chatai.core.database import Database, UnitOfWork
from chatai.domains.assistants import service as assistants
from chatai.domains.knowledge.access import require_tester
from chatai.domains.knowledge.marking import Piece, marked, words_of
from chatai.domains.knowledge.ports import embedder, reranker
from chatai.domains.knowledge.query import phrases
from chatai.domains.knowledge.reranking import reranked, search_depth
from chatai.domains.knowledge.schemas import Passage
from chatai.domains.knowledge.searching import QueryVector, embed_query, search
from chatai.domains.knowledge.terms import codes, folded, searchable

VectorLeg = Literal["on", "off", "away", "other_model", "empty"]
"""off: no embedding model is set. away: it did not answer in time. other_model: the vectors are another model's.
empty: there are none yet."""

# As `query` looks words up; only whether and in how many passages one stands is asked here. Passages that are gone may
# still be counted until their segment is merged.
_WORDS: LiteralString = """
    WITH word AS (
        SELECT lexeme, false AS is_code, positions[1] AS place
        FROM unnest(to_tsvector('russian', %(query)s)) AS found(lexeme, positions, weights)
        UNION ALL
        SELECT code, true, place::int
        FROM unnest(%(codes)s::text[]) WITH ORDINALITY AS named(code, place)
    )
    SELECT lexeme, is_code, (
        SELECT coalesce(sum(size), 0)::int FROM chunk_posting AS posting
        WHERE posting.assistant_id = %(assistant_id)s AND posting.term = hashtextextended(lexeme, 0)
    ) AS passages
    FROM word ORDER BY is_code, place
"""
_ALIKE: LiteralString = """
    SELECT word FROM unnest(%(words)s::text[]) AS word
    WHERE tsvector_to_array(to_tsvector('russian', word)) && %(lexemes)s::text[]
"""
_SERVING: LiteralString = "SELECT embedding_model FROM knowledge_index WHERE assistant_id = %(assistant_id)s"


@dataclass(frozen=True, slots=True)
class SearchedWord:
    """A word as it is looked up: its stem, or a code without its separators. `passages`: about how many hold it."""

    text: str
    is_code: bool
    passages: int


@dataclass(frozen=True, slots=True)
class FoundPassage:
    """One passage that an answer would be given.

    Attributes:
        passage: With the ranks in both legs.
        score: The fused one, before reranking.
        place: From 1, in the order in which the answer gets them.
        place_before: The one before the reranking model; None where there was none, or it was away.
        pieces: The passage's text, cut where the question's words begin and end.
    """

    passage: Passage
    score: float
    place: int
    place_before: int | None
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class SearchTest:
    """What a question found. Times are in milliseconds; None: that step was not taken.

    `phrases_held`: the quoted phrases stand in the passages word for word; where they stand in none, they are passed
    over.
    """

    passages: tuple[FoundPassage, ...]
    words: tuple[SearchedWord, ...]
    phrases: tuple[str, ...]
    phrases_held: bool
    vector_leg: VectorLeg
    vector_model: str
    reranker_set: bool
    embed_ms: float | None
    search_ms: float
    rerank_ms: float | None


async def try_search(
    database: Database, actor: Actor, assistant_id: UUID, question: str, *, limit: int = 8
) -> SearchTest:
    """Searches as an answer does, and tells how it went.

    Not for a transaction of the caller's: the embedding and the reranking model are asked outside any.

    Args:
        database: Where the knowledge is.
        actor: Must be allowed to tend it.
        assistant_id: Whose.
        question: As a person would ask it.
        limit: How many passages an answer is given.

    Raises:
        Forbidden, AssistantNotFound
    """
    require_tester(actor)
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        await assistants.get_assistant(uow, actor, assistant_id)
    found, vector, serving, embed_ms, search_ms = await _search(database, actor, assistant_id, question, limit)
    if vector is not None and serving and vector.model != serving:
        # That search has noted which model's vectors serve; from now on questions are embedded by it.
        found, vector, serving, embed_ms, search_ms = await _search(database, actor, assistant_id, question, limit)
    started = time.perf_counter()
    best = await reranked(question, found, limit)
    rerank_ms = _since(started) if reranker.optional and len(found) > 1 else None
    scores = {passage.chunk_id: passage.score for passage in found}
    judged = any(passage.score != scores[passage.chunk_id] for passage in best)
    places = {passage.chunk_id: place for place, passage in enumerate(found, start=1)}
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        words = await _words(uow, assistant_id, question)
        pieces = await _pieces(uow, question, words, best)
    return SearchTest(
        passages=tuple(
            FoundPassage(
                passage,
                scores[passage.chunk_id],
                place,
                places[passage.chunk_id] if judged else None,
                pieces[place - 1],
            )
            for place, passage in enumerate(best, start=1)
        ),
        words=words,
        phrases=tuple(phrases(question)),
        phrases_held=bool(best) and _holds(best[0], phrases(question)),
        vector_leg=_leg(vector, serving),
        vector_model=vector.model if vector else serving,
        reranker_set=reranker.optional is not None,
        embed_ms=embed_ms,
        search_ms=search_ms,
        rerank_ms=rerank_ms,
    )


async def _search(
    database: Database, actor: Actor, assistant_id: UUID, question: str, limit: int
) -> tuple[list[Passage], QueryVector | None, str, float | None, float]:
    """Passages, the question's vector, whose vectors serve, and both times."""
    started = time.perf_counter()
    vector = await embed_query(question, assistant_id)
    embed_ms = _since(started) if embedder.optional else None
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        started = time.perf_counter()
        found = await search(uow, assistant_id, question, vector=vector, limit=search_depth(limit))
        search_ms = _since(started)
        rows = await uow.run(_SERVING, {"assistant_id": assistant_id})
    return found, vector, rows[0][0] if rows else "", embed_ms, search_ms


def _holds(passage: Passage, quoted: Sequence[str]) -> bool:
    text = " ".join(folded(f"{passage.heading} {passage.text}").lower().split())
    return all(phrase in text for phrase in quoted)


def _leg(vector: QueryVector | None, serving: str) -> VectorLeg:
    if embedder.optional is None:
        return "off"
    if vector is None:
        return "away"
    if not serving:
        return "empty"
    return "on" if vector.model == serving else "other_model"


async def _words(uow: UnitOfWork, assistant_id: UUID, question: str) -> tuple[SearchedWord, ...]:
    values = {
        "query": searchable(question.replace("\x00", " ")),
        "codes": codes(question),
        "assistant_id": assistant_id,
    }
    rows = await uow.run(_WORDS, values)
    return tuple(SearchedWord(text.removeprefix("="), is_code, passages) for text, is_code, passages in rows)


async def _pieces(
    uow: UnitOfWork, question: str, words: Sequence[SearchedWord], passages: Sequence[Passage]
) -> list[tuple[Piece, ...]]:
    """Each passage's text in pieces. Which words are forms of the question's says PostgreSQL, as in search."""
    texts = [passage.text for passage in passages]
    lexemes = [word.text for word in words if not word.is_code]
    rows = await uow.run(_ALIKE, {"words": sorted(words_of(texts)), "lexemes": lexemes})
    alike, named = {row[0] for row in rows}, frozenset(codes(question))
    return [marked(text, alike, named) for text in texts]


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
