"""The languages that ChatAI speaks, and which one a person asks for."""

from typing import Literal, get_args

Language = Literal["en", "ru"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


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
