"""Keeps an answer honest while it streams: only [n] of passages that were given come through.

Models write [1], [1, 2], 【3】 and sometimes numbers of passages that do not exist. The filter lets the good ones
through, numbered anew in the order of their first use, drops the others, and leaves code alone. [0] stands for no
passage at all: with it an answer says that the documents don't tell. Nobody sees it. But `items[0]` and the interval
[0, 1] are text: the sign stands alone, and after no letter, digit or underscore.
"""

from __future__ import annotations

import re

_OPEN, _CLOSE = "[【", "]】"
_MARK = re.compile(r"[\[【]\s*\d{1,3}(?:\s*[,;]\s*\d{1,3})*\s*[\]】]")
_MARK_BEGINNING = re.compile(r"[\[【][\d\s,;]{0,40}")
_NUMBER = re.compile(r"\d+")


class CitationFilter:
    """Feeds on pieces of an answer and gives text that is safe to show.

    Args:
        passage_count: How many passages were given, numbered from 1.
    """

    def __init__(self, passage_count: int) -> None:
        self._passage_count = passage_count
        self._held = ""
        self._fence = ""  # the run of backticks that opened the code we are in
        self._before = ""  # the character before what is held
        self.used: list[int] = []  # the passages' numbers, in the order of first use
        self.untold = False  # the answer has said that the documents don't tell

    def feed(self, piece: str) -> str:
        """The text that can be shown by now. The start of a possible mark is held back until it is decided."""
        return self._run(self._held + piece, final=False)

    def end(self) -> str:
        """What was still held back."""
        return self._run(self._held, final=True)

    def _run(self, text: str, *, final: bool) -> str:
        out: list[str] = []
        at = 0
        self._held = ""
        while at < len(text):
            character = text[at]
            if character == "`":
                end = at
                while end < len(text) and text[end] == "`":
                    end += 1
                if end == len(text) and not final:
                    return self._hold(text, at, out)
                self._toggle_code(text[at:end])
                out.append(text[at:end])
                at = end
            elif self._fence == "" and character == " " and text[at + 1 : at + 2] in ("", *_OPEN):
                # A space before a mark goes with it if the mark is dropped.
                if at + 1 == len(text) and not final:
                    return self._hold(text, at, out)
                taken, shown = self._mark(text, at + 1, final=final)
                if taken is None:
                    return self._hold(text, at, out)
                out.append(f" {shown}" if shown or not taken else "")
                at += 1 + taken
            elif self._fence == "" and character in _OPEN:
                taken, shown = self._mark(text, at, final=final)
                if taken is None:
                    return self._hold(text, at, out)
                out.append(shown if taken else character)
                at += taken or 1
            else:
                out.append(character)
                at += 1
        return self._hold(text, at, out)

    def _hold(self, text: str, at: int, out: list[str]) -> str:
        self._held = text[at:]
        self._before = text[at - 1] if at else self._before
        return "".join(out)

    def _mark(self, text: str, at: int, *, final: bool) -> tuple[int | None, str]:
        """How many characters the mark at `at` takes (0: it is none; None: not decided yet), and what shows."""
        if match := _MARK.match(text, at):
            numbers = [int(number) for number in _NUMBER.findall(match.group())]
            if 0 in numbers:
                before = text[at - 1] if at else self._before
                if len(numbers) > 1 or before.isalnum() or before == "_":
                    return 0, ""
                self.untold = True
            return match.end() - at, "".join(f"[{self._number(n)}]" for n in numbers if 1 <= n <= self._passage_count)
        beginning = _MARK_BEGINNING.match(text, at)
        undecided = beginning is not None and beginning.end() == len(text) and not final
        return (None, "") if undecided else (0, "")

    def _number(self, passage: int) -> int:
        if passage not in self.used:
            self.used.append(passage)
        return self.used.index(passage) + 1

    def _toggle_code(self, run: str) -> None:
        if self._fence == run or (self._fence and len(run) >= max(3, len(self._fence))):
            self._fence = ""
        elif not self._fence:
            self._fence = run
