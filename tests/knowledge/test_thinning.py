"""Near-duplicates among passages, against the plain definition."""

from __future__ import annotations

import random
from dataclasses import replace

from chatai.core.ids import new_id
from chatai.domains.knowledge.schemas import Passage
from chatai.domains.knowledge.thinning import ALIKE, SHINGLE, thinned

WORDS = [f"word{'abcdefghijklmnopqrstuvwxyz'[number]}" for number in range(26)]


def a_passage(text: str) -> Passage:
    return Passage(new_id(), new_id(), "Prices.pdf", 1, 1, 0, len(text), "", text, 1.0)


def shingles(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[start : start + SHINGLE]) for start in range(max(1, len(words) - SHINGLE + 1))}


def are_alike(one: str, other: str) -> bool:
    mine, theirs = shingles(one), shingles(other)
    smaller = min(len(mine), len(theirs))
    return smaller <= 2 * len(mine) and 2 * smaller >= len(mine) and len(mine & theirs) >= ALIKE * smaller


def test_what_is_compared_by_words_first_is_what_the_shingles_say() -> None:
    chance = random.Random(5)
    found = 0
    for _ in range(3_000):
        words = chance.choices(WORDS[: chance.choice((6, 26))], k=chance.randrange(1, 60))
        changed = [chance.choice(WORDS) if chance.random() < chance.choice((0, 0.02, 0.06)) else word for word in words]
        changed = changed[chance.randrange(3) :] if chance.random() < 0.3 else changed
        one, other = " ".join(words), " ".join(changed) or "word"
        passages = [a_passage(one), a_passage(other)]
        kept = thinned(passages)
        assert (len(kept) == 1) == are_alike(other, one), (one, other)
        found += len(kept) == 1
    assert 500 < found < 2_500


def test_a_different_number_makes_a_different_passage() -> None:
    line = a_passage("The price of a single ticket for grown-up people in the first zone is 40 roubles")
    dearer = replace(line, text=line.text.replace("40", "55"))
    assert thinned([line, dearer, line]) == [line, dearer]


def test_so_many_are_kept_and_the_best_first() -> None:
    passages = [a_passage(f"{word} stands here alone") for word in WORDS]
    assert thinned(passages, 3) == passages[:3]
