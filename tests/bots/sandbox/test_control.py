"""The control API: what people do, the log of calls, who may use it, and what outlives a restart."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest, TelegramUnauthorizedError
from aiogram.types import (
    BufferedInputFile,
    InputProfilePhotoStatic,
    KeyboardButton,
    KeyboardButtonRequestManagedBot,
    ReplyKeyboardMarkup,
)

from bots.sandbox import people
from bots.sandbox.server import SandboxServer
from bots.sandbox.state import TOKEN, Options, SandboxBot
from tests.bots.sandbox.conftest import client_of


async def post(http: aiohttp.ClientSession, path: str, values: object) -> tuple[int, dict[str, Any]]:
    async with http.post(path, json=values) as answer:
        return answer.status, await answer.json()


async def get(http: aiohttp.ClientSession, path: str) -> dict[str, Any]:
    async with http.get(path) as answer:
        assert answer.status == 200, await answer.text()
        found: dict[str, Any] = await answer.json()
        return found


async def test_a_bot_is_made_shown_and_revoked(server: SandboxServer, http: aiohttp.ClientSession) -> None:
    status, made = await post(http, "/sandbox/bots", {"name": "Лавка"})
    assert (status, made["name"], bool(TOKEN.fullmatch(made["token"]))) == (201, "Лавка", True)
    client = client_of(server, made["token"])
    assert (await client.get_me()).first_name == "Лавка"
    await client.session.close()
    _, revoked = await post(http, f"/sandbox/bots/{made['id']}/revoke", {})
    assert revoked["token"] != made["token"]
    assert server.sandbox.bot_of(made["token"]) is None
    assert server.sandbox.bot_of(revoked["token"]) is not None
    assert [bot["id"] for bot in (await get(http, "/sandbox/bots"))["bots"]] == [made["id"]]


async def test_a_conversation_over_the_control_api(bot: Bot, http: aiohttp.ClientSession) -> None:
    path = f"/sandbox/bots/{bot.id}"
    person = {"id": 77, "first_name": "Борис", "language_code": "ru"}
    status, written = await post(http, f"{path}/messages", {"from": person, "text": "/start now"})
    assert status == 201
    update = (await bot.get_updates())[0]
    assert update.update_id == written["update_id"]
    assert update.message is not None
    assert update.message.from_user is not None
    assert (update.message.from_user.first_name, update.message.text) == ("Борис", "/start now")
    assert update.message.entities is not None
    assert update.message.entities[0].type == "bot_command"
    form = aiohttp.FormData()
    form.add_field("from", "77")
    form.add_field("text", "here it is")
    form.add_field("document", b"%PDF-1.4", filename="price.pdf", content_type="application/pdf")
    async with http.post(f"{path}/messages", data=form) as answer:
        assert (await answer.json())["message"]["document"]["file_name"] == "price.pdf"
    _, edited = await post(
        http, f"{path}/edits", {"chat_id": 77, "message_id": written["message"]["message_id"], "text": "/start"}
    )
    assert edited["message"]["text"] == "/start"
    await bot.send_message(77, "answer")
    messages = (await get(http, f"{path}/chats/77/messages"))["messages"]
    assert [message.get("text") for message in messages] == ["/start", None, "answer"]
    status, problem = await post(http, f"{path}/messages", {"from": 77, "text": "  "})
    assert (status, problem["error"]) == (400, "the message is empty")


async def test_groups_topics_and_blocking(bot: Bot, http: aiohttp.ClientSession) -> None:
    path = f"/sandbox/bots/{bot.id}"
    _, group = await post(http, f"{path}/groups", {"title": "Двор", "is_forum": True})
    chat_id = group["chat"]["id"]
    _, topic = await post(http, f"{path}/topics", {"chat_id": chat_id, "name": "Заказы"})
    thread = topic["message_thread_id"]
    await post(http, f"{path}/messages", {"chat_id": chat_id, "message_thread_id": thread, "text": "/help"})
    message = (await bot.get_updates())[-1].message
    assert message is not None
    assert (message.message_thread_id, message.is_topic_message, message.chat.is_forum) == (thread, True, True)
    _, view = await post(http, f"{path}/block", {"chat_id": chat_id})
    assert view["closed"] == "bot was kicked from the supergroup chat"
    _, view = await post(http, f"{path}/unblock", {"chat_id": chat_id})
    assert view["closed"] == ""


async def test_raw_updates_and_the_same_one_twice(bot: Bot, http: aiohttp.ClientSession) -> None:
    message = {"message_id": 5, "date": 1, "chat": {"id": 9, "type": "private", "first_name": "X"}, "text": "raw",
               "from": {"id": 9, "is_bot": False, "first_name": "X"}}  # fmt: skip
    status, queued = await post(http, f"/sandbox/bots/{bot.id}/updates", {"updates": [{"message": message}]})
    assert status == 201
    number = queued["update_ids"][0]
    assert [update.update_id for update in await bot.get_updates(offset=number)] == [number]
    await bot.get_updates(offset=number + 1)
    again = {"updates": [{"update_id": number, "message": message}]}
    assert (await post(http, f"/sandbox/bots/{bot.id}/updates", again))[1] == {"update_ids": [number]}
    assert [update.update_id for update in await bot.get_updates()] == [number]
    assert (await bot.send_message(9, "known chat")).chat.id == 9


async def test_the_log_of_calls_can_be_waited_for(bot: Bot, http: aiohttp.ClientSession) -> None:
    people_path = f"/sandbox/bots/{bot.id}"
    await post(http, f"{people_path}/messages", {"text": "hello"})
    waiting = asyncio.create_task(get(http, f"{people_path}/calls?method=sendMessage&wait=20&count=2"))
    await bot.get_me()
    await bot.send_message(1001, "one")
    await bot.send_message(1001, "two")
    seen = await asyncio.wait_for(waiting, 10)
    assert [call["parameters"]["text"] for call in seen["calls"]] == ["one", "two"]
    assert all(call["ok"] and call["status"] == 200 for call in seen["calls"])
    later = await get(http, f"{people_path}/calls?since={seen['last']}")
    assert later["calls"] == []


async def test_the_page_s_events(bot: Bot, http: aiohttp.ClientSession) -> None:
    await post(http, f"/sandbox/bots/{bot.id}/messages", {"text": "hello"})
    async with http.get(f"/sandbox/bots/{bot.id}/events") as stream, asyncio.timeout(10):
        assert (await stream.content.readline()) == b"event: open\n"
        await bot.send_chat_action(1001, "typing")
        await bot.send_message_draft(1001, draft_id=1, text="dra")
        sent = await bot.send_message(1001, "draft")
        await bot.edit_message_text("final", chat_id=1001, message_id=sent.message_id)
        await bot.delete_message(1001, sent.message_id)
        kinds = []
        while "deleted" not in kinds:
            line = await stream.content.readline()
            if line.startswith(b"data: ") and (event := json.loads(line[6:])):
                kinds.append(event["kind"])
    assert [kind for kind in kinds if kind != "call"] == ["action", "draft", "message", "edited", "deleted"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "evil.example"},
    ],
)
async def test_other_sites_can_t_use_the_control_api(
    server: SandboxServer, http: aiohttp.ClientSession, headers: dict[str, str]
) -> None:
    async with http.post("/sandbox/bots", json={"name": "x"}, headers=headers) as answer:
        assert answer.status == 403
    assert not server.sandbox.bots
    async with http.post("/sandbox/bots", json={"name": "x"}, headers={"Origin": server.url}) as answer:
        assert answer.status == 201


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("messages", {"from": {"id": "x"}, "text": "hi"}),
        ("messages", {"from": "{", "text": "hi"}),
        ("messages", {"chat_id": 5, "text": "hi"}),
        ("updates", {"updates": [{"message": {"chat": {}}}]}),
        ("updates", {"updates": "x"}),
        ("presses", {"chat_id": 1001, "message_id": 1, "data": "x"}),
        ("topics", {"chat_id": 1001, "name": "x"}),
    ],
)
async def test_nonsense_is_refused_in_words(
    bot: Bot, http: aiohttp.ClientSession, path: str, values: dict[str, Any]
) -> None:
    await post(http, f"/sandbox/bots/{bot.id}/messages", {"text": "hello"})
    status, problem = await post(http, f"/sandbox/bots/{bot.id}/{path}", values)
    assert status in {400, 404}
    assert problem["error"]


async def test_the_page_is_locked_down(http: aiohttp.ClientSession) -> None:
    async with http.get("/") as answer:
        assert answer.status == 200
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


async def test_a_file_is_never_shown_as_a_page(bot: Bot, server: SandboxServer, http: aiohttp.ClientSession) -> None:
    stored = server.sandbox.keep_file("x.html", "text/html", b"<script>alert(1)</script>", "documents")
    async with http.get(f"/file/bot{bot.token}/{stored.path}") as answer:
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith("attachment")
    async with http.get(f"/file/bot{bot.id}:{'A' * 35}/{stored.path}") as answer:
        assert answer.status == 401


async def test_bots_and_chats_outlive_a_restart_and_identifiers_never_come_twice(tmp_path: Path) -> None:
    options = Options(keep_path=tmp_path / "sandbox" / "sandbox.json")

    async def talk(server: SandboxServer, bot: SandboxBot) -> tuple[int, int]:
        person = people.person(server.sandbox, 1001)
        chat = server.sandbox.private_chat(bot, person)
        message, update = people.write(server.sandbox, bot, person, chat, text="hello")
        assert update is not None
        return update["update_id"], message["message_id"]

    async with SandboxServer(options) as server:
        bot = server.sandbox.new_bot("Kept")
        gone = server.sandbox.new_bot("Gone")
        old_token = server.sandbox.revoke(gone) and gone.token
        server.sandbox.remove_bot(gone)
        before = await talk(server, bot)
    assert stat.S_IMODE(options.keep_path.stat().st_mode) == 0o600 if options.keep_path else False
    async with SandboxServer(options) as server:
        again = server.sandbox.bot_of(bot.token)
        assert again is not None
        assert (again.name, list(again.chats)) == ("Kept", [1001])
        assert server.sandbox.bot_of(old_token) is None
        after = await talk(server, again)
    assert after[0] > before[0]
    assert after[1] > before[1]


async def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.json"
    path.write_text("{")
    with pytest.raises(ValueError, match=r"sandbox\.json is damaged"):
        async with SandboxServer(Options(keep_path=path)):
            pass


async def test_a_strict_sandbox_knows_only_its_own_tokens() -> None:
    async with SandboxServer(Options(strict=True)) as server:
        assert server.sandbox.bot_of(f"123456:{'A' * 35}") is None
        assert server.sandbox.bot_of(server.sandbox.new_bot().token) is not None


async def test_forms_json_queries_and_any_case_of_a_name(server: SandboxServer, http: aiohttp.ClientSession) -> None:
    bot = server.sandbox.new_bot()
    server.sandbox.private_chat(bot, people.person(server.sandbox, 1001))
    values = {"chat_id": "1001", "text": "hello"}
    multipart = aiohttp.FormData(values, default_to_multipart=True)
    for request in (
        http.get(f"/bot{bot.token}/sendmessage", params=values),
        http.post(f"/bot{bot.token}/SENDMESSAGE", data=values),
        http.post(f"/bot{bot.token}/sendMessage", json={"chat_id": 1001, "text": "hello"}),
        http.post(f"/bot{bot.token}/sendMessage", data=multipart),
    ):
        async with request as answer:
            body = await answer.json()
            assert (body["ok"], body["result"]["text"]) == (True, "hello")
    async with http.post(f"/bot{bot.token}/sendMessage", data=b"{", headers={"Content-Type": "application/json"}) as r:
        assert (r.status, (await r.json())["ok"]) == (400, False)


async def test_a_bot_is_made_for_another_one(server: SandboxServer, http: aiohttp.ClientSession) -> None:
    _, manager = await post(http, "/sandbox/bots", {"name": "Agency"})
    path = f"/sandbox/bots/{manager['id']}"
    assert (await post(http, f"{path}/managed", {"name": "Café"}))[0] == 400  # its owner has not allowed it
    async with http.patch(path, json={"can_manage_bots": True}) as answer:
        assert (await answer.json())["can_manage_bots"] is True
    status, made = await post(http, f"{path}/managed", {"name": "Café", "username": "cafe_bot"})
    assert (status, made["managed_by"]) == (201, manager["id"])
    client, other = client_of(server, manager["token"]), client_of(server, made["token"])
    try:
        assert (await client.get_me()).can_manage_bots is True
        told, said = await client.get_updates()
        assert told.managed_bot
        assert told.managed_bot.bot_user.username == "cafe_bot"
        assert said.message
        assert said.message.managed_bot_created
        assert await client.get_managed_bot_token(user_id=made["id"]) == made["token"]
        key = KeyboardButton(text="Make", request_managed_bot=KeyboardButtonRequestManagedBot(request_id=1))
        keys = ReplyKeyboardMarkup(keyboard=[[key]])
        assert await client.send_message(1001, "Make one", reply_markup=keys)
        server.sandbox.bots[manager["id"]].can_manage_bots = False
        with pytest.raises(TelegramBadRequest, match="may not manage"):
            await client.send_message(1001, "Make one", reply_markup=keys)
        fresh = await client.replace_managed_bot_token(user_id=made["id"])
        assert fresh != made["token"]
        with pytest.raises(TelegramUnauthorizedError):
            await other.get_me()
        with pytest.raises(TelegramBadRequest):
            await client.get_managed_bot_token(user_id=manager["id"])
    finally:
        await client.session.close()
        await other.session.close()


async def test_a_profile_photo_is_a_jpeg_file(bot: Bot, shop: SandboxBot) -> None:
    picture = BufferedInputFile(b"\xff\xd8\xff\xe0 picture", "me.jpg")
    assert await bot.set_my_profile_photo(InputProfilePhotoStatic(photo=picture))
    assert shop.photo
    with pytest.raises(TelegramBadRequest):
        await bot.set_my_profile_photo(InputProfilePhotoStatic(photo=BufferedInputFile(b"GIF89a", "me.gif")))
    with pytest.raises(TelegramBadRequest):
        await bot.set_my_profile_photo(InputProfilePhotoStatic(photo="AgACfile"))
    assert await bot.remove_my_profile_photo()
    assert shop.photo == ""
