"""A question's words, and which parts of the index are read for them.

A term's postings stand in blocks, the weightiest first. Blocks are taken in the order of what a chunk in them can gain,
until so many postings are read as there is time for; the best chunks so found are then scored exactly, by all words.
Where the postings are fewer than that, as in most assistants, nothing is left out. (Lin and Trotman: Anytime Ranking
for Impact-Ordered Indexes, 2015.)
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import LiteralString, NamedTuple
from uuid import UUID

from chatai.core.statements import Runs
from chatai.domains.knowledge.postings import IMPACTS, K1
from chatai.domains.knowledge.terms import codes, folded, searchable

MOST_WORDS = 40  # of a question: the rarest
PAIR_DISTANCE = 2
QUOTED = re.compile(r"[\"“„«]([^\"“”„«»\n]{2,200})[\"”“»]")

_LOOK_UP: LiteralString = """
    WITH word AS MATERIALIZED (
        SELECT lexeme, positions, hashtextextended(lexeme, 0) AS term
        FROM unnest(to_tsvector('russian', %(query)s)) AS found(lexeme, positions, weights)
        UNION ALL
        SELECT code, NULL, hashtextextended(code, 0) FROM unnest(CAST(%(codes)s AS text[])) AS code
    )
    SELECT held_by.workspace_id, chunks, CAST(greatest(terms, 1) AS float8) / greatest(chunks, 1), embedding_model,
           dimension, near_index, lexeme, positions, term, held.segments, blocks, sizes, bounds
    FROM knowledge_index AS held_by LEFT JOIN (
        word CROSS JOIN LATERAL (
            SELECT array_agg(segment) AS segments, array_agg(block) AS blocks, array_agg(size) AS sizes,
                   array_agg(bound) AS bounds
            FROM chunk_posting AS posting
            WHERE posting.assistant_id = %(assistant_id)s AND posting.term = word.term AND posting.segment = ANY(
                ARRAY(SELECT id FROM knowledge_segment AS segment WHERE segment.assistant_id = %(assistant_id)s)
            )
        ) AS held
    ) ON true
    WHERE held_by.assistant_id = %(assistant_id)s
"""


class Searched(NamedTuple):
    """What search must know of an assistant's chunks as a whole, from `knowledge_index`."""

    assistant_id: UUID
    workspace_id: UUID
    chunks: int
    average: float
    model: str
    dimension: int
    near_index: bool


@dataclass(frozen=True, slots=True)
class Effort:
    """How much one search may do.

    Attributes:
        postings: How many are read, about.
        candidates: How many of the best chunks by them are scored exactly.
        near: How many neighbours the vectors' index keeps in sight (`hnsw.ef_search`).
        exact: Compare with every vector, and score every candidate by its own terms, whatever it takes.
    """

    postings: int = 32_000
    candidates: int = 120
    near: int = 200
    exact: bool = False


NORMAL = Effort()


@dataclass(slots=True)
class TextQuery:
    """What the text leg looks for. Words and pairs are tsquery operands.

    `is_whole`: all postings of the words are read, and are of one segment, so that all were weighed by the same average
    length: a chunk's sum of them is then its score (BM25, to a part in 4,095).
    """

    words: list[str] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    pairs: list[str] = field(default_factory=list)
    pair_weights: list[float] = field(default_factory=list)
    terms: list[int] = field(default_factory=list)
    segments: list[int] = field(default_factory=list)
    blocks: list[int] = field(default_factory=list)
    gains: list[float] = field(default_factory=list)
    is_whole: bool = False


@dataclass(slots=True)
class _Word:
    operand: str
    positions: list[int]
    term: int
    weight: float
    held: list[tuple[int, int, int, int]]


async def look_up(uow: Runs, assistant_id: UUID, query: str, effort: Effort) -> tuple[Searched, TextQuery] | None:
    """Finds an assistant's index and the words of a query in it. None where nothing was ever indexed."""
    rows = await uow.run(_LOOK_UP, {"query": searchable(query), "codes": codes(query), "assistant_id": assistant_id})
    if not rows:
        return None
    index, found = Searched(assistant_id, *rows[0][:6]), []
    for lexeme, positions, term, *held in (row[6:] for row in rows if row[6] is not None):
        blocks = list(zip(*held, strict=True)) if held[0] else []
        count = sum(size for _, _, size, _ in blocks)
        rarity = math.log(1 + (max(index.chunks - count, 0) + 0.5) / (count + 0.5))
        found.append(_Word(_quoted(lexeme), positions or [], term, rarity, blocks))
    words = sorted((word for word in found if word.held), key=lambda word: -word.weight)[:MOST_WORDS]
    result = TextQuery([word.operand for word in words], [word.weight for word in words])
    _take_blocks(result, words, effort.postings)
    _take_pairs(result, words)
    return index, result


def _take_blocks(result: TextQuery, words: Sequence[_Word], most: int) -> None:
    blocks = [(word.weight * bound, size, word, segment, block) for word in words
              for segment, block, size, bound in word.held]  # fmt: skip
    blocks.sort(key=lambda entry: -entry[0])
    taken = 0
    for _, size, word, segment, block in blocks:
        if taken and taken + size > most:
            continue
        taken += size
        result.terms.append(word.term)
        result.segments.append(segment)
        result.blocks.append(block)
        result.gains.append(word.weight * (K1 + 1) / IMPACTS)
    result.is_whole = len(result.blocks) == len(blocks) and len(set(result.segments)) <= 1


def _take_pairs(result: TextQuery, words: Sequence[_Word]) -> None:
    """Pairs of words that stand together in the query, with the weight of the rarer one."""
    placed = sorted((place, number) for number, word in enumerate(words) for place in word.positions)
    for (before, first), (after, second) in pairwise(placed):
        pair = f"{words[first].operand} <{after - before}> {words[second].operand}"
        if first != second and after - before <= PAIR_DISTANCE and pair not in result.pairs:
            result.pairs.append(pair)
            result.pair_weights.append(max(words[first].weight, words[second].weight))


def phrases(query: str) -> list[str]:
    """What stands in quotation marks, as it is looked for: small letters, ё folded, single spaces."""
    found = (" ".join(folded(match).lower().split()) for match in QUOTED.findall(query))
    return [phrase for phrase in found if any(character.isalnum() for character in phrase)]


def _quoted(lexeme: str) -> str:
    """A lexeme as a tsquery's operand."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"
