"""From a passage to the very sentences that an answer cites, so that a citation opens where the proof stands."""

from __future__ import annotations

import re
from collections.abc import Sequence

from chatai.domains.conversations.sentences import best_span, stems

PINPOINT_CHARACTERS = 300
ENOUGH = 0.34  # share of the statement's stems that its proof must have

_MARKS = re.compile(r"(?:\s*\[\d+\])+")
_STATEMENT_START = re.compile(r"(?<=[.!?…])\s|\n")


def statements(answer: str, numbers: Sequence[int]) -> dict[int, str]:
    """What the answer says before the first [n] of each number: the sentence, or the whole quotation, that it ends."""
    found: dict[int, str] = {}
    for number in numbers:
        mark = answer.find(f"[{number}]")
        before = _MARKS.sub("", answer[: max(mark, 0)]).rstrip(" .!?…").replace("\\", "")
        line = before.rpartition("\n")[2]
        if line.startswith("> "):  # a quotation is proved by all that it quotes
            found[number] = line.removeprefix("> ")
            continue
        starts = [match.end() for match in _STATEMENT_START.finditer(before)]
        found[number] = before[starts[-1] if starts else 0 :]
    return found


def pinpoint(passage: str, statement: str) -> tuple[int, int] | None:
    """Start and end, in characters, of the sentences of the passage that say it; None if none clearly does.

    An answer in another language than its passage shares few words with it: then the whole passage is the proof.
    """
    wanted = stems(statement)
    if not wanted:
        return None
    longest = max(PINPOINT_CHARACTERS, round(len(statement) * 1.1))  # of a quotation, which lost line ends and spaces
    start, end, shared = best_span(passage, wanted, longest)
    return (start, end) if shared >= max(2, ENOUGH * len(wanted)) else None
