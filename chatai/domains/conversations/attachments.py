"""What comes with a question: as much of it as a prompt has room for, the places that fit the question first."""

from __future__ import annotations

import re

from chatai.domains.conversations.sentences import stems

MAX_ATTACHMENT = 60_000
"""Characters of it that are kept with the question."""
PIECE_CHARACTERS = 700
GAP = "[…]"

_PARAGRAPH_END = re.compile(r"\n\s*\n|\n|(?<=[.!?…])\s+")


def excerpt(text: str, question: str, room: int) -> str:
    """At most about `room` characters of a text, in its order: the beginning, and the pieces that share most words
    with the question. What is left out is marked."""
    if len(text) <= room:
        return text
    pieces = _pieces(text)
    wanted = stems(question)
    ranked = sorted(range(1, len(pieces)), key=lambda place: (-len(wanted & stems(pieces[place])), place))
    chosen, left = {0}, room - len(pieces[0])
    for place in ranked:
        if len(pieces[place]) <= left:
            chosen.add(place)
            left -= len(pieces[place])
    shown: list[str] = []
    for place in range(len(pieces)):
        if place in chosen:
            shown.append(pieces[place])
        elif not shown or shown[-1] != GAP:
            shown.append(GAP)
    return "\n".join(shown)


def _pieces(text: str) -> list[str]:
    """The text cut at paragraphs, lines or sentences into pieces of about `PIECE_CHARACTERS`."""
    pieces, start, last = [], 0, 0
    ends = [match.end() for match in _PARAGRAPH_END.finditer(text)]
    for end in [*ends, len(text)]:
        while end - start > PIECE_CHARACTERS:
            cut = last if last > start else start + PIECE_CHARACTERS
            pieces.append(text[start:cut].strip())
            start = cut
        last = end
    pieces.append(text[start:].strip())
    return [piece for piece in pieces if piece]
