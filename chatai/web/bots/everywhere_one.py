"""One bot of any workspace, for the installation's admins: how it fares and its log. What is set of it, and what people
wrote, is its workspace's."""

from __future__ import annotations

from uuid import UUID

import reflex as rx

from chatai.core.actor import Actor
from chatai.core.database import get_database
from chatai.core.errors import NotFound
from chatai.domains.channels import events, overview
from chatai.domains.channels.access import require_everywhere
from chatai.domains.channels.schemas import BotEventView, BotSight, DesiredState
from chatai.web.bots import watch_parts
from chatai.web.bots.watch import EVENTS, BotWatch
from chatai.web.shared.elements import crumbs
from chatai.web.shared.layout import Session, shell
from chatai.web.shared.texts import bots as texts


class AnyBot(BotWatch, rx.State):
    """The bot whose page is open. Each step asks for the installation's admin before it opens the system's unit."""

    async def _look(self, actor: Actor, bot_id: UUID) -> BotSight:
        require_everywhere(actor)
        async with get_database().system() as uow:
            return await overview.look_everywhere(uow, actor, bot_id, EVENTS)

    async def _earlier(self, actor: Actor, bot_id: UUID, before: UUID | None) -> list[BotEventView]:
        require_everywhere(actor)
        async with get_database().system() as uow:
            return await events.list_everywhere(uow, actor, bot_id, before, EVENTS)

    async def _want(self, actor: Actor, bot_id: UUID, desired: DesiredState) -> None:
        require_everywhere(actor)
        async with get_database().system() as uow:
            if not await overview.want_everywhere(uow, actor, [bot_id], desired):
                raise NotFound


def page() -> rx.Component:
    head = rx.el.header(
        watch_parts.title(AnyBot, AnyBot.workspace, AnyBot.assistant),
        rx.el.div(watch_parts.run_buttons(AnyBot), class_name="row tight"),
        class_name="head",
    )
    content = watch_parts.whole(
        AnyBot,
        crumbs((texts.TITLE, "/bots"), (texts.ALL_TITLE, "/admin/bots"), (AnyBot.name, f"/admin/bots/{AnyBot.id}")),
        head,
        watch_parts.trouble(AnyBot),
        watch_parts.figures(AnyBot),
        watch_parts.plots(AnyBot),
        watch_parts.log(AnyBot),
        back="/admin/bots",
    )
    return shell("bots", content, wide=True)


ON_LOAD = [Session.enter, AnyBot.enter]
