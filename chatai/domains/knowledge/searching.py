"""Search: full text and vectors in one statement, fused by reciprocal rank.

The text leg ranks by BM25. PostgreSQL keeps no document frequencies, but within one assistant they can be counted
over the candidates, which hold every chunk with at least one of the terms. A term's frequency in a chunk is had from
`ts_rank`: for one term and equal weights that is the sum of 1/i² for i up to the frequency, divided by π²/6; what is
missing to 1 is close to 1/(frequency + 1/2), which is turned round here.
"""

from __future__ import annotations

import asyncio
import re
from functools import lru_cache
from itertools import pairwise
from typing import LiteralString, NamedTuple
from uuid import UUID

import structlog

from chatai.core.database import UnitOfWork
from chatai.domains.knowledge.errors import EmbeddingsAway, EmbeddingsRefused
from chatai.domains.knowledge.ports import embedder
from chatai.domains.knowledge.schemas import Passage
from chatai.domains.knowledge.terms import codes, folded

log = structlog.get_logger(__name__)

QUERY_CHARS = 2_000  # of a question that count; what is longer is a text, not a question
LEG_LIMIT = 50
RRF_K = 60  # Cormack, Clarke, Büttcher: Reciprocal Rank Fusion (2009)
K1, B = 1.5, 0.75
# Two words that stand in a chunk as they stand in the query add a part of the rarer one's weight. On XQuAD that gains a
# little in both languages. Only the best chunks by words are looked at.
PAIR_WEIGHT = 0.2
PAIR_DISTANCE = 2
PAIR_LIMIT = 100
QUERY_EMBEDDING_SECONDS = 2.0

_PLACEHOLDER = re.compile(r"(?<!:):(\w+)")

_LEXEMES: LiteralString = (
    "SELECT lexeme, positions FROM unnest(to_tsvector('russian', %(query)s)) AS w(lexeme, positions, weights)"
)

# `search || ''` unpacks a long tsvector once instead of once a term.
_TEXT_LEG = """
    candidate AS MATERIALIZED (
        SELECT id, search || '' AS search, length(search) AS size
        FROM chunk WHERE assistant_id = :assistant_id AND search @@ CAST(:any_word AS tsquery)
    ), extent AS MATERIALIZED (
        SELECT (SELECT count(*) FROM chunk WHERE assistant_id = :assistant_id) AS chunks, avg(size) AS size
        FROM candidate
    ), hit AS MATERIALIZED (
        SELECT candidate.id, word.number, candidate.size / extent.size AS size,
               1 / (1.64493406685 * (1.0000001 - ts_rank('{1,1,1,1}', candidate.search, word.query))) - 0.5 AS times
        FROM candidate CROSS JOIN extent
        CROSS JOIN (SELECT CAST(query AS tsquery) AS query, number
                    FROM unnest(CAST(:words AS text[])) WITH ORDINALITY AS word(query, number)) AS word
    ), rarity AS MATERIALIZED (
        SELECT number, ln(1 + (extent.chunks - count(*) + 0.5) / (count(*) + 0.5)) AS idf
        FROM hit CROSS JOIN extent WHERE times > 0.5 GROUP BY number, extent.chunks
    ), worded AS MATERIALIZED (
        SELECT id, sum(idf * times * (:k1 + 1) / (times + :k1 * (1 - :b + :b * size))) AS score
        FROM hit JOIN rarity USING (number) WHERE times > 0.5
        GROUP BY id ORDER BY score DESC, id LIMIT :pair_limit
    ), text_leg AS MATERIALIZED (
        SELECT id, row_number() OVER (ORDER BY worded.score + coalesce(paired.score, 0) DESC, id) AS text_rank
        FROM worded CROSS JOIN LATERAL (SELECT search FROM chunk WHERE chunk.id = worded.id OFFSET 0) AS chunk
        CROSS JOIN LATERAL (
            SELECT sum(:pair_weight * idf) AS score
            FROM unnest(CAST(:pairs AS text[]), CAST(:firsts AS int[]), CAST(:seconds AS int[]))
                 AS pair(query, first, second)
            JOIN LATERAL (SELECT max(idf) AS idf FROM rarity WHERE number IN (first, second)) AS rarer ON true
            WHERE chunk.search @@ CAST(query AS tsquery)
        ) AS paired
        ORDER BY text_rank LIMIT :leg_limit
    )
"""

_VECTOR_LEG = """
    near AS MATERIALIZED (
        SELECT id, embedding <=> CAST(:vector AS halfvec) AS distance
        FROM chunk WHERE assistant_id = :assistant_id AND embedding_model = :model
    ), vector_leg AS MATERIALIZED (
        SELECT id, row_number() OVER (ORDER BY distance, id) AS vector_rank
        FROM near ORDER BY distance, id LIMIT :leg_limit
    )
"""

_NO_TEXT_LEG = "text_leg AS (SELECT CAST(NULL AS uuid) AS id, CAST(NULL AS bigint) AS text_rank WHERE false)"
_NO_VECTOR_LEG = "vector_leg AS (SELECT CAST(NULL AS uuid) AS id, CAST(NULL AS bigint) AS vector_rank WHERE false)"

# The legs' few rows come first and each fetches its chunk: the planner, which sees no statistics of them, would rather
# go through every chunk.
_FUSED = """
    , fused AS MATERIALIZED (
        SELECT id, text_rank, vector_rank,
               CAST(coalesce(1.0 / (:rrf_k + text_rank), 0) + coalesce(1.0 / (:rrf_k + vector_rank), 0) AS float8)
               AS score
        FROM text_leg FULL JOIN vector_leg USING (id)
        ORDER BY score DESC, coalesce(text_rank, vector_rank), id LIMIT :limit
    )
    SELECT chunk.id AS chunk_id, chunk.document_id, document.name AS document_name, chunk.page, chunk.page_end,
           chunk.char_start, chunk.char_end, chunk.heading, chunk.text, score, text_rank, vector_rank
    FROM fused CROSS JOIN LATERAL (SELECT * FROM chunk WHERE chunk.id = fused.id OFFSET 0) AS chunk
    CROSS JOIN LATERAL (SELECT name FROM document WHERE document.id = chunk.document_id OFFSET 0) AS document
    ORDER BY score DESC, coalesce(text_rank, vector_rank), chunk_id
"""


class Words(NamedTuple):
    """What the text leg looks for, as tsquery operands: words and codes; pairs, with the numbers (from 1) of theirs."""

    words: list[str]
    pairs: list[str]
    firsts: list[int]
    seconds: list[int]


class QueryVector(NamedTuple):
    """A query as an embedding model sees it."""

    model: str
    values: list[float]


def embeds_queries() -> bool:
    """Whether there is an embedding model: then `embed_query` asks it, before any transaction is begun."""
    return embedder.optional is not None


async def embed_query(query: str) -> QueryVector | None:
    """The query's vector for `search`; None where no embedding model is bound or it does not answer in time."""
    model, query = embedder.optional, _cleaned(query)
    if model is None or not query:
        return None
    try:
        async with asyncio.timeout(QUERY_EMBEDDING_SECONDS):
            (vector,) = await model.embed([query])
    except (TimeoutError, EmbeddingsAway, EmbeddingsRefused) as error:
        log.warning("query_not_embedded", error=type(error).__name__)
        return None
    return QueryVector(model.model, vector)


async def search(
    uow: UnitOfWork, assistant_id: UUID, query: str, *, limit: int = 8, vector: QueryVector | None = None
) -> list[Passage]:
    """The passages of the assistant's documents that say most about the query, the best first.

    `vector`: the query's, from `embed_query`. The text leg always works alone.
    """
    query = _cleaned(query)
    if not query or limit < 1:
        return []
    words = await _words(uow, query)
    if not words.words and vector is None:
        return []
    parts = [_TEXT_LEG if words.words else _NO_TEXT_LEG, _VECTOR_LEG if vector else _NO_VECTOR_LEG]
    values: dict[str, object] = {
        "assistant_id": assistant_id,
        "rrf_k": RRF_K,
        "leg_limit": max(LEG_LIMIT, limit),
        "limit": limit,
    }
    if words.words:
        values |= words._asdict() | {"any_word": " | ".join(words.words), "pair_limit": PAIR_LIMIT}
        values |= {"k1": K1, "b": B, "pair_weight": PAIR_WEIGHT}
    if vector:
        values |= {"model": vector.model, "vector": str(vector.values)}
    rows = await uow.run(_native(f"WITH {','.join(parts)} {_FUSED}"), values)
    return [Passage(*row) for row in rows]


def _cleaned(query: str) -> str:
    return query.replace("\x00", " ").strip()[:QUERY_CHARS]


@lru_cache
def _native(statement: LiteralString) -> LiteralString:
    """The statement with psycopg's placeholders. It is put together of our own parts alone."""
    return _PLACEHOLDER.sub(r"%(\1)s", statement)


async def _words(uow: UnitOfWork, query: str) -> Words:
    """The query's words as they are indexed, its codes, and the pairs of words that stand together in it."""
    rows = await uow.run(_LEXEMES, {"query": folded(query)})
    found = Words([_quoted(word) for word in [*(lexeme for lexeme, _ in rows), *codes(query)]], [], [], [])
    placed = sorted((place, number) for number, (_, places) in enumerate(rows, start=1) for place in places)
    for (before, first), (after, second) in pairwise(placed):
        pair = f"{found.words[first - 1]} <{after - before}> {found.words[second - 1]}"
        if first != second and after - before <= PAIR_DISTANCE and pair not in found.pairs:
            found.pairs.append(pair)
            found.firsts.append(first)
            found.seconds.append(second)
    return found


def _quoted(lexeme: str) -> str:
    """A lexeme as a tsquery's operand."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"
