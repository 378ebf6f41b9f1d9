"""Questions that the documents did not answer: when they are recorded, and what becomes of them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from chatai.core.actor import Actor, Role
from chatai.core.clock import now
from chatai.core.database import Database
from chatai.core.errors import Forbidden
from chatai.domains.assistants import service as assistants
from chatai.domains.conversations import service, unanswered
from chatai.domains.conversations.courtesy import is_courtesy, normalised
from chatai.domains.conversations.schemas import AnswerEvent, Completed, MessageView, Question, TextDelta
from chatai.domains.conversations.unanswered import MOST_OPEN, State, UnansweredGroup, recording
from tests.conversations.test_answering import NewActor, ask, stored
from tests.fakes.openai import FakeOpenAI, Plan
from tests.waiting import somebody_waits


async def groups(
    database: Database, actor: Actor, assistant_id: UUID, state: State = "open", **more: object
) -> list[UnansweredGroup]:
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        return await service.list_unanswered(uow, actor, assistant_id, state=state, **more)  # type: ignore[arg-type]


async def rows(database: Database) -> list[tuple[str, ...]]:
    statement = text("SELECT question, language, reason, state FROM unanswered_question ORDER BY id")
    async with database.system() as uow:
        return [tuple(row) for row in (await uow.session.execute(statement)).all()]


def message_of(events: list[AnswerEvent]) -> MessageView:
    assert isinstance(events[-1], Completed)
    return events[-1].message


async def test_without_a_model_what_no_passage_fits_is_recorded(
    database: Database, actor: Actor, conversation_id: UUID, document: UUID, assistant_id: UUID
) -> None:
    message = message_of(await ask(database, actor, conversation_id, "Кто выиграл чемпионат по шахматам?"))
    assert message.text.endswith("я могу только цитировать документы.)")
    await ask(database, actor, conversation_id, "When is the refund paid?")
    assert await rows(database) == [("Кто выиграл чемпионат по шахматам?", "ru", "not_told", "open")]
    [group] = await groups(database, actor, assistant_id)
    assert (group.question, group.asked, group.conversation_id) == (
        "Кто выиграл чемпионат по шахматам?",
        1,
        conversation_id,
    )


async def test_an_assistant_without_documents_records_every_question(
    database: Database, actor: Actor, conversation_id: UUID, assistant_id: UUID
) -> None:
    assert message_of(await ask(database, actor, conversation_id, "What does it cost?")).text.startswith("I found noth")
    assert len(await groups(database, actor, assistant_id)) == 1


@pytest.mark.parametrize("delay", [0.0, 0.005])
@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("The documents do not tell the price [0].", "The documents do not tell the price."),
        ("[0] The documents do not tell.", "The documents do not tell."),
        ("The documents do not tell [ 0 ]. Write to us 【0】.", "The documents do not tell. Write to us."),
        ("Returns take 30 days [1], the price is not told [0].", "Returns take 30 days [1], the price is not told."),
        ("[0]", "The documents do not tell this."),
    ],
)
async def test_the_models_sign_is_heeded_and_never_shown(
    database: Database,
    actor: Actor,
    conversation_id: UUID,
    document: UUID,
    model: FakeOpenAI,
    answer: str,
    shown: str,
    delay: float,
) -> None:
    model.plan = Plan(answers=[answer], token_delay=delay)
    events = await ask(database, actor, conversation_id, "What does returning goods cost?")
    message = message_of(events)
    assert message.text == shown
    assert "".join(event.text for event in events if isinstance(event, TextDelta)).strip() == shown
    assert (await stored(database, actor, conversation_id)).messages[1].text == shown
    assert await rows(database) == [("What does returning goods cost?", "en", "not_told", "open")]


async def test_the_sign_in_pieces_is_no_text(
    database: Database, actor: Actor, conversation_id: UUID, document: UUID, model: FakeOpenAI
) -> None:
    """Each character of it may come alone; the fake streams words, so they are cut by spaces."""
    model.plan = Plan(answers=["Nothing is said about it [ 0 ] there."], token_delay=0.005)
    events = await ask(database, actor, conversation_id, "What does returning goods cost?")
    assert message_of(events).text == "Nothing is said about it there."
    assert all("0" not in event.text and "[" not in event.text for event in events if isinstance(event, TextDelta))


async def test_a_model_that_forgets_the_sign_is_found_out_by_its_missing_proof(
    database: Database, actor: Actor, conversation_id: UUID, document: UUID, model: FakeOpenAI
) -> None:
    model.plan = Plan(answers=["Unfortunately I can't find that.", "It takes 30 days [1].", "It takes 30 days [77]."])
    for question in ("What does it cost?", "How long may I return goods?", "And with postage?"):
        await ask(database, actor, conversation_id, question)
    assert [row[::2] for row in await rows(database)] == [
        ("What does it cost?", "no_source"),
        ("And with postage?", "no_source"),
    ]


async def test_courtesy_and_attachments_are_no_unanswered_questions(
    database: Database, actor: Actor, conversation_id: UUID, document: UUID, model: FakeOpenAI
) -> None:
    model.plan = Plan(answers=["Hello! How can I help?", "In your file: 5 euros.", "You are welcome."])
    await ask(database, actor, conversation_id, "Добрый день!")
    attached = Question("What is the sum?", attachment_name="bill.txt", attachment_text="Sum: 5 euros")
    await ask(database, actor, conversation_id, attached)
    await ask(database, actor, conversation_id, "Thanks a lot 👍")
    assert await rows(database) == []


async def test_a_failed_or_stopped_answer_leaves_nothing_unanswered(
    database: Database, actor: Actor, conversation_id: UUID, document: UUID, model: FakeOpenAI
) -> None:
    model.plan = Plan(cut_after=2, answers=["I do not know at all [0]."])
    await ask(database, actor, conversation_id, "What does it cost?")
    model.plan = Plan(status=500)
    await ask(database, actor, conversation_id, "What does it weigh?")
    assert await rows(database) == []


async def test_an_answer_made_anew_takes_its_record_along(
    database: Database, actor: Actor, conversation_id: UUID, document: UUID, model: FakeOpenAI
) -> None:
    model.plan = Plan(answers=["I do not know [0].", "I do not know [0].", "30 days [1]."])
    await ask(database, actor, conversation_id, "How long may I return goods?")
    question = (await stored(database, actor, conversation_id)).messages[0]
    await ask(database, actor, conversation_id, Question(repeat_of=question.id))
    assert len(await rows(database)) == 1
    await ask(database, actor, conversation_id, Question(repeat_of=question.id))
    assert await rows(database) == []


async def test_equal_questions_are_one_and_pages_follow_each_other(
    database: Database, actor: Actor, conversation_id: UUID, assistant_id: UUID
) -> None:
    for question in ("Есть ли счёт?", "Можно чек", "здравствуйте, есть ли СЧЕТ", "What is open?"):
        await ask(database, actor, conversation_id, question)
    found = await groups(database, actor, assistant_id)
    assert [(group.question, group.asked) for group in found] == [
        ("What is open?", 1),
        ("здравствуйте, есть ли СЧЕТ", 2),
        ("Можно чек", 1),
    ]
    first = await groups(database, actor, assistant_id, limit=2)
    rest = await groups(database, actor, assistant_id, before=(first[-1].last_at, first[-1].key), limit=2)
    assert [*first, *rest] == found
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        assert await service.count_unanswered(uow, actor, assistant_id) == 3


async def test_a_group_is_answered_dismissed_and_taken_back(
    database: Database, actor: Actor, conversation_id: UUID, assistant_id: UUID
) -> None:
    async def settle(act: str, key: str) -> None:
        async with database.workspace(actor.workspace_id, actor.account_id) as uow:
            await getattr(service, act)(uow, actor, assistant_id, key)

    async def states() -> list[str]:
        return [row[3] for row in await rows(database)]

    await ask(database, actor, conversation_id, "Is there parking?")
    await ask(database, actor, conversation_id, "Is there parking")
    [group] = await groups(database, actor, assistant_id)
    await settle("dismiss_unanswered", group.key)
    assert await states() == ["dismissed", "dismissed"]
    await ask(database, actor, conversation_id, "is there parking?!")
    assert await groups(database, actor, assistant_id) == []  # dismissed once, it does not come back
    assert (await groups(database, actor, assistant_id, "dismissed"))[0].asked == 3
    await settle("reopen_unanswered", group.key)
    assert await states() == ["open"] * 3
    await settle("mark_answered", group.key)
    assert await states() == ["answered"] * 3
    await ask(database, actor, conversation_id, "Is there parking?")
    assert [(item.asked, item.key) for item in await groups(database, actor, assistant_id)] == [(1, group.key)]


async def test_one_conversation_fills_no_list(
    database: Database, actor: Actor, conversation_id: UUID, assistant_id: UUID
) -> None:
    for number in range(MOST_OPEN + 2):
        await ask(database, actor, conversation_id, f"Is there a lift to floor {number}?")
    found = await groups(database, actor, assistant_id, limit=100)
    assert len(found) == MOST_OPEN
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        await service.dismiss_unanswered(uow, actor, assistant_id, found[0].key)
        other = (await service.start_conversation(uow, actor, assistant_id)).id
    await ask(database, actor, conversation_id, "Is there room now?")
    await ask(database, actor, conversation_id, "And now?")
    await ask(database, actor, other, "Is there parking?")  # others are heard
    latest = await groups(database, actor, assistant_id, limit=100)
    assert [group.question for group in latest[:2]] == ["Is there parking?", "Is there room now?"]
    assert len(latest) == MOST_OPEN + 1


async def test_a_chat_that_begins_anew_fills_no_list_either(
    database: Database, actor: Actor, document: UUID, assistant_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unanswered, "MOST_OPEN", 2)
    for chat, expected in (("bot/1", 2), ("bot/1", 2), ("bot/2", 4)):
        async with database.workspace(actor.workspace_id, actor.account_id) as uow:
            begun = await service.start_conversation(uow, actor, assistant_id, channel="telegram", external_id=chat)
        for number in range(3):
            await ask(database, actor, begun.id, f"Is there a lift to floor {number} of {begun.id}?")
        assert len(await groups(database, actor, assistant_id, limit=100)) == expected


async def test_recording_one_and_deleting_its_assistant_follow_each_other(
    database: Database, actor: Actor, conversation_id: UUID, assistant_id: UUID
) -> None:
    message = message_of(await ask(database, actor, conversation_id, "Is there parking?"))
    statement = recording(conversation_id, message.id, "Is there parking?", "not_told", "en")
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        await uow.session.execute(text("DELETE FROM unanswered_question"))
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        await uow.session.execute(text("SELECT FROM assistant FOR UPDATE"))  # as far as deleting has come
        statements = database.statements(actor.workspace_id, actor.account_id)
        recorded = asyncio.create_task(statements.run_together([statement]))
        await somebody_waits(database)
        await assistants.delete_assistant(uow, actor, assistant_id)
    assert await recorded == [[]]
    assert await rows(database) == []


async def test_it_goes_with_its_conversation_and_after_its_days(
    database: Database, actor: Actor, conversation_id: UUID, assistant_id: UUID
) -> None:
    await ask(database, actor, conversation_id, "Is there parking?")
    await ask(database, actor, conversation_id, "Is there a lift?")
    async with database.system() as uow:
        await uow.session.execute(
            text("UPDATE unanswered_question SET created_at = :at WHERE question LIKE '%lift%'"),
            {"at": now() - timedelta(days=31)},
        )
    assert await service.remove_old_unanswered(database, 30) == 1
    assert [row[0] for row in await rows(database)] == ["Is there parking?"]
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        await service.delete_conversation(uow, actor, conversation_id)
    assert await rows(database) == []


async def test_only_who_tends_the_assistant_sees_them(
    database: Database, actor: Actor, stranger: Actor, new_actor: NewActor, conversation_id: UUID, assistant_id: UUID
) -> None:
    await ask(database, actor, conversation_id, "Is there parking?")
    [group] = await groups(database, actor, assistant_id)
    user = await new_actor(workspace_id=actor.workspace_id, role=Role.USER)
    for other in (user, Actor("bot", actor.workspace_id)):
        async with database.workspace(actor.workspace_id, other.account_id) as uow:
            assert await service.count_unanswered(uow, other, assistant_id) == 0
            with pytest.raises(Forbidden):
                await service.list_unanswered(uow, other, assistant_id)
            with pytest.raises(Forbidden):
                await service.dismiss_unanswered(uow, other, assistant_id, group.key)
    assert await groups(database, stranger, assistant_id) == []
    async with database.workspace(stranger.workspace_id, stranger.account_id) as uow:
        await service.dismiss_unanswered(uow, stranger, assistant_id, group.key)
    assert len(await groups(database, actor, assistant_id)) == 1


async def test_a_model_is_told_the_sign_outside_the_data(
    database: Database, actor: Actor, conversation_id: UUID, document: UUID, model: FakeOpenAI
) -> None:
    await ask(database, actor, conversation_id, "How long may I return goods?")
    system, last = model.chats()[-1].body["messages"][0], model.chats()[-1].body["messages"][-1]
    assert "end that sentence with [0]" in system["content"]
    assert "[0]" not in last["content"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "👍",
        "?!",
        "Привет!",
        "Здравствуйте. Добрый день!",
        "ок, спасибо большое",
        "Thank you very much, bye",
        "Да",
        "hi",
    ],
)
def test_courtesy_is_known(text: str) -> None:
    assert is_courtesy(text)


@pytest.mark.parametrize(
    "text",
    ["Привет, сколько стоит?", "Good hotels?", "нет ли скидки", "Thanks, and the price?", "12345", "до скольких"],
)
def test_what_may_be_a_question_is_no_courtesy(text: str) -> None:
    assert not is_courtesy(text)


def test_endless_courtesy_takes_no_time() -> None:
    endless = "спасибо большое " * 500  # about the longest question
    assert is_courtesy(endless)
    assert not is_courtesy(endless + "цена")
    assert normalised(endless + "цена").endswith("цена")


def test_what_makes_questions_equal() -> None:
    equal = ["Сколько стоит счёт?", "сколько стоит СЧЕТ", "Добрый день! Сколько стоит счёт, спасибо"]
    assert {normalised(text) for text in equal} == {"сколько стоит счет"}
    assert normalised("Спасибо") == "спасибо"
    assert normalised("no parking") != normalised("parking")
