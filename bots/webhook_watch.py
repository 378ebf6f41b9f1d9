"""Asks Telegram now and then how each bot's webhook fares, so that its page can say what goes wrong on the way here.

One question a bot every `WEBHOOK_CHECK_MINUTES`, spread evenly: a thousand bots are asked about two a second. What
Telegram says is written for many bots at once, where it is news. What differs from what was set (somebody else set or
removed the webhook, or this version understands other updates) is set again. A bot whose webhook somebody else had
touched stays in conflict until the next round finds it still ours.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from urllib.parse import urlsplit
from uuid import UUID
from weakref import WeakKeyDictionary

import structlog

from bots.runner import BotRunner, Report
from chatai.core.database import Database, DatabaseAway
from chatai.core.settings import Settings
from chatai.domains.channels import service, webhooks
from chatai.domains.channels.errors import TokenRevoked, TokenUnreadable, WebhookRemoved, WebhookTaken
from chatai.domains.channels.ports import TelegramAway, TelegramRefusal, telegram
from chatai.domains.channels.schemas import WebhookInfo

log = structlog.get_logger(__name__)

AT_MOST_A_SECOND = 20.0
IDLE_SECONDS = 30.0
WRITE_SECONDS = 2.0
"""So long may what Telegram said wait for company on its way to PostgreSQL."""


class WebhookWatch:
    """Looks after the webhooks of the bots that this manager holds. `ready`: the bot runs here and is set up, so that
    its webhook should be ours."""

    def __init__(
        self, database: Database, settings: Settings, report: Report, ready: Callable[[BotRunner], bool]
    ) -> None:
        self._settings = settings
        self._report = report
        self._ready = ready
        self._statements = database.system_statements()
        self._seen: dict[BotRunner, WebhookInfo] = {}
        """What Telegram said and is not written yet."""
        self._written_at = 0.0
        self._told: dict[UUID, tuple[str, object]] = {}
        self._touched: WeakKeyDictionary[BotRunner, bool] = WeakKeyDictionary()
        """Whether somebody else had touched the webhook, of those of which that was ever found."""

    async def run(self, held: Callable[[], Sequence[BotRunner]]) -> None:
        """Until cancelled. Without a public address there is nothing to look after."""
        if not self._settings.public_url:
            return
        round_seconds = self._settings.webhook_check_minutes * 60.0
        while True:
            runners = list(held())
            self._told = {runner.bot.id: self._told[runner.bot.id] for runner in runners if runner.bot.id in self._told}
            if not runners:
                await asyncio.sleep(IDLE_SECONDS)
            pause = max(1 / AT_MOST_A_SECOND, round_seconds / max(1, len(runners)))
            for runner in runners:
                await asyncio.sleep(pause)
                await self._look(runner)
                if self._seen and time.monotonic() + pause - self._written_at >= WRITE_SECONDS:
                    await self._write()
            await self._write()

    def holds(self, runner: BotRunner) -> bool:
        """Whether the bot is in conflict over its webhook, whatever its process does. Until it was looked at here, that
        is as the manager before left it."""
        bot = runner.bot
        if runner in self._touched:
            return self._touched[runner]
        return bot.state == "conflict" and bot.webhook_url == webhook_address(self._settings, bot.id) != ""

    async def check(self, runner: BotRunner) -> None:
        """Asks about one bot, and writes what Telegram says."""
        await self._look(runner)
        await self._write()

    async def _write(self) -> None:
        """Writes what was seen. What cannot be written because PostgreSQL is away is written with the next."""
        seen, self._seen, self._written_at = self._seen, {}, time.monotonic()
        rows = {runner.bot.id: info for runner, info in seen.items() if self._ready(runner)}
        try:
            if rows:
                await webhooks.write(self._statements, rows)
        except DatabaseAway:
            self._seen = seen | self._seen
        except Exception:  # what stands on a page is a round older then; the watch goes on
            log.exception("how webhooks fare could not be written")

    async def _look(self, runner: BotRunner) -> None:
        """Asks about one bot. What cannot be asked now is asked in the next round."""
        if not self._ready(runner):
            return
        wanted = webhook_address(self._settings, runner.bot.id)
        try:
            token = service.token_of(runner.bot)
            info = await telegram().get_webhook_info(token)
            if not self._ready(runner):  # stopped meanwhile, say: that ends the webhook as well
                return
            if info.url != wanted:
                await self._take_back(runner, token, wanted, info.url)
                info = replace(info, error="", error_at=None)  # it is of a post to somebody else
            elif not info.asks_for_all:
                await telegram().set_webhook(token, wanted, runner.bot.webhook_secret)
        except TelegramRefusal as refusal:
            # One that is to wait does so until the next round: the others are not to wait for it.
            if refusal.status in {401, 404}:
                self._report(runner, "revoked", TokenRevoked.code, refusal.description)
        except (TelegramAway, TokenUnreadable):
            return
        except Exception:  # one bot's trouble must not end the watch over all others
            log.exception("a webhook could not be looked at", bot_id=str(runner.bot.id))
        else:
            self._seen[runner] = info
            self._tell(runner, info)
            if info.url == wanted and self.holds(runner):
                self._touched[runner] = False
                self._report(runner, *runner.condition, None)

    async def _take_back(self, runner: BotRunner, token: str, wanted: str, found: str) -> None:
        """Sets the webhook again that somebody else removed or has put in our place. What waits is kept."""
        host = urlsplit(found).hostname or ""
        self._touched[runner] = True
        self._report(runner, "conflict", WebhookTaken.code if found else WebhookRemoved.code, host)
        await telegram().set_webhook(token, wanted, runner.bot.webhook_secret)
        runner.note("warning", "webhook_taken" if found else "webhook_removed", host=host)

    def _tell(self, runner: BotRunner, info: WebhookInfo) -> None:
        """Into the bot's log goes each failure once."""
        if info.error and self._told.get(runner.bot.id) != (info.error, info.error_at):
            runner.note("warning", "webhook_error", error=info.error)
        self._told[runner.bot.id] = (info.error, info.error_at)


def webhook_address(settings: Settings, bot_id: UUID) -> str:
    """Where Telegram brings the bot's updates; empty: nowhere, they are fetched."""
    return f"{settings.public_url}/telegram/{bot_id}" if settings.public_url else ""
