"""Asks Telegram now and then how each bot's webhook fares, so that its page can say what goes wrong on the way here.

One question a bot every `WEBHOOK_CHECK_MINUTES`, spread evenly: a thousand bots are asked about two a second. What
differs from what was set (somebody else set or removed the webhook, or this version understands other updates) is set
again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit
from uuid import UUID

import structlog

from bots.runner import BotRunner
from chatai.core.database import Database, DatabaseAway
from chatai.core.settings import Settings
from chatai.domains.channels import service
from chatai.domains.channels.errors import TokenRevoked, TokenUnreadable, WebhookElsewhere
from chatai.domains.channels.ports import TelegramAway, TelegramRefusal, telegram
from chatai.domains.channels.schemas import BotState, WebhookInfo

log = structlog.get_logger(__name__)

Report = Callable[[BotRunner, BotState, str, str | None], None]

AT_MOST_A_SECOND = 20.0
IDLE_SECONDS = 30.0
SETTLED = {"running", "sleeping"}


class WebhookWatch:
    """Looks after the webhooks of the bots that this manager holds."""

    def __init__(self, database: Database, settings: Settings, report: Report) -> None:
        self._database = database
        self._settings = settings
        self._report = report
        self._told: dict[UUID, tuple[str, object]] = {}

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
                await self.check(runner)

    async def check(self, runner: BotRunner) -> None:
        """Asks about one bot. What cannot be asked now is asked in the next round."""
        try:
            token = service.token_of(runner.bot)
            info = await telegram().get_webhook_info(token)
            await self._mend(runner, token, info)
            async with self._database.system() as uow:
                await service.set_webhook_state(uow, runner.bot.id, info)
        except TelegramRefusal as refusal:
            # One that is to wait does so until the next round: the others are not to wait for it.
            if refusal.status in {401, 404}:
                self._report(runner, "revoked", TokenRevoked.code, refusal.description)
        except (TelegramAway, TokenUnreadable, DatabaseAway):
            return
        except Exception:  # one bot's trouble must not end the watch over all others
            log.exception("a webhook could not be looked at", bot_id=str(runner.bot.id))
        else:
            self._tell(runner, info)

    async def _mend(self, runner: BotRunner, token: str, info: WebhookInfo) -> None:
        """Sets the webhook again where it is not ours, or not for all that we understand. What waits is kept."""
        wanted = webhook_address(self._settings, runner.bot.id)
        if info.url == wanted and info.asks_for_all:
            return
        if info.url not in {wanted, ""}:
            self._report(runner, "conflict", WebhookElsewhere.code, urlsplit(info.url).hostname or "")
        await telegram().set_webhook(token, wanted, runner.bot.webhook_secret)
        if info.url not in {wanted, ""}:
            self._report(runner, "running" if runner.worker else "sleeping", "", None)

    def _tell(self, runner: BotRunner, info: WebhookInfo) -> None:
        """Into the bot's log goes each failure once."""
        if info.error and self._told.get(runner.bot.id) != (info.error, info.error_at):
            runner.note("warning", "webhook_error", error=info.error)
        self._told[runner.bot.id] = (info.error, info.error_at)


def webhook_address(settings: Settings, bot_id: UUID) -> str:
    """Where Telegram brings the bot's updates; empty: nowhere, they are fetched."""
    return f"{settings.public_url}/telegram/{bot_id}" if settings.public_url else ""
