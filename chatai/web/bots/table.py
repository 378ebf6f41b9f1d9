"""The table of bots: a page of it at a time, searched, sorted and counted by the server, up to date by itself.

Ten thousand bots are as quick as ten: the browser holds one page, and gets it again only when something in it changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args
from uuid import UUID

import reflex as rx

from chatai.core.actor import Actor
from chatai.core.errors import Forbidden
from chatai.domains.channels.schemas import BotGroup, BotPage, BotQuery, BotSort, DesiredState
from chatai.web.bots.rows import MB, BotRow, row_of
from chatai.web.shared.guard import handler, identifier, language_for, put, tell
from chatai.web.shared.texts import bots as texts

PAGE = 50
FIGURES = ("answered", "rate", "queue", "memory", "restarts", "activity")
_GROUPS: dict[str, BotGroup] = {name: name for name in get_args(BotGroup)}
_SORTS: dict[str, BotSort] = {name: name for name in get_args(BotSort)}


class BotTable(rx.State, mixin=True):
    """A table of bots. Whose they are is said by the class that takes this in."""

    rows: list[BotRow] = []  # noqa: RUF012  Reflex copies it for each browser
    found: int = 0
    groups: dict[str, int] = {}  # noqa: RUF012
    answered: int = 0
    rate: float = 0.0
    queue: int = 0
    memory_mb: float = 0.0
    loaded: bool = False
    search: str = ""
    group: str = ""
    sort: str = "name"
    descending: bool = False
    page: int = 0
    selected: list[str] = []  # noqa: RUF012
    asking: str = ""
    refusal: str = ""

    async def _fetch(self, actor: Actor, query: BotQuery) -> BotPage:
        raise NotImplementedError

    async def _every(self, actor: Actor, query: BotQuery) -> list[UUID]:
        raise NotImplementedError

    async def _want(self, actor: Actor, bot_ids: Sequence[UUID], desired: DesiredState) -> int:
        raise NotImplementedError

    def _query(self) -> BotQuery:
        return BotQuery(
            self.search,
            _GROUPS.get(self.group, ""),
            _SORTS.get(self.sort, "name"),
            self.descending,
            self.page * PAGE,
            PAGE,
        )

    async def _load(self, actor: Actor) -> None:
        """Fills the table. What did not change is not sent to the browser again."""
        try:
            found = await self._fetch(actor, self._query())
        except Forbidden as error:
            self.reset()  # who may not see it any more sees nothing of what was there
            self.refusal = error.sentence(await language_for(self))
            return
        if not found.lines and found.found and self.page:  # the last page has become empty
            self.page = (found.found - 1) // PAGE
            found = await self._fetch(actor, self._query())
        totals = found.totals
        put(
            self,
            rows=[row_of(line) for line in found.lines],
            found=found.found,
            groups=totals.groups,
            answered=totals.answered,
            rate=round(totals.sent_per_second, 1),
            queue=totals.queue,
            memory_mb=round(totals.memory_kb / MB, 1),
            loaded=True,
            refusal="",
        )

    @handler(error="refusal")
    async def load(self, actor: Actor) -> None:
        """Also called every few seconds while the page is looked at. Who may not see it is told in its place."""
        await self._load(actor)

    @handler
    async def look_for(self, actor: Actor, search: str) -> None:
        self.search, self.page = search[:100], 0
        await self._load(actor)

    @handler
    async def show_group(self, actor: Actor, group: str) -> None:
        self.group, self.page = _GROUPS.get(group, ""), 0
        await self._load(actor)

    @handler
    async def order_by(self, actor: Actor, column: str) -> None:
        """Again by the same column: the other way round. Figures begin with the highest."""
        column = _SORTS.get(column, "name")
        self.descending = not self.descending if column == self.sort else column in FIGURES
        self.sort, self.page = column, 0
        await self._load(actor)

    @handler
    async def turn(self, actor: Actor, forward: bool) -> None:
        self.page = max(0, self.page + (1 if forward else -1))
        await self._load(actor)

    @handler
    async def choose(self, actor: Actor, bot_id: str) -> None:
        chosen = str(identifier(bot_id))
        self.selected = [one for one in self.selected if one != chosen] if chosen in self.selected else [
            *self.selected, chosen]  # fmt: skip

    @handler
    async def choose_page(self, actor: Actor) -> None:
        """All of this page, or none of it if all were chosen."""
        shown = [row.id for row in self.rows]
        if set(shown) <= set(self.selected):
            self.selected = [one for one in self.selected if one not in shown]
        else:
            self.selected = list(dict.fromkeys([*self.selected, *shown]))

    @handler
    async def choose_found(self, actor: Actor) -> None:
        self.selected = [str(one) for one in await self._every(actor, self._query())]

    @handler
    async def choose_none(self, actor: Actor) -> None:
        self.selected, self.asking = [], ""

    @handler
    async def ask(self, actor: Actor, action: str) -> None:
        """Asks before something is lost: `stop` or `delete`."""
        self.asking = action if action in {"stop", "delete"} else ""

    @handler
    async def dismiss(self, actor: Actor) -> None:
        self.asking = ""

    @handler
    async def start(self, actor: Actor, bot_id: str) -> None:
        await self._want(actor, [identifier(bot_id)], "running")
        await self._load(actor)

    @handler
    async def stop(self, actor: Actor, bot_id: str) -> None:
        await self._want(actor, [identifier(bot_id)], "stopped")
        await self._load(actor)

    @handler
    async def start_chosen(self, actor: Actor) -> None:
        done = await self._want(actor, [identifier(one) for one in self.selected], "running")
        await self._done(actor, texts.STARTED.of(await language_for(self), number=done))

    @handler
    async def stop_chosen(self, actor: Actor) -> None:
        done = await self._want(actor, [identifier(one) for one in self.selected], "stopped")
        await self._done(actor, texts.STOPPED.of(await language_for(self), number=done))

    async def _done(self, actor: Actor, words: str) -> None:
        self.selected, self.asking = [], ""
        await self._load(actor)
        await tell(self, words)
