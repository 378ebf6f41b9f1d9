"""Errors that people see: a code, an HTTP status and a sentence in both languages.

A domain's errors subclass one of the kinds below in its `errors.py`. They are raised where the rule lives and
rendered once at each edge: a page, the API, a bot.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from chatai.core.i18n import Language


class ChatAIError(Exception):
    """An expected failure. Keyword arguments fill the `{fields}` of the sentences and stay readable as `fields`."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    en: ClassVar[str] = "Something went wrong on our side. Please try again."
    ru: ClassVar[str] = "Что-то пошло не так на нашей стороне. Попробуйте ещё раз."

    def __init__(self, **fields: object) -> None:
        self.fields = fields
        super().__init__(self.sentence("en"))

    def sentence(self, language: Language) -> str:
        """The sentence for people, in their language."""
        return (self.ru if language == "ru" else self.en).format(**self.fields)


class Invalid(ChatAIError):
    code, status = "invalid", 422
    en = "That does not look right. Please check it and try again."
    ru = "Здесь что-то не так. Проверьте и попробуйте ещё раз."


class Unauthenticated(ChatAIError):
    code, status = "unauthenticated", 401
    en = "Please log in first."
    ru = "Сначала войдите."


class Forbidden(ChatAIError):
    code, status = "forbidden", 403
    en = "Your role does not allow this."
    ru = "Ваша роль этого не позволяет."


class NotFound(ChatAIError):
    """Also raised for what belongs to somebody else: nobody learns that it exists."""

    code, status = "not_found", 404
    en = "This does not exist, or it is not yours to see."
    ru = "Этого нет, или вам это не доступно."


class Conflict(ChatAIError):
    code, status = "conflict", 409
    en = "This was changed in the meantime. Please look again."
    ru = "За это время здесь что-то изменилось. Взгляните ещё раз."


class TooLarge(ChatAIError):
    code, status = "too_large", 413
    en = "This is too large."
    ru = "Это слишком большой объём."


class TooMany(ChatAIError):
    code, status = "too_many", 429
    en = "Too many attempts. Please wait a little."
    ru = "Слишком много попыток. Подождите немного."


class Unavailable(ChatAIError):
    code, status = "unavailable", 503
    en = "This is not available at the moment. Please try again in a minute."
    ru = "Сейчас это недоступно. Попробуйте через минуту."


def all_errors(base: type[ChatAIError] = ChatAIError) -> Iterator[type[ChatAIError]]:
    """Every error class that is loaded, the base included."""
    yield base
    for child in base.__subclasses__():
        yield from all_errors(child)


def sentence_for(code: str, language: Language) -> str:
    """The sentence of an error known by its code only, as in `?error=code`. An unknown code gets the general one.

    Sentences with fields can't be rendered from the code alone; they fall back to their kind's sentence.
    """
    found = next((error for error in all_errors() if error.code == code), ChatAIError)
    for candidate in found.__mro__:
        if issubclass(candidate, ChatAIError):
            text = candidate.ru if language == "ru" else candidate.en
            if "{" not in text:
                return text
    raise AssertionError("the base error's sentence has no fields")
