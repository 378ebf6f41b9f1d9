"""How updates reach a bot: long polling, conflicts, confirmation, and what a bot in a group sees."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest, TelegramConflictError, TelegramUnauthorizedError

from bots.sandbox import people
from bots.sandbox.parameters import Upload
from bots.sandbox.server import SandboxServer
from bots.sandbox.state import Chat, SandboxBot
from tests.bots.sandbox.conftest import until


def say(server: SandboxServer, bot: SandboxBot, chat: Chat, text: str) -> int:
    """Anna writes; gives back the update's number, 0 when the bot does not get one."""
    _, update = people.write(server.sandbox, bot, server.sandbox.people[1001], chat, text=text)
    return int(update["update_id"]) if update else 0


async def polling(bot: SandboxBot) -> None:
    """Waits until the bot has a poll waiting at the server."""
    await until(lambda: bot.poll)


async def test_updates_stay_until_the_offset_passes_them(
    bot: Bot, server: SandboxServer, shop: SandboxBot, chat: Chat
) -> None:
    numbers = [say(server, shop, chat, text) for text in ("one", "two", "three")]
    assert numbers == list(range(numbers[0], numbers[0] + 3))
    assert [update.update_id for update in await bot.get_updates(limit=2)] == numbers[:2]
    assert [update.update_id for update in await bot.get_updates()] == numbers
    rest = await bot.get_updates(offset=numbers[1] + 1)
    assert [update.message and update.message.text for update in rest] == ["three"]
    assert [update.update_id for update in await bot.get_updates()] == numbers[2:]


async def test_a_negative_offset_keeps_the_last(bot: Bot, server: SandboxServer, shop: SandboxBot, chat: Chat) -> None:
    numbers = [say(server, shop, chat, str(number)) for number in range(4)]
    assert [update.update_id for update in await bot.get_updates(offset=-1)] == numbers[3:]
    assert list(shop.updates) == numbers[3:]


async def test_a_long_poll_ends_with_the_update(bot: Bot, server: SandboxServer, shop: SandboxBot, chat: Chat) -> None:
    waiting = asyncio.create_task(bot.get_updates(timeout=30))
    await polling(shop)
    say(server, shop, chat, "at last")
    updates = await asyncio.wait_for(waiting, 5)
    assert updates[0].message is not None
    assert updates[0].message.text == "at last"


async def test_an_idle_long_poll_takes_its_timeout(bot: Bot) -> None:
    started = time.monotonic()
    assert await bot.get_updates(timeout=1) == []
    assert 0.9 <= time.monotonic() - started < 5


async def test_a_second_poll_ends_the_first_with_a_conflict(
    bot: Bot, server: SandboxServer, shop: SandboxBot, chat: Chat
) -> None:
    first = asyncio.create_task(bot.get_updates(timeout=30))
    await polling(shop)
    second = asyncio.create_task(bot.get_updates(timeout=30))
    with pytest.raises(TelegramConflictError, match="terminated by other getUpdates request; make sure that only one"):
        await asyncio.wait_for(first, 5)
    await polling(shop)
    say(server, shop, chat, "hello")
    assert len(await asyncio.wait_for(second, 5)) == 1


async def test_a_client_that_went_away_is_no_rival(
    bot: Bot, server: SandboxServer, shop: SandboxBot, chat: Chat
) -> None:
    gone = asyncio.create_task(bot.get_updates(timeout=30))
    await polling(shop)
    gone.cancel()
    await until(lambda: shop.poll is None)
    say(server, shop, chat, "hello")
    assert len(await bot.get_updates(timeout=1)) == 1


async def test_polling_and_a_webhook_exclude_each_other(bot: Bot, shop: SandboxBot) -> None:
    waiting = asyncio.create_task(bot.get_updates(timeout=30))
    await polling(shop)
    await bot.set_webhook("http://127.0.0.1:9/hook")
    with pytest.raises(TelegramConflictError, match="terminated by setWebhook request"):
        await asyncio.wait_for(waiting, 5)
    with pytest.raises(TelegramConflictError, match="can't use getUpdates method while webhook is active"):
        await bot.get_updates()
    await bot.delete_webhook()
    assert await bot.get_updates() == []


async def test_a_revoked_token_ends_the_poll(bot: Bot, server: SandboxServer, shop: SandboxBot) -> None:
    waiting = asyncio.create_task(bot.get_updates(timeout=30))
    await polling(shop)
    server.sandbox.revoke(shop)
    with pytest.raises(TelegramUnauthorizedError):
        await asyncio.wait_for(waiting, 5)


async def test_only_the_kinds_that_were_asked_for_come_and_the_choice_stays(
    bot: Bot, server: SandboxServer, shop: SandboxBot, chat: Chat
) -> None:
    await bot.get_updates(allowed_updates=["edited_message"])
    assert say(server, shop, chat, "one") == 0
    message_id = next(reversed(chat.messages))
    people.edit(server.sandbox, shop, chat, message_id, "two")
    updates = await bot.get_updates()
    assert [update.event_type for update in updates] == ["edited_message"]
    assert updates[0].edited_message is not None
    assert (updates[0].edited_message.text, updates[0].edited_message.edit_date is None) == ("two", False)


async def test_dropping_what_waits(bot: Bot, server: SandboxServer, shop: SandboxBot, chat: Chat) -> None:
    say(server, shop, chat, "old")
    await bot.delete_webhook(drop_pending_updates=True)
    assert await bot.get_updates() == []


@pytest.mark.parametrize("kind", ["document", "photo", "voice"])
async def test_people_send_files(bot: Bot, server: SandboxServer, shop: SandboxBot, chat: Chat, kind: str) -> None:
    upload = Upload("file.bin", "application/pdf", b"content")
    people.write(server.sandbox, shop, server.sandbox.people[1001], chat, text="look", kind=kind, upload=upload)
    message = (await bot.get_updates())[0].message
    assert message is not None
    assert message.caption == "look"
    sent = message.photo[-1] if message.photo else message.document or message.voice
    assert sent is not None
    fetched = await bot.download(sent)
    assert fetched is not None
    assert fetched.read() == b"content"


async def test_in_a_group_a_private_bot_sees_what_is_meant_for_it(
    bot: Bot, server: SandboxServer, shop: SandboxBot
) -> None:
    sandbox, anna = server.sandbox, server.sandbox.people[1001]
    group = people.new_group(sandbox, shop, "Yard", anna)
    await bot.get_updates(offset=-1)
    own = await bot.send_message(group.id, "I am here")
    assert say(server, shop, group, "chatter") == 0
    assert say(server, shop, group, "/help@other_bot") == 0
    people.write(sandbox, shop, anna, group, text="thanks", reply_to=own.message_id)
    seen = [say(server, shop, group, text) for text in ("/help", "@shop_bot how much?")]
    assert all(seen)
    texts = [update.message.text for update in await bot.get_updates() if update.message]
    assert texts == ["thanks", "/help", "@shop_bot how much?"]
    shop.privacy = False
    assert say(server, shop, group, "chatter") > 0


async def test_webhook_addresses_and_secrets_are_checked(bot: Bot) -> None:
    for url in ("http://example.com/hook", "ftp://127.0.0.1/x", "hook"):
        with pytest.raises(TelegramBadRequest, match="bad webhook: An HTTPS URL must be provided for webhook"):
            await bot.set_webhook(url)
    with pytest.raises(TelegramBadRequest, match="secret token contains unallowed characters"):
        await bot.set_webhook("https://example.com/hook", secret_token="no spaces")
