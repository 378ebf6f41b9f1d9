"""What reading a document found, and what can be done with the document as a whole."""

from __future__ import annotations

from typing import Any

import reflex as rx

from chatai.web.documents.asking import ask_delete, ask_reread
from chatai.web.documents.state import Reader
from chatai.web.shared.elements import bar, button, link, note, pill
from chatai.web.shared.i18n import Text, count, is_russian, number, t, when
from chatai.web.shared.parts import Ticker
from chatai.web.shared.texts import common, knowledge
from chatai.web.shared.texts import documents as texts

REFRESH_MS = 1000


def report_view() -> rx.Component:
    facts = Reader.facts
    working = (facts.state == "reading") | (facts.state == "embedding")
    return rx.el.div(
        rx.cond(
            facts.error_en != "",
            rx.cond(
                facts.state == "failed",
                note(rx.cond(is_russian(), facts.error_ru, facts.error_en), "bad"),
                # Not failed, it is a remark: the document is found by its words, without its vectors.
                note(rx.cond(is_russian(), facts.error_ru, facts.error_en), "warn"),
            ),
        ),
        rx.cond(facts.lost > 0, note(t(texts.LOST, lost=facts.lost), "warn")),
        rx.el.div(
            rx.cond(working & (facts.all > 0), bar(facts.percent, Reader.name)),
            rx.el.dl(
                fact(texts.STATE, state()),
                fact(texts.TYPE, rx.match(facts.type, *[(name, t(text)) for name, text in texts.TYPES.items()], "–")),
                rx.cond(facts.url != "", fact(texts.SOURCE, outside(facts.url))),
                rx.cond(facts.size_en != "", fact(texts.SIZE, rx.cond(is_russian(), facts.size_ru, facts.size_en))),
                fact(texts.ADDED, when(facts.added_at)),
                rx.cond(facts.read_at != "", fact(texts.READ, when(facts.read_at))),
                rx.cond(facts.is_read, found(), rx.fragment()),
                class_name="facts",
            ),
            class_name="card pad stack",
        ),
        rx.cond(Reader.may_keep, actions()),
        rx.cond(Reader.busy, Ticker.create(interval=REFRESH_MS, on_tick=Reader.refresh)),
        class_name="stack",
    )


def found() -> rx.Component:
    facts = Reader.facts
    changes = rx.fragment(
        rx.cond(facts.edited > 0, rx.fragment(" · ", t(texts.OF_THEM_EDITED, edited=facts.edited))),
        rx.cond(facts.off > 0, rx.fragment(" · ", t(texts.OF_THEM_OFF, off=facts.off))),
    )
    return rx.fragment(
        fact(texts.PAGES, number(facts.pages)),
        fact(texts.WORDS, number(facts.words)),
        fact(
            texts.LANGUAGE,
            rx.match(facts.language, *[(name, t(text)) for name, text in texts.LANGUAGES.items()], t(texts.NOT_KNOWN)),
        ),
        fact(texts.TABLES, number(facts.tables)),
        rx.cond(
            facts.unreadable.length() > 0,
            fact(
                texts.UNREADABLE,
                numbers(facts.unreadable, "page"),
                rx.cond(facts.more_unreadable > 0, t(texts.AND_MORE, more=facts.more_unreadable), ""),
                hint(texts.UNREADABLE_HINT),
            ),
        ),
        rx.cond(
            facts.recognised.length() > 0,
            fact(texts.RECOGNISED, numbers(facts.recognised, "text"), hint(texts.RECOGNISED_HINT)),
        ),
        fact(
            texts.PASSAGES,
            link(count(common.CHUNKS, facts.chunks), to=f"/documents/{Reader.id}?view=passages"),
            changes,
        ),
        rx.cond(facts.embedded > 0, fact(texts.EMBEDDED, number(facts.embedded))),
    )


def state() -> rx.Component:
    facts = Reader.facts
    reading = rx.cond(facts.all > 0, t(knowledge.READING, done=facts.done, all=facts.all), t(knowledge.READING_START))
    embedding = rx.cond(
        facts.all > 0, t(knowledge.EMBEDDING, done=facts.done, all=facts.all), t(knowledge.EMBEDDING_START)
    )
    return rx.match(
        facts.state,
        ("ready", pill(knowledge.READY, "ok")),
        ("failed", pill(knowledge.FAILED, "bad")),
        ("reading", pill(reading, "busy")),
        ("embedding", pill(embedding, "busy")),
        pill(knowledge.QUEUED, "busy"),
    )


def fact(label: Text, *content: Any) -> rx.Component:
    return rx.fragment(rx.el.dt(t(label)), rx.el.dd(*content))


def hint(text: Text) -> rx.Component:
    return rx.el.p(t(text), class_name="faint small")


def numbers(pages: rx.Var[list[int]], view: str) -> rx.Component:
    """Page numbers, each with its link."""
    return rx.el.div(
        rx.foreach(
            pages,
            lambda page: link(page.to_string(), to=f"/documents/{Reader.id}?view={view}&page={page}"),
        ),
        class_name="numbers",
    )


def outside(url: rx.Var[str]) -> rx.Component:
    return rx.el.a(url, href=url, target="_blank", rel="noopener noreferrer nofollow")


def actions() -> rx.Component:
    again = rx.cond(
        Reader.facts.error_en != "",
        button(
            # Under way with an error, it waits to be tried again by itself.
            rx.cond(Reader.busy, t(knowledge.TRY_NOW), t(common.RETRY)),
            icon_name="rotate-ccw",
            on_click=Reader.retry,
        ),
        rx.cond(
            ~Reader.busy & (Reader.kind != "answer"),
            button(knowledge.REREAD, icon_name="refresh-cw", on_click=Reader.reread),
        ),
    )
    return rx.el.div(
        again,
        rx.cond(
            Reader.kind != "answer",
            button(common.DELETE, kind="bad-ghost", icon_name="trash-2", on_click=Reader.ask_delete),
        ),
        class_name="row",
    )


def dialogs() -> rx.Component:
    return rx.fragment(
        rx.cond(
            Reader.deleting,
            ask_delete(Reader.name, on_confirm=Reader.delete, on_dismiss=Reader.dismiss),
        ),
        rx.cond(
            Reader.rereading > 0,
            ask_reread(Reader.rereading, on_confirm=Reader.reread_anyway, on_dismiss=Reader.dismiss),
        ),
    )
