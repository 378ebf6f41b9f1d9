"""The bots that other managers hold: enough of them to take in a post that came here."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from uuid import UUID

from bots.inbox import Batcher
from chatai.core.database import Database
from chatai.domains.channels import service
from chatai.domains.channels.schemas import GIVEN_UP

KEPT_SECONDS = 60.0
UNKNOWN_SECONDS = 5.0
MOST_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A bot of another manager."""

    secret: str = field(repr=False)
    """Of its webhook."""
    wanted: bool
    """Whether its messages are taken in; else they wait at Telegram."""


class Directory:
    """Looks bots up, many at once, and remembers them for a while: also those that do not exist."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[UUID, tuple[float, Elsewhere | None]] = OrderedDict()
        self._lookups: Batcher[UUID, dict[UUID, Elsewhere]] = Batcher(self._look_up)

    async def find(self, bot_id: UUID) -> Elsewhere | None:
        """The bot, if there is one. Raises: DatabaseAway."""
        kept = self._kept.get(bot_id)
        if kept is not None and kept[0] > time.monotonic():
            return kept[1]
        found = (await self._lookups.add(bot_id)).get(bot_id)
        self._kept[bot_id] = (time.monotonic() + (KEPT_SECONDS if found else UNKNOWN_SECONDS), found)
        self._kept.move_to_end(bot_id)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return found

    def forget(self, bot_id: UUID) -> None:
        """People changed the bot."""
        self._kept.pop(bot_id, None)

    def forget_all(self) -> None:
        """Who knows what people changed meanwhile."""
        self._kept.clear()

    async def _look_up(self, bot_ids: list[UUID]) -> dict[UUID, Elsewhere]:
        async with self._database.system() as uow:
            bots = await service.list_managed(uow, list(set(bot_ids)))
        return {
            bot.id: Elsewhere(bot.webhook_secret, bot.desired_state == "running" and bot.state not in GIVEN_UP)
            for bot in bots
        }
