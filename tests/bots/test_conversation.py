"""What people do in a chat besides asking: choose a language, change what they wrote, come and go, talk in groups."""

from __future__ import annotations

import time

import pytest
import pytest_asyncio
from sqlalchemy import text

from bots.handlers.bundles import NEIGHBOURS
from bots.sandbox import people
from bots.texts import text as said
from tests.bots.world import ANNA, JOHN, open_world
from tests.fakes.openai import Plan
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres, template_database, tmp_path_factory, free_port):
    folder = tmp_path_factory.mktemp("talk")
    async with open_world(postgres, template_database, folder, free_port(), webhook=True) as world:
        yield world


@pytest.fixture(autouse=True)
def plain_model(world):
    world.model.plan = Plan()
    world.model.requests.clear()


async def chats(world, bot):
    async with world.database.system() as uow:
        statement = text("SELECT c.* FROM bot_chat c JOIN bot b ON b.id = c.bot_id WHERE b.telegram_id = :bot")
        return {row.chat_id: row for row in (await uow.session.execute(statement, {"bot": bot.id})).all()}


def last_asked(world) -> str:
    return str(world.model.chats()[-1].body["messages"][-1]["content"])


async def settle(world, bot) -> None:
    """Waits until nothing is left to do."""

    async def done() -> bool:
        return not await world.undone(bot)

    await eventually(done, patience=60)


async def test_the_language_is_chosen_by_a_button_and_kept(world):
    bot, _ = await world.new_bot()
    chat = world.chat(bot, JOHN)
    world.write(bot, chat, "/language", JOHN)
    await world.until_said(bot, chat, said("choose_language", "en"))
    (asked,) = [message for message in chat.messages.values() if message["from"]["id"] == bot.id]
    people.press(world.server.sandbox, bot, chat, JOHN, asked["message_id"], "language:ru")
    await world.until_said(bot, chat, said("language_chosen", "ru"))
    (answered,) = await world.server.wait_for_calls(bot, "answerCallbackQuery")
    assert answered["parameters"]["text"] == said("language_chosen", "ru")
    world.write(bot, chat, "/new", JOHN)
    world.write(bot, chat, "/help", JOHN)
    await world.until_said(bot, chat, said("language_chosen", "ru"), said("new", "ru"), said("help", "ru"))
    world.model.plan.answers = ["да"]
    world.write(bot, chat, "Are you open?", JOHN)
    await eventually(lambda: world.said(bot, chat)[-1:] == ["да"])
    assert "Answer in Russian" in world.model.chats()[-1].body["messages"][0]["content"]
    world.model.plan = Plan(status=500, times=1)
    world.write(bot, chat, "And now?", JOHN)
    await eventually(lambda: world.said(bot, chat)[-1].startswith("Языковая модель сейчас недоступна"))


async def test_in_a_group_only_admins_choose_the_language(world):
    bot, _ = await world.new_bot()
    group = people.new_group(world.server.sandbox, bot, "Friends", ANNA)
    hello = said("added", "ru", bot=bot.username)
    await world.until_said(bot, group, hello)
    world.write(bot, group, "/language@" + bot.username, JOHN)
    await world.until_said(bot, group, hello, said("choose_language", "en"))
    asked = list(group.messages)[-1]
    people.press(world.server.sandbox, bot, group, JOHN, asked, "language:en")
    (refused,) = await world.server.wait_for_calls(bot, "answerCallbackQuery")
    assert refused["parameters"]["text"] == said("only_admins", "en")
    people.press(world.server.sandbox, bot, group, ANNA, asked, "language:en")
    await world.until_said(bot, group, hello, said("language_chosen", "en"))


async def test_a_changed_question_is_answered_anew_in_place(world):
    bot, _ = await world.new_bot()
    chat = world.chat(bot)
    world.model.plan.answers = ["about cats", "about dogs"]
    asked = world.write(bot, chat, "Tell me about cats")
    world.write(bot, chat, "/help")
    await world.until_said(bot, chat, "about cats", said("help", "ru"))
    people.edit(world.server.sandbox, bot, chat, asked, "Tell me about cats!!")
    people.edit(world.server.sandbox, bot, chat, asked, "Tell me about dogs")
    await world.until_said(bot, chat, "about dogs", said("help", "ru"))
    assert len(world.model.chats()) == 2
    assert "about cats" not in str(world.model.chats()[-1].body["messages"])
    world.model.plan.answers = ["about birds"]
    people.edit(world.server.sandbox, bot, chat, asked, "Tell me about birds")
    await world.until_said(bot, chat, "about birds", said("help", "ru"))


async def test_old_messages_and_commands_that_are_changed_are_left(world):
    bot, _ = await world.new_bot()
    chat = world.chat(bot)
    world.model.plan.answers = ["one"]
    asked = world.write(bot, chat, "First")
    await world.until_said(bot, chat, "one")
    chat.messages[asked] = {**chat.messages[asked], "date": int(time.time()) - 3600}
    people.edit(world.server.sandbox, bot, chat, asked, "Second, much later")
    chat.messages[asked] = {**chat.messages[asked], "date": int(time.time())}
    people.edit(world.server.sandbox, bot, chat, asked, "/new")
    await settle(world, bot)
    assert world.said(bot, chat) == ["one"]
    assert len(world.model.chats()) == 1


async def test_in_a_group_the_model_sees_who_asks_and_what_is_replied_to(world):
    bot, _ = await world.new_bot()
    bot.privacy = False
    group = people.new_group(world.server.sandbox, bot, "Friends", ANNA)
    price = world.write(bot, group, "The price has gone up to 500", ANNA)
    world.write(bot, group, f"@{bot.username} is that so?", JOHN, reply_to=price)
    await eventually(lambda: len(world.said(bot, group)) == 2)
    assert last_asked(world).endswith("\n\nQuestion:\nJohn Smith: is that so?")
    assert "The price has gone up to 500" in last_asked(world)
    assert "Анна Петрова" in last_asked(world)
    world.write(bot, group, "I talk to the others", JOHN)
    world.write(bot, group, "/unknown", JOHN)
    world.write(bot, group, "/unknown something", JOHN)
    anonymous = {"sender_chat": {"id": group.id, "type": "supergroup", "title": "Friends"}}
    world.write(bot, group, f"@{bot.username} hello", ANNA, content=anonymous)
    await eventually(lambda: len(world.said(bot, group)) == 3)
    await settle(world, bot)
    assert last_asked(world).endswith("\n\nQuestion:\nFriends: hello")
    assert len(world.model.chats()) == 2


async def test_other_bots_are_never_answered(world):
    bot, _ = await world.new_bot()
    bot.privacy = False
    group = people.new_group(world.server.sandbox, bot, "Friends", ANNA)
    robot = {"id": 777, "is_bot": True, "first_name": "Robot", "username": "robot_bot"}
    for words in (f"@{bot.username} hello", "/help", f"/start@{bot.username}", f"@{bot.username} /language"):
        world.write(bot, group, words, robot)
    await settle(world, bot)
    assert world.said(bot, group) == [said("added", "ru", bot=bot.username)]
    assert world.model.chats() == []


async def test_commands_are_answered_sensibly(world):
    bot, _ = await world.new_bot()
    chat = world.chat(bot, JOHN)
    world.write(bot, chat, "/start summer_sale", JOHN)
    world.write(bot, chat, "/nonsense", JOHN)
    await world.until_said(bot, chat, "Добро пожаловать!", said("unknown_command", "en"))
    assert (await chats(world, bot))[chat.id].source == "summer_sale"
    world.write(bot, chat, "/price of the blue one", JOHN)
    await eventually(lambda: len(world.said(bot, chat)) == 3)
    assert last_asked(world).endswith("Question:\n/price of the blue one")


async def test_the_bot_remembers_where_it_was_removed_and_blocked(world):
    bot, _ = await world.new_bot()
    group = people.new_group(world.server.sandbox, bot, "Friends", ANNA)
    await world.until_said(bot, group, said("added", "ru", bot=bot.username))
    people.block(world.server.sandbox, bot, group, ANNA)
    chat = world.chat(bot, JOHN)
    world.write(bot, chat, "/help", JOHN)
    await eventually(lambda: world.said(bot, chat) != [])
    people.block(world.server.sandbox, bot, chat, JOHN)
    await settle(world, bot)
    known = await chats(world, bot)
    assert known[group.id].gone_at
    assert (known[group.id].title, known[group.id].kind) == ("Friends", "supergroup")
    assert known[chat.id].gone_at
    people.unblock(world.server.sandbox, bot, chat, JOHN)
    await settle(world, bot)
    assert (await chats(world, bot))[chat.id].gone_at is None


async def test_a_group_that_became_a_supergroup_goes_on(world):
    bot, _ = await world.new_bot()
    group = people.new_group(world.server.sandbox, bot, "Friends", ANNA, kind="group")
    world.model.plan.answers = ["one", "two"]
    world.write(bot, group, f"@{bot.username} first question", ANNA)
    await eventually(lambda: world.said(bot, group)[-1:] == ["one"])
    grown = people.migrate(world.server.sandbox, bot, group, ANNA)
    await settle(world, bot)
    world.write(bot, grown, f"@{bot.username} second question", ANNA)
    await eventually(lambda: world.said(bot, grown) == ["two"])
    assert "first question" in str(world.model.chats()[-1].body["messages"])
    assert (await chats(world, bot))[group.id].gone_at


async def test_what_holds_no_question_gets_one_sensible_sentence(world):
    bot, _ = await world.new_bot()
    chat = world.chat(bot)
    sticker = {"file_id": "a", "file_unique_id": "b", "type": "regular", "width": 1, "height": 1}
    sticker |= {"is_animated": False, "is_video": False}
    world.write(bot, chat, "", content={"sticker": sticker})
    world.write(bot, chat, "", content={"location": {"latitude": 55.7, "longitude": 37.6}})
    world.write(bot, chat, "", content={"contact": {"phone_number": "+7", "first_name": "Pavel"}})
    world.write(bot, chat, "", content={"dice": {"emoji": "🎲", "value": 3}})
    world.write(bot, chat, "", content={"new_chat_title": "not for us"})
    kinds = ("not_sticker", "not_location", "not_contact", "not_sticker")
    await world.until_said(bot, chat, *(said(kind, "ru") for kind in kinds))
    assert world.model.chats() == []


async def test_forwarded_messages_are_answered_together_with_the_words_before_them(world):
    bot, _ = await world.new_bot()
    chat = world.chat(bot)

    def origin(name: str) -> dict:
        return {"forward_origin": {"type": "hidden_user", "sender_user_name": name, "date": 1}}

    world.model.plan.answers = ["a first thought", "about both", "about the third"]
    world.write(bot, chat, "What do they want?")
    world.write(bot, chat, "Where is my parcel?", content=origin("Pavel"))
    world.write(bot, chat, "It should have come on Monday.", content=origin("Pavel"))
    await world.until_said(bot, chat, "about both")
    assert last_asked(world).endswith("\n\nQuestion:\nWhat do they want?")
    for words in ("Pavel", "Where is my parcel?", "It should have come on Monday."):
        assert words in last_asked(world)
    assert len(world.model.chats()) == 2
    for message in chat.messages.values():
        message["date"] -= 60
    world.write(bot, chat, "How long is the guarantee?", content=origin("Olga"))
    await world.until_said(bot, chat, "about both", "about the third")
    assert last_asked(world).endswith("\n\nQuestion:\nHow long is the guarantee?")
    assert "Olga" in last_asked(world)


async def test_many_long_forwarded_messages_are_one_question(world):
    bot, view = await world.new_bot()
    chat = world.chat(bot)
    origin = {"forward_origin": {"type": "hidden_user", "sender_user_name": "Pavel", "date": 1}}
    world.model.plan.answers = ["about all of it"]
    for _ in range(NEIGHBOURS):
        world.write(bot, chat, "€" * 4096, content=origin)  # which no message of Telegram's exceeds
    await world.until_said(bot, chat, "about all of it")
    assert len(world.model.chats()) == 1
    assert world.runner(view).restarts == 0


async def test_a_channels_post_is_answered_only_where_it_mentions_the_bot(world):
    bot, _ = await world.new_bot()
    channel = world.server.sandbox.add_chat(bot, {"id": -1009000000001, "title": "News", "type": "channel"})

    def post(words: str) -> None:
        message = {"message_id": world.server.sandbox.next_message_id(bot), "date": int(time.time()), "text": words}
        message |= {"chat": channel.wire, "sender_chat": channel.wire}
        world.server.sandbox.keep_message(channel, {**message, "from": ANNA})
        world.server.sandbox.queue_update(bot, "channel_post", message)

    world.model.plan.answers = ["in the channel"]
    post("We open a new shop")
    post("/help")
    post(f"@{bot.username} when do we open?")
    await world.until_said(bot, channel, "in the channel")
    assert len(world.model.chats()) == 1


async def test_topics_have_conversations_of_their_own(world):
    bot, _ = await world.new_bot()
    forum = people.new_group(world.server.sandbox, bot, "Forum", ANNA, forum=True)
    first, second = (people.new_topic(world.server.sandbox, bot, forum, name, ANNA) for name in ("One", "Two"))
    world.model.plan.answers = ["about apples", "about pears"]
    world.write(bot, forum, f"@{bot.username} apples?", topic=first)
    await eventually(lambda: world.said(bot, forum)[-1:] == ["about apples"])
    world.write(bot, forum, f"@{bot.username} pears?", topic=second)
    await eventually(lambda: world.said(bot, forum)[-1:] == ["about pears"])
    assert "apples" not in str(world.model.chats()[-1].body["messages"])
    answers = [m for m in forum.messages.values() if m.get("text", "").startswith("about")]
    assert [message["message_thread_id"] for message in answers] == [first, second]


async def test_a_forwarded_command_is_no_command(world):
    bot, _ = await world.new_bot()
    chat = world.chat(bot)
    origin = {"forward_origin": {"type": "hidden_user", "sender_user_name": "Pavel", "date": 1}}
    world.model.plan.answers = ["about a command"]
    world.write(bot, chat, "/new", content=origin)
    await world.until_said(bot, chat, "about a command")
