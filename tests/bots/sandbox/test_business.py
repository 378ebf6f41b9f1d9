"""Business accounts as the sandbox offers them: over the control API, and to a bot by the Bot API."""

from __future__ import annotations

import aiohttp
import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import ReplyParameters

from bots.sandbox.server import SandboxServer
from bots.sandbox.state import Options, SandboxBot


async def post(http: aiohttp.ClientSession, path: str, values: dict[str, object]) -> tuple[int, dict]:
    async with http.post(path, json=values) as answer:
        return answer.status, await answer.json()


async def test_an_account_is_connected_and_answered_for(
    server: SandboxServer, http: aiohttp.ClientSession, bot: Bot, shop: SandboxBot
) -> None:
    base = f"/sandbox/bots/{shop.id}/business"
    status, account = await post(http, base, {"from": {"id": 900, "first_name": "Olga"}})
    assert (status, account["is_enabled"], account["rights"]["can_reply"]) == (201, True, True)
    chat = {"from": {"id": 501, "first_name": "Anna"}}
    _, said = await post(http, f"{base}/{account['id']}/messages", {**chat, "text": "Hello"})
    await post(http, f"{base}/{account['id']}/messages", {**chat, "text": "Hello!", "by_owner": True})
    change = {"chat_id": 501, "message_id": said["message_id"]}
    assert (await post(http, f"{base}/{account['id']}/edits", {**change, "text": "Hello?"}))[0] == 200
    assert (await post(http, f"{base}/{account['id']}/deletions", change))[0] == 200
    assert (await post(http, f"{base}/{account['id']}/deletions", change))[0] == 400
    assert (await post(http, f"{base}/nobody/messages", {**chat, "text": "Hello"}))[0] == 404

    told, first, second, edited, deleted = await bot.get_updates()
    assert told.business_connection
    assert told.business_connection.id == account["id"]
    assert told.business_connection.rights
    assert told.business_connection.rights.can_reply
    assert first.business_message
    assert first.business_message.business_connection_id == account["id"]
    assert second.business_message
    assert second.business_message.from_user
    assert (second.business_message.from_user.id, second.business_message.chat.id) == (900, 501)
    assert edited.edited_business_message
    assert edited.edited_business_message.text == "Hello?"
    assert deleted.deleted_business_messages
    assert deleted.deleted_business_messages.message_ids == [said["message_id"]]

    assert (await bot.get_business_connection(account["id"])).user.id == 900
    assert await bot.send_chat_action(501, "typing", business_connection_id=account["id"])
    sent = await bot.send_message(501, "At nine", business_connection_id=account["id"])
    assert sent.from_user
    assert sent.sender_business_bot
    assert (sent.from_user.id, sent.sender_business_bot.id) == (900, shop.id)
    await bot.edit_message_text("At ten", chat_id=501, message_id=sent.message_id, business_connection_id=account["id"])
    async with http.get(f"{base}/{account['id']}/messages", params={"chat_id": "501"}) as answer:
        assert [one["text"] for one in (await answer.json())["messages"]] == ["Hello!", "At ten"]
    with pytest.raises(TelegramBadRequest):  # it is no chat of the bot's own
        await bot.send_message(501, "At nine", reply_parameters=ReplyParameters(message_id=1))
    assert await bot.delete_business_messages(account["id"], [sent.message_id])

    await post(http, base, {"from": 900, "can_reply": False})
    with pytest.raises(TelegramBadRequest, match="NOT_ALLOWED"):
        await bot.send_message(501, "At nine", business_connection_id=account["id"])
    await post(http, base, {"from": 900, "enabled": False})
    with pytest.raises(TelegramBadRequest, match="INVALID"):
        await bot.send_message(501, "At nine", business_connection_id=account["id"])


async def test_accounts_outlive_the_process(tmp_path) -> None:
    options = Options(keep_path=tmp_path / "kept.json")
    async with SandboxServer(options) as server, aiohttp.ClientSession(server.url) as http:
        shop = server.sandbox.new_bot("Shop")
        base = f"/sandbox/bots/{shop.id}/business"
        _, account = await post(http, base, {"from": {"id": 900, "first_name": "Olga"}})
        said = {"from": {"id": 501, "first_name": "Anna"}, "text": "Hello"}
        await post(http, f"{base}/{account['id']}/messages", said)
    async with SandboxServer(options) as server:
        kept = server.sandbox.bots[shop.id].business[account["id"]]
        assert (kept.owner["first_name"], list(kept.chats)) == ("Olga", [501])
