"""A bot that a business account has connected answers its customers in its name, and nobody else."""

from __future__ import annotations

import pytest
import pytest_asyncio
from sqlalchemy import text

from bots.sandbox import business
from bots.sandbox.methods.files import attachment
from bots.sandbox.parameters import Upload
from chatai.domains.channels.business import ANSWERS_AN_HOUR, allow, list_connections
from chatai.domains.channels.event_texts import event_sentence
from chatai.domains.channels.events import list_events
from tests.bots.world import ANNA, JOHN, open_world
from tests.fakes.openai import Plan
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWNER = {"id": 900, "is_bot": False, "first_name": "Olga", "last_name": "Shop", "username": "olga_shop"}
ANSWER = "We open at nine. " + " ".join(f"word{number}" for number in range(60))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres, template_database, tmp_path_factory, free_port):
    folder = tmp_path_factory.mktemp("business")
    hears = {"TRANSCRIPTION_MODEL": "whisper-1"}
    async with open_world(postgres, template_database, folder, free_port(), webhook=True, **hears) as world:
        yield world


@pytest.fixture(autouse=True)
def plain_model(world):
    world.model.plan = Plan()
    world.model.requests.clear()


async def connected(world, *, allowed=True, **rights):
    bot, view = await world.new_bot("Helper")
    account = business.connect(world.server.sandbox, bot, dict(OWNER), **rights)
    await until_done(world, bot, 1)
    if allowed:
        await let(world, view, True)
    return bot, view, account


async def let(world, view, allowed):
    async with world.database.workspace(world.actor.workspace_id) as uow:
        await allow(uow, world.actor, view.id, OWNER["id"], allowed)


async def log_of(world, view, event):
    """The sentences of the bot's log about an event, as soon as there is one."""

    async def told():
        async with world.database.workspace(world.actor.workspace_id) as uow:
            events = await list_events(uow, world.actor, view.id)
        return [event_sentence(one.event, one.detail, "en") for one in events if one.event == event]

    return await eventually(told, patience=60)


async def until_done(world, bot, number):
    async def done():
        rows = await world.updates(bot)
        return len(rows) == number and all(row.state == "done" for row in rows)

    await eventually(done, patience=60)
    assert [row.error for row in await world.updates(bot)] == [""] * number


def write(world, bot, account, customer, words, **more) -> int:
    return int(business.write(world.server.sandbox, bot, account, customer, words, **more)["message_id"])


def answers(account, customer) -> list[str]:
    messages = account.chats[customer["id"]].messages.values()
    return [message["text"] for message in messages if "sender_business_bot" in message]


def asked(world) -> list[dict]:
    return [message for message in world.model.chats()[-1].body["messages"] if message["role"] != "system"]


async def test_a_customer_is_answered_in_the_accounts_name_and_each_chat_is_a_conversation(world):
    bot, view, account = await connected(world)
    world.model.plan = Plan(answers=[ANSWER] * 3, token_delay=0.02)
    write(world, bot, account, ANNA, "When do you open?")
    await until_done(world, bot, 2)
    assert answers(account, ANNA) == [ANSWER]
    (message,) = [one for one in account.chats[ANNA["id"]].messages.values() if "sender_business_bot" in one]
    assert message["from"]["id"] == OWNER["id"]
    calls = [call for call in bot.calls if call["method"] in {"sendMessage", "editMessageText", "sendChatAction"}]
    assert {call["parameters"]["business_connection_id"] for call in calls} == {account.id}
    assert {"sendMessage", "editMessageText"} <= {call["method"] for call in calls}  # it grew before their eyes
    assert not [call for call in bot.calls if call["method"] == "sendMessageDraft"]

    world.write(bot, world.chat(bot), "And to the bot itself?")  # the same person, to the bot
    await world.until_said(bot, world.chat(bot), ANSWER)
    assert len(asked(world)) == 1
    write(world, bot, account, ANNA, "And on Sunday?")
    await until_done(world, bot, 4)
    assert answers(account, ANNA) == [ANSWER, ANSWER]
    assert "When do you open?" in str(asked(world))
    assert "to the bot itself" not in str(asked(world))
    async with world.database.workspace(world.actor.workspace_id) as uow:
        (kept,) = await list_connections(uow, world.actor, view.id)
    assert (kept.account_id, kept.name, kept.username) == (900, "Olga Shop", "olga_shop")
    assert kept.answers


async def test_nobody_is_answered_for_before_the_bots_people_allow_it(world):
    bot, view, account = await connected(world, allowed=False)
    write(world, bot, account, ANNA, "When do you open?")
    await until_done(world, bot, 2)
    assert (answers(account, ANNA), list(world.model.requests)) == ([], [])
    (waits,) = await log_of(world, view, "business_waiting")
    assert "“Olga Shop” has connected the bot and waits for your permission" in waits
    await let(world, view, True)
    write(world, bot, account, ANNA, "And now?")
    await until_done(world, bot, 3)
    assert len(answers(account, ANNA)) == 1
    bot.business.clear()  # its owner disconnects the bot for good and connects it anew
    account = business.connect(world.server.sandbox, bot, dict(OWNER))
    write(world, bot, account, ANNA, "Do you know me?")
    await until_done(world, bot, 5)
    assert len(answers(account, ANNA)) == 1
    stranger = business.connect(world.server.sandbox, bot, {**OWNER, "id": 901})
    write(world, bot, stranger, ANNA, "And who are you?")
    await until_done(world, bot, 7)
    assert answers(stranger, ANNA) == []
    await let(world, view, False)
    write(world, bot, account, ANNA, "Still there?")
    await until_done(world, bot, 8)
    assert len(answers(account, ANNA)) == 1


async def test_two_accounts_with_a_bot_each_do_not_answer_each_other_without_end(world):
    """What the other one's bot writes comes as that account's own words: nothing tells that it is a bot's."""
    bot, view, account = await connected(world)
    for number in range(ANSWERS_AN_HOUR):
        write(world, bot, account, ANNA, f"Thank you for your {number + 1}. message!")
    await until_done(world, bot, ANSWERS_AN_HOUR + 1)
    assert len(answers(account, ANNA)) == ANSWERS_AN_HOUR
    write(world, bot, account, ANNA, "Thank you again!")
    write(world, bot, account, JOHN, "Hello, what is the price?")
    await until_done(world, bot, ANSWERS_AN_HOUR + 3)
    assert (len(answers(account, ANNA)), len(answers(account, JOHN))) == (ANSWERS_AN_HOUR, 1)
    (silent,) = await log_of(world, view, "business_full")
    assert "keeps silent in a chat of the business account “Olga Shop”: it gave 30 answers" in silent
    async with world.database.system() as uow:  # the hour is over
        await uow.session.execute(text("UPDATE bot_update SET received_at = now() - interval '61 minutes'"))
    write(world, bot, account, ANNA, "Are you there?")
    await until_done(world, bot, ANSWERS_AN_HOUR + 4)
    assert len(answers(account, ANNA)) == ANSWERS_AN_HOUR + 1


async def test_an_answer_that_grows_before_our_eyes_counts_with_each_change(world):
    bot, _, account = await connected(world)
    number = write(world, bot, account, ANNA, "Thank")
    await until_done(world, bot, 2)
    chat = account.chats[ANNA["id"]]
    for change in range(ANSWERS_AN_HOUR - 1):
        business.edit(world.server.sandbox, bot, account, chat, number, f"Thank you for {change}")
    await until_done(world, bot, ANSWERS_AN_HOUR + 1)
    asked = len(world.model.requests)
    business.edit(world.server.sandbox, bot, account, chat, number, "Thank you for all of it")
    write(world, bot, account, ANNA, "Thank you!")
    await until_done(world, bot, ANSWERS_AN_HOUR + 3)
    assert len(world.model.requests) == asked


async def test_what_telegram_sends_by_itself_is_not_answered(world):
    bot, _, account = await connected(world)
    write(world, bot, account, ANNA, "We are away until Monday.", is_from_offline=True)
    write(world, bot, account, ANNA, "Thank you!")
    await until_done(world, bot, 3)
    assert len(answers(account, ANNA)) == 1


async def test_customers_hear_nothing_of_files_and_failures(world):
    bot, view, account = await connected(world)
    gone = {"document": {"file_id": "gone", "file_unique_id": "gone", "file_name": "plan.pdf", "file_size": 10}}
    huge = {"document": {**gone["document"], "file_size": 10**9}}
    world.model.plan = Plan(always="At nine.")
    write(world, bot, account, ANNA, "", **gone)
    write(world, bot, account, ANNA, "What is this?", **huge)
    await until_done(world, bot, 3)
    write(world, bot, account, ANNA, "And this?", **gone)
    await until_done(world, bot, 4)
    for recorded in (b"OggS SAY:When do you open?", b"OggS nothing"):
        sent = attachment(world.server.sandbox, "voice", Upload("v.oga", "audio/ogg", recorded))
        write(world, bot, account, JOHN, "", **sent)
    await until_done(world, bot, 6)
    assert (answers(account, ANNA), answers(account, JOHN)) == (["At nine."] * 2, ["At nine."])
    world.model.plan = Plan(status=401)
    write(world, bot, account, ANNA, "And now?")
    await until_done(world, bot, 7)
    assert len(answers(account, ANNA)) == 2

    async def told():  # as the last of several such events
        told = await log_of(world, view, "business_unanswered")
        return any(one.startswith("A customer of a business account got no answer: ") for one in told)

    await eventually(told)


async def test_of_an_answer_that_breaks_off_nothing_stays(world):
    bot, _, account = await connected(world)
    world.model.plan = Plan(always=ANSWER, token_delay=0.1, cut_after=40)
    write(world, bot, account, ANNA, "When do you open?")
    await until_done(world, bot, 2)
    assert await world.server.wait_for_calls(bot, "sendMessage")  # it had begun to grow
    assert answers(account, ANNA) == []


async def test_the_owner_is_never_answered_and_the_bot_is_silent_after_them_in_that_chat(world):
    bot, _, account = await connected(world)
    write(world, bot, account, ANNA, "I will see to it myself.", by_owner=True)
    await until_done(world, bot, 2)
    write(world, bot, account, ANNA, "Thank you! And the price?")
    write(world, bot, account, JOHN, "Hello, what is the price?")
    await until_done(world, bot, 4)
    assert answers(account, ANNA) == []
    assert len(answers(account, JOHN)) == 1
    async with world.database.system() as uow:  # the while is over
        await uow.session.execute(text("UPDATE bot_update SET received_at = now() - interval '31 minutes'"))
    write(world, bot, account, ANNA, "Are you there?")
    await until_done(world, bot, 5)
    assert len(answers(account, ANNA)) == 1


async def test_without_the_right_nothing_is_written_and_with_it_again(world):
    bot, view, account = await connected(world, can_reply=False)
    write(world, bot, account, ANNA, "When do you open?")
    await until_done(world, bot, 2)
    business.connect(world.server.sandbox, bot, dict(OWNER), can_reply=True)
    await until_done(world, bot, 3)
    write(world, bot, account, ANNA, "And now?")
    await until_done(world, bot, 4)
    assert len(answers(account, ANNA)) == 1
    business.connect(world.server.sandbox, bot, dict(OWNER), enabled=False)
    await until_done(world, bot, 5)
    async with world.database.workspace(world.actor.workspace_id) as uow:
        (kept,) = await list_connections(uow, world.actor, view.id)
    assert not kept.enabled


async def test_a_right_that_is_taken_back_meanwhile_settles_the_message_with_the_reason(world):
    bot, _, account = await connected(world)
    account.can_reply = False  # the update about it is still on its way
    write(world, bot, account, ANNA, "When do you open?")

    async def settled():
        rows = await world.updates(bot)
        return rows[-1].error

    assert "BUSINESS_CONNECTION_NOT_ALLOWED" in await eventually(settled, patience=60)
    account.can_reply = True
    world.write(bot, world.chat(bot), "And to the bot itself?")
    await eventually(lambda: world.said(bot, world.chat(bot)), patience=60)


async def test_a_connection_that_was_made_before_is_asked_for(world):
    bot, view = await world.new_bot("Late")
    bot.allowed_updates.remove("business_connection")
    account = business.connect(world.server.sandbox, bot, dict(OWNER))
    write(world, bot, account, ANNA, "When do you open?")
    await until_done(world, bot, 1)
    assert len(await world.server.wait_for_calls(bot, "getBusinessConnection")) == 1
    await let(world, view, True)
    write(world, bot, account, ANNA, "And on Sunday?")
    await until_done(world, bot, 2)
    assert len(answers(account, ANNA)) == 1
    assert len(await world.server.wait_for_calls(bot, "getBusinessConnection")) == 1


async def test_a_changed_question_is_answered_in_place_and_a_deleted_one_not_at_all(world):
    bot, _, account = await connected(world)
    world.model.plan = Plan(answers=["At nine.", "At ten.", "Never."])
    sandbox, number = world.server.sandbox, write(world, bot, account, ANNA, "When do you open?")
    await until_done(world, bot, 2)
    business.edit(sandbox, bot, account, account.chats[ANNA["id"]], number, "When do you close?")
    await until_done(world, bot, 3)
    assert answers(account, ANNA) == ["At ten."]
    # Both are there before the bot comes to it.
    message = {
        "business_connection_id": account.id,
        "message_id": 77,
        "from": ANNA,
        "chat": account.chats[ANNA["id"]].wire,
        "date": 1,
        "text": "Forget it",
    }
    gone = {"business_connection_id": account.id, "chat": message["chat"], "message_ids": [77]}
    sandbox.queue_update(bot, "deleted_business_messages", gone)
    await until_done(world, bot, 4)
    sandbox.queue_update(bot, "business_message", message)
    await until_done(world, bot, 5)
    assert answers(account, ANNA) == ["At ten."]
