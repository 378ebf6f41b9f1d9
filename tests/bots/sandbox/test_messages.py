"""What a bot sends, edits and deletes, seen by a real aiogram client."""

from __future__ import annotations

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest, TelegramForbiddenError, TelegramNotFound, TelegramUnauthorizedError
from aiogram.methods import GetMe, TelegramMethod
from aiogram.types import (
    BotCommand,
    BotCommandScopeAllPrivateChats,
    BufferedInputFile,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    MessageEntity,
    ReplyParameters,
)

from bots.sandbox import people
from bots.sandbox.server import SandboxServer
from bots.sandbox.state import Chat, SandboxBot
from tests.bots.sandbox.conftest import client_of


class Unheard(TelegramMethod[bool]):
    __returning__ = bool
    __api_method__ = "brewCoffee"


def keyboard(**button: str) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(**button)]])


async def test_a_bot_learns_who_it_is(bot: Bot, shop: SandboxBot) -> None:
    me = await bot.get_me()
    assert (me.id, me.first_name, me.username, me.is_bot) == (shop.id, "Shop", "shop_bot", True)
    assert me.can_read_all_group_messages is False


async def test_a_well_formed_unknown_token_becomes_a_bot_but_a_revoked_one_never(server: SandboxServer) -> None:
    token = "7000000001:AAabcdefghijklmnopqrstuvwxyz0123456"
    client = client_of(server, token)
    assert (await client.get_me()).id == 7_000_000_001
    server.sandbox.revoke(server.sandbox.bots[7_000_000_001])
    with pytest.raises(TelegramUnauthorizedError, match="Unauthorized"):
        await client.get_me()
    await client.session.close()


async def test_a_malformed_token_and_an_unknown_method_are_not_found(server: SandboxServer, bot: Bot) -> None:
    broken = client_of(server, "7000000002:short")
    with pytest.raises(TelegramNotFound, match="Not Found"):
        await broken.get_me()
    await broken.session.close()
    with pytest.raises(TelegramNotFound, match="method not found"):
        await bot(Unheard())
    assert (await bot(GetMe())).is_bot


async def test_a_message_comes_back_with_its_entities(bot: Bot, chat: Chat) -> None:
    sent = await bot.send_message(chat.id, "<b>Цена</b>: 😀 <a href='https://example.com/x'>тут</a>", parse_mode="HTML")
    assert sent.text == "Цена: 😀 тут"
    assert [(e.type, e.offset, e.length) for e in sent.entities or []] == [("bold", 0, 4), ("text_link", 9, 3)]
    assert chat.messages[sent.message_id]["text"] == sent.text


async def test_given_entities_are_kept_and_cut_to_the_text(bot: Bot, chat: Chat) -> None:
    entities = [MessageEntity(type="italic", offset=0, length=99), MessageEntity(type="bold", offset=50, length=2)]
    sent = await bot.send_message(chat.id, "short", entities=entities)
    assert [(e.type, e.offset, e.length) for e in sent.entities or []] == [("italic", 0, 5)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [("", "message text is empty"), (" \n ", "message text is empty"), ("x" * 4097, "message is too long")],
)
async def test_texts_that_telegram_refuses(bot: Bot, chat: Chat, text: str, problem: str) -> None:
    with pytest.raises(TelegramBadRequest, match=problem):
        await bot.send_message(chat.id, text)


async def test_the_limit_counts_utf16_units_after_the_entities(bot: Bot, chat: Chat) -> None:
    assert len((await bot.send_message(chat.id, f"<b>{'x' * 4096}</b>", parse_mode="HTML")).text or "") == 4096
    with pytest.raises(TelegramBadRequest, match="message is too long"):
        await bot.send_message(chat.id, "😀" * 2049)


async def test_an_edit_changes_the_message_and_an_equal_one_is_refused(bot: Bot, chat: Chat) -> None:
    sent = await bot.send_message(chat.id, "one")
    edited = await bot.edit_message_text("two", chat_id=chat.id, message_id=sent.message_id)
    assert not isinstance(edited, bool)
    assert edited.text == "two"
    assert edited.edit_date is not None
    with pytest.raises(TelegramBadRequest, match="message is not modified: specified new message content"):
        await bot.edit_message_text("two ", chat_id=chat.id, message_id=sent.message_id)
    with pytest.raises(TelegramBadRequest, match="message to edit not found"):
        await bot.edit_message_text("three", chat_id=chat.id, message_id=sent.message_id + 1)


async def test_an_edit_without_keyboard_takes_the_keyboard_away(bot: Bot, chat: Chat) -> None:
    sent = await bot.send_message(chat.id, "one", reply_markup=keyboard(text="Yes", callback_data="yes"))
    assert sent.reply_markup is not None
    edited = await bot.edit_message_text("one", chat_id=chat.id, message_id=sent.message_id)
    assert not isinstance(edited, bool)
    assert edited.reply_markup is None


async def test_people_s_messages_can_t_be_edited_by_the_bot(bot: Bot, server: SandboxServer, chat: Chat) -> None:
    anna = server.sandbox.people[1001]
    message, _ = people.write(server.sandbox, server.sandbox.bots[bot.id], anna, chat, text="hello")
    with pytest.raises(TelegramBadRequest, match="message can't be edited"):
        await bot.edit_message_text("mine", chat_id=chat.id, message_id=message["message_id"])


async def test_a_deleted_message_is_gone(bot: Bot, chat: Chat) -> None:
    sent = await bot.send_message(chat.id, "one")
    assert await bot.delete_message(chat.id, sent.message_id)
    with pytest.raises(TelegramBadRequest, match="message to delete not found"):
        await bot.delete_message(chat.id, sent.message_id)


async def test_a_chat_that_never_was_and_a_person_who_blocked(bot: Bot, server: SandboxServer, chat: Chat) -> None:
    with pytest.raises(TelegramBadRequest, match="chat not found"):
        await bot.send_message(424242, "hello")
    people.block(server.sandbox, server.sandbox.bots[bot.id], chat, server.sandbox.people[1001])
    with pytest.raises(TelegramForbiddenError, match="Forbidden: bot was blocked by the user"):
        await bot.send_message(chat.id, "hello")
    updates = await bot.get_updates()
    assert updates[0].my_chat_member is not None
    assert updates[0].my_chat_member.new_chat_member.status == "kicked"


async def test_replies_and_topics(bot: Bot, server: SandboxServer, shop: SandboxBot, chat: Chat) -> None:
    first = await bot.send_message(chat.id, "one")
    reply = await bot.send_message(chat.id, "two", reply_parameters=ReplyParameters(message_id=first.message_id))
    assert reply.reply_to_message is not None
    assert reply.reply_to_message.text == "one"
    missing = ReplyParameters(message_id=1)
    with pytest.raises(TelegramBadRequest, match="message to be replied not found"):
        await bot.send_message(chat.id, "three", reply_parameters=missing)
    lenient = ReplyParameters(message_id=1, allow_sending_without_reply=True)
    assert (await bot.send_message(chat.id, "three", reply_parameters=lenient)).reply_to_message is None

    anna = server.sandbox.people[1001]
    forum = people.new_group(server.sandbox, shop, "Forum", anna, forum=True)
    topic = people.new_topic(server.sandbox, shop, forum, "Orders", anna)
    sent = await bot.send_message(forum.id, "in the topic", message_thread_id=topic)
    assert (sent.message_thread_id, sent.is_topic_message) == (topic, True)
    with pytest.raises(TelegramBadRequest, match="message thread not found"):
        await bot.send_message(forum.id, "nowhere", message_thread_id=topic + 1)


@pytest.mark.parametrize(
    ("button", "problem"),
    [
        ({"text": "x", "callback_data": "y" * 65}, "BUTTON_DATA_INVALID"),
        ({"text": "x"}, "Text buttons are unallowed in the inline keyboard"),
        ({"text": "x", "url": "no address"}, "Wrong HTTP URL"),
    ],
)
async def test_keyboards_that_telegram_refuses(bot: Bot, chat: Chat, button: dict[str, str], problem: str) -> None:
    with pytest.raises(TelegramBadRequest, match=problem):
        await bot.send_message(chat.id, "choose", reply_markup=keyboard(**button))


async def test_a_draft_is_shown_and_a_message_ends_it(bot: Bot, chat: Chat) -> None:
    assert await bot.send_message_draft(chat.id, draft_id=7, text="thin")
    assert await bot.send_message_draft(chat.id, draft_id=7, text="thinking")
    assert [draft["text"] for draft in chat.drafts.values()] == ["thinking"]
    await bot.send_message(chat.id, "thought")
    assert not chat.drafts


async def test_a_press_is_answered_once(bot: Bot, server: SandboxServer, shop: SandboxBot, chat: Chat) -> None:
    sent = await bot.send_message(chat.id, "choose", reply_markup=keyboard(text="Да", callback_data="yes"))
    anna = server.sandbox.people[1001]
    with pytest.raises(people.PersonError):
        people.press(server.sandbox, shop, chat, anna, sent.message_id, "no")
    people.press(server.sandbox, shop, chat, anna, sent.message_id, "yes")
    query = (await bot.get_updates())[0].callback_query
    assert query is not None
    assert (query.data, query.from_user.id, query.message and query.message.message_id) == (
        "yes",
        1001,
        sent.message_id,
    )
    assert await bot.answer_callback_query(query.id, text="Noted")
    with pytest.raises(TelegramBadRequest, match="query is too old and response timeout expired"):
        await bot.answer_callback_query(query.id)


async def test_files_go_both_ways(bot: Bot, server: SandboxServer, chat: Chat) -> None:
    data = bytes(range(256)) * 300
    sent = await bot.send_document(
        chat.id, BufferedInputFile(data, "Прайс лист.pdf"), caption="*Цены*", parse_mode="MarkdownV2"
    )
    assert sent.document is not None
    assert (sent.document.file_name, sent.document.file_size) == ("Прайс лист.pdf", len(data))
    assert (sent.caption, [e.type for e in sent.caption_entities or []]) == ("Цены", ["bold"])
    fetched = await bot.download(sent.document)
    assert fetched is not None
    assert fetched.read() == data
    again = await bot.send_document(chat.id, sent.document.file_id)
    assert again.document is not None
    assert again.document.file_unique_id == sent.document.file_unique_id
    with pytest.raises(TelegramBadRequest, match="wrong file_id"):
        await bot.get_file("nothing")


async def test_a_photo_has_its_size(bot: Bot, chat: Chat) -> None:
    png = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + (320).to_bytes(4, "big") + (200).to_bytes(4, "big") + bytes(9)
    sent = await bot.send_photo(chat.id, BufferedInputFile(png, "shop.png"))
    assert sent.photo is not None
    assert (sent.photo[0].width, sent.photo[0].height) == (320, 200)


async def test_forwarding_and_copying(bot: Bot, chat: Chat) -> None:
    sent = await bot.send_message(chat.id, "<b>one</b>", parse_mode="HTML")
    forwarded = await bot.forward_message(chat.id, chat.id, sent.message_id)
    assert forwarded.forward_origin is not None
    assert (forwarded.text, forwarded.entities) == (sent.text, sent.entities)
    copied = await bot.copy_message(chat.id, chat.id, sent.message_id)
    assert chat.messages[copied.message_id]["text"] == "one"


async def test_a_bot_describes_itself(bot: Bot, chat: Chat) -> None:
    commands = [BotCommand(command="start", description="Начать"), BotCommand(command="help", description="Help")]
    assert await bot.set_my_commands(commands)
    assert [(c.command, c.description) for c in await bot.get_my_commands()] == [("start", "Начать"), ("help", "Help")]
    assert await bot.get_my_commands(scope=BotCommandScopeAllPrivateChats()) == []
    assert await bot.delete_my_commands()
    assert await bot.get_my_commands() == []
    with pytest.raises(TelegramBadRequest, match="BOT_COMMAND_INVALID"):
        await bot.set_my_commands([BotCommand(command="No Good", description="x")])
    await bot.set_my_name("Лавка", language_code="ru")
    assert (await bot.get_my_name(language_code="ru")).name == "Лавка"
    assert (await bot.get_my_name()).name == "Shop"
    await bot.set_my_description("Sells things")
    assert (await bot.get_my_description()).description == "Sells things"
    await bot.set_my_short_description("Things")
    assert (await bot.get_my_short_description()).short_description == "Things"
    assert (await bot.get_chat(chat.id)).first_name == "Anna"
    assert await bot.send_chat_action(chat.id, "typing")
    assert (await bot.get_chat_member(chat.id, bot.id)).status == "member"
