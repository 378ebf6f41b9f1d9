"""The table of bots as the page shows it, over any state that takes `BotTable` in."""

from __future__ import annotations

from typing import Any

import reflex as rx

from chatai.web.bots.rows import MB, BotRow, cell, figure_cells, name_cell, run_buttons, state_pill
from chatai.web.bots.table import FIGURES, PAGE
from chatai.web.shared.elements import button, confirm, icon, icon_button, link, note, skeleton
from chatai.web.shared.i18n import count, number, t
from chatai.web.shared.parts import Ticker
from chatai.web.shared.texts import bots as texts

REFRESH_MS = 3000
SEARCH_PAUSE_MS = 300


def totals(state: Any) -> rx.Component:
    """All bots together in four figures."""
    memory = rx.cond(
        state.memory_mb >= MB,
        t(texts.GB, number=number(state.memory_mb / MB, 1)),
        t(texts.MB, number=number(state.memory_mb, 0)),
    )
    figures = (
        (texts.TOTAL_ANSWERED, number(state.answered)),
        (texts.TOTAL_RATE, t(texts.PER_SECOND, number=number(state.rate, 1))),
        (texts.TOTAL_QUEUE, number(state.queue)),
        (texts.TOTAL_MEMORY, memory),
    )
    return rx.el.dl(
        *[rx.el.div(rx.el.dt(t(label)), rx.el.dd(value)) for label, value in figures], class_name="figures card"
    )


def filters(state: Any) -> rx.Component:
    chips = [
        rx.el.button(
            t(label),
            rx.el.span(number(state.groups[name]), class_name="faint"),
            type="button",
            class_name="filter-chip",
            aria_pressed=rx.cond(state.group == name, "true", "false"),
            on_click=state.show_group(name),
        )
        for name, label in texts.GROUPS.items()
    ]
    return rx.el.div(
        rx.el.div(*chips, class_name="filter-chips", role="group", aria_label=t(texts.FILTER)),
        rx.el.div(
            icon("search", 16),
            rx.el.input(
                id="search",
                type="search",
                class_name="input",
                default_value=state.search,
                placeholder=t(texts.SEARCH),
                aria_label=t(texts.SEARCH),
                max_length=100,
                on_change=state.look_for.debounce(SEARCH_PAUSE_MS),
            ),
            class_name="search",
        ),
        class_name="row between filters",
    )


def heading(state: Any, column: str) -> rx.Component:
    sign = rx.cond(
        state.sort == column,
        rx.cond(state.descending, icon("arrow-down", 13), icon("arrow-up", 13)),
        icon("arrow-up-down", 13),
    )
    hint = texts.COLUMN_HINTS.get(column)
    order = rx.cond(state.sort == column, rx.cond(state.descending, "descending", "ascending"), "none")
    return rx.el.th(
        rx.el.button(
            t(texts.COLUMNS[column]),
            sign,
            type="button",
            class_name="sorter",
            on_click=state.order_by(column),
            **({"title": t(hint)} if hint else {}),
        ),
        scope="col",
        class_name=f"{column} figure" if column in FIGURES else column,
        aria_sort=order,
    )


def table(state: Any, *, everywhere: bool = False) -> rx.Component:
    """One page of bots. `everywhere`: with their workspaces instead of their assistants."""

    def line(bot: rx.Var[BotRow]) -> rx.Component:
        owner = (
            cell("workspace", rx.el.span(bot.workspace, class_name="clip"))
            if everywhere
            else cell("assistant", link(bot.assistant, to=f"/assistants/{bot.assistant_id}", class_name="clip-2 small"))
        )
        return rx.el.tr(
            rx.el.td(
                rx.el.input(
                    type="checkbox",
                    checked=state.selected.contains(bot.id),
                    on_change=state.choose(bot.id),
                    aria_label=t(texts.SELECT, name=bot.name),
                ),
                class_name="check",
            ),
            name_cell(bot, f"/admin/bots/{bot.id}" if everywhere else f"/bots/{bot.id}"),
            cell("state", state_pill(bot.state, bot.unreachable)),
            owner,
            *figure_cells(bot),
            rx.el.td(run_buttons(bot, state.start, state.stop), class_name="actions"),
        )

    owner_head = rx.el.th(t(texts.WORKSPACE), scope="col", class_name="workspace") if everywhere else heading(
        state, "assistant")  # fmt: skip
    head = rx.el.thead(
        rx.el.tr(
            rx.el.th(
                rx.el.input(
                    type="checkbox",
                    checked=(state.selected.length() > 0) & (state.selected.length() >= state.rows.length()),
                    on_change=state.choose_page,
                    aria_label=t(texts.SELECT_PAGE),
                ),
                class_name="check",
            ),
            heading(state, "name"),
            heading(state, "state"),
            owner_head,
            *[heading(state, column) for column in FIGURES],
            rx.el.th(class_name="actions"),
        )
    )
    body = rx.el.tbody(rx.foreach(state.rows, line))
    return rx.el.div(
        rx.cond(
            state.rows,
            rx.el.table(head, body, class_name="bots"),
            rx.el.p(t(texts.NOTHING_FITS), class_name="faint", style={"padding": "var(--s5)"}),
        ),
        class_name="card table-box",
    )


def pager(state: Any) -> rx.Component:
    first = state.page * PAGE + 1
    return rx.cond(
        state.found > PAGE,
        rx.el.nav(
            icon_button(
                "chevron-left", texts.BEFORE, kind="plain", on_click=state.turn(False), disabled=state.page == 0
            ),
            rx.el.span(
                t(
                    texts.RANGE,
                    first=number(first),
                    last=number(first + state.rows.length() - 1),
                    all=number(state.found),
                ),
                class_name="muted small",
            ),
            icon_button(
                "chevron-right",
                texts.AFTER,
                kind="plain",
                on_click=state.turn(True),
                disabled=first + state.rows.length() > state.found,
            ),
            class_name="row tight end",
            aria_label=t(texts.PAGES),
        ),
    )


def selection(state: Any, *more: rx.Component) -> rx.Component:
    """What can be done with the chosen bots."""
    return rx.cond(
        state.selected,
        rx.el.div(
            rx.el.strong(t(texts.SELECTED, number=number(state.selected.length()))),
            rx.cond(
                state.selected.length() < state.found,
                button(t(texts.SELECT_FOUND, number=number(state.found)), kind="ghost", small=True,
                       on_click=state.choose_found),
            ),
            rx.el.span(class_name="grow"),
            button(texts.START, icon_name="play", small=True, on_click=state.start_chosen),
            button(texts.STOP, icon_name="circle-stop", small=True, on_click=state.ask("stop")),
            *more,
            icon_button("x", texts.CLEAR, on_click=state.choose_none),
            class_name="selection card",
            role="region",
            aria_label=t(texts.SELECTED, number=number(state.selected.length())),
        ),
    )  # fmt: skip


def asking_to_stop(state: Any) -> rx.Component:
    return rx.cond(
        state.asking == "stop",
        confirm(
            texts.STOP_TITLE,
            texts.STOP_MANY,
            action=texts.STOP,
            on_confirm=state.stop_chosen,
            on_dismiss=state.dismiss,
            extra=note(count(texts.NUMBER, state.selected.length())),
        ),
    )


def whole(state: Any, *, everywhere: bool, empty: rx.Component, more: tuple[rx.Component, ...] = ()) -> rx.Component:
    """The table with all that belongs to it."""
    refusal = rx.cond(state.refusal, note(state.refusal, "bad"))
    ticker = Ticker.create(interval=REFRESH_MS, on_tick=state.load)
    return rx.cond(
        state.loaded,
        rx.cond(
            state.groups[""] > 0,
            rx.fragment(
                refusal,
                totals(state),
                filters(state),
                table(state, everywhere=everywhere),
                pager(state),
                selection(state, *more),
                asking_to_stop(state),
                ticker,
            ),
            rx.fragment(refusal, rx.el.div(empty, class_name="card"), ticker),
        ),
        rx.cond(state.refusal, rx.fragment(refusal, ticker), skeleton(76, 44, 420)),
    )
