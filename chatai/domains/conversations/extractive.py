"""The answerer for an installation without a language model: it quotes the best passages and says that it does."""

from __future__ import annotations

import re
from collections.abc import Sequence

from chatai.core.i18n import Language
from chatai.domains.conversations.sentences import best_span, sentence_spans, stems
from chatai.domains.knowledge.schemas import Passage

MAX_QUOTES = 3
QUOTE_CHARACTERS = 420

_INTRO = {
    "en": "No language model is configured here, so these are the passages of the documents that fit best:",
    "ru": "Языковая модель здесь не настроена, поэтому вот места в документах, которые подходят лучше всего:",
}
_FROM_ATTACHMENT = {
    "en": "No language model is configured here. This stands in what you attached:",
    "ru": "Языковая модель здесь не настроена. Вот что есть в том, что вы приложили:",
}
_NOTHING = {
    "en": "I found nothing about this in the documents. (No language model is configured here; "
    "I can only quote passages.)",
    "ru": "В документах об этом ничего не нашлось. (Языковая модель здесь не настроена, "
    "я могу только цитировать документы.)",
}


def quote_passages(question: str, passages: Sequence[Passage], language: Language, attached: str = "") -> str:
    """An answer in Markdown made of quotations, each with the number of its passage.

    A passage that shares next to nothing with the question is no answer to it and is left out; where none is left, the
    answer says so and ends with the mark of no passage, [0]. What the person attached is quoted first.
    """
    wanted = stems(question)
    if attached and (not wanted or wanted & stems(attached)):
        return "\n\n".join([_FROM_ATTACHMENT[language], "> " + best_sentences(attached, question)])
    needed = 1 if len(wanted) < 3 else 2
    fitting = [
        (number, passage)
        for number, passage in enumerate(passages, start=1)
        if len(wanted & stems(passage.text)) >= needed
    ]
    if not fitting:
        return f"{_NOTHING[language]} [0]"
    quotes = [
        "> " + best_sentences(passage.text, question) + f" [{number}]" for number, passage in fitting[:MAX_QUOTES]
    ]
    return "\n\n".join([_INTRO[language], *quotes])


def best_sentences(text: str, question: str) -> str:
    """The sentences that fit the question best and what follows them, up to `QUOTE_CHARACTERS`, as Markdown."""
    start, end, _ = best_span(text, stems(question), QUOTE_CHARACTERS)
    for _, following in sentence_spans(text):
        if end < following <= start + QUOTE_CHARACTERS:
            end = following
    quote = " ".join(text[start:end].split())
    if len(quote) > QUOTE_CHARACTERS:
        quote = quote[:QUOTE_CHARACTERS].rsplit(" ", 1)[0] + "…"
    return _escape_markdown(quote)


def _escape_markdown(text: str) -> str:
    """A document's text is quoted as it is: no headings, lists, links or pictures grow out of it."""
    plain = text.translate({ord("【"): "[", ord("】"): "]"})  # else 【1】 would pass for a citation of ours
    escaped = re.sub(r"([\\`*_\[\]#<>|~])", r"\\\1", plain)
    return re.sub(r"^(\d+)([.)])|^([+-])", lambda found: f"{found[1] or ''}\\{found[2] or found[3]}", escaped)
