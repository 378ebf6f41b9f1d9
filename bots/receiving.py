"""How updates come in: Telegram's posts to the webhook, and the polls for bots that have none.

Either way an update is in PostgreSQL before Telegram is told that it arrived: by status 200, or by the next offset.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Protocol
from uuid import UUID

import structlog
from aiohttp import web

from bots.inbox import Inbox
from bots.runner import BotRunner
from bots.tuning import Tuning, backoff
from bots.updates import MAX_BODY_BYTES, BadUpdate, chat_of, check, parse
from chatai.core.crypto import equal, new_token
from chatai.core.database import DatabaseAway
from chatai.domains.channels.errors import PolledElsewhere, TelegramUnreachable, TokenRevoked
from chatai.domains.channels.ports import TelegramAway, TelegramRefusal, telegram
from chatai.domains.channels.schemas import BotState, IncomingUpdate

log = structlog.get_logger(__name__)

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the header's name, from the Bot API
FAILURES_BEFORE_TELLING = 3
CONFLICTS_BEFORE_TELLING = 2
"""One is no news: after a restart Telegram may still hold our own last poll."""

Report = Callable[[BotRunner, BotState, str, str | None], None]


class Bots(Protocol):
    """Where a bot's runner is found."""

    def find(self, bot_id: UUID) -> BotRunner | None:
        """The runner of a bot that is wanted to run."""


class Webhook:
    """The route that Telegram posts to."""

    def __init__(self, bots: Bots, inbox: Inbox) -> None:
        self._bots = bots
        self._inbox = inbox
        self._nobody = new_token()  # compared with when there is no such bot, so that it takes as long

    async def receive(self, request: web.Request) -> web.Response:
        """200 only once the update is stored; 403 without the bot's secret, whether or not there is such a bot."""
        runner = self._bots.find(_identifier(request.match_info["bot"]))
        secret = runner.bot.webhook_secret if runner is not None else self._nobody
        if not equal(request.headers.get(SECRET_HEADER, ""), secret) or runner is None:
            return web.Response(status=403)
        if (request.content_length or 0) > MAX_BODY_BYTES:
            return web.Response(status=413)
        try:
            payload = parse(await request.read())
        except web.HTTPRequestEntityTooLarge:
            return web.Response(status=413)
        except BadUpdate as error:
            log.warning("a webhook post is refused", bot_id=str(runner.bot.id), why=str(error))
            return web.Response(status=400)
        update = IncomingUpdate(
            runner.bot.id, payload["update_id"], chat_of(payload), payload, runner.takes_directly, runner.fence
        )
        try:
            fresh = await self._inbox.store([update])
        except DatabaseAway:
            return web.Response(status=503)
        runner.offer(fresh)
        return web.Response()


def _identifier(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


class Poller:
    """Fetches the updates of one bot, for as long as its task runs."""

    def __init__(self, runner: BotRunner, token: str, inbox: Inbox, tuning: Tuning, report: Report) -> None:
        self._runner = runner
        self._token = token
        self._inbox = inbox
        self._tuning = tuning
        self._report = report
        self._offset = runner.bot.polling_offset
        self._failures = 0
        self._conflicts = 0
        self._told = False

    async def run(self) -> None:
        """Ends only when Telegram no longer knows the token."""
        while True:
            try:
                found = await telegram().get_updates(self._token, self._offset, self._tuning.poll_duration)
                await self._keep(found)
                self._recovered()
            except TelegramRefusal as refusal:
                if refusal.status in {401, 404}:
                    self._report(self._runner, "revoked", TokenRevoked.code, refusal.description)
                    return
                await self._refused(refusal)
            except TelegramAway as error:
                await self._failed(str(error))
            except DatabaseAway:
                await self._failed("")

    async def _keep(self, found: list[dict[str, object]]) -> None:
        """Stores what came together with the next offset, which only then is told to Telegram."""
        updates: list[IncomingUpdate] = []
        offset = self._offset
        for raw in found:
            number = raw.get("update_id") if isinstance(raw, dict) else None
            if isinstance(number, int):
                offset = max(offset, number + 1)
            try:
                payload = check(raw)
            except BadUpdate as error:
                log.warning("an update is passed over", bot_id=str(self._runner.bot.id), why=str(error))
                continue
            chat = chat_of(payload)
            runner = self._runner
            updates.append(
                IncomingUpdate(runner.bot.id, payload["update_id"], chat, payload, runner.takes_directly, runner.fence)
            )
        if not found:
            return
        fresh = await self._inbox.store(updates, {self._runner.bot.id: offset})
        self._offset = offset
        self._runner.offer(fresh)

    def _recovered(self) -> None:
        self._failures = self._conflicts = 0
        if self._told:
            self._told = False
            self._report(self._runner, "running" if self._runner.worker else "sleeping", "", None)

    async def _refused(self, refusal: TelegramRefusal) -> None:
        if refusal.status == 409:
            self._conflicts += 1
            if self._conflicts >= CONFLICTS_BEFORE_TELLING:
                self._told = True
                self._report(self._runner, "conflict", PolledElsewhere.code, refusal.description)
            tuning = self._tuning
            longest = tuning.longest_poll_retry
            await asyncio.sleep(backoff(tuning.conflict_retry, self._conflicts, longest, random.random()))
        elif refusal.retry_after:
            await asyncio.sleep(refusal.retry_after)
        else:
            await self._failed(str(refusal))

    async def _failed(self, why: str) -> None:
        self._failures += 1
        if why and self._failures == FAILURES_BEFORE_TELLING:
            self._told = True
            self._report(self._runner, "failed", TelegramUnreachable.code, why)
        tuning = self._tuning
        await asyncio.sleep(backoff(tuning.poll_retry, self._failures, tuning.longest_poll_retry, random.random()))
