"""Where a bot's updates come from: Telegram is told to bring them, or they are fetched by long polling."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import replace

import structlog

from bots.fairness import Share
from bots.inbox import Inbox
from bots.receiving import Poller
from bots.runner import BotRunner, Report
from bots.tuning import Tuning, backoff
from bots.webhook_watch import webhook_address
from chatai.core.database import Database, DatabaseAway
from chatai.core.settings import Settings
from chatai.domains.channels import service
from chatai.domains.channels.errors import (
    BotSetupFailed,
    TelegramUnreachable,
    TokenRevoked,
    TokenUnreadable,
    WebhookRefused,
)
from chatai.domains.channels.ports import TelegramAway, TelegramRefusal, telegram
from chatai.domains.channels.schemas import ManagedBot, Mode

log = structlog.get_logger(__name__)

AT_ONCE = 20
RETRY = 5.0
LONGEST_RETRY = 300.0


class Setup:
    """Sets bots up at Telegram, some at a time."""

    def __init__(
        self, database: Database, settings: Settings, inbox: Inbox, share: Share, tuning: Tuning, report: Report
    ) -> None:
        self._database = database
        self._settings = settings
        self._inbox = inbox
        self._share = share
        self._tuning = tuning
        self._report = report
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def run(self, runner: BotRunner) -> None:
        """Tells Telegram where updates go, and polls where there is no webhook. Tries until it works."""
        failures = 0
        while True:
            try:
                token = service.token_of(runner.bot)
                async with self._slots:
                    await self._hook(runner, token)
                break
            except TokenUnreadable as error:
                self._report(runner, "failed", error.code, "")
                return
            except TelegramRefusal as refusal:
                if refusal.status in {401, 404}:
                    self._report(runner, "revoked", TokenRevoked.code, refusal.description)
                    return
                code = WebhookRefused.code if refusal.status == 400 else BotSetupFailed.code
                self._report(runner, "failed", code, str(refusal))
                delay = float(refusal.retry_after)
            except TelegramAway as error:
                self._report(runner, "failed", TelegramUnreachable.code, str(error))
                delay = 0.0
            except DatabaseAway:
                delay = 0.0
            except Exception as error:  # a fault of ours must not keep the bot from being tried again
                log.exception("a bot cannot be set up", bot_id=str(runner.bot.id))
                self._report(runner, "failed", BotSetupFailed.code, type(error).__name__)
                delay = 0.0
            failures += 1
            await asyncio.sleep(max(delay, backoff(RETRY, failures, LONGEST_RETRY, random.random())))
        wanted = runner.bot.state == "starting" or runner.bot.always_on
        if wanted:
            runner.warm()  # somebody waits to see it run
        if not wanted or runner.worker is not None:
            self._report(runner, *runner.condition, None)
        if not self._settings.public_url:
            await Poller(runner, token, self._inbox, self._share, self._tuning, self._report).run()

    async def _hook(self, runner: BotRunner, token: str) -> None:
        """Has Telegram bring the updates here, unless it does so already."""
        bot = runner.bot
        wanted = webhook_address(self._settings, bot.id)
        settled = bot.state in {"running", "sleeping", "conflict"}
        if settled and bot.webhook_url == wanted and bot.mode == ("webhook" if wanted else "polling"):
            return
        if wanted:
            await telegram().set_webhook(token, wanted, bot.webhook_secret)
        else:
            await telegram().delete_webhook(token)
        async with self._database.system() as uow:
            mode: Mode = "webhook" if wanted else "polling"
            await service.set_receiving(uow, bot.id, mode, wanted, bot.webhook_secret)
        if bot.mode != mode:
            runner.bot = replace(bot, polling_offset=0)  # as it stands in the database now

    async def unhook(self, bot: ManagedBot) -> None:
        """Lets what people write wait at Telegram while the bot is stopped. That it fails is no harm: see Webhook."""
        with suppress(TelegramRefusal, TelegramAway, TokenUnreadable, DatabaseAway):
            await telegram().delete_webhook(service.token_of(bot))
            async with self._database.system() as uow:
                await service.set_receiving(uow, bot.id, "webhook", "", bot.webhook_secret)
