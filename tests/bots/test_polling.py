"""The whole road of a message: a person writes in Telegram, the bot's own process answers. Updates come by polling."""

import re
import signal
import time

import pytest
import pytest_asyncio
from sqlalchemy import text

from bots.sandbox import people
from bots.sandbox.faults import Fault
from bots.sandbox.parameters import Upload
from chatai.domains.assistants import service as assistants
from chatai.domains.assistants.schemas import AssistantDraft
from chatai.domains.channels import events, live, service
from chatai.domains.knowledge import service as knowledge
from tests.bots.world import ANNA, JOHN, open_world
from tests.fakes.openai import Plan
from tests.knowledge.documents import make_pdf
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres, template_database, tmp_path_factory, free_port):
    folder = tmp_path_factory.mktemp("polling")
    async with open_world(postgres, template_database, folder, free_port(), BOT_IDLE_SECONDS="2") as world:
        yield world


@pytest.fixture(autouse=True)
def plain_model(world):
    world.model.plan = Plan()
    world.model.requests.clear()
    world.server.sandbox.faults.planned.clear()


async def test_a_question_is_answered_once(world):
    bot, _ = await world.new_bot()
    chat = world.chat(bot)
    world.model.plan.answers = ["Мы открыты с **9 до 18**."]
    world.write(bot, chat, "Когда вы открыты?")
    await world.until_said(bot, chat, "Мы открыты с 9 до 18.")
    (message,) = [m for m in chat.messages.values() if m["from"]["id"] == bot.id]
    assert [(e["type"], e["offset"], e["length"]) for e in message["entities"]] == [("bold", 13, 7)]
    async with world.database.system() as uow:
        rows = (await uow.session.execute(text("SELECT role, text FROM message ORDER BY id"))).all()
        talk = (await uow.session.execute(text("SELECT channel, person_name, language FROM conversation"))).one()
    assert [tuple(row) for row in rows][-2:] == [
        ("person", "Когда вы открыты?"),
        ("assistant", "Мы открыты с **9 до 18**."),
    ]
    assert tuple(talk) == ("telegram", "Анна Петрова", "ru")


async def test_numbers_that_begin_anew_below_the_offset_are_followed(world):
    """As after a week without updates: Telegram then goes on with a number at random."""
    bot, view = await world.new_bot()
    chat = world.chat(bot)
    bot.next_update_id = 700_000_000
    world.model.plan.answers = ["one", "two", "three"]
    world.write(bot, chat, "First?")
    await world.until_said(bot, chat, "one")
    bot.next_update_id = 100_000_000
    world.write(bot, chat, "Second?")
    await world.until_said(bot, chat, "one", "two")
    await eventually(lambda: not bot.updates)  # it was confirmed, so it does not come for ever
    world.write(bot, chat, "Third?")
    await world.until_said(bot, chat, "one", "two", "three")
    async with world.database.system() as uow:
        offset = await uow.session.execute(text("SELECT polling_offset FROM bot WHERE id = :bot"), {"bot": view.id})
    assert 100_000_000 < offset.scalar_one() < 100_000_010


async def test_what_cannot_be_confirmed_is_told_and_not_asked_for_without_pause(world):
    bot, view = await world.new_bot()
    chat = world.chat(bot)
    bot.updates[1] = {"message": {"text": "of no number"}}
    assert "no update_id" in (await world.until_state(view, "failed")).last_error
    del bot.updates[1]
    world.write(bot, chat, "Hello?")
    await eventually(lambda: len(world.said(bot, chat)) == 1)
    await world.until_state(view, "running", "sleeping")


async def test_an_answer_that_is_there_at_once_costs_one_call(world):
    bot, _ = await world.new_bot()
    chat = world.chat(bot)
    world.model.plan.answers = ["one", "two"]

    async def calls_of_a_question() -> list[str]:
        before, said = bot.call_count, len(world.said(bot, chat))
        world.write(bot, chat, "And?")
        await eventually(lambda: len(world.said(bot, chat)) > said, patience=60)
        calls = [call["method"] for call in bot.calls if call["seq"] > before]
        return [method for method in calls if method.startswith(("send", "edit"))]

    async def once() -> bool:  # the first of all answers waits for processes that start
        return await calls_of_a_question() == ["sendMessage"]

    await eventually(once, patience=60)


async def test_the_answer_grows_in_one_message(world):
    bot, _ = await world.new_bot()
    chat = world.chat(bot)
    answer = " ".join(f"word{number}" for number in range(80))
    world.model.plan = Plan(answers=[answer], token_delay=0.05)
    world.write(bot, chat, "Tell me")
    await world.until_said(bot, chat, answer)
    drafts = await world.server.wait_for_calls(bot, "sendMessageDraft", 2)
    assert all(answer.startswith(call["parameters"]["text"]) for call in drafts)
    assert len({call["parameters"]["draft_id"] for call in drafts}) == 1
    methods = [call["method"] for call in bot.calls if call["method"].startswith(("send", "edit"))]
    assert methods.count("sendMessage") == 1
    assert methods.count("sendChatAction") >= 1
    assert "editMessageText" not in methods
    assert methods[-1] == "sendMessage"  # nothing says that the bot is typing after it


async def test_commands(world):
    bot, _ = await world.new_bot()
    chat = world.chat(bot, JOHN)
    world.write(bot, chat, "/start", JOHN)
    await world.until_said(bot, chat, "Добро пожаловать!")
    world.write(bot, chat, "/help", JOHN)
    await eventually(lambda: len(world.said(bot, chat)) == 2)
    assert "/new" in world.said(bot, chat)[1]
    world.model.plan.answers = ["one", "two"]
    world.write(bot, chat, "First?", JOHN)
    await eventually(lambda: world.said(bot, chat)[2:] == ["one"])
    world.write(bot, chat, "/new", JOHN)
    await eventually(lambda: len(world.said(bot, chat)) == 4)
    assert world.said(bot, chat)[3].startswith("A new conversation")
    world.write(bot, chat, "Second?", JOHN)
    await eventually(lambda: world.said(bot, chat)[4:] == ["two"])
    last = world.model.chats()[-1].body["messages"]
    assert "First?" not in str(last)


async def test_long_answers_come_in_parts_that_fit(world):
    bot, _ = await world.new_bot()
    chat = world.chat(bot)
    answer = "\n\n".join(f"Абзац {number}. " + "слово " * 60 for number in range(30))
    world.model.plan.answers = [answer]
    world.write(bot, chat, "Подробно")
    await eventually(lambda: len(world.said(bot, chat)) > 2 and "Абзац 29" in world.said(bot, chat)[-1])
    assert all(len(part) <= 4096 for part in world.said(bot, chat))
    assert "".join("".join(world.said(bot, chat)).split()) == "".join(answer.split())


async def test_an_order_within_a_chat_and_none_between_chats(world):
    bot, _ = await world.new_bot()
    chats = [world.chat(bot), world.chat(bot, JOHN)]
    world.model.plan = Plan(token_delay=0.02)
    for number in range(3):
        world.write(bot, chats[0], f"вопрос {number}")
        world.write(bot, chats[1], f"question {number}", JOHN)
    for chat in chats:
        await eventually(lambda chat=chat: len(world.said(bot, chat)) == 3, patience=30)
    asked = " ".join(str(request.body["messages"][-1]["content"]) for request in world.model.chats())
    assert re.findall(r"вопрос (\d)", asked) == ["0", "1", "2"]
    assert re.findall(r"question (\d)", asked) == ["0", "1", "2"]


async def test_what_is_no_text_gets_a_polite_answer(world):
    bot, _ = await world.new_bot()
    chat = world.chat(bot)
    upload = Upload("cat.png", "image/png", b"\x89PNG\r\n\x1a\n")
    people.write(world.server.sandbox, bot, ANNA, chat, kind="photo", upload=upload)
    await world.until_said(bot, chat, "Картинки я не понимаю. Опишите, пожалуйста, словами, что вы хотите узнать.")
    assert world.model.chats() == []


async def test_in_a_group_only_what_is_meant_for_the_bot(world):
    bot, _ = await world.new_bot()
    bot.privacy = False
    group = people.new_group(world.server.sandbox, bot, "Friends", ANNA)
    world.model.plan.answers = ["mentioned", "replied"]
    world.write(bot, group, "Just talking among ourselves")
    world.write(bot, group, "/help@another_bot")
    asked = world.write(bot, group, f"@{bot.username} and what do you think?")
    hello = f"Здравствуйте! Я отвечаю на вопросы по документам. Упомяните меня (@{bot.username}) или ответьте на моё "
    hello += "сообщение."
    await world.until_said(bot, group, hello, "mentioned")
    answer = next(m for m in group.messages.values() if m.get("text") == "mentioned")
    assert answer["reply_to_message"]["message_id"] == asked
    assert bot.username not in world.model.chats()[0].body["messages"][-1]["content"]
    world.write(bot, group, "And more?", JOHN, reply_to=answer["message_id"])
    await world.until_said(bot, group, hello, "mentioned", "replied")


async def test_429_holds_back_this_bot_and_no_other(world):
    slow, _ = await world.new_bot("Slow")
    quick, _ = await world.new_bot("Quick")
    fault = Fault(bot_id=slow.id, methods=frozenset({"sendmessage"}), status=429, retry_after=6, remaining=1)
    world.server.sandbox.faults.add(fault)
    world.model.plan.answers = ["for the slow one"]
    world.write(slow, world.chat(slow), "hello")
    await world.server.wait_for_calls(slow, "sendMessage", 1, within=60)
    refused = time.monotonic()
    world.model.plan.answers = ["for the quick one"]
    world.write(quick, world.chat(quick), "hello")
    await world.until_said(quick, world.chat(quick), "for the quick one")
    assert world.said(slow, world.chat(slow)) == []
    await world.until_said(slow, world.chat(slow), "for the slow one")
    assert time.monotonic() - refused > 5.8
    assert len(await world.server.wait_for_calls(slow, "sendMessage")) == 2


async def test_a_reset_connection_is_tried_again(world):
    bot, _ = await world.new_bot()
    world.server.sandbox.faults.add(
        Fault(bot_id=bot.id, methods=frozenset({"sendmessage"}), reset="before", remaining=2)
    )
    world.model.plan.answers = ["there after all"]
    world.write(bot, world.chat(bot), "hello")
    await world.until_said(bot, world.chat(bot), "there after all")


async def test_a_chat_that_blocked_the_bot_is_recorded_and_not_tried_again(world):
    bot, view = await world.new_bot()
    fault = Fault(bot_id=bot.id, methods=frozenset({"sendmessage"}), chat_id=ANNA["id"], status=403)
    world.server.sandbox.faults.add(fault)
    world.write(bot, world.chat(bot), "hello")
    world.write(bot, world.chat(bot, JOHN), "/help", JOHN)
    await eventually(lambda: len(world.said(bot, world.chat(bot, JOHN))) == 1)

    async def recorded():
        return [row for row in await world.updates(bot) if row.state == "failed"]

    (row,) = await eventually(recorded)
    assert "blocked" in row.error
    assert row.attempts == 1
    await world.until_state(view, "running")
    calls = await world.server.wait_for_calls(bot, "sendMessage")
    assert len([call for call in calls if str(call["parameters"]["chat_id"]) == str(ANNA["id"])]) == 1


async def test_a_refused_style_is_sent_as_plain_text(world):
    bot, _ = await world.new_bot()
    fault = Fault(
        bot_id=bot.id,
        methods=frozenset({"sendmessage"}),
        status=400,
        description="Bad Request: can't parse entities: unexpected end",
        remaining=1,
    )
    world.server.sandbox.faults.add(fault)
    world.model.plan.answers = ["**bold** words"]
    world.write(bot, world.chat(bot), "hello")
    await world.until_said(bot, world.chat(bot), "bold words")
    (message,) = [m for m in world.chat(bot).messages.values() if m["from"]["id"] == bot.id]
    assert "entities" not in message


async def test_an_update_that_fails_every_time_is_set_aside_and_the_next_is_answered(world):
    bot, _ = await world.new_bot()
    world.server.sandbox.faults.add(Fault(bot_id=bot.id, methods=frozenset({"sendmessage"}), status=400, remaining=3))
    world.model.plan.answers = ["poison", "fine"]
    world.write(bot, world.chat(bot), "first")
    world.write(bot, world.chat(bot), "second")
    await world.until_said(bot, world.chat(bot), "fine")
    first, second = await world.updates(bot)
    assert (first.state, first.attempts, second.state) == ("set_aside", 3, "done")
    assert "refuse" in first.error


async def test_a_revoked_token_stops_the_bot_and_says_so(world):
    bot, view = await world.new_bot()
    world.server.sandbox.revoke(bot)
    revoked = await world.until_state(view, "revoked")
    assert "BotFather" in revoked.reason("en")
    assert revoked.last_error == "Unauthorized"
    await eventually(lambda: world.manager.fleet.find(view.id) is None)


async def test_a_token_revoked_in_the_middle_of_an_answer(world):
    bot, view = await world.new_bot()
    world.model.plan = Plan(answers=["too late"], first_token_delay=1)
    world.server.sandbox.faults.add(Fault(bot_id=bot.id, methods=frozenset({"sendmessage"}), status=401))
    world.write(bot, world.chat(bot), "hello")
    await world.until_state(view, "revoked")
    assert await world.undone(bot)


async def test_another_poller_is_explained_and_outwaited(world):
    bot, view = await world.new_bot()
    world.server.sandbox.faults.add(Fault(bot_id=bot.id, methods=frozenset({"getupdates"}), status=409, remaining=5))
    conflict = await world.until_state(view, "conflict")
    assert "another program" in conflict.reason("en").lower()
    world.model.plan.answers = ["back again"]
    world.write(bot, world.chat(bot), "hello")
    await world.until_said(bot, world.chat(bot), "back again")


async def test_a_conflict_is_told_until_it_is_over_whatever_the_process_does(world):
    bot, view = await world.new_bot()
    await world.until_state(view, "running")
    elsewhere = Fault(bot_id=bot.id, methods=frozenset({"getupdates"}), status=409)
    world.server.sandbox.faults.add(elsewhere)
    await world.until_state(view, "conflict")
    await eventually(lambda: world.runner(view).worker is None)  # it had nothing to do
    await world.manager.fleet._states.flush()
    assert (await world.bot_of(view)).state == world.manager.fleet.state_of(view.id) == "conflict"
    world.server.sandbox.faults.planned.clear()
    await world.until_state(view, "sleeping")


async def test_a_foreign_webhook_is_named_and_starting_the_bot_ends_it(world):
    bot, view = await world.new_bot()
    await world.server.perform(bot, "setWebhook", url="http://127.0.0.1:9/elsewhere")
    conflict = await world.until_state(view, "conflict")
    assert conflict.state_reason == "bot_webhook_elsewhere"
    assert "127.0.0.1" in conflict.last_error
    async with world.database.workspace(world.actor.workspace_id) as uow:
        await service.start_bot(uow, world.actor, view.id)
    await world.until_state(view, "running", "sleeping")
    assert bot.webhook.url == ""


async def test_a_quiet_bot_costs_no_process_and_wakes_when_written_to(world):
    bot, view = await world.new_bot()
    await world.until_state(view, "sleeping")
    assert world.runner(view).worker is None
    world.model.plan.answers = ["good morning"]
    world.write(bot, world.chat(bot), "wake up")
    await world.until_said(bot, world.chat(bot), "good morning")
    await world.until_state(view, "running")


async def test_a_stopped_bot_is_still_and_answers_later_what_came_meanwhile(world):
    bot, view = await world.new_bot()
    async with world.database.workspace(world.actor.workspace_id) as uow:
        await service.stop_bot(uow, world.actor, view.id)
    await eventually(lambda: world.manager.fleet.find(view.id) is None)
    await eventually(lambda: bot.poll is None)
    world.model.plan.answers = ["now I am here"]
    world.write(bot, world.chat(bot), "are you there?")
    other, _ = await world.new_bot()
    world.write(other, world.chat(other), "/start")
    await world.until_said(other, world.chat(other), "Добро пожаловать!")
    assert world.said(bot, world.chat(bot)) == []
    assert (await world.bot_of(view)).state == "stopped"
    async with world.database.workspace(world.actor.workspace_id) as uow:
        await service.start_bot(uow, world.actor, view.id)
    await world.until_said(bot, world.chat(bot), "now I am here")
    async with world.database.workspace(world.actor.workspace_id) as uow:
        await service.delete_bot(uow, world.actor, view.id)
    await eventually(lambda: world.manager.fleet.find(view.id) is None)


async def test_a_model_that_fails_is_said_in_words(world):
    bot, _ = await world.new_bot()
    world.model.plan = Plan(status=401, message="sk-test is wrong")
    world.write(bot, world.chat(bot), "hello")
    await eventually(lambda: len(world.said(bot, world.chat(bot))) == 1)
    assert "sk-test" not in world.said(bot, world.chat(bot))[0]


async def test_sources_stand_at_the_end_with_their_pages(world, tmp_path):
    actor = world.actor
    pages = ["Goods may be returned within thirty days.", "Delivery within the city costs three hundred rubles."]

    data = make_pdf(tmp_path / "terms.pdf", pages).read_bytes()

    async def content():
        yield data

    async with world.database.workspace(actor.workspace_id) as uow:
        shop = await assistants.create_assistant(uow, actor, AssistantDraft(name="Shop with documents"))
    upload = await knowledge.receive(actor, "Условия.pdf", content())
    async with world.database.workspace(actor.workspace_id, actor.account_id) as uow:
        document = await knowledge.add_document(uow, actor, shop.id, upload)
    await knowledge.ingest(world.database, actor.workspace_id, document.id)
    bot, _ = await world.new_bot(assistant_id=shop.id)
    chat = world.chat(bot)
    world.write(bot, chat, "How much is delivery within the city?")
    await eventually(lambda: world.said(bot, chat) and "Sources" in world.said(bot, chat)[0])
    (message,) = [m for m in chat.messages.values() if m["from"]["id"] == bot.id]
    quote = next(e for e in message["entities"] if e["type"] == "expandable_blockquote")
    shown = message["text"].encode("utf-16-le")[2 * quote["offset"] : 2 * (quote["offset"] + quote["length"])]
    assert shown.decode("utf-16-le") == "Sources\n[1] Условия.pdf, p. 2"  # in the answer's language
    assert "three hundred rubles.” [1]" in message["text"]


async def test_what_happens_to_a_bot_stands_in_its_log_and_its_figures(world):
    bot, view = await world.new_bot()
    world.model.plan.answers = ["yes"]
    world.write(bot, world.chat(bot), "hello")
    await world.until_said(bot, world.chat(bot), "yes")

    async def figures():
        await world.manager.fleet._live.write()
        async with world.database.workspace(world.actor.workspace_id) as uow:
            return await live.find(uow, view.id)

    # Killed between the answer and its telling the manager, the process would find the update once more.
    await eventually(lambda: _is(figures, answered=1, sent=1, restarts=0))
    pid = world.signal_worker(view, signal.SIGKILL)

    async def told():
        async with world.database.workspace(world.actor.workspace_id) as uow:
            found = await events.list_events(uow, world.actor, view.id)
        return [(one.event, one.detail.get("pid")) for one in reversed(found)]

    wanted = [("process_started", pid), ("process_ended", pid)]
    await eventually(lambda: _begins(told, wanted))
    await eventually(lambda: _is(figures, answered=1, sent=1, restarts=1))
    assert 0 < (await figures()).wait_p95_ms < 60_000


async def _is(figures, **wanted) -> bool:
    found = await figures()
    return found is not None and {name: getattr(found, name) for name in wanted} == wanted


async def _begins(told, wanted) -> bool:
    return (await told())[: len(wanted)] == wanted
