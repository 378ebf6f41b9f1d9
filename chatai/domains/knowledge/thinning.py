"""Passages that say the same: of near-duplicates the best stays."""

from __future__ import annotations

import re
from collections.abc import Sequence

from chatai.domains.knowledge.schemas import Passage

SHINGLE = 4  # words
ALIKE = 0.85  # share of the shorter passage's shingles that the other has too

_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\w*\d\w*")


def thinned(passages: Sequence[Passage], limit: int | None = None) -> list[Passage]:
    """The passages in their order, without those that all but repeat a better one; the first `limit` of them.

    A number makes a difference: two lines of a price list are alike but for it, and both stay.
    """
    kept: list[tuple[Passage, set[tuple[str, ...]], set[str]]] = []
    for passage in passages:
        if len(kept) == limit:
            break
        text = passage.text.lower()
        words = _WORD.findall(text)
        # Every question comes through here, with a dozen passages: this is all in C.
        shingles: set[tuple[str, ...]] = set(zip(*(words[start:] for start in range(SHINGLE)), strict=False))
        shingles = shingles or {tuple(words)}
        numbers = set(_NUMBER.findall(text))
        if not any(_alike(shingles, others) and numbers <= theirs for _, others, theirs in kept):
            kept.append((passage, shingles, numbers))
    return [passage for passage, _, _ in kept]


def _alike(one: set[tuple[str, ...]], other: set[tuple[str, ...]]) -> bool:
    smaller = min(len(one), len(other))
    return smaller <= 2 * len(one) and 2 * smaller >= len(one) and len(one & other) >= ALIKE * smaller
