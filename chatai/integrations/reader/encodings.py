"""Which encoding a text file is written in, decided so that Russian texts come out right.

General detectors guess wrong on short Russian texts; the candidates here are few, and the letters' frequencies and
the place of capitals tell them apart: a wrong Cyrillic code page turns small letters into capitals and signs.
"""

from __future__ import annotations

import codecs
import math
import re

# How often each letter stands in Russian prose, per mille (open counts of the national corpus, rounded).
RUSSIAN = {
    "о": 110, "е": 85, "а": 80, "и": 74, "н": 67, "т": 63, "с": 55, "р": 47, "в": 45, "л": 44, "к": 35, "м": 32,
    "д": 30, "п": 28, "у": 26, "я": 20, "ы": 19, "ь": 17, "г": 17, "з": 16, "б": 16, "ч": 14, "й": 12, "х": 10,
    "ж": 9, "ш": 7, "ю": 6, "ц": 5, "щ": 4, "э": 3, "ф": 3, "ъ": 1, "ё": 1,
}  # fmt: skip
LETTER_SCORE = {letter: math.log(share / 1000) for letter, share in RUSSIAN.items()}
OTHER_CYRILLIC = math.log(0.002)  # Ukrainian, Belarusian, Serbian letters
SIGN_SCORE = {
    **dict.fromkeys("«»—", -3.0),
    **dict.fromkeys("–№", -3.5),
    **dict.fromkeys("…“”„’\u00a0", -4.0),
    **dict.fromkeys("°§‘•€", -5.0),
    **dict.fromkeys("©®", -6.0),
}
STRANGE = -12.0  # what stands in no ordinary text: box drawing, rare signs, holes of the code page
SWAPPED_CASE = -4.0  # a capital after a small letter
CAPITAL = -0.5  # at a word's beginning; the next ones of a word in capitals cost nothing
# How letters follow each other, by whether they are vowels: words of the wrong code page lose this rhythm.
VOWELS = frozenset("аеёиоуыэюя")
RHYTHM = {(False, True): -0.5, (False, False): -1.0, (True, False): -0.2, (True, True): -1.9}
NEVER_FIRST = frozenset("ъыь")  # nor after a vowel, the signs
IMPOSSIBLE = -4.0
UNLIKELY_TEXT = -6.0  # a mean below this is no text; prose has about -4
CYRILLIC_CODE_PAGES = {"cp1251": 0.0, "koi8-r": 0.0, "cp866": -0.3, "mac-cyrillic": -0.8}  # how rare files in it are
WESTERN_SCORE = dict.fromkeys("éèêëàâäáãåçñöóòôõøüúùûíìîïßæœÉÈÀÄÖÜÇÑÅØ", -3.0)

SAMPLE_BYTES = 256 * 1024
BROKEN_SHARE = 0.01  # of a UTF-8 text's characters that may be replaced before it counts as unreadable
# Controls but those found in text files: tab, line ends, form feed, 1A (ends DOS files), 1B (colours logs).
CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x19\x1c-\x1f\x7f]")


def decode(data: bytes, *, cut: bool = False) -> str | None:
    """The text, or None if no encoding makes sense of it. `cut`: it is a beginning and may end within a character."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if data.startswith(mark):
            return _mostly_right(data[len(mark) :], name)
    utf16 = _utf16_without_mark(data)
    if utf16:
        return _mostly_right(data, utf16)
    if len(CONTROL.findall(data[:SAMPLE_BYTES])) * 200 > len(data[:SAMPLE_BYTES]):
        return None
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(data, final=not cut)
    except UnicodeDecodeError:
        return _broken_utf8(data) or _code_page(data)


def _mostly_right(data: bytes, encoding: str) -> str | None:
    text = data.decode(encoding, errors="replace")
    return text if text.count("\ufffd") <= len(text) * BROKEN_SHARE else None


def _utf16_without_mark(data: bytes) -> str | None:
    """utf-16 by its zero or 04 (Cyrillic) high bytes, which stand on one side only."""
    sample = data[:SAMPLE_BYTES]
    sample = sample[: len(sample) // 2 * 2]
    if len(sample) < 4:
        return None
    pairs = len(sample) // 2
    high = [sum(byte in (0, 4) for byte in sample[side::2]) / pairs for side in (0, 1)]
    if b"\x00" not in sample and high[0] < 0.95 and high[1] < 0.95:
        return None
    for name, share, other in (("utf-16-le", high[1], high[0]), ("utf-16-be", high[0], high[1])):
        if share >= 0.8 and other <= 0.2:
            text = sample.decode(name, errors="replace")
            if sum(character.isprintable() or character in "\t\r\n\f\ufeff" for character in text) >= len(text) * 0.97:
                return name
    return None


def _broken_utf8(data: bytes) -> str | None:
    """UTF-8 with some bytes damaged or cut: the damage replaced, if what is left outweighs it by far."""
    text = data.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    multibyte = sum(1 for character in text if character > "\x7f") - broken
    return text if multibyte >= broken * 4 and broken <= max(3, len(text) * BROKEN_SHARE) else None


def _code_page(data: bytes) -> str | None:
    sample = data[:SAMPLE_BYTES]
    scores = {
        name: _score(sample.decode(name, errors="replace"), cyrillic=True) + rarity
        for name, rarity in CYRILLIC_CODE_PAGES.items()
    }
    scores["cp1252"] = _score(sample.decode("cp1252", errors="replace"), cyrillic=False)
    best = max(scores, key=lambda name: scores[name])
    if scores[best] < UNLIKELY_TEXT:
        return None
    text = data.decode(best, errors="replace")
    return text if text.count("\ufffd") <= max(1, len(text) * BROKEN_SHARE) else None


def _score(text: str, *, cyrillic: bool) -> float:
    """Mean log-likelihood of the characters beyond ASCII, where capitals stand and which signs there are counted in."""
    total = 0.0
    count = 0
    before = " "
    for character in text:
        if character > "\x7f":
            count += 1
            small = character.lower()
            if cyrillic and "\u0400" <= character <= "\u04ff":
                total += LETTER_SCORE.get(small, OTHER_CYRILLIC) + _transition(before, character)
            elif not cyrillic and character in WESTERN_SCORE:
                total += WESTERN_SCORE[character]
                if not ((before.isascii() and before.isalpha()) or before.isspace()):
                    total -= 4.0  # western letters stand alone among plain ones
            else:
                total += SIGN_SCORE.get(character, STRANGE)
        before = character
    return total / count if count else 0.0


def _transition(before: str, character: str) -> float:
    """How likely a Cyrillic letter is after what stands before it."""
    small = character.lower()
    score = 0.0
    if character != small and not before.isupper():
        score += SWAPPED_CASE if before.islower() else CAPITAL
    if not before.isalpha():
        return score + (IMPOSSIBLE if small in NEVER_FIRST else 0.0)
    if before.isascii():
        return score - 3.0  # Latin and Cyrillic in one word
    after_vowel = before.lower() in VOWELS
    if after_vowel and small in NEVER_FIRST:
        return score + IMPOSSIBLE
    return score + RHYTHM[after_vowel, small in VOWELS]
