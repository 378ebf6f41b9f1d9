"""Search: full text and vectors in one statement, fused by reciprocal rank.

The text leg ranks by BM25 out of the postings (see `query` and `postings`); a chunk's own terms say how often each word
stands in it, which `ts_rank` tells: for one term and equal weights that is the sum of 1/i² for i up to the frequency,
divided by π²/6; what is missing to 1 is close to 1/(frequency + 1/2), which is turned round here.
"""

from __future__ import annotations

import asyncio
import re
from functools import lru_cache
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

import structlog

from chatai.core.statements import Runs, array_of
from chatai.domains.knowledge.errors import EmbeddingsAway, EmbeddingsRefused
from chatai.domains.knowledge.ports import embedder
from chatai.domains.knowledge.postings import K1, B
from chatai.domains.knowledge.precedence import owners_first
from chatai.domains.knowledge.query import NORMAL, Effort, Searched, TextQuery, look_up, phrases
from chatai.domains.knowledge.schemas import Passage
from chatai.domains.knowledge.thinning import thinned

log = structlog.get_logger(__name__)

QUERY_CHARS = 2_000  # of a question that count; what is longer is a text, not a question
LEG_LIMIT = 50
LIFTED = 24  # where scores are known but for pairs, which change the order a little: so many more are looked at
RRF_K = 60  # Cormack, Clarke, Büttcher: Reciprocal Rank Fusion (2009)
# Two words that stand in a chunk as they stand in the query add a part of the rarer one's weight. On XQuAD that gains a
# little in both languages.
PAIR_WEIGHT = 0.2
QUERY_EMBEDDING_SECONDS = 2.0
SPARE = 8  # passages more than asked for, of which near-duplicates are taken out
TRIES = 3

# `search || ''` unpacks a long tsvector once instead of once a term. A chunk that is gone is passed over.
_TEXT_LEG = """
    block AS MATERIALIZED (
        SELECT entries, gain
        FROM unnest(CAST(:segments AS bigint[]), CAST(:terms AS bigint[]), CAST(:blocks AS int[]),
                    CAST(:gains AS float8[])) AS wanted(segment, term, block, gain)
        CROSS JOIN LATERAL (
            SELECT entries FROM chunk_posting AS posting
            WHERE posting.assistant_id = :assistant_id AND posting.segment = wanted.segment
              AND posting.term = wanted.term AND posting.block = wanted.block OFFSET 0
        ) AS posting
    ), likely AS MATERIALIZED (
        SELECT CAST(entry >> 12 AS int) AS number, sum(gain * (entry & 4095)) AS gain
        FROM (SELECT unnest(entries) AS entry, gain FROM block) AS posting
        GROUP BY entry >> 12 ORDER BY sum(gain * (entry & 4095)) DESC LIMIT :likely_limit
    ), candidate AS MATERIALIZED (
        SELECT chunk.id, chunk.search, gain, length(chunk.search) / CAST(:average AS float8) AS size
        FROM (SELECT number, gain FROM likely ORDER BY gain DESC) AS likely CROSS JOIN LATERAL (
            SELECT id, search || '' AS search FROM chunk
            WHERE chunk.assistant_id = :assistant_id AND chunk.number = likely.number AND NOT disabled {phrase} OFFSET 0
        ) AS chunk
        LIMIT :candidates
    ), text_leg AS MATERIALIZED (
        SELECT id, row_number() OVER (ORDER BY worded.score + coalesce(paired.score, 0) DESC, id) AS text_rank
        FROM candidate CROSS JOIN LATERAL (
            SELECT CASE WHEN :whole THEN gain ELSE (
                SELECT sum(weight * times * (:k1 + 1) / (times + :k1 * (1 - :b + :b * size)))
                FROM unnest(CAST(CAST(:words AS text[]) AS tsquery[]), CAST(:weights AS float8[]))
                     AS word(query, weight)
                CROSS JOIN LATERAL (
                    SELECT 1 / (1.64493406685 * (1.0000001 - ts_rank('{{1,1,1,1}}', search, query))) - 0.5 AS times
                    OFFSET 0
                ) AS counted
                WHERE times > 0.5
            ) END AS score
        ) AS worded CROSS JOIN LATERAL (
            SELECT sum(:pair_weight * weight) AS score
            FROM unnest(CAST(CAST(:pairs AS text[]) AS tsquery[]), CAST(:pair_weights AS float8[]))
                 AS pair(query, weight)
            WHERE search @@ query
        ) AS paired
        ORDER BY text_rank LIMIT :leg_limit
    )
"""

# The index of neighbours is one for this assistant and model alone; without it every vector is compared.
_NEAR = "ORDER BY CAST(embedding AS halfvec({dimension})) <=> CAST(:vector AS halfvec({dimension})) LIMIT :near_limit"
_VECTOR_LEG = """
    near AS MATERIALIZED (
        SELECT content, CAST(embedding AS halfvec({dimension})) <=> CAST(:vector AS halfvec({dimension})) AS distance
        FROM chunk_vector
        WHERE workspace_id = :workspace_id AND assistant_id = :assistant_id AND model = :model {near}
    ), vector_leg AS MATERIALIZED (
        SELECT id, row_number() OVER (ORDER BY distance, id) AS vector_rank
        FROM (SELECT * FROM near ORDER BY distance LIMIT :near_limit) AS near CROSS JOIN LATERAL (
            SELECT id FROM chunk
            WHERE chunk.assistant_id = :assistant_id AND chunk.content = near.content AND NOT disabled {phrase} OFFSET 0
        ) AS chunk
        ORDER BY vector_rank LIMIT :leg_limit
    )
"""

_NO_TEXT_LEG = """
    block AS (SELECT WHERE false),
    text_leg AS (SELECT CAST(NULL AS uuid) AS id, CAST(NULL AS bigint) AS text_rank WHERE false)
"""
_NO_VECTOR_LEG = "vector_leg AS (SELECT CAST(NULL AS uuid) AS id, CAST(NULL AS bigint) AS vector_rank WHERE false)"

_PHRASE = """AND NOT EXISTS (
    SELECT FROM unnest(CAST(:phrases AS text[])) AS phrase
    WHERE strpos(regexp_replace(translate(lower(heading || ' ' || text), 'ё\u0301\u00ad', 'е'), '\\s+', ' ', 'g'),
                 phrase) = 0
)"""

# The legs' few rows come first and each fetches its chunk: the planner, which sees no statistics of them, would rather
# go through every chunk. There is always a row, which says whether the blocks were still all there.
_FUSED = """
    , fused AS MATERIALIZED (
        SELECT id, text_rank, vector_rank,
               CAST(coalesce(1.0 / (:rrf_k + text_rank), 0) + coalesce(1.0 / (:rrf_k + vector_rank), 0) AS float8)
               AS score
        FROM text_leg FULL JOIN vector_leg USING (id)
        ORDER BY score DESC, coalesce(text_rank, vector_rank), id LIMIT :limit
    )
    SELECT held.blocks, chunk.id AS chunk_id, chunk.document_id, document.name AS document_name, chunk.page,
           chunk.page_end, chunk.char_start, chunk.char_end, chunk.heading, chunk.text, score, text_rank, vector_rank,
           document.kind, chunk.original_text IS NOT NULL
    FROM (SELECT count(*) AS blocks FROM block) AS held LEFT JOIN (
        fused CROSS JOIN LATERAL (SELECT * FROM chunk WHERE chunk.id = fused.id OFFSET 0) AS chunk
        CROSS JOIN LATERAL (SELECT name, kind FROM document WHERE document.id = chunk.document_id OFFSET 0) AS document
    ) ON true
    ORDER BY score DESC, coalesce(text_rank, vector_rank), chunk_id
"""
_PLACEHOLDER = re.compile(r"(?<!:):([a-z_]\w*)")


class QueryVector(NamedTuple):
    """A query as an embedding model sees it."""

    model: str
    values: list[float]


# Assistants whose vectors are still another model's than the one that is set: questions to them are embedded by it.
_serving: dict[UUID, str] = {}


def embeds_queries() -> bool:
    """Whether there is an embedding model: then `embed_query` asks it, before any transaction is begun."""
    return embedder.optional is not None


async def embed_query(query: str, assistant_id: UUID | None = None) -> QueryVector | None:
    """The query's vector for `search`; None where no embedding model is bound or it does not answer in time.

    Args:
        query: In ordinary language.
        assistant_id: Whose documents will be searched. While they are embedded anew for another model, the one before
            is asked, as soon as a first search has seen that its vectors still serve.
    """
    model, query = embedder.optional, _cleaned(query)
    if model is None or not query:
        return None
    name = _serving.get(assistant_id, model.model) if assistant_id else model.model
    try:
        async with asyncio.timeout(QUERY_EMBEDDING_SECONDS):
            (vector,) = await model.embed([query], "query", model=name)
    except (TimeoutError, EmbeddingsAway, EmbeddingsRefused) as error:
        log.warning("query_not_embedded", error=type(error).__name__)
        return None
    return QueryVector(name, vector)


async def search(
    uow: Runs,
    assistant_id: UUID,
    query: str,
    *,
    vector: QueryVector | None = None,
    limit: int = 8,
    effort: Effort = NORMAL,
) -> list[Passage]:
    """The passages of the assistant's documents that say most about the query, the best first.

    What stands in quotation marks must stand in the passages word for word, if it does in any.

    Args:
        uow: In the assistant's workspace; the statements need not be of one transaction.
        assistant_id: Whose documents.
        query: In ordinary language.
        vector: From `embed_query`; without it the text leg works alone.
        limit: How many at most.
        effort: How much is looked at.
    """
    query = _cleaned(query)
    if not query or limit < 1:
        return []
    if quoted := phrases(query):
        found = await _search(uow, assistant_id, query, vector, limit, effort, quoted)
        if found:
            return found
    return await _search(uow, assistant_id, query, vector, limit, effort, [])


def _usable(index: Searched, vector: QueryVector) -> QueryVector | None:
    """The query's vector, if the assistant's vectors are the same model's."""
    model = embedder.optional
    if model is None or not index.model or index.model == model.model:
        _serving.pop(index.assistant_id, None)
    else:
        _serving[index.assistant_id] = index.model
    return vector if vector.model == index.model and len(vector.values) == index.dimension else None


def _cleaned(query: str) -> str:
    return query.replace("\x00", " ").strip()[:QUERY_CHARS]


async def _search(
    uow: Runs,
    assistant_id: UUID,
    query: str,
    vector: QueryVector | None,
    limit: int,
    effort: Effort,
    quoted: list[str],
) -> list[Passage]:
    for _ in range(TRIES):
        found = await look_up(uow, assistant_id, query, effort)
        if found is None:
            return []
        index, words = found
        usable = _usable(index, vector) if vector else None
        if not words.words and usable is None:
            return []
        rows = await _ranked(uow, index, words, usable, limit + SPARE, effort, quoted)
        if rows[0][0] == len(words.blocks):  # else segments were merged in between
            break
    passages = [Passage(*row[1:]) for row in rows if row[1] is not None]
    return thinned(owners_first(query, passages), limit)


async def _ranked(
    uow: Runs,
    index: Searched,
    words: TextQuery,
    vector: QueryVector | None,
    limit: int,
    effort: Effort,
    quoted: list[str],
) -> list[tuple[Any, ...]]:
    phrase = _PHRASE if quoted else ""
    settings: dict[str, str] = {}
    values: dict[str, object] = {
        "assistant_id": index.assistant_id, "rrf_k": RRF_K, "leg_limit": max(LEG_LIMIT, limit), "limit": limit,
    }  # fmt: skip
    if quoted:
        values["phrases"] = quoted
    if words.words:
        whole = words.is_whole and not effort.exact
        candidates = (max(LEG_LIMIT, limit) if vector else limit) + LIFTED if whole else max(effort.candidates, limit)
        values |= {
            "segments": array_of(words.segments), "terms": array_of(words.terms),
            "blocks": array_of(words.blocks), "gains": array_of(words.gains),
            "words": words.words, "weights": array_of(words.weights),
            "pairs": words.pairs, "pair_weights": array_of(words.pair_weights),
            "k1": K1, "b": B, "pair_weight": PAIR_WEIGHT, "average": index.average, "whole": whole,
            "candidates": candidates,
            # Chunks that are gone, or lack the phrase, must not use up the candidates' places.
            "likely_limit": effort.postings if quoted else 4 * max(effort.candidates, limit),
        }  # fmt: skip
    if vector:
        near = index.near_index and not effort.exact and not quoted
        # Which index of neighbours serves depends on whose vectors they are.
        settings = {"plan_cache_mode": "force_custom_plan", "hnsw.ef_search": str(effort.near)}
        values |= {
            "workspace_id": index.workspace_id, "model": vector.model, "vector": str(vector.values),
            # Some texts may be gone: their vectors are forgotten a little later.
            "near_limit": 1_000 if quoted else max(LEG_LIMIT, limit) * 3 // 2,
        }  # fmt: skip
        vector_leg = _VECTOR_LEG.format(
            dimension=index.dimension, phrase=phrase, near=_NEAR.format(dimension=index.dimension) if near else ""
        )
    parts = [_TEXT_LEG.format(phrase=phrase) if words.words else _NO_TEXT_LEG, vector_leg if vector else _NO_VECTOR_LEG]
    return await uow.run(_native(f"WITH {','.join(parts)} {_FUSED}"), values, settings=settings)


@lru_cache(64)
def _native(statement: LiteralString) -> LiteralString:
    """The statement with psycopg's placeholders. It is put together of our own parts and whole numbers alone."""
    return _PLACEHOLDER.sub(r"%(\1)s", statement)
