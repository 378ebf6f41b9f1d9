"""The languages that ChatAI speaks, and which one a person asks for."""

import re
from typing import Literal, get_args

Language = Literal["en", "ru"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
LANGUAGE_COOKIE = "chatai_language"  # set by the pages, read by the API

_CYRILLIC = re.compile(r"[а-яё]", re.IGNORECASE)
_LATIN = re.compile(r"[a-z]", re.IGNORECASE)


def language_of(value: str | None, default: Language = "en") -> Language:
    """The language in a cookie, a stored value or an `Accept-Language` header (RFC 9110, 12.5.4); else the default.

    >>> language_of("ru-RU,ru;q=0.9,en;q=0.8")
    'ru'
    """
    weighted: list[tuple[float, int, Language]] = []
    for position, part in enumerate((value or "").split(",")):
        tag, _, rest = part.strip().partition(";")
        primary = tag.split("-")[0].lower()
        weight = rest.strip().removeprefix("q=")
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            quality = 0.0
        for language in LANGUAGES:
            if primary == language:
                weighted.append((-quality, position, language))
    return min(weighted)[2] if weighted else default


def language_of_text(text: str, default: Language) -> Language:
    """The language of a text by its letters; without letters, the default."""
    cyrillic, latin = len(_CYRILLIC.findall(text)), len(_LATIN.findall(text))
    return default if cyrillic == latin else "ru" if cyrillic > latin else "en"
