"""The page with what people asked in vain, and the answers that the owner has written."""

from __future__ import annotations

import reflex as rx

from chatai.web.assistants.answers import Answers, pair_dialog, pair_line
from chatai.web.assistants.answers_import import Import, import_dialog
from chatai.web.assistants.one import Current, assistant_page
from chatai.web.assistants.unanswered import Unanswered, section
from chatai.web.shared.elements import button, confirm, empty, listing, note, page_head, skeleton
from chatai.web.shared.layout import Session
from chatai.web.shared.parts import Ticker
from chatai.web.shared.texts import answers as texts
from chatai.web.shared.texts import common

REFRESH_MS = 1500


def page() -> rx.Component:
    nothing = empty("message-circle-question", texts.EMPTY_TITLE, texts.EMPTY)
    return assistant_page(
        "answers",
        rx.cond(
            Answers.loaded_for == Current.id,
            rx.fragment(
                page_head(
                    texts.TITLE,
                    button(texts.IMPORT, icon_name="table", on_click=Import.open_dialog),
                    button(texts.ADD, kind="primary", icon_name="plus", on_click=Answers.begin),
                    lead=texts.LEAD,
                ),
                section(Answers.answer_asked),
                listing(Answers.rows, pair_line, nothing),
                rx.cond(Answers.busy, Ticker.create(interval=REFRESH_MS, on_tick=Answers.load)),
            ),
            skeleton(72, 72, 72),
        ),
        rx.cond(Answers.editing, pair_dialog()),
        import_dialog(),
        rx.cond(
            Answers.deleting,
            confirm(
                texts.DELETE_TITLE,
                texts.DELETE,
                action=common.DELETE,
                on_confirm=Answers.delete,
                on_dismiss=Answers.close,
                extra=note(Answers.deleting_question),
            ),
        ),
    )


ON_LOAD = [Session.enter, Current.load, Answers.load, Unanswered.load]
