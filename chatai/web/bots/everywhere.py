"""The bots of all workspaces, for the installation's admins."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import reflex as rx

from chatai.core.actor import Actor
from chatai.core.database import get_database
from chatai.domains.channels import overview
from chatai.domains.channels.access import require_everywhere
from chatai.domains.channels.schemas import BotPage, BotQuery, DesiredState
from chatai.web.bots import table_parts
from chatai.web.bots.table import BotTable
from chatai.web.shared.elements import crumbs, empty, page_head
from chatai.web.shared.layout import Session, shell
from chatai.web.shared.texts import bots as texts


class AllBots(BotTable, rx.State):
    """The table over all workspaces. Each step asks for the installation's admin before it opens the system's unit."""

    async def _fetch(self, actor: Actor, query: BotQuery) -> BotPage:
        require_everywhere(actor)
        async with get_database().system() as uow:
            return await overview.list_everywhere(uow, actor, query)

    async def _every(self, actor: Actor, query: BotQuery) -> list[UUID]:
        require_everywhere(actor)
        async with get_database().system() as uow:
            return await overview.select_everywhere(uow, actor, query)

    async def _want(self, actor: Actor, bot_ids: Sequence[UUID], desired: DesiredState) -> int:
        require_everywhere(actor)
        async with get_database().system() as uow:
            return await overview.want_everywhere(uow, actor, bot_ids, desired)


def page() -> rx.Component:
    nothing = empty("bot", texts.EMPTY_TITLE, texts.EMPTY)
    return shell(
        "bots",
        crumbs((texts.TITLE, "/bots"), (texts.ALL_TITLE, "/admin/bots")),
        page_head(texts.ALL_TITLE, lead=texts.ALL_LEAD),
        table_parts.whole(AllBots, everywhere=True, empty=nothing),
        wide=True,
    )


ON_LOAD = [Session.enter, AllBots.load]
