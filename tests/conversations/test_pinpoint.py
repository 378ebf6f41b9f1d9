"""From a passage to the sentences that prove a statement."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from chatai.core.actor import Actor
from chatai.core.database import Database
from chatai.domains.conversations.extractive import best_sentences
from chatai.domains.conversations.pinpoint import pinpoint, statements
from chatai.domains.conversations.schemas import Completed
from chatai.domains.conversations.sentences import best_span, sentence_spans, stems
from tests.conversations.test_answering import ask
from tests.fakes.openai import FakeOpenAI, Plan
from tests.knowledge.conftest import Add
from tests.knowledge.documents import make_pdf

PASSAGE = """Parcels leave on the day of the order. Goods may be returned within
30 days. The refund is paid within five working days.

Насос работает от сети 220 В. Гарантия действует двадцать четыре месяца."""


def test_sentences_are_found_over_line_ends_and_blank_lines() -> None:
    assert [PASSAGE[start:end] for start, end in sentence_spans(PASSAGE)] == [
        "Parcels leave on the day of the order.",
        "Goods may be returned within\n30 days.",
        "The refund is paid within five working days.",
        "Насос работает от сети 220 В.",
        "Гарантия действует двадцать четыре месяца.",
    ]


def test_a_best_run_is_short_and_whole() -> None:
    start, end, shared = best_span(PASSAGE, stems("returned within 30 days"), 300)
    assert (PASSAGE[start:end], shared) == ("Goods may be returned within\n30 days.", 4)
    assert best_span("", stems("anything"), 300) == (0, 0, 0)


def test_what_an_answer_says_before_each_mark() -> None:
    answer = "Hello. Returns take 30 days [1]. The refund comes later [2][3]. Ask us [1]!"
    assert statements(answer, [1, 2, 3]) == {
        1: "Returns take 30 days",
        2: "The refund comes later",
        3: "The refund comes later",
    }


def test_a_quotation_is_proved_by_all_that_it_quotes() -> None:
    """The answerer without a model quotes several sentences before one mark; the question's words may be in any."""
    passage = "Warranty\nThe warranty on bags is 24 months. " + "It covers workmanship, and leather, too. " * 6
    passage += "Soles can be replaced."
    said = statements(f"> {best_sentences(passage, 'How long is the warranty on bags?')} [1]", [1])
    span = pinpoint(passage, said[1])
    assert span is not None
    assert passage[span[0] : span[1]].startswith("Warranty\nThe warranty on bags is 24 months.")
    quoted = "As they say:\n\n> One here. Two here. [1]\n\n> Three here. [2]\n\nFour. Five [3]."
    assert statements(quoted, [1, 2, 3]) == {1: "One here. Two here", 2: "Three here", 3: "Five"}


@pytest.mark.parametrize(
    ("statement", "proof"),
    [
        ("Goods can be returned for 30 days", "Goods may be returned within\n30 days."),
        ("Гарантия: двадцать четыре месяца", "Гарантия действует двадцать четыре месяца."),
        ("Something that stands nowhere at all", None),
        ("", None),
    ],
)
def test_the_proof_of_a_statement(statement: str, proof: str | None) -> None:
    span = pinpoint(PASSAGE, statement)
    assert (PASSAGE[span[0] : span[1]] if span else None) == proof


async def test_a_citation_names_the_page_that_says_it(
    database: Database,
    actor: Actor,
    conversation_id: UUID,
    ready: Add,
    model: FakeOpenAI,
    tmp_path: Path,
) -> None:
    """Three short pages make one passage; the citation opens at the one with the statement."""
    pages = [
        "The warehouse stands in Riga.",
        "Delivery takes three days.",
        "The warranty on bicycles lasts five years.",
    ]
    document = await ready("rules.pdf", make_pdf(tmp_path / "rules.pdf", pages))
    assert document.chunk_count == 1
    model.plan = Plan(answers=["Delivery takes three days [1]. The warranty lasts five years [2]."])
    events = await ask(database, actor, conversation_id, "How long is the warranty on bicycles?")
    assert isinstance(events[-1], Completed)
    [citation] = events[-1].message.citations
    assert (citation.page, citation.page_end, citation.quote) == (2, 2, "Delivery takes three days.")
    assert (citation.char_start, citation.char_end) == (0, len("Delivery takes three days."))

    model.plan = Plan(answers=["The warranty on bicycles lasts five years [1]."])
    events = await ask(database, actor, conversation_id, "How long is the warranty on bicycles?")
    assert isinstance(events[-1], Completed)
    [citation] = events[-1].message.citations
    assert (citation.page, citation.quote) == (3, "The warranty on bicycles lasts five years.")


def test_an_english_s_at_the_end_makes_no_other_word() -> None:
    assert stems("How long does delivery take?") & stems("Delivery takes two days") == {"deliv", "take"}
    assert stems("cost") <= stems("It costs 4.90")
    assert stems("less of this, does it?") == {"less"}
    assert stems("дела и дело") == {"дел"}
