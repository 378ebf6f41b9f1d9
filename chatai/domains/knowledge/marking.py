"""Marks a question's words in a text."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from chatai.domains.knowledge.terms import JOINED, codes, folded

Piece = tuple[str, bool]
"""Text, and whether it is one of the question's words."""

_WORD = re.compile(r"[\w\u0301\u00ad]+")  # stress marks and soft hyphens stand within words


def words_of(texts: Iterable[str]) -> set[str]:
    """The different words of texts, in small letters and folded as for search."""
    return {folded(word).lower() for text in texts for word in _WORD.findall(text)}


def marked(text: str, words: Collection[str], named: Collection[str]) -> tuple[Piece, ...]:
    """The text in pieces; together they are the text.

    Args:
        text: Any.
        words: Those to mark, as `words_of` gives them.
        named: Codes to mark, as `terms.codes` gives them.
    """
    spans = [match.span() for match in _WORD.finditer(text) if folded(match.group()).lower() in words]
    if named:
        spans += [match.span() for match in JOINED.finditer(text) if not set(codes(match.group())).isdisjoint(named)]
    pieces: list[Piece] = []
    done = 0
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if end <= done:
            continue
        start = max(start, done)
        if start > done:
            pieces.append((text[done:start], False))
        pieces.append((text[start:end], True))
        done = end
    if done < len(text):
        pieces.append((text[done:], False))
    return tuple(pieces)
