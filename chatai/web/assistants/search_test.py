"""An assistant's search test: the passages that an answer to a question would be given, and how they were found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import reflex as rx

from chatai.core.actor import Actor
from chatai.core.database import get_database
from chatai.core.errors import ChatAIError
from chatai.core.rate_limits import allow
from chatai.domains.conversations.answering import PASSAGES
from chatai.domains.knowledge import service as knowledge
from chatai.domains.knowledge.errors import TooManySearches
from chatai.domains.knowledge.schemas import Passage
from chatai.domains.knowledge.search_test import FoundPassage, SearchedWord
from chatai.domains.knowledge.service import SearchTest
from chatai.web.assistants.one import Current, assistant_page
from chatai.web.shared.elements import button, empty, field, link, link_button, note, page_head, pill, text_input
from chatai.web.shared.guard import handler, route_id
from chatai.web.shared.i18n import count, number, t
from chatai.web.shared.layout import Session
from chatai.web.shared.texts import search as texts

RATE = "30/minute"
MOST_CHARS = 2_000
NOT_TAKEN = -1.0  # milliseconds of a step that was not taken


@dataclass
class Bit:
    """A piece of a passage's text, and whether it is one of the question's words."""

    text: str
    marked: bool


@dataclass
class Hit:
    """One passage. Ranks and places count from 1; 0 is none."""

    place: int
    before: int
    text_rank: int
    vector_rank: int
    score: float
    document: str
    pages: str
    heading: str
    path: str
    own: bool
    bits: list[Bit]


@dataclass
class Word:
    """What was looked up, and about how many passages hold it."""

    text: str
    is_code: bool
    passages: int


class Trial(rx.State):
    """The question, and what it found. `done_for`: the assistant that was searched."""

    question: str = ""
    busy: bool = False
    error: str = ""
    done_for: str = ""
    hits: list[Hit] = []  # noqa: RUF012  Reflex copies it for each browser
    words: list[Word] = []  # noqa: RUF012
    quoted: list[str] = []  # noqa: RUF012
    quoted_held: bool = False
    leg: str = ""
    model: str = ""
    reranker_away: bool = False
    embed_ms: float = NOT_TAKEN
    search_ms: float = NOT_TAKEN
    rerank_ms: float = NOT_TAKEN

    @handler
    async def load(self, actor: Actor) -> None:
        """A question of another assistant's page is let go, and a search whose process was killed."""
        self.busy, self.error = False, ""
        if self.done_for != str(route_id(self, "assistant_id")):
            self.question, self.done_for = "", ""

    @handler(background=True, error="error")
    async def ask(self, actor: Actor, form: dict[str, Any]) -> None:
        """Beside other events: the embedding and the reranking model may take seconds."""
        question = str(form.get("question", "")).strip()[:MOST_CHARS]
        if not question:
            return
        async with self:
            assistant_id = route_id(self, "assistant_id")
            self.question, self.error, self.busy = question, "", True
        try:
            if not await allow(RATE, "search-test", str(actor.account_id)):
                raise TooManySearches
            found = await knowledge.try_search(get_database(), actor, assistant_id, question, limit=PASSAGES)
        except ChatAIError:
            async with self:
                self.busy = False
            raise
        async with self:
            self._show(found)
            self.done_for, self.busy = str(assistant_id), False

    def _show(self, found: SearchTest) -> None:
        self.hits = [hit_of(one) for one in found.passages]
        self.words = [word_of(word) for word in found.words]
        self.quoted, self.quoted_held = list(found.phrases), found.phrases_held
        self.leg, self.model = found.vector_leg, found.vector_model
        self.reranker_away = found.rerank_ms is not None and all(one.place_before is None for one in found.passages)
        self.embed_ms, self.search_ms, self.rerank_ms = (
            NOT_TAKEN if took is None else took for took in (found.embed_ms, found.search_ms, found.rerank_ms)
        )


def hit_of(found: FoundPassage) -> Hit:
    passage = found.passage
    one_page = passage.page == passage.page_end
    return Hit(
        place=found.place,
        before=found.place_before or 0,
        text_rank=passage.text_rank or 0,
        vector_rank=passage.vector_rank or 0,
        score=found.score,
        document=passage.document_name,
        pages=f"{passage.page}" if one_page else f"{passage.page}–{passage.page_end}",
        heading=passage.heading,
        path=path_of(passage),
        own=passage.kind == "answer",
        bits=[Bit(text, is_marked) for text, is_marked in found.pieces],
    )


def path_of(passage: Passage) -> str:
    """Where on the pages the passage is shown in its document."""
    end = passage.char_end if passage.page_end == passage.page else -1
    return f"/documents/{passage.document_id}?" + urlencode(
        {"page": passage.page, "start": passage.char_start, "end": end}
    )


def word_of(word: SearchedWord) -> Word:
    return Word(word.text, word.is_code, word.passages)


def form() -> rx.Component:
    return rx.el.form(
        field(
            texts.QUESTION,
            text_input(
                "question",
                default_value=Trial.question,
                placeholder=t(texts.EXAMPLE),
                required=True,
                max_length=MOST_CHARS,
                auto_focus=True,
                auto_complete="off",
                enter_key_hint="search",
            ),
            name="question",
        ),
        button(
            rx.cond(Trial.busy, t(texts.SEARCHING), t(texts.SEARCH)),
            kind="primary",
            icon_name="search",
            type="submit",
            disabled=Trial.busy,
        ),
        on_submit=Trial.ask,
        class_name="card pad search-form",
        key=Current.id,
    )


def figures() -> rx.Component:
    def figure(label: Any, took: rx.Var[float]) -> rx.Component:
        value = rx.cond(took >= 0, t(texts.MS, number=number(took, 1)), t(texts.NOT_USED))
        return rx.el.div(rx.el.dt(t(label)), rx.el.dd(value))

    return rx.el.dl(
        figure(texts.EMBED, Trial.embed_ms),
        figure(texts.FIND, Trial.search_ms),
        figure(texts.RERANK, Trial.rerank_ms),
        class_name="figures card",
    )


def looked_up() -> rx.Component:
    def word_pill(word: rx.Var[Word]) -> rx.Component:
        label = rx.fragment(word.text, rx.cond(word.is_code, rx.fragment(" · ", t(texts.CODE))))
        return rx.cond(
            word.passages > 0,
            rx.el.li(label, " · ", number(word.passages), class_name="looked-up"),
            rx.el.li(label, " · ", t(texts.NOT_THERE), class_name="looked-up missing"),
        )

    def phrase_pill(phrase: rx.Var[str]) -> rx.Component:
        return rx.cond(
            Trial.quoted_held,
            rx.el.li(f"«{phrase}» · ", t(texts.QUOTED), class_name="looked-up"),
            rx.el.li(f"«{phrase}» · ", t(texts.QUOTED_NOWHERE), class_name="looked-up missing"),
        )

    legs = rx.el.div(
        pill(texts.BY_WORDS, "ok"),
        rx.match(
            Trial.leg,
            ("on", pill(t(texts.VECTOR_LEG["on"], model=Trial.model), "ok")),
            ("off", pill(texts.VECTOR_LEG["off"])),
            ("away", pill(texts.VECTOR_LEG["away"], "bad")),
            ("other_model", pill(texts.VECTOR_LEG["other_model"], "warn")),
            pill(texts.VECTOR_LEG["empty"], "warn"),
        ),
        rx.cond(Trial.reranker_away, pill(texts.RERANKER_AWAY, "bad")),
        class_name="row tight legs",
    )
    return rx.el.section(
        legs,
        rx.el.div(
            rx.el.h2(t(texts.LOOKED_UP), id="looked-up"),
            rx.el.p(t(texts.LOOKED_UP_HINT), class_name="faint small"),
            class_name="stack tight",
        ),
        rx.el.ul(
            rx.foreach(Trial.words, word_pill),
            rx.foreach(Trial.quoted, phrase_pill),
            class_name="row tight",
            aria_labelledby="looked-up",
        ),
        class_name="card pad stack",
    )


def hit_view(hit: rx.Var[Hit]) -> rx.Component:
    def rank(label: Any, value: rx.Var[int]) -> rx.Component:
        shown = rx.cond(value > 0, t(texts.RANK, number=value), t(texts.ABSENT))
        return rx.el.div(rx.el.dt(t(label)), rx.el.dd(shown))

    moved = rx.cond(
        hit.before == 0,
        rx.fragment(),
        rx.cond(
            hit.before > hit.place,
            pill(t(texts.MOVED_UP, number=hit.before), "ok"),
            rx.cond(
                hit.before < hit.place, pill(t(texts.MOVED_DOWN, number=hit.before), "warn"), pill(texts.NOT_MOVED)
            ),
        ),
    )
    place = rx.cond(
        hit.own,
        pill(texts.OWN_ANSWER, "ok"),
        rx.el.span(t(texts.PAGE, number=hit.pages), class_name="faint small"),
    )
    return rx.el.li(
        rx.el.div(
            rx.el.span(hit.place, class_name="tile round quiet", aria_hidden="true"),
            rx.el.div(
                rx.el.div(
                    link(hit.document, to=hit.path, class_name="strong clip"),
                    place,
                    class_name="row tight",
                ),
                rx.cond((hit.heading != "") & ~hit.own, rx.el.p(hit.heading, class_name="faint small clip")),
                class_name="grow stack line-text",
            ),
            class_name="row top",
        ),
        rx.el.dl(
            rank(texts.TEXT_RANK, hit.text_rank),
            rank(texts.VECTOR_RANK, hit.vector_rank),
            rx.el.div(rx.el.dt(t(texts.SCORE)), rx.el.dd(number(hit.score, 4))),
            class_name="ranks",
        ),
        moved,
        rx.el.p(
            rx.foreach(hit.bits, lambda bit: rx.cond(bit.marked, rx.el.mark(bit.text), rx.el.span(bit.text))),
            class_name="passage-text",
        ),
        class_name="hit",
        key=hit.path,
    )


def results() -> rx.Component:
    return rx.fragment(
        figures(),
        looked_up(),
        rx.cond(
            Trial.hits,
            rx.el.section(
                rx.el.h2(count(texts.FOUND, Trial.hits.length()), class_name="pad-head", role="status"),
                rx.el.ol(rx.foreach(Trial.hits, hit_view), class_name="list hits"),
                class_name="card",
            ),
            rx.el.div(
                empty(
                    "search-x",
                    texts.NOTHING_TITLE,
                    texts.NOTHING,
                    link_button(texts.WRITE_ANSWER, f"/assistants/{Current.id}/answers"),
                ),
                class_name="card",
                role="status",
            ),
        ),
    )


def page() -> rx.Component:
    return assistant_page(
        "search",
        page_head(texts.TITLE, lead=texts.LEAD),
        form(),
        rx.cond(Trial.error, note(Trial.error, "bad")),
        rx.cond(
            Trial.done_for == Current.id,
            results(),
            rx.el.div(empty("search-check", texts.START_TITLE, texts.START), class_name="card"),
        ),
    )


ON_LOAD = [Session.enter, Current.load, Trial.load]
