"""Trouble on demand and Telegram's limits."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest
from aiogram import Bot
from aiogram.exceptions import (
    TelegramConflictError,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)

from bots.sandbox import people
from bots.sandbox.faults import Fault
from bots.sandbox.server import SandboxServer
from bots.sandbox.state import Chat, SandboxBot


async def plan(http: aiohttp.ClientSession, **values: object) -> None:
    async with http.post("/sandbox/faults", json=values) as answer:
        assert answer.status == 201, await answer.text()


async def test_the_next_calls_meet_a_429_with_its_seconds(bot: Bot, chat: Chat, http: aiohttp.ClientSession) -> None:
    await plan(http, bot_id=bot.id, methods=["sendMessage"], status=429, retry_after=17, times=2)
    for _ in range(2):
        with pytest.raises(TelegramRetryAfter) as caught:
            await bot.send_message(chat.id, "x")
        assert caught.value.retry_after == 17
        assert (await bot.get_me()).id == bot.id
    assert (await bot.send_message(chat.id, "x")).text == "x"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, TelegramUnauthorizedError),
        (403, TelegramForbiddenError),
        (409, TelegramConflictError),
        (502, TelegramServerError),
    ],
)
async def test_refusals(bot: Bot, chat: Chat, http: aiohttp.ClientSession, status: int, kind: type[Exception]) -> None:
    await plan(http, status=status, times=1)
    with pytest.raises(kind):
        await bot.send_message(chat.id, "x")
    assert not chat.messages


async def test_a_fault_of_one_bot_or_chat_leaves_the_others_alone(
    bot: Bot, server: SandboxServer, shop: SandboxBot, chat: Chat, http: aiohttp.ClientSession
) -> None:
    other = server.sandbox.private_chat(shop, people.person(server.sandbox, 2002))
    await plan(http, bot_id=bot.id + 1, status=500)
    await plan(http, chat_id=other.id, status=403)
    assert (await bot.send_message(chat.id, "x")).text == "x"
    with pytest.raises(TelegramForbiddenError):
        await bot.send_message(other.id, "x")
    async with http.delete("/sandbox/faults"):
        assert (await bot.send_message(other.id, "x")).text == "x"


async def test_a_broken_connection_before_and_after_the_work(
    bot: Bot, server: SandboxServer, shop: SandboxBot, chat: Chat
) -> None:
    server.sandbox.faults.add(Fault(reset="before", remaining=1))
    with pytest.raises(TelegramNetworkError):
        await bot.send_message(chat.id, "never there")
    assert not chat.messages
    server.sandbox.faults.add(Fault(reset="after", remaining=1))
    with pytest.raises(TelegramNetworkError):
        await bot.send_message(chat.id, "there, unknown to the bot")
    assert [message["text"] for message in chat.messages.values()] == ["there, unknown to the bot"]
    assert [call["broken"] for call in shop.calls] == ["before", "after"]


async def test_a_delay(bot: Bot, http: aiohttp.ClientSession) -> None:
    await plan(http, delay_ms=200, times=1)
    started = time.monotonic()
    await bot.get_me()
    assert time.monotonic() - started >= 0.2


async def test_nonsense_is_refused(http: aiohttp.ClientSession) -> None:
    for values in ({}, {"status": 200}, {"reset": "sideways"}, {"status": 500, "methods": "sendMessage"}):
        async with http.post("/sandbox/faults", json=values) as answer:
            assert answer.status == 400


async def test_one_message_a_second_in_a_chat(bot: Bot, server: SandboxServer, chat: Chat) -> None:
    server.sandbox.limits.enforced = True
    sent = await bot.send_message(chat.id, "one")
    with pytest.raises(TelegramRetryAfter) as caught:
        await bot.edit_message_text("two", chat_id=chat.id, message_id=sent.message_id)
    assert caught.value.retry_after == 1
    await bot.send_chat_action(chat.id, "typing")
    server.sandbox.limits.forget()
    assert await bot.send_message(chat.id, "after the wait")


async def test_twenty_messages_a_minute_in_a_group(bot: Bot, server: SandboxServer, shop: SandboxBot) -> None:
    group = people.new_group(server.sandbox, shop, "Yard", server.sandbox.people[1001])
    limits = server.sandbox.limits
    limits.enforced, limits.chat_burst = True, 100
    for number in range(20):
        await bot.send_message(group.id, str(number))
    with pytest.raises(TelegramRetryAfter) as caught:
        await bot.send_message(group.id, "one too many")
    assert 50 <= caught.value.retry_after <= 60


async def test_thirty_messages_a_second_for_a_bot(bot: Bot, server: SandboxServer, shop: SandboxBot) -> None:
    server.sandbox.limits.enforced = True
    chats = [server.sandbox.private_chat(shop, people.person(server.sandbox, 3000 + n)) for n in range(40)]
    results = await asyncio.gather(*(bot.send_message(chat.id, "x") for chat in chats), return_exceptions=True)
    refused = [result for result in results if isinstance(result, TelegramRetryAfter)]
    assert len(refused) == 10
