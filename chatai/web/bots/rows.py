"""What every list of bots shares: a bot's state as colour and word, and its row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import reflex as rx

from chatai.core.i18n import LANGUAGES
from chatai.domains.channels.schemas import BotLine, BotView
from chatai.web.shared.elements import icon_button, link, pill
from chatai.web.shared.i18n import is_russian, number, short_when, t
from chatai.web.shared.texts import bots as texts
from chatai.web.shared.texts import channels as channel_texts

MB = 1024


@dataclass
class BotRow:
    """One bot in a list. What its manager tells of it changes by itself."""

    id: str
    name: str
    username: str
    state: str
    wanted: str
    reason_en: str
    reason_ru: str
    last_error: str
    unreachable: bool = False
    assistant: str = ""
    assistant_id: str = ""
    workspace: str = ""
    answered: int = 0
    rate: float = 0.0
    queue: int = 0
    memory_mb: float = 0.0
    restarts: int = 0
    last_at: str = ""


class Trouble(NamedTuple):
    """Why a bot is as it is; empty when all is well. `unreachable`: but for Telegram, which can't bring messages."""

    en: str
    ru: str
    unreachable: bool = False


def trouble_of(bot: BotLine | BotView, failed_post: str) -> Trouble:
    """`failed_post`: what Telegram said of it, a short while ago."""
    if bot.state_reason or not failed_post or bot.state == "stopped":
        return Trouble(bot.reason("en"), bot.reason("ru"))
    en, ru = (texts.UNDELIVERED.of(language, error=failed_post) for language in LANGUAGES)
    return Trouble(en, ru, unreachable=True)


def row_of(bot: BotLine) -> BotRow:
    trouble = trouble_of(bot, bot.webhook_error)
    return BotRow(
        id=str(bot.id),
        name=bot.name,
        username=bot.username,
        state=bot.state,
        wanted=bot.desired_state,
        reason_en=trouble.en,
        reason_ru=trouble.ru,
        unreachable=trouble.unreachable,
        last_error=bot.last_error or bot.webhook_error,
        assistant=bot.assistant,
        assistant_id=str(bot.assistant_id),
        workspace=bot.workspace,
        answered=bot.answered,
        rate=round(bot.sent_per_second, 2),
        queue=bot.queue,
        memory_mb=round(bot.memory_kb / MB, 1) if bot.live else 0.0,
        restarts=bot.restarts,
        last_at=bot.last_update_at.isoformat() if bot.last_update_at else "",
    )


def state_pill(state: rx.Var[str], unreachable: rx.Var[bool] | bool = False) -> rx.Component:
    """A bot's state, as colour and as word. `unreachable`: see `Trouble`."""
    kinds = channel_texts.STATE_KINDS
    pills = [(name, pill(label, kinds.get(name, ""))) for name, label in channel_texts.STATES.items()]
    return rx.cond(unreachable, pill(texts.UNREACHABLE, "warn"), rx.match(state, *pills, pill(state)))


def reason_line(bot: rx.Var[BotRow], names: str = "") -> rx.Component:
    """Why a bot is as it is; nothing when all is well."""
    return rx.cond(
        bot.reason_en,
        rx.el.p(
            rx.cond(is_russian(), bot.reason_ru, bot.reason_en),
            class_name=f"small bad-text {names}",
            title=bot.last_error,
        ),
    )


def telegram_link(bot: rx.Var[BotRow]) -> rx.Component:
    return rx.el.a(
        f"@{bot.username}",
        href=f"https://t.me/{bot.username}",
        target="_blank",
        rel="noopener noreferrer",
        class_name="small clip",
    )


def cell(column: str, *content: Any, names: str = "") -> rx.Component:
    """A cell that on a narrow screen says by itself which column it is of."""
    label = texts.COLUMNS.get(column, texts.WORKSPACE)
    return rx.el.td(*content, class_name=f"{column} {names}", custom_attrs={"data-label": t(label)})


def figure_cells(bot: rx.Var[BotRow]) -> list[rx.Component]:
    return [
        cell("answered", number(bot.answered), names="figure"),
        cell("rate", number(bot.rate, 1), names="figure"),
        cell("queue", number(bot.queue), names="figure"),
        cell("memory", rx.cond(bot.memory_mb > 0, t(texts.MB, number=number(bot.memory_mb, 1)), "–"), names="figure"),
        cell("restarts", number(bot.restarts), names="figure"),
        cell("activity", short_when(bot.last_at), names="figure"),
    ]


def run_buttons(bot: rx.Var[BotRow], start: Any, stop: Any) -> rx.Component:
    """Start or stop, and begin anew what runs or has given up. `start` and `stop` are handlers that take the id."""
    return rx.el.div(
        rx.cond(
            bot.wanted == "running",
            rx.fragment(
                icon_button("rotate-ccw", texts.RESTART, on_click=start(bot.id)),
                icon_button("circle-stop", texts.STOP, on_click=stop(bot.id)),
            ),
            icon_button("play", texts.START, on_click=start(bot.id)),
        ),
        class_name="row tight end",
    )


def name_cell(bot: rx.Var[BotRow], to: str | rx.Var[str]) -> rx.Component:
    """`to`: the bot's page, which has the whole reason."""
    return cell(
        "name", link(bot.name, to=to, class_name="clip-2 strong"), telegram_link(bot), reason_line(bot, "clip-2")
    )
