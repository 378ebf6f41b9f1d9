"""Delivery to a webhook: the secret, the order, failures and calls in the answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiogram import Bot
from aiohttp import web

from bots.sandbox import people
from bots.sandbox.server import SandboxServer
from bots.sandbox.state import Chat, SandboxBot
from tests.bots.sandbox.conftest import until
from tests.bots.sandbox.test_updates import say

SECRET = "hook-secret_1"


@dataclass
class Hook:
    """A bot's own web server. `answer` decides about each update; what came is in `received`."""

    url: str = ""
    received: list[dict[str, Any]] = field(default_factory=list)
    secrets: set[str | None] = field(default_factory=set)
    answer: Callable[[dict[str, Any]], web.Response] = field(default=lambda _update: web.Response())
    gate: asyncio.Event | None = None
    busy: int = 0
    most_busy: int = 0
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        update = await request.json()
        self.secrets.add(request.headers.get("X-Telegram-Bot-Api-Secret-Token"))
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        self.received.append(update)
        self.came.set()
        try:
            if self.gate:
                await self.gate.wait()
            return self.answer(update)
        finally:
            self.busy -= 1

    async def until(self, enough: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not enough():
                self.came.clear()
                await self.came.wait()

    def texts(self) -> list[str]:
        return [update["message"]["text"] for update in self.received]


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    made = Hook()
    app = web.Application()
    app.router.add_post("/hook", made.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield made
    await runner.cleanup()


async def drained(bot: SandboxBot) -> None:
    await until(lambda: not bot.updates)


async def test_updates_come_in_order_with_the_secret(
    bot: Bot, server: SandboxServer, shop: SandboxBot, chat: Chat, hook: Hook
) -> None:
    say(server, shop, chat, "before")
    await bot.set_webhook(hook.url, secret_token=SECRET)
    texts = [f"message {number}" for number in range(20)]
    for text in texts:
        say(server, shop, chat, text)
    await drained(shop)
    assert hook.texts() == ["before", *texts]
    assert hook.secrets == {SECRET}
    assert hook.most_busy == 1


async def test_what_is_refused_comes_again_and_keeps_its_place(
    bot: Bot, server: SandboxServer, shop: SandboxBot, chat: Chat, hook: Hook
) -> None:
    hook.answer = lambda _update: web.Response(status=503 if len(hook.received) < 3 else 200)
    await bot.set_webhook(hook.url)
    for text in ("one", "two"):
        say(server, shop, chat, text)
    await drained(shop)
    assert hook.texts() == ["one", "one", "one", "two"]
    info = await bot.get_webhook_info()
    assert info.last_error_message == "Wrong response from the webhook: 503 Service Unavailable"
    assert info.last_error_date is not None
    assert info.pending_update_count == 0


async def test_a_webhook_that_is_down_shows_it_and_gets_all_when_it_is_up(
    bot: Bot, server: SandboxServer, shop: SandboxBot, chat: Chat, hook: Hook
) -> None:
    await bot.set_webhook("http://127.0.0.1:9/hook")
    say(server, shop, chat, "kept")
    await until(lambda: shop.webhook.last_error_message)
    info = await bot.get_webhook_info()
    assert (info.last_error_message, info.pending_update_count) == ("Connection refused", 1)
    await bot.set_webhook(hook.url)
    await drained(shop)
    assert hook.texts() == ["kept"]


async def test_retry_after_is_obeyed(bot: Bot, server: SandboxServer, shop: SandboxBot, chat: Chat, hook: Hook) -> None:
    moments: list[float] = []

    def answer(_update: dict[str, Any]) -> web.Response:
        moments.append(asyncio.get_running_loop().time())
        return web.Response(status=200 if len(moments) > 1 else 429, headers={"Retry-After": "1"})

    hook.answer = answer
    await bot.set_webhook(hook.url)
    say(server, shop, chat, "one")
    await drained(shop)
    assert moments[1] - moments[0] >= 1


async def test_chats_go_side_by_side_up_to_max_connections(
    bot: Bot, server: SandboxServer, shop: SandboxBot, hook: Hook
) -> None:
    hook.gate = asyncio.Event()
    await bot.set_webhook(hook.url, max_connections=3)
    for number in range(6):
        person = people.person(server.sandbox, 2000 + number)
        people.write(server.sandbox, shop, person, server.sandbox.private_chat(shop, person), text=f"from {number}")
    await hook.until(lambda: len(hook.received) == 3)
    hook.gate.set()
    await drained(shop)
    assert hook.most_busy == 3
    assert sorted(hook.texts()) == [f"from {number}" for number in range(6)]


async def test_a_call_in_the_answer_is_performed(
    bot: Bot, server: SandboxServer, shop: SandboxBot, chat: Chat, hook: Hook
) -> None:
    def answer(update: dict[str, Any]) -> web.Response:
        chat_id = update["message"]["chat"]["id"]
        return web.json_response(
            {"method": "sendMessage", "chat_id": chat_id, "text": "<i>hi</i>", "parse_mode": "HTML"}
        )

    hook.answer = answer
    await bot.set_webhook(hook.url)
    say(server, shop, chat, "hello")
    await server.wait_for_calls(shop, "sendMessage")
    assert list(chat.messages.values())[-1]["text"] == "hi"


async def test_deleting_the_webhook_keeps_what_was_not_taken(
    bot: Bot, server: SandboxServer, shop: SandboxBot, chat: Chat, hook: Hook
) -> None:
    hook.answer = lambda _update: web.Response(status=500)
    await bot.set_webhook(hook.url)
    say(server, shop, chat, "stay")
    await hook.until(lambda: bool(hook.received))
    assert await bot.delete_webhook()
    updates = await bot.get_updates()
    assert [update.message and update.message.text for update in updates] == ["stay"]


async def test_the_body_is_the_update_as_a_poll_would_bring_it(
    bot: Bot, server: SandboxServer, shop: SandboxBot, chat: Chat, hook: Hook
) -> None:
    await bot.set_webhook(hook.url)
    number = say(server, shop, chat, "Ёлка 😀")
    await drained(shop)
    assert hook.received[0]["update_id"] == number
    assert json.dumps(hook.received[0]["message"], sort_keys=True) == json.dumps(
        next(iter(chat.messages.values())), sort_keys=True
    )
