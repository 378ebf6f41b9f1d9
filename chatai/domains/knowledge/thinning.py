"""Passages that say the same: of near-duplicates the best stays."""

from __future__ import annotations

import re
from collections.abc import Sequence

from chatai.domains.knowledge.schemas import Passage

SHINGLE = 4  # words
ALIKE = 0.85  # share of the shorter passage's shingles that the other has too

_WORD = re.compile(r"\w+")


def thinned(passages: Sequence[Passage]) -> list[Passage]:
    """The passages in their order, without those that all but repeat a better one.

    A number makes a difference: two lines of a price list are alike but for it, and both stay.
    """
    kept: list[tuple[Passage, set[tuple[str, ...]], set[str]]] = []
    for passage in passages:
        words = _WORD.findall(passage.text.lower())
        shingles = {tuple(words[start : start + SHINGLE]) for start in range(max(len(words) - SHINGLE + 1, 1))}
        numbers = {word for word in words if any(character.isdigit() for character in word)}
        if not any(_alike(shingles, others) and numbers <= theirs for _, others, theirs in kept):
            kept.append((passage, shingles, numbers))
    return [passage for passage, _, _ in kept]


def _alike(one: set[tuple[str, ...]], other: set[tuple[str, ...]]) -> bool:
    smaller = min(len(one), len(other))
    return smaller <= 2 * len(one) and 2 * smaller >= len(one) and len(one & other) >= ALIKE * smaller
