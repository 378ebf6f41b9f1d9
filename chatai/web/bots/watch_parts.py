"""What pages show of how one bot fares, over any state that takes `BotWatch` in."""

from __future__ import annotations

from typing import Any

import reflex as rx

from chatai.domains.channels.errors import BotSetupFailed
from chatai.web.assistants.one import PLACE
from chatai.web.bots.plots import plot
from chatai.web.bots.rows import state_pill
from chatai.web.bots.watch import Event
from chatai.web.shared.elements import button, empty, link_button, note, skeleton
from chatai.web.shared.i18n import Text, is_russian, number, short_when, t, when
from chatai.web.shared.parts import Ticker
from chatai.web.shared.texts import bots as texts
from chatai.web.shared.texts import common

REFRESH_MS = 3000


def card(title: Text, *content: Any, lead: Text | None = None) -> rx.Component:
    head = rx.el.div(
        rx.el.h2(t(title)), *([rx.el.p(t(lead), class_name="muted small")] if lead else []), class_name="stack tight"
    )
    return rx.el.section(head, *content, class_name="card pad stack")


def title(state: Any, *about: Any) -> rx.Component:
    """The bot's name and state, and under it its user name and what else is said."""
    telegram = rx.el.a(
        f"@{state.username}", href=f"https://t.me/{state.username}", target="_blank", rel="noopener noreferrer"
    )
    return rx.el.div(
        rx.el.div(
            rx.el.h1(state.name, class_name="clip"), state_pill(state.state, state.unreachable), class_name="row tight"
        ),
        rx.el.p(telegram, *[part for one in about for part in (" · ", one)], class_name="muted"),
        class_name="stack tight grow",
    )


def run_buttons(state: Any) -> rx.Component:
    return rx.cond(
        state.wanted == "running",
        rx.fragment(
            button(texts.RESTART, icon_name="rotate-ccw", on_click=state.start),
            button(texts.STOP, icon_name="circle-stop", on_click=state.stop),
        ),
        button(texts.START, kind="primary", icon_name="play", on_click=state.start),
    )


def trouble(state: Any) -> rx.Component:
    """Why the bot is as it is, and what to do."""
    now = rx.match(state.state, *[(name, t(text)) for name, text in texts.WHAT_NOW.items()], "")
    why = rx.el.p(rx.el.strong(rx.cond(is_russian(), state.reason_ru, state.reason_en)))
    given_up = rx.fragment(
        why,
        rx.cond(state.reason_code != BotSetupFailed.code, rx.el.p(now)),  # that one says it itself
        rx.cond(state.last_error, rx.el.p(state.last_error, class_name="small")),
        rx.cond(
            state.state == "quarantined",
            rx.el.p(
                button(texts.LIFT, small=True, icon_name="play", on_click=state.start),
                style={"marginTop": "var(--s2)"},
            ),
        ),
    )
    waiting = rx.cond(state.pending > 0, rx.el.p(t(texts.AT_TELEGRAM, number=number(state.pending))))
    return rx.cond(
        state.reason_en,
        rx.cond(state.unreachable, note(rx.fragment(why, waiting), "warn"), note(given_up, "bad")),
    )


def figures(state: Any) -> rx.Component:
    def figure(label: Text, value: Any, below: Any = "") -> rx.Component:
        return rx.el.div(rx.el.dt(t(label)), rx.el.dd(value, rx.el.span(below, class_name="faint small")))

    none = rx.cond(state.state == "sleeping", t(texts.ASLEEP), "–")
    process = rx.cond(state.pid > 0, state.pid.to_string(), none)
    since = rx.cond(state.since, t(texts.SINCE, when=when(state.since)), "")
    memory = rx.cond(state.memory_mb > 0, t(texts.MB, number=number(state.memory_mb, 1)), "–")
    peak = rx.cond(state.peak_mb > 0, t(texts.PEAK, number=number(state.peak_mb, 1)), "")
    return rx.el.dl(
        figure(texts.COLUMNS["answered"], number(state.answered)),
        figure(texts.TOTAL_RATE, t(texts.PER_SECOND, number=number(state.rate, 1))),
        figure(texts.COLUMNS["queue"], number(state.queue)),
        figure(texts.WAIT, t(texts.MS, number=number(state.wait_ms))),
        figure(texts.PROCESS, process, since),
        figure(texts.COLUMNS["memory"], memory, peak),
        figure(texts.COLUMNS["restarts"], number(state.restarts)),
        figure(texts.COLUMNS["activity"], short_when(state.last_at)),
        class_name="figures eight card",
    )


def plots(state: Any) -> rx.Component:
    return card(
        texts.LAST_HOUR,
        rx.el.div(
            plot(texts.PLOT_MESSAGES, state.messages_line, state.messages_most),
            plot(texts.PLOT_WAIT, state.wait_line, state.wait_most),
            plot(texts.PLOT_MEMORY, state.memory_line, state.memory_most, 1),
            class_name="plots",
        ),
    )


def log(state: Any) -> rx.Component:
    def line(event: rx.Var[Event]) -> rx.Component:
        level = rx.match(event.level, *[(name, t(text)) for name, text in texts.LEVELS.items()], event.level)
        return rx.el.li(
            rx.el.span(when(event.at), class_name="faint"),
            rx.el.span(
                rx.cond(event.level != "info", rx.el.strong(level, ": ")),
                rx.cond(is_russian(), event.text_ru, event.text_en),
                class_name=rx.Var.create(f"{event.level}"),
            ),
        )

    return rx.el.section(
        rx.el.div(rx.el.h2(t(texts.LOG)), class_name="pad-head"),
        rx.cond(
            state.events,
            rx.el.ul(rx.foreach(state.events, line), class_name="log"),
            rx.el.p(t(texts.LOG_EMPTY), class_name="faint pad-head"),
        ),
        rx.cond(
            state.more_events,
            rx.el.div(button(texts.EARLIER, small=True, on_click=state.show_earlier), class_name="pad-head"),
        ),
        class_name="card",
    )


def whole(state: Any, *content: rx.Component, back: str) -> rx.Component:
    """The page's content, kept up to date, once the bot is there; or why it is not. `back`: the list it is in."""
    refusal = rx.cond(state.refusal, note(state.refusal, "bad"))
    ticker = Ticker.create(interval=REFRESH_MS, on_tick=state.load)
    ready = rx.fragment(refusal, *content, ticker)
    missing = rx.el.div(
        empty("search-x", texts.NOT_FOUND, common.NOT_FOUND, link_button(texts.TO_BOTS, back, kind="primary")),
        class_name="card",
    )
    found = rx.cond(PLACE.contains(state.id), state.found, "")
    waiting = rx.cond(state.refusal, rx.fragment(refusal, ticker), skeleton(64, 120, 260))
    return rx.match(found, ("ready", ready), ("missing", missing), waiting)
