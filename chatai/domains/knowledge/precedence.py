"""An answer that its owner wrote goes before what the documents say, when it was written for what is asked."""

from __future__ import annotations

import re
from collections.abc import Sequence

from chatai.domains.knowledge.schemas import Passage
from chatai.domains.knowledge.terms import folded

STEM = 5  # letters: what endings change stands behind them in most Russian and English words
LEAST_WORD = 3
COVERED = 0.7  # share of the written question's words that the asked one must have
ASKED = 0.4  # and the other way round, so that a long question is not answered by an aside of two words

_WORD = re.compile(r"\w+")
_COMMON = frozenset(
    _WORD.findall(
        "как что где когда или для это при без под над про вас нас мне вам нам вы мы ваш наш есть ли можно нужно если"
        " какой какая какие сколько кто чем the and for are can you your our how what when where who which does did"
        " have has with from that this there"
    )
)


def owners_first(query: str, passages: Sequence[Passage]) -> list[Passage]:
    """The passages in their order, but for written answers to this very question, which come first."""
    asked = _stems(query)
    return sorted(passages, key=lambda passage: not (passage.kind == "answer" and _is_about(asked, passage.heading)))


def _is_about(asked: set[str], question: str) -> bool:
    written = _stems(question)
    both = len(asked & written)
    return bool(both) and both >= COVERED * len(written) and both >= ASKED * len(asked)


def _stems(text: str) -> set[str]:
    words = _WORD.findall(folded(text).lower())
    return {word[:STEM] for word in words if len(word) >= LEAST_WORD and word not in _COMMON}
