"""Passages that say the same: of near-duplicates the best stays."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

from chatai.domains.knowledge.schemas import Passage

SHINGLE = 4  # words
ALIKE = 0.85  # share of the shorter passage's shingles that the other has too

_WORD = re.compile(r"\w+")
_DIGIT = re.compile(r"\d")


class _Words:
    """A passage's words. Every question comes through here with a dozen passages, so what is dear is put off."""

    def __init__(self, text: str) -> None:
        self.all = _WORD.findall(text.lower())
        self.different = frozenset(self.all)

    @cached_property
    def numbers(self) -> set[str]:
        return {word for word in self.different if not word.isalpha() and _DIGIT.search(word)}

    @cached_property
    def shingles(self) -> set[tuple[str, ...]]:
        found = set(zip(*(self.all[start:] for start in range(SHINGLE)), strict=False))
        return found or {tuple(self.all)}


def thinned(passages: Sequence[Passage], limit: int | None = None) -> list[Passage]:
    """The passages in their order, without those that all but repeat a better one; the first `limit` of them.

    A number makes a difference: two lines of a price list are alike but for it, and both stay.
    """
    kept: list[tuple[Passage, _Words]] = []
    for passage in passages:
        if len(kept) == limit:
            break
        words = _Words(passage.text)
        if not any(_alike(words, others) and words.numbers <= others.numbers for _, others in kept):
            kept.append((passage, words))
    return [passage for passage, _ in kept]


def _alike(one: _Words, other: _Words) -> bool:
    if not (_may_be_alike(one, other) or _may_be_alike(other, one)):
        return False
    mine, theirs = one.shingles, other.shingles
    smaller = min(len(mine), len(theirs))
    return smaller <= 2 * len(mine) and 2 * smaller >= len(mine) and len(mine & theirs) >= ALIKE * smaller


def _may_be_alike(shorter: _Words, longer: _Words) -> bool:
    """Whether so many shingles can be shared. Each one that is not leaves out one word at most, but for the first."""
    left_out = len(shorter.different) - len(shorter.different & longer.different)
    return left_out <= (1 - ALIKE) * len(shorter.all) + SHINGLE
