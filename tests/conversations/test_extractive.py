"""The answerer for an installation without a model."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from chatai.core.actor import Actor
from chatai.core.database import Database
from chatai.core.i18n import Language, language_of_text
from chatai.domains.conversations import service
from chatai.domains.conversations.citations import CitationFilter
from chatai.domains.conversations.extractive import best_sentences, quote_passages
from chatai.domains.conversations.schemas import Completed, Question
from chatai.domains.knowledge.schemas import Passage
from tests.knowledge.conftest import Add


def passage(text: str) -> Passage:
    return Passage(uuid4(), uuid4(), "rules.pdf", 1, 1, 0, len(text), "", text, 0.1)


def test_it_quotes_with_the_passages_own_numbers() -> None:
    passages = [passage("Nothing of the kind."), passage("Goods may be returned within 30 days.")]
    answer = quote_passages("How many days do I have to return goods?", passages, "en")
    assert "> Goods may be returned within 30 days. [2]" in answer
    assert "[1]" not in answer


def test_a_passage_that_only_shares_a_word_is_no_answer() -> None:
    answer = quote_passages("Who won the world championship in chess?", [passage("The world is round.")], "en")
    assert answer.startswith("I found nothing about this")


def test_a_document_can_not_write_markdown_into_the_answer() -> None:
    quote = best_sentences("# Big [link](http://evil.example) ![x](http://evil.example/x.png) <b>bold</b>", "big link")
    assert quote == r"\# Big \[link\](http://evil.example) !\[x\](http://evil.example/x.png) \<b\>bold\</b\>"


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("9. GLn is a manifold.", r"9\. GLn is a manifold."),
        ("- 5 degrees", r"\- 5 degrees"),
        ("3) Third.", r"3\) Third."),
    ],
)
def test_a_number_at_the_beginning_makes_no_list(text: str, quote: str) -> None:
    assert best_sentences(text, "9 manifold, 5 degrees, third") == quote


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Сколько стоит?", "ru"), ("How much?", "en"), ("12345?", "ru"), ("Что такое iPhone", "ru")],
)
def test_the_language_of_a_question_is_read_from_its_letters(text: str, expected: str) -> None:
    assert language_of_text(text, "ru") == expected


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("How long does the delivery take?", "The delivery takes 3 days."),
        ("Какой срок и цена ремонта часов?", "Сроки и цены: чистка за два дня, 900 рублей."),
        ("Сколько дней идут посылки в регионы?", "Посылка идёт в регион пять дней."),
    ],
)
def test_short_words_are_known_in_all_their_forms(question: str, text: str) -> None:
    assert "[1]" in quote_passages(question, [passage(text)], "en")


def test_brackets_of_a_document_are_no_citations() -> None:
    answer = quote_passages("When is delivery free?", [passage("Delivery is free from 50 euros【1】, see [1].")], "en")
    shown = CitationFilter(3)
    assert (shown.feed(answer) + shown.end()).endswith(r"free from 50 euros\[1\], see \[1\]. [1]")


@pytest.mark.parametrize(
    ("document", "question", "other", "beginning", "language"),
    [
        ("Доставка по городу занимает три дня.", "How long does delivery take?", "ru", "I found nothing about", "en"),
        ("Delivery in the city takes three days.", "Сколько идёт доставка?", "en", "В документах об этом ничего", "ru"),
    ],
)
async def test_a_question_in_another_language_than_the_documents_is_told_in_its_own_that_nothing_was_found(
    database: Database, actor: Actor, ready: Add, assistant_id: UUID,
    document: str, question: str, other: Language, beginning: str, language: str,
) -> None:  # fmt: skip
    """Without a model nothing is translated: it says so, and those who tend the assistant see the question."""
    await ready("delivery.txt", document)
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        talk = await service.start_conversation(uow, actor, assistant_id, language=other)
    events = [event async for event in service.answer(database, actor, talk.id, Question(question))]
    assert isinstance(events[-1], Completed)
    assert events[-1].message.text.startswith(beginning)
    assert events[-1].message.citations == ()
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        [group] = await service.list_unanswered(uow, actor, assistant_id)
        recorded = await uow.run("SELECT language FROM unanswered_question")
    assert (group.question, group.reason, recorded) == (question, "not_told", [(language,)])
    # Nor is a passage quoted that only its vector brings: nobody could tell that it answers.
    assert quote_passages(question, [passage(document)], "ru" if language == "ru" else "en").startswith(beginning)
