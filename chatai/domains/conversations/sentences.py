"""Finding the sentences of a passage that say what is asked or stated."""

from __future__ import annotations

import re

_SENTENCE = re.compile(r"\S.*?(?:[.!?…]+[»”\"')\]]*(?=\s+(?:[^\W\d_]|[\d«“\"(•—-])|\s*$)|(?=\n\s*\n)|$)", re.DOTALL)
_WORD = re.compile(r"\w+")
_ENGLISH_S = re.compile(r"(?<=[a-z]{2}[^\W\ds])s\b")  # "takes" and "take", "costs" and "cost", but not "less"
# "цена" and "цены", "срок" and "сроков": words shorter than a stem need it more than longer ones.
_RUSSIAN_ENDING = re.compile(r"(?<=[а-я]{3})(?:[аяи]ми|[аяео]м|[ая]х|[оеё]в|[оеы]й|[аяоеыиуюйь])$")
STEM_LETTERS = 5
# Words of both languages that say nothing about the subject.
_EMPTY_WORDS = frozenset(
    """
    the and for are was were what who how why when where which does did with from that this these there have has can may
    will would you your our its not but any some
    что как где кто это или для при над под без его мне вам нас они она оно был была было были есть какой какая какое
    какие когда почему сколько чем
    """.split()  # noqa: SIM905 - sixty words are read more easily so
)


def stems(text: str) -> set[str]:
    """Rough stems, enough to compare sentences of one passage: the first letters of words that say something."""
    words = (word for word in _WORD.findall(text.lower().replace("ё", "е")) if word not in _EMPTY_WORDS)
    shortened = (_RUSSIAN_ENDING.sub("", _ENGLISH_S.sub("", word)) for word in words if len(word) > 2 or word.isdigit())
    return {word[:STEM_LETTERS] for word in shortened}


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Where each sentence begins and ends, in characters. A blank line ends one, too."""
    return [match.span() for match in _SENTENCE.finditer(text)]


def best_span(text: str, wanted: set[str], limit: int) -> tuple[int, int, int]:
    """The run of whole sentences, up to `limit` characters, that shares most stems with what is wanted.

    Returns:
        Start, end and the number of shared stems; of equal runs the shortest, then the first. A single sentence may be
        longer than the limit.
    """
    spans = sentence_spans(text)
    found = [wanted & stems(text[start:end]) for start, end in spans]
    best, best_key = (0, 0, 0), (-1, 0)
    for first, (start, _) in enumerate(spans):
        shared: set[str] = set()
        for last in range(first, len(spans)):
            end = spans[last][1]
            if last > first and end - start > limit:
                break
            shared |= found[last]
            if (key := (len(shared), start - end)) > best_key:
                best, best_key = (start, end, len(shared)), key
    return best
