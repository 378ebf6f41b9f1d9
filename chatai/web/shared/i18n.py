"""Texts of the pages in both languages, switched in the browser without asking the server.

A `Text` is one sentence in both languages, a `Plural` one countable noun. `t` and `count` make reactive values of them
for pages; `Text.of` and `Plural.of` are for what the server renders. The texts themselves are in `texts/`.
"""

from __future__ import annotations

from dataclasses import dataclass

import reflex as rx
from reflex.vars import Var, VarData

from chatai.core.i18n import LANGUAGE_COOKIE, Language
from chatai.core.settings import get_settings

YEAR_SECONDS = 31_536_000


@dataclass(frozen=True, slots=True)
class Text:
    """One text. `{fields}` are filled in by `t` and `of`."""

    en: str
    ru: str

    def of(self, language: Language, **fields: object) -> str:
        text = self.ru if language == "ru" else self.en
        return text.format(**fields) if fields else text


@dataclass(frozen=True, slots=True)
class Plural:
    """A countable noun: English one and other, Russian one, few and many (CLDR plural rules, whole numbers)."""

    en: tuple[str, str]
    ru: tuple[str, str, str]

    def of(self, language: Language, number: int) -> str:
        """The number with its noun: `5 документов`."""
        if language == "en":
            return f"{number} {self.en[0] if number == 1 else self.en[1]}"
        return f"{number} {self.ru[russian_form(number)]}"


def russian_form(number: int) -> int:
    """Which Russian form goes with a number: 0 one (1, 21), 1 few (2–4, 22), 2 many (0, 5–20, 25)."""
    if number % 10 == 1 and number % 100 != 11:
        return 0
    return 1 if 2 <= number % 10 <= 4 and not 12 <= number % 100 <= 14 else 2


class Preferences(rx.State):
    """What a browser remembers: the language. (Light and dark are Reflex's own colour mode.)"""

    language: str = rx.Cookie(
        get_settings().default_language, name=LANGUAGE_COOKIE, path="/", max_age=YEAR_SECONDS, same_site="lax"
    )


def is_russian() -> Var[bool]:
    return Preferences.language == "ru"


def t(text: Text, **fields: object) -> Var[str]:
    """A text in the browser's language. Fields may be state variables."""
    en, ru = (text.en.format(**fields), text.ru.format(**fields)) if fields else (text.en, text.ru)
    return rx.cond(is_russian(), ru, en)


def count(plural: Plural, number: Var[int]) -> Var[str]:
    """A number from the state with its noun in the right form."""
    one, few, many = plural.ru
    ones, hundreds = number % 10, number % 100
    russian = rx.cond(
        (ones == 1) & (hundreds != 11),
        one,
        rx.cond((ones >= 2) & (ones <= 4) & ((hundreds < 12) | (hundreds > 14)), few, many),
    )
    english = rx.cond(number == 1, plural.en[0], plural.en[1])
    return rx.cond(is_russian(), f"{number} {russian}", f"{number} {english}")


def number(value: Var[float] | Var[int], digits: int = 0) -> Var[str]:
    """A number as people write it in the browser's language, with at most so many digits after the decimal sign."""
    language = Preferences.language
    expression = f"new Intl.NumberFormat({language!s}, {{maximumFractionDigits: {digits}}}).format({value!s} ?? 0)"
    data = VarData.merge(value._get_all_var_data(), language._get_all_var_data())
    return Var(_js_expr=expression, _var_type=str, _var_data=data)


def short_when(moment: Var[str]) -> Var[str]:
    """A moment as `when`, short for a table: the time if it was today, else the day."""
    language = Preferences.language
    at = f"new Date({moment!s})"
    options = (
        f"({at}.toDateString() === new Date().toDateString()"
        " ? {hour: '2-digit', minute: '2-digit'} : {day: 'numeric', month: 'short'})"
    )
    expression = f"({moment!s} ? new Intl.DateTimeFormat({language!s}, {options}).format({at}) : '–')"
    data = VarData.merge(moment._get_all_var_data(), language._get_all_var_data())
    return Var(_js_expr=expression, _var_type=str, _var_data=data)


def when(moment: Var[str], *, time: bool = True) -> Var[str]:
    """A moment (ISO 8601 in the state) as people write it, in the browser's language and time zone."""
    style = "{dateStyle:'medium',timeStyle:'short'}" if time else "{dateStyle:'medium'}"
    language = Preferences.language
    expression = f"({moment!s} ? new Intl.DateTimeFormat({language!s}, {style}).format(new Date({moment!s})) : '')"
    data = VarData.merge(moment._get_all_var_data(), language._get_all_var_data())
    return Var(_js_expr=expression, _var_type=str, _var_data=data)
