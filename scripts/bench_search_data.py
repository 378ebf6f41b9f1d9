"""Synthetic knowledge for `bench_search`: workspaces of very different size, words as frequent as in real text.

Words come from XQuAD's paragraphs in Russian and English with their frequencies there; each document has words of its
own that return in it, and one word in eight is rare: a number, a code, a name. Everything follows from the seed.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

LANGUAGES = ("ru", "en")
CHUNKS_A_DOCUMENT = 1_000
WORDS_A_CHUNK = (60, 120)
RARE = 400_000  # different rare words, the first much more frequent than the last

Draft = tuple[str, list[str]]


def sizes(chunks: int, workspaces: int) -> list[int]:
    """Chunks of each workspace, the largest first: it has about a sixth, and most have tens or hundreds.

    >>> [sizes(1_000_000, 200)[place] for place in (0, 9, 49, 99, 199)]
    [176810, 25737, 2552, 376, 16]
    """
    weights = [math.exp(-place / 40) / (place + 1) for place in range(1, workspaces + 1)]
    shares = [weight * chunks / sum(weights) for weight in weights]
    return [max(round(share), 10) for share in shares]


class Words:
    """Draws words of both languages."""

    def __init__(self, xquad: Path) -> None:
        self._words: dict[str, list[str]] = {}
        self._weights: dict[str, list[int]] = {}
        for language in LANGUAGES:
            lines = (xquad / f"corpus.{language}.jsonl").read_text(encoding="utf-8").splitlines()
            counted = Counter(re.findall(r"[^\W\d_]+", " ".join(json.loads(line)["text"].lower() for line in lines)))
            self._words[language] = list(counted)
            self._weights[language] = list(accumulate(counted.values()))

    def documents(self, number: int, chunks: int) -> Iterator[list[str]]:
        """The texts of a workspace's documents."""
        language = LANGUAGES[number % len(LANGUAGES)]
        dice = random.Random(number)
        for first in range(0, chunks, CHUNKS_A_DOCUMENT):
            own = [self._rare(dice) if dice.random() < 0.3 else dice.choice(self._words[language]) for _ in range(40)]
            yield [self._text(dice, language, own) for _ in range(first, min(first + CHUNKS_A_DOCUMENT, chunks))]

    def _text(self, dice: random.Random, language: str, own: list[str]) -> str:
        length = dice.randint(*WORDS_A_CHUNK)
        topical, rare = length // 5, length // 8
        words = dice.choices(self._words[language], cum_weights=self._weights[language], k=length - topical - rare)
        words += dice.choices(own[: dice.randint(10, 40)], k=topical) + [self._rare(dice) for _ in range(rare)]
        dice.shuffle(words)
        return " ".join(words)

    @staticmethod
    def _rare(dice: random.Random) -> str:
        rank = int(math.exp(dice.random() * math.log(RARE)))
        return f"{'кдлмнпрст'[rank % 9]}{'aeiou'[rank % 5]}-{rank}" if rank % 3 else f"имя{rank:x}"
