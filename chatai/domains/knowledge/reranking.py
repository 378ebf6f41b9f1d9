"""A second look at what search found: a reranking model reads question and passage together, where one is set."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import structlog

from chatai.domains.knowledge.ports import RerankerAway, reranker
from chatai.domains.knowledge.schemas import Passage

log = structlog.get_logger(__name__)

DEPTH = 24  # passages that it reads
SECONDS = 2.0  # an answer waits no longer for it


def search_depth(limit: int) -> int:
    """How many passages `search` should give, if so many are wanted after `reranked`."""
    return max(limit, DEPTH) if reranker.optional else limit


async def reranked(query: str, passages: Sequence[Passage], limit: int) -> list[Passage]:
    """The best of the passages by the reranking model; without one, or when it is away, as they came.

    Asked outside any transaction.
    """
    model = reranker.optional
    if model is None or len(passages) < 2:
        return list(passages[:limit])
    texts = [f"{passage.heading}\n{passage.text}" if passage.heading else passage.text for passage in passages]
    try:
        async with asyncio.timeout(SECONDS):
            scores = await model.scores(query, texts)
    except (TimeoutError, RerankerAway) as error:
        log.warning("not_reranked", error=type(error).__name__)
        return list(passages[:limit])
    order = sorted(range(len(passages)), key=lambda place: -scores[place])
    return [replace(passages[place], score=scores[place]) for place in order[:limit]]
