"""Search: full text and vectors in one statement, fused by reciprocal rank.

The text leg ranks by BM25. PostgreSQL keeps no document frequencies, but within one assistant they can be counted
over the candidates, which hold every chunk with at least one of the terms. A term's frequency in a chunk is had from
`ts_rank`: for one term and equal weights that is the sum of 1/i² for i up to the frequency, divided by π²/6; what is
missing to 1 is close to 1/(frequency + 1/2), which is turned round here.
"""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import bindparam, text
from sqlalchemy.types import Float

from chatai.core.database import UnitOfWork
from chatai.domains.knowledge import repository
from chatai.domains.knowledge.errors import EmbeddingsAway, EmbeddingsRefused
from chatai.domains.knowledge.ports import embedder
from chatai.domains.knowledge.schemas import Passage
from chatai.domains.knowledge.terms import codes, folded

log = structlog.get_logger(__name__)

QUERY_CHARS = 2_000  # of a question that count; what is longer is a text, not a question
LEG_LIMIT = 50
RRF_K = 60  # Cormack, Clarke, Büttcher: Reciprocal Rank Fusion (2009)
K1, B = 1.5, 0.75
# Two words that stand in the chunk as they stand in the query count as a rare term of their own, at a part of a
# word's weight. On XQuAD 0.2 to 0.4 gains a little in both languages, 0.8 loses.
PAIR_WEIGHT = 0.2
PAIR_DISTANCE = 2
QUERY_EMBEDDING_SECONDS = 2.0

_LEXEMES = text("SELECT lexeme, positions FROM unnest(to_tsvector('russian', :query)) AS w(lexeme, positions, weights)")

_TEXT_LEG = """
    candidate AS MATERIALIZED (
        SELECT id, search, length(search) AS size
        FROM chunk WHERE assistant_id = :assistant_id AND search @@ CAST(:any_term AS tsquery)
    ), extent AS (
        SELECT (SELECT count(*) FROM chunk WHERE assistant_id = :assistant_id) AS chunks, avg(size) AS size
        FROM candidate
    ), term AS (
        SELECT name, CAST(name AS tsquery) AS query, weight
        FROM unnest(CAST(:terms AS text[]), CAST(:weights AS float8[])) AS term(name, weight)
    ), hit AS (
        SELECT candidate.id, candidate.size, name, weight,
               CASE WHEN weight = 1 THEN ts_rank('{1,1,1,1}', candidate.search, query)
                    WHEN candidate.search @@ query THEN 1 / 1.64493406685 ELSE 0 END AS share
        FROM candidate CROSS JOIN term
    ), rarity AS (
        SELECT name, ln(1 + (extent.chunks - count(*) + 0.5) / (count(*) + 0.5)) AS idf
        FROM hit CROSS JOIN extent WHERE share > 0 GROUP BY name, extent.chunks
    ), frequency AS (
        SELECT id, hit.size, name, weight, 1 / (1.64493406685 * (1.0000001 - share)) - 0.5 AS times
        FROM hit WHERE share > 0
    ), scored AS (
        SELECT id, sum(weight * idf * times * (:k1 + 1)
                       / (times + :k1 * (1 - :b + :b * frequency.size / extent.size))) AS score
        FROM frequency JOIN rarity USING (name) CROSS JOIN extent GROUP BY id
    ), text_leg AS (
        SELECT id, row_number() OVER (ORDER BY score DESC, id) AS text_rank
        FROM scored ORDER BY score DESC, id LIMIT :leg_limit
    )
"""

_VECTOR_LEG = """
    near AS MATERIALIZED (
        SELECT id, embedding <=> CAST(:vector AS halfvec) AS distance
        FROM chunk WHERE assistant_id = :assistant_id AND embedding_model = :model
    ), vector_leg AS (
        SELECT id, row_number() OVER (ORDER BY distance, id) AS vector_rank
        FROM near ORDER BY distance, id LIMIT :leg_limit
    )
"""

_NO_TEXT_LEG = "text_leg AS (SELECT CAST(NULL AS uuid) AS id, CAST(NULL AS bigint) AS text_rank WHERE false)"
_NO_VECTOR_LEG = "vector_leg AS (SELECT CAST(NULL AS uuid) AS id, CAST(NULL AS bigint) AS vector_rank WHERE false)"

_FUSED = """
    SELECT chunk.id AS chunk_id, chunk.document_id, document.name AS document_name, chunk.page, chunk.page_end,
           chunk.char_start, chunk.char_end, chunk.heading, chunk.text, text_rank, vector_rank,
           CAST(coalesce(1.0 / (:rrf_k + text_rank), 0) + coalesce(1.0 / (:rrf_k + vector_rank), 0) AS float8) AS score
    FROM (SELECT id, text_rank, vector_rank FROM text_leg FULL JOIN vector_leg USING (id)) AS found
    JOIN chunk ON chunk.id = found.id JOIN document ON document.id = chunk.document_id
    ORDER BY score DESC, coalesce(text_rank, vector_rank), chunk.id LIMIT :limit
"""


class Term(NamedTuple):
    """An operand of the text search, as PostgreSQL reads it, and what it weighs: a word 1, a pair of words less."""

    query: str
    weight: float


async def search(uow: UnitOfWork, assistant_id: UUID, query: str, *, limit: int = 8) -> list[Passage]:
    """The passages of the assistant's documents that say most about the query, the best first.

    Uses the vectors where an embedding model is bound, has embedded the assistant's documents and answers in time;
    the text leg always works alone.
    """
    query = query.replace("\x00", " ").strip()[:QUERY_CHARS]
    if not query or limit < 1:
        return []
    terms = await _terms(uow, query)
    vector = await _vector(uow, assistant_id, query)
    if not terms and vector is None:
        return []
    parts = [_TEXT_LEG if terms else _NO_TEXT_LEG, _VECTOR_LEG if vector else _NO_VECTOR_LEG]
    values: dict[str, object] = {
        "assistant_id": assistant_id,
        "rrf_k": RRF_K,
        "leg_limit": max(LEG_LIMIT, limit),
        "limit": limit,
    }
    if terms:
        values |= {
            "terms": [term.query for term in terms],
            "weights": [term.weight for term in terms],
            "any_term": " | ".join(term.query for term in terms if term.weight == 1),
            "k1": K1,
            "b": B,
        }
    if vector:
        values |= {"model": vector[0], "vector": str(vector[1])}
    statement = text(f"WITH {','.join(parts)} {_FUSED}")
    if terms:
        statement = statement.bindparams(bindparam("k1", type_=Float), bindparam("b", type_=Float))
    rows = (await uow.session.execute(statement, values)).all()
    return [Passage(**row._mapping) for row in rows]


async def _terms(uow: UnitOfWork, query: str) -> list[Term]:
    """The query's words as they are indexed, its codes, and the pairs of words that stand together in it."""
    rows = (await uow.session.execute(_LEXEMES, {"query": folded(query)})).all()
    terms = [Term(_quoted(word), 1.0) for word in [*(row.lexeme for row in rows), *codes(query)]]
    placed = sorted((position, row.lexeme) for row in rows for position in row.positions)
    pairs = {
        f"{_quoted(first)} <{after - before}> {_quoted(second)}": None
        for (before, first), (after, second) in pairwise(placed)
        if first != second and after - before <= PAIR_DISTANCE
    }
    return [*terms, *(Term(pair, PAIR_WEIGHT) for pair in pairs)]


async def _vector(uow: UnitOfWork, assistant_id: UUID, query: str) -> tuple[str, list[float]] | None:
    """The model's name and the query's vector, if both are to be had soon."""
    model = embedder.optional
    if model is None or not await repository.has_vectors(uow, assistant_id, model.model):
        return None
    try:
        async with asyncio.timeout(QUERY_EMBEDDING_SECONDS):
            (vector,) = await model.embed([query])
    except (TimeoutError, EmbeddingsAway, EmbeddingsRefused) as error:
        log.warning("query_not_embedded", error=type(error).__name__)
        return None
    return model.model, vector


def _quoted(lexeme: str) -> str:
    """A lexeme as a tsquery's operand."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"
