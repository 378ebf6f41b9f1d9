"""Brings updates to a bot's webhook as Telegram does.

Updates of one chat go one after another; chats go side by side, up to `max_connections`. An update that was not
taken with a 2xx is brought again, later each time, or after the seconds of the answer's `Retry-After`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from bots.sandbox.parameters import Parameters, parse_form
from bots.sandbox.state import SandboxBot, Wire

logger = logging.getLogger(__name__)

LONGEST_DELAY = 60.0
LONGEST_RETRY_AFTER = 3600.0
READ_TIMEOUT = 60.0
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105  (the header's name, not a secret)
NOT_IN_REPLY = {"deletewebhook", "setwebhook", "close", "logout"}  # and everything that begins with `get`

Perform = Callable[[SandboxBot, str, Parameters], Awaitable[Any]]


class Courier:
    """Delivers one bot's updates to its webhook for as long as it is set."""

    def __init__(
        self, bot: SandboxBot, session: aiohttp.ClientSession, perform: Perform, first_delay: float = 1.0
    ) -> None:
        self.bot = bot
        self.session = session
        self.perform = perform
        self.first_delay = first_delay
        self._free = asyncio.Semaphore(bot.webhook.max_connections)
        self._lanes: dict[str, deque[Wire]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False

    def start(self) -> None:
        for update in self.bot.updates.values():
            self.offer(update)

    def stop(self) -> None:
        """Ends all deliveries. What was not taken stays in the bot's queue."""
        self._stopped = True
        for task in self._tasks:
            task.cancel()

    def offer(self, update: Wire) -> None:
        key = lane_key(update)
        lane = self._lanes.get(key)
        if lane is not None:
            lane.append(update)
            return
        self._lanes[key] = deque([update])
        task = asyncio.get_running_loop().create_task(self._serve(key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, key: str) -> None:
        lane = self._lanes[key]
        while lane:
            await self._deliver(lane[0])
            lane.popleft()
        del self._lanes[key]

    async def _deliver(self, update: Wire) -> None:
        delay, failures = self.first_delay, 0
        body = json.dumps(update, ensure_ascii=False, separators=(",", ":")).encode()
        while update["update_id"] in self.bot.updates:  # dropped by drop_pending_updates meanwhile: not brought
            async with self._free:
                retry_after = await self._attempt(update, body)
            if retry_after is None:
                self.bot.updates.pop(update["update_id"], None)
                return
            if retry_after == 0 and failures:
                delay = min(LONGEST_DELAY, delay * 2)
            failures += 1
            await asyncio.sleep(retry_after or delay)

    async def _attempt(self, update: Wire, body: bytes) -> float | None:
        """None: the update was taken. Else the seconds that the server asked us to wait, 0 if it named none."""
        webhook = self.bot.webhook
        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip, deflate"}
        if webhook.secret:
            headers[SECRET_HEADER] = webhook.secret
        try:
            async with self.session.post(webhook.url, data=body, headers=headers, allow_redirects=False) as answer:
                content = await answer.read()
                if 200 <= answer.status <= 299:
                    await self._reply(answer.content_type, content)
                    return None
                self._failed(f"Wrong response from the webhook: {answer.status} {answer.reason}")
                return _retry_after(answer.headers.get("Retry-After", ""))
        except TimeoutError:
            self._failed("Read timeout expired")
        except aiohttp.ClientConnectorCertificateError as error:
            self._failed(f"SSL error {{{error.certificate_error}}}")
        except aiohttp.ClientConnectorError:
            self._failed("Connection refused")
        except (aiohttp.ClientError, OSError) as error:
            self._failed(f"Connection closed: {type(error).__name__}")
        return 0.0

    def _failed(self, text: str) -> None:
        self.bot.webhook.last_error_date = int(time.time())
        self.bot.webhook.last_error_message = text

    async def _reply(self, content_type: str, content: bytes) -> None:
        """A call that the bot put into its answer. Its result is not reported to anyone, as with Telegram."""
        try:
            if content_type == "application/json":
                values = json.loads(content)
            elif content_type == "application/x-www-form-urlencoded":
                values = parse_form(content)
            else:
                return
        except ValueError:
            return  # an ordinary answer with some other body: it need not be a call
        if not isinstance(values, dict):
            return
        method = str(values.pop("method", ""))
        if method and method.lower() not in NOT_IN_REPLY and not method.lower().startswith("get"):
            await self.perform(self.bot, method, Parameters(values))


def lane_key(update: Wire) -> str:
    """What has to stay in order: the chat, or the person where there is no chat."""
    for kind, content in update.items():
        if kind == "update_id" or not isinstance(content, dict):
            continue
        message = content.get("message") if kind == "callback_query" else content
        chat = (message or {}).get("chat") or content.get("from") or {}
        return str(chat.get("id", ""))
    return ""


def _retry_after(header: str) -> float:
    return min(LONGEST_RETRY_AFTER, float(header)) if header.strip().isdecimal() else 0.0
