"""Every error of the domain has its own words in both languages."""

from __future__ import annotations

from string import Formatter

import pytest

from chatai.core.errors import ChatAIError, all_errors
from chatai.domains.knowledge import errors

OURS = [error for error in all_errors() if error.__module__ == errors.__name__]


@pytest.mark.parametrize("error", OURS)
def test_sentences(error: type[ChatAIError]) -> None:
    fields = {
        language: {name for _, name, _, _ in Formatter().parse(text) if name}
        for language, text in (("en", error.en), ("ru", error.ru))
    }
    assert fields["en"] == fields["ru"]
    assert error.en != error.ru
    assert error.en.endswith(".")
    assert error.ru.endswith(".")
    assert any("а" <= letter <= "я" for letter in error.ru)


def test_codes_are_unique() -> None:
    assert len({error.code for error in OURS}) == len(OURS)


def test_stored_failure_is_rendered_in_the_readers_language() -> None:
    assert errors.failure_sentence("parser_timeout", {"seconds": 300}, "ru").startswith("Чтение документа заняло")
    assert errors.failure_sentence("no_text", {}, "en").startswith("There are only images")
    assert errors.failure_sentence("parser_timeout", {}, "en") == errors.ReadingFailed.en
