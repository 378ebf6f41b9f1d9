"""What of a text is searched by, besides PostgreSQL's own words: one spelling for ё, and codes kept whole.

PostgreSQL takes "PPR-9087" for a word and a negative number, and knows nothing of letters that look alike in two
scripts. So codes are taken out here and indexed as terms of their own, which begin with "=": in small letters, without
separators, Cyrillic letters that look like Latin ones as the Latin ones. "PPR-9087", "ppr 9087" and "РРR–9087" are one.
"""

from __future__ import annotations

import re
import unicodedata

VERSION = 1
"""Of what this module makes of a text. With every change of that it rises, and what was indexed is indexed anew."""

LOOKALIKES = str.maketrans("авекмнорстух", "abekmhopctyx")
NO_LETTERS = "«»„“”‟‹›‘‚…•·▪●○■□◦►→"
FOLDED = str.maketrans({"ё": "е", "Ё": "Е", "\u0301": None, "\u00ad": None, **dict.fromkeys(NO_LETTERS, " ")})
# In a database whose character type is C, as the embedded one, PostgreSQL's parser takes every sign that is not ASCII
# for a letter: №5 would be another word than 5, and a–b a single one.
SIGN = re.compile(r"[^\w\x00-\x7f]")
HYPHENS = "‐‑"  # join words as the ASCII one does, which the parser knows
SEPARATORS = "-‐‑–/_"
DIGIT = re.compile(r"\d")
JOINED = re.compile(rf"\w+(?:[{SEPARATORS}.]\w+)*")  # a word with what joins its parts
NUMBER = re.compile(r"№?(\d(?:[\w.]*\w)?)")
SHORT_WORD = re.compile(r"(?:^|\W)([^\W\d_]{1,8})$")
LONGEST_CODE = 60
MOST_CODES = 400  # of one chunk: a table of articles has some hundred


def folded(text: str) -> str:
    """The text in one spelling: ё is е; no stress marks, soft hyphens, quotation marks or bullets."""
    return text.translate(FOLDED)


def searchable(text: str) -> str:
    """The text as it is handed to `to_tsvector`: folded, and with spaces for the signs that are no part of a word.

    >>> searchable("Приказ №5 «О ценах», май–июнь, 20°C")
    'Приказ  5  О ценах , май июнь, 20 C'
    """
    return SIGN.sub(_apart, folded(text))


def _apart(match: re.Match[str]) -> str:
    sign = match.group()
    if sign in HYPHENS:
        return "-"
    # Marks stand on letters, and what is invisible may stand within a word.
    return sign if unicodedata.category(sign)[0] in "MC" else " "


def codes(text: str) -> list[str]:
    """The codes of a text as index terms, each once, in order.

    >>> codes("Насос РРR-9087 по ГОСТ 12.1.004, цена 100")
    ['=ppr9087', '=гoct12.1.004', '=цeha100']
    """
    found: dict[str, None] = {}
    before = ""  # the word that a number may belong to
    for piece in folded(text).split():
        if DIGIT.search(piece):
            for match in JOINED.finditer(piece):
                _add(found, match.group())
            number, word = NUMBER.match(piece), SHORT_WORD.search(before)
            if number and word:
                _add(found, word.group(1) + number.group(1))
        if piece != "№":
            before = piece
    return list(found)[:MOST_CODES]


def _add(found: dict[str, None], code: str) -> None:
    if any(character.isdigit() for character in code) and len(code) <= LONGEST_CODE:
        term = re.sub(f"[{SEPARATORS}]", "", code.lower()).translate(LOOKALIKES)
        if any(character.isalpha() for character in term):  # a number alone is a word to PostgreSQL already
            found["=" + term] = None
