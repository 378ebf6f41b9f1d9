"""The buttons under an answer show the passages behind its numbers, in the chat that got the answer and in no other."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from bots.sandbox import people
from chatai.domains.assistants import service as assistants
from chatai.domains.assistants.schemas import AssistantDraft
from chatai.domains.knowledge import service as knowledge
from tests.bots.world import ANNA, JOHN, open_world
from tests.knowledge.documents import make_pdf
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUESTION = "How much is delivery within the city?"
PASSAGE = "Delivery within the city costs three hundred rubles."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres, template_database, tmp_path_factory, free_port):
    folder = tmp_path_factory.mktemp("sources")
    address = {"FRONTEND_URL": "https://chat.example.org", "OPENAI_API_KEY": ""}
    async with open_world(postgres, template_database, folder, free_port(), webhook=True, **address) as world:
        yield world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(world, tmp_path_factory):
    """An assistant that knows a document of two pages; it quotes."""
    actor = world.actor
    path = make_pdf(
        tmp_path_factory.mktemp("documents") / "t.pdf", ["Goods may be returned within thirty days.", PASSAGE]
    )

    async def content():
        yield path.read_bytes()

    async with world.database.workspace(actor.workspace_id) as uow:
        made = await assistants.create_assistant(uow, actor, AssistantDraft(name="Shop with documents"))
    upload = await knowledge.receive(actor, "Условия.pdf", content())
    async with world.database.workspace(actor.workspace_id, actor.account_id) as uow:
        document = await knowledge.add_document(uow, actor, made.id, upload)
    await knowledge.ingest(world.database, actor.workspace_id, document.id)
    return made, document


def answer_in(bot: Any, chat: Any) -> dict[str, Any] | None:
    """The bot's message with buttons."""
    return next((message for message in chat.messages.values() if "reply_markup" in message), None)


async def answered(world: Any, shop: Any, chat_of: Any = None) -> tuple[Any, Any, dict[str, Any], str]:
    """A bot, a chat, its answer with sources, and the data of the first button."""
    bot, _ = await world.new_bot(assistant_id=shop[0].id)
    chat = chat_of(bot) if chat_of else world.chat(bot, JOHN)
    words = QUESTION if chat.private else f"@{bot.username} {QUESTION}"
    world.write(bot, chat, words, JOHN)
    message = await eventually(lambda: answer_in(bot, chat), patience=60)
    (button,) = message["reply_markup"]["inline_keyboard"][0]
    assert button["text"] == "[1]"
    return bot, chat, message, button["callback_data"]


async def alert_of(world: Any, bot: Any, since: int) -> dict[str, Any]:
    def last() -> dict[str, Any] | None:
        found = [call for call in bot.calls if call["method"] == "answerCallbackQuery" and call["seq"] > since]
        return found[-1]["parameters"] if found else None

    return await eventually(last, patience=30)


async def test_in_private_the_passage_comes_with_a_way_to_the_document(world, shop):
    bot, chat, message, data = await answered(world, shop)
    people.press(world.server.sandbox, bot, chat, JOHN, message["message_id"], data)
    await eventually(lambda: any(PASSAGE in said for said in world.said(bot, chat)[1:]))
    shown = list(chat.messages.values())[-1]
    assert shown["text"].startswith("[1] Условия.pdf, p. 2\n")
    assert [entity["type"] for entity in shown["entities"]] == ["expandable_blockquote"]
    assert shown["reply_to_message"]["message_id"] == message["message_id"]
    ((button,),) = shown["reply_markup"]["inline_keyboard"]
    assert button["url"].startswith(f"https://chat.example.org/documents/{shop[1].id}?page=2&start=")


async def test_in_a_group_only_who_pressed_sees_it(world, shop):
    def group_of(bot: Any) -> Any:
        return people.new_group(world.server.sandbox, bot, "Yard", JOHN)

    bot, group, message, data = await answered(world, shop, group_of)
    said, since = len(world.said(bot, group)), bot.call_count
    people.press(world.server.sandbox, bot, group, ANNA, message["message_id"], data)
    alert = await alert_of(world, bot, since)
    assert PASSAGE in alert["text"]
    assert len(alert["text"]) <= 200
    assert alert["show_alert"] in {True, "true"}
    assert len(world.said(bot, group)) == said


async def test_an_answer_of_another_chat_or_bot_shows_nothing(world, shop):
    bot, _, _, data = await answered(world, shop)
    other_bot, _ = await world.new_bot(assistant_id=shop[0].id)
    for asked in (bot, other_bot):
        chat = world.chat(asked, ANNA)
        world.write(asked, chat, "/help")
        await eventually(lambda asked=asked, chat=chat: world.said(asked, chat))
        message = list(chat.messages.values())[-1]
        forged = {"id": "77", "from": ANNA, "message": message, "chat_instance": "1", "data": data}
        asked.callbacks["77"] = float("inf")
        said, since = len(world.said(asked, chat)), asked.call_count
        world.server.sandbox.queue_update(asked, "callback_query", forged)
        alert = await alert_of(world, asked, since)
        assert PASSAGE not in alert["text"]
        assert "другого чата" in alert["text"]
        assert len(world.said(asked, chat)) == said


@pytest.mark.parametrize("changed", ["0" * 32 + ":1", "{answer}:99"])
async def test_a_number_or_an_answer_that_does_not_exist_shows_nothing(world, shop, changed):
    bot, _chat, message, data = await answered(world, shop)
    wrong = "source:" + changed.format(answer=data.split(":")[1])
    forged = {"id": "78", "from": JOHN, "message": message, "chat_instance": "1", "data": wrong}
    since = bot.call_count
    world.server.sandbox.queue_update(bot, "callback_query", forged)
    assert "cannot be shown" in (await alert_of(world, bot, since))["text"]
