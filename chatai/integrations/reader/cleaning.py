"""Making extracted text fit to keep: characters, line ends, repeated headers and footers."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st", "\u00a0": " ", "\u202f": " "}
)
# Controls but tab and line feed, lone surrogates, byte order marks, other invisible or direction-forcing characters.
# PostgreSQL takes no NUL, UTF-8 no surrogate; the rest only hides what a person would see.
FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069\ufffe\uffff]"
)
NEWLINES = re.compile(r"\r\n?|[\u0085\u2028\u2029]")
# Words whose hyphen is part of them, so that a line break after it does not make them one word.
KEPT_HYPHEN_ENDS = {"то", "либо", "нибудь", "ка", "таки", "де", "за", "под", "с"}
END_OF_SENTENCE = (".", "!", "?", ":", ";", "…", "»", "”")
LIST_ITEM = re.compile(r"^(?:[•●▪◦‣·*\-–—]\s|\(?\d{1,3}[.)]|[a-zа-яё][.)]\s)", re.IGNORECASE)
PAGE_NUMBER = re.compile(r"^\D{0,3}(\d{1,5})\b|\b(\d{1,5})\D{0,3}$")
DIGITS = re.compile(r"\d+")
WORD = re.compile(r"\w")
CELLS = " | "  # between the cells of a table's row
LEADERS = re.compile(r"(?: *[.·…_]){4,}(?= *\d| *$)", re.MULTILINE)  # dots from an entry to its page number
CONTENTS_LINE = re.compile(r" … ?\d{1,4}$")
SYMBOL_BULLETS = str.maketrans(
    dict.fromkeys("\uf0b7\uf0a7\uf0d8\uf076\uf02d", "•")
)  # of the fonts Symbol and Wingdings
PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U0010fffd]")  # a font's own signs, which mean nothing without it


def normalise(text: str) -> str:
    """One spelling for what looks the same: composed letters (й, ё), no ligatures, `\\n` as the only line end."""
    text = NEWLINES.sub("\n", text)
    text = FORBIDDEN.sub("", unicodedata.normalize("NFC", text).translate(LIGATURES))
    return PRIVATE.sub("", text.translate(SYMBOL_BULLETS))


def short_leaders(text: str) -> str:
    """Rows of dots that lead to a page number as one sign: there is nothing to find in them."""
    return LEADERS.sub(" … ", text)


def tidy_spaces(text: str) -> str:
    """Single spaces within lines, none at their ends, at most one empty line in a row."""
    lines = (re.sub(r"[ \t]+", " ", line).strip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def has_text(text: str) -> bool:
    return WORD.search(text) is not None


def join_hyphens(text: str, vocabulary: Counter[str]) -> str:
    """Words that a line end has cut in two made whole.

    The hyphen stays where the document elsewhere writes the word with it and never without, and in Russian words
    that have one of their own (кто-то, из-за).
    """

    def joined(match: re.Match[str]) -> str:
        head, tail = match.group(1), match.group(2)
        with_hyphen, without = f"{head}-{tail}".lower(), f"{head}{tail}".lower()
        if vocabulary[without]:
            return head + tail
        if vocabulary[with_hyphen] or tail.lower() in KEPT_HYPHEN_ENDS:
            return f"{head}-{tail}"
        return head + tail

    text = re.sub("\u00ad\\s*\n\\s*", "", text).replace("\u00ad", "")
    return re.sub(r"\b([^\W\d_]+)[-‐]\n([^\W\d_A-ZА-ЯЁ][^\W\d_]*)", joined, text)


def vocabulary_of(texts: Sequence[str]) -> Counter[str]:
    """How often each word, hyphens within it included, stands whole on a line."""
    words: Counter[str] = Counter()
    for text in texts:
        words.update(word.lower() for word in re.findall(r"\b[^\W\d_]+(?:-[^\W\d_]+)*\b(?!-\n)", text))
    return words


def line_width(text: str) -> int:
    """How long the page's long lines are, in characters; 0 if there are too few to say. Ask before hyphens are joined,
    which makes single lines of two."""
    lengths = sorted(len(line) for line in text.split("\n") if line and CELLS not in line)
    return lengths[int(len(lengths) * 0.9)] if len(lengths) >= 4 else 0


def reflow(text: str, width: int) -> str:
    """Lines that only the page's width has broken joined again, so that sentences are whole.

    A line goes on if it is nearly as long as the page's long lines (`width`), does not end a sentence and the next one
    does not begin a list item. Short lines (titles, verse), rows of tables and lines of a table of contents stay as
    they are.
    """
    lines = text.split("\n")
    full = width
    if full < 30:
        return text
    result: list[str] = []
    open_line = False  # whether the next line belongs to the last one of the result
    for line in lines:
        if open_line and line and not LIST_ITEM.match(line) and CELLS not in line:
            result[-1] += " " + line
        else:
            result.append(line)
        ends = line.endswith(END_OF_SENTENCE)
        wide = len(line) >= full * (0.93 if ends else 0.75)
        alone = CELLS in line or CONTENTS_LINE.search(line) is not None
        open_line = wide and not alone and not (ends and line.endswith((":", ";")))
    return "\n".join(result)


def strip_repeated(pages: Sequence[str]) -> list[str]:
    """The pages without running headers, footers and page numbers.

    A first or last line (of two) goes if, digits aside, it is at that end of at least a third of the pages and of
    three, or if it begins or ends with the number that the page has in the document's own counting.
    """
    if len(pages) < 3:
        return list(pages)
    split = [[line.strip() for line in page.split("\n") if line.strip()] for page in pages]
    repeated = {end: _repeated_lines(split, end) for end in ("top", "bottom")}
    shifts = {end: _numbering_shift(split, end) for end in ("top", "bottom")}
    result = []
    for index, lines in enumerate(split):
        kept = list(lines)
        for end in ("top", "bottom"):
            shift = shifts[end]
            for _ in range(2):
                if not kept:
                    break
                line = kept[0] if end == "top" else kept[-1]
                if CELLS in line:  # a table's header, which is repeated on purpose
                    break
                numbered = shift is not None and len(line) < 120 and index + shift in _numbers_at_ends(line)
                if not numbered and _shape(line) not in repeated[end]:
                    break
                del kept[0 if end == "top" else -1]
        result.append(_between(pages[index], kept) if len(kept) < len(lines) else pages[index])
    return result


def _between(page: str, kept: Sequence[str]) -> str:
    """The part of the page from the first kept line to the last one, empty lines included."""
    if not kept:
        return ""
    lines = page.split("\n")
    filled = [number for number, line in enumerate(lines) if line.strip()]
    removed_at_top = next(
        start
        for start in range(len(filled))
        if [lines[n].strip() for n in filled[start : start + len(kept)]] == list(kept)
    )
    return "\n".join(lines[filled[removed_at_top] : filled[removed_at_top + len(kept) - 1] + 1])


def _shape(line: str) -> str:
    return DIGITS.sub("#", line).lower()


def _repeated_lines(split: Sequence[Sequence[str]], end: str) -> set[str]:
    counts: Counter[str] = Counter()
    for lines in split:
        counts.update({_shape(line) for line in (lines[:2] if end == "top" else lines[-2:]) if len(line) < 200})
    return {shape for shape, count in counts.items() if count >= 3 and count * 3 >= len(split)}


def _numbers_at_ends(line: str) -> set[int]:
    return {int(number) for match in PAGE_NUMBER.finditer(line) for number in match.groups() if number}


def _numbering_shift(split: Sequence[Sequence[str]], end: str) -> int | None:
    """What is added to a page's index to get its printed number, if half of the pages agree on it."""
    shifts: Counter[int] = Counter()
    filled = 0
    for index, lines in enumerate(split):
        if lines:
            filled += 1
            line = lines[0] if end == "top" else lines[-1]
            shifts.update({number - index for number in _numbers_at_ends(line)})
    if not shifts:
        return None
    shift, count = shifts.most_common(1)[0]
    return shift if count >= 3 and count * 2 >= filled else None
