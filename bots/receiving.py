"""How updates come in: Telegram's posts to the webhook, and the polls for bots that have none.

Either way an update is in PostgreSQL before Telegram is told that it arrived: by status 200, or by the next offset.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from aiohttp import web

from bots.directory import Directory, Elsewhere
from bots.fairness import Pace, Share, Stride
from bots.inbox import Inbox
from bots.runner import BotRunner, Report
from bots.tuning import Tuning, backoff
from bots.updates import MAX_BODY_BYTES, BadUpdate, chat_of, check, number_of, parse
from chatai.core.crypto import equal, new_token
from chatai.core.database import DatabaseAway
from chatai.domains.channels.errors import (
    BotSetupFailed,
    PolledElsewhere,
    TelegramUnreachable,
    TokenRevoked,
    WebhookElsewhere,
)
from chatai.domains.channels.ports import TelegramAway, TelegramRefusal, telegram
from chatai.domains.channels.schemas import IncomingUpdate

log = structlog.get_logger(__name__)

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the header's name, from the Bot API
FAILURES_BEFORE_TELLING = 3
CONFLICTS_BEFORE_TELLING = 2
"""One is no news: after a restart Telegram may still hold our own last poll."""

REFUSALS_TOLD_EVERY = 60.0
LONGEST_REST = 1.0


class Bots(Protocol):
    """Where a bot's runner is found."""

    def find(self, bot_id: UUID) -> BotRunner | None:
        """The runner of a bot that is wanted to run."""


class Webhook:
    """The route that Telegram posts to."""

    def __init__(
        self, bots: Bots, inbox: Inbox, directory: Directory, refusals: Refusals, share: Share, tuning: Tuning
    ) -> None:
        self._bots = bots
        self._inbox = inbox
        self._directory = directory
        self._refusals = refusals
        self._pace = Pace(share, tuning.updates_burst, tuning.longest_hold)
        # What comes for bots that another manager holds makes none busy here.
        self._others = Pace(Share.of(tuning), tuning.updates_burst, tuning.longest_hold)
        self._longest_hold = tuning.longest_hold
        self._nobody = Elsewhere(new_token(), wanted=False)  # so that it takes as long when there is no such bot

    async def receive(self, request: web.Request) -> web.Response:
        """200 only once the update is stored; 403 without the bot's secret, whether or not there is such a bot.

        A post for a bot that another manager holds is stored all the same, and that manager is told.
        """
        bot_id = _identifier(request.match_info["bot"])
        runner = self._bots.find(bot_id)
        try:
            elsewhere = None if runner is not None else await self._directory.find(bot_id)
        except DatabaseAway:
            return web.Response(status=503)
        secret = runner.bot.webhook_secret if runner is not None else (elsewhere or self._nobody).secret
        if not equal(request.headers.get(SECRET_HEADER, ""), secret) or not (
            runner or (elsewhere or self._nobody).wanted
        ):
            return self._refuse(403, "the secret is wrong, or there is no such bot")
        if (request.content_length or 0) > MAX_BODY_BYTES:
            return self._refuse(413, "the body is too large", runner)
        try:
            payload = parse(await request.read())
        except web.HTTPRequestEntityTooLarge:
            return self._refuse(413, "the body is too large", runner)
        except BadUpdate as error:
            return self._refuse(400, str(error), runner)
        if not await self._paced(self._pace if runner is not None else self._others, bot_id):
            refusal = self._refuse(429, "more than the bot can take", runner)
            refusal.headers["Retry-After"] = f"{math.ceil(self._longest_hold)}"
            return refusal
        direct, fence = (runner.takes_directly, runner.fence) if runner is not None else (False, 0)
        update = IncomingUpdate(bot_id, payload["update_id"], chat_of(payload), payload, direct, fence)
        try:
            fresh = await self._inbox.store([update])
        except DatabaseAway:
            return web.Response(status=503)
        if runner is not None:
            runner.offer(fresh)
        return web.Response()

    async def _paced(self, pace: Pace, bot_id: UUID) -> bool:
        """Keeps a flooded bot's post waiting, so that its neighbours are not. False: it would have to wait too long.

        One that is refused has waited as well. Telegram has so many posts of a bot under way and no more, so that it
        cannot bring what was refused again and again meanwhile.
        """
        wait = pace.take(bot_id)
        if wait != 0:
            # Those that came together are not refused together, or they would come again together.
            await asyncio.sleep(self._longest_hold * random.uniform(0.8, 1.2) if wait is None else wait)
        return wait is not None

    def _refuse(self, status: int, why: str, runner: BotRunner | None = None) -> web.Response:
        self._refusals.count(why)
        if runner is not None:
            runner.note("warning", "posts_refused", number=1, why=why)
        return web.Response(status=status)


class Refusals:
    """Posts that were refused: counted, and told of once in a while, so that a flood of them fills no log."""

    def __init__(self) -> None:
        self.total = 0
        self._since: Counter[str] = Counter()
        self._next = 0.0

    def count(self, why: str) -> None:
        self.total += 1
        self._since[why] += 1
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + REFUSALS_TOLD_EVERY
            log.warning("webhook posts are refused", number=self._since.total(), reasons=dict(self._since))
            self._since.clear()


def _identifier(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


class Poller:
    """Fetches the updates of one bot, for as long as its task runs."""

    def __init__(
        self, runner: BotRunner, token: str, inbox: Inbox, share: Share, tuning: Tuning, report: Report
    ) -> None:
        self._stride = Stride(share, runner.bot.id, tuning.updates_burst)
        self._runner = runner
        self._token = token
        self._inbox = inbox
        self._tuning = tuning
        self._report = report
        self._offset = runner.bot.polling_offset
        self._failures = 0
        self._named_failures = 0
        """Those among them whose reason people should hear."""
        self._fault = ""
        self._conflicts = 0

    async def run(self) -> None:
        """Ends only when Telegram no longer knows the token."""
        while True:
            try:
                longest = self._tuning.poll_seconds
                seconds = random.randint(longest // 2, longest)
                found = await telegram().get_updates(self._token, self._offset, seconds)
                if not await self._keep(found):
                    await self._failed("getUpdates brings what has no update_id")  # and will again
                    continue
                self._recovered()
                await self._rest(len(found))
            except TelegramRefusal as refusal:
                if refusal.status in {401, 404}:
                    self._report(self._runner, "revoked", TokenRevoked.code, refusal.description)
                    return
                await self._refused(refusal)
            except TelegramAway as error:
                await self._failed(str(error))
            except DatabaseAway:
                await self._failed("")
            except Exception as error:  # whatever it is, the bot must not be deaf from then on
                if self._fault != (fault := type(error).__name__):
                    self._fault = fault
                    log.exception("a bot's updates cannot be fetched", bot_id=str(self._runner.bot.id))
                await self._failed(fault, BotSetupFailed.code)

    async def _keep(self, found: Sequence[object]) -> bool:
        """Stores what came together with the next offset, which only then is told to Telegram. False: nothing of it
        can be confirmed.

        The offset follows what came, down as well as up: after a week without updates Telegram begins anew with a
        number at random, and below an offset that stayed high it would bring the same ones for ever.
        Source: https://core.telegram.org/bots/api#update
        """
        updates: list[IncomingUpdate] = []
        offset = 0
        refused: list[str] = []
        for raw in found:
            offset = max(offset, number_of(raw) + 1)
            try:
                payload = check(raw)
            except BadUpdate as error:
                log.warning("an update is passed over", bot_id=str(self._runner.bot.id), why=str(error))
                refused.append(str(error))
                continue
            chat = chat_of(payload)
            runner = self._runner
            updates.append(
                IncomingUpdate(runner.bot.id, payload["update_id"], chat, payload, runner.takes_directly, runner.fence)
            )
        if not found:
            return True
        if not offset:
            return False
        fresh = await self._inbox.store(updates, {self._runner.bot.id: offset})
        self._offset = offset
        if refused:
            self._runner.note("warning", "updates_passed_over", number=len(refused), why=refused[-1])
        self._runner.offer(fresh)
        return True

    async def _rest(self, brought: int) -> None:
        """What a flooded bot has brought takes its time, so that its neighbours are not slowed down: see `Pace`."""
        now = time.monotonic()
        for _ in range(brought):
            self._stride.take(now)
        wait = self._stride.wait(now)
        while wait > 0:
            await asyncio.sleep(min(wait, LONGEST_REST))
            wait = self._stride.wait(time.monotonic())  # its share may have grown

    def _recovered(self) -> None:
        self._failures = self._named_failures = self._conflicts = 0
        self._fault = ""
        if self._runner.receives_nothing:
            self._runner.receives_nothing = False
            self._report(self._runner, *self._runner.condition, None)

    async def _refused(self, refusal: TelegramRefusal) -> None:
        if refusal.status == 409:
            self._conflicts += 1
            if self._conflicts >= CONFLICTS_BEFORE_TELLING:
                if not self._runner.receives_nothing:
                    code, known = await explain_conflict(self._token, refusal.description)
                    self._report(self._runner, "conflict", code, known)
                self._runner.receives_nothing = True
            tuning = self._tuning
            longest = tuning.longest_poll_retry
            await asyncio.sleep(backoff(tuning.conflict_retry, self._conflicts, longest, random.random()))
        elif refusal.retry_after:
            await asyncio.sleep(refusal.retry_after)
        else:
            await self._failed(str(refusal))

    async def _failed(self, why: str, code: str = TelegramUnreachable.code) -> None:
        self._failures += 1
        self._named_failures += bool(why)
        if why and self._named_failures == FAILURES_BEFORE_TELLING:
            self._runner.receives_nothing = True
            self._report(self._runner, "failed", code, why)
        tuning = self._tuning
        await asyncio.sleep(backoff(tuning.poll_retry, self._failures, tuning.longest_poll_retry, random.random()))


async def explain_conflict(token: str, description: str) -> tuple[str, str]:
    """Who else gets a polled bot's updates: (code of the reason, what is known of them).

    Telegram refuses a poll with 409 while another program polls, and also while one has set a webhook: then Telegram
    says where.
    """
    try:
        info = await telegram().get_webhook_info(token)
    except (TelegramRefusal, TelegramAway):
        return PolledElsewhere.code, description
    if not info.url:
        return PolledElsewhere.code, description
    return WebhookElsewhere.code, f"the webhook is set to {urlsplit(info.url).hostname or 'another address'}"
