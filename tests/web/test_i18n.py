"""The catalogue and how texts are made of it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from string import Formatter

import pytest

from chatai.web.assistants.templates import TEMPLATES
from chatai.web.shared import texts
from chatai.web.shared.i18n import Plural, Text, russian_form


def catalogue() -> Iterator[tuple[str, Text | Plural]]:
    """Every text with its name, also those in tuples and tables."""
    for module in pkgutil.iter_modules(texts.__path__):
        content = vars(importlib.import_module(f"{texts.__name__}.{module.name}"))
        for name, value in content.items():
            values = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else [value]
            yield from ((f"{module.name}.{name}", item) for item in values if isinstance(item, Text | Plural))
    for template in TEMPLATES:
        for part in (template.title, template.description, template.instructions, template.greeting):
            yield f"templates.{template.key}", part


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_every_text_is_there_in_both_languages() -> None:
    found = list(catalogue())
    assert len(found) > 150
    for name, item in found:
        both = [item.en, item.ru] if isinstance(item, Text) else [*item.en, *item.ru]
        assert all(part.strip() for part in both), name
        if isinstance(item, Text):
            assert fields(item.en) == fields(item.ru), name


def test_russian_texts_are_russian() -> None:
    for name, item in catalogue():
        russian = item.ru if isinstance(item, Text) else "".join(item.ru)
        if russian not in {"Telegram", "API"}:
            assert any("а" <= letter <= "я" or letter == "ё" for letter in russian.lower()), name


@pytest.mark.parametrize(
    ("number", "form"),
    [(0, 2), (1, 0), (2, 1), (4, 1), (5, 2), (11, 2), (12, 2), (14, 2), (21, 0), (22, 1), (25, 2), (111, 2), (121, 0)],
)
def test_russian_numbers_take_their_form(number: int, form: int) -> None:
    assert russian_form(number) == form


def test_plurals_and_fields() -> None:
    plural = Plural(("page", "pages"), ("страница", "страницы", "страниц"))
    assert [plural.of("ru", n) for n in (1, 3, 11)] == ["1 страница", "3 страницы", "11 страниц"]
    assert [plural.of("en", n) for n in (1, 3)] == ["1 page", "3 pages"]
    assert Text("Page {n}", "Страница {n}").of("ru", n=4) == "Страница 4"
