"""Answers that their owner wrote."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text

from chatai.core.actor import Actor
from chatai.core.database import Database
from chatai.core.errors import Forbidden
from chatai.domains.assistants import service as assistants
from chatai.domains.assistants.errors import AssistantNotFound
from chatai.domains.knowledge import repository, service
from chatai.domains.knowledge.errors import BadPair, BadTable, DuplicatePair, PairNotFound
from chatai.domains.knowledge.pair_tables import ImportedPairs
from chatai.domains.knowledge.schemas import PairView
from tests.knowledge.conftest import Add, make_assistant
from tests.waiting import somebody_waits

QUESTION, ANSWER = "Сколько стоит доставка по городу?", "Доставка по городу бесплатна от 3000 ₽."
DOCUMENT = "Доставка по городу стоит 500 ₽ и занимает два дня. Доставка за город стоит 900 ₽."


async def write(database: Database, actor: Actor, assistant_id: UUID, question: str, answer: str) -> UUID:
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        return await service.add_pair(uow, actor, assistant_id, question, answer)


async def pairs(database: Database, actor: Actor, assistant_id: UUID) -> list[PairView]:
    async with database.workspace(actor.workspace_id) as uow:
        return await service.list_pairs(uow, actor, assistant_id)


async def make_findable(database: Database, actor: Actor, assistant_id: UUID) -> None:
    for pair in await pairs(database, actor, assistant_id):
        await service.ingest(database, actor.workspace_id, pair.document_id)


async def first_found(database: Database, actor: Actor, assistant_id: UUID, query: str) -> str:
    async with database.workspace(actor.workspace_id) as uow:
        found = await service.search(uow, assistant_id, query)
    return found[0].text if found else ""


async def test_a_written_answer_goes_before_the_documents(
    database: Database, actor: Actor, assistant_id: UUID, ready: Add
) -> None:
    await ready("delivery.txt", DOCUMENT)
    await ready("payment.txt", "Оплатить доставку можно картой или наличными.")
    await write(database, actor, assistant_id, QUESTION, ANSWER)
    await make_findable(database, actor, assistant_id)
    assert ANSWER in await first_found(database, actor, assistant_id, "сколько будет стоить доставка по городу")
    # Asked about something else, the document that says it is the first.
    assert "картой" in await first_found(database, actor, assistant_id, "можно ли картой оплатить доставку")


async def test_a_changed_answer_is_given_and_a_deleted_one_is_not(
    database: Database, actor: Actor, assistant_id: UUID
) -> None:
    pair_id = await write(database, actor, assistant_id, QUESTION, ANSWER)
    await make_findable(database, actor, assistant_id)
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        await service.change_pair(uow, actor, pair_id, QUESTION, "Теперь за 100 ₽.")
    await make_findable(database, actor, assistant_id)
    assert "Теперь за 100 ₽." in await first_found(database, actor, assistant_id, QUESTION)
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        await service.delete_pair(uow, actor, pair_id)
    assert await first_found(database, actor, assistant_id, QUESTION) == ""
    async with database.system() as uow:
        for table in ("qa_pair", "document", "chunk"):
            assert (await uow.session.execute(text(f"SELECT count(*) FROM {table}"))).scalar() == 0


@pytest.mark.parametrize(("question", "answer"), [("", "x"), ("x", " "), ("x" * 501, "y"), ("x", "y" * 8_001)])
async def test_empty_and_endless_ones_are_refused(
    database: Database, actor: Actor, assistant_id: UUID, question: str, answer: str
) -> None:
    with pytest.raises(BadPair):
        await write(database, actor, assistant_id, question, answer)
    assert await pairs(database, actor, assistant_id) == []


async def test_a_question_stands_once(database: Database, actor: Actor, assistant_id: UUID) -> None:
    await write(database, actor, assistant_id, QUESTION, ANSWER)
    with pytest.raises(DuplicatePair):
        await write(database, actor, assistant_id, f"  {QUESTION.upper()} ", "Другой ответ")
    other = await make_assistant(database, actor, "Other")
    await write(database, actor, other, QUESTION, ANSWER)


async def test_a_table_is_taken_in_row_by_row(database: Database, actor: Actor, assistant_id: UUID) -> None:
    await write(database, actor, assistant_id, QUESTION, ANSWER)
    table = (
        "№;Вопрос;Ответ\n1;Где вы находитесь?;Москва, «Тверская»\n"
        f'2;{QUESTION};"Новый ответ;\nв две строки"\n3;;нет вопроса\n\n4;Когда вы открыты?;С 9 до 18\n'
    )
    rows = service.table_of(table.encode("cp1251"))
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        done = await service.import_pairs(uow, actor, assistant_id, rows)
    assert (done.added, done.changed, done.refused) == (2, 1, {4: "bad_pair"})  # as a spreadsheet numbers it
    there = {pair.question: pair.answer for pair in await pairs(database, actor, assistant_id)}
    assert there[QUESTION] == "Новый ответ;\nв две строки"
    assert there["Где вы находитесь?"] == "Москва, «Тверская»"


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        ("question,answer\na,b\n", [["question", "answer"], ["a", "b"]]),
        ("Вопрос;Ответ\nГде?;Там, тут, здесь\nКто?;Вы, мы\n", [["Вопрос", "Ответ"], ["Где?", "Там, тут, здесь"],
         ["Кто?", "Вы, мы"]]),
        ("a\tb, c; d\ne\tf, g; h\n", [["a", "b, c; d"], ["e", "f, g; h"]]),
        ('"a; b",c\n"d; e",f\n', [["a; b", "c"], ["d; e", "f"]]),
        ("a;b\r\nc\r\nd;e;f\r\n", [["a", "b"], ["c"], ["d", "e", "f"]]),
        ("alone\nin, rows\n", [["alone"], ["in, rows"]]),
    ],
)  # fmt: skip
def test_the_separator_is_told_from_the_text(table: str, rows: list[list[str]]) -> None:
    assert service.table_of(table.encode()) == rows


def test_rows_written_as_text_are_read_back() -> None:
    rows = [["Вопрос", "Ответ"], ['Где "вы"?', "Тверская; 7,\nдвор"], ["", "x"], ["одна", ""]]
    assert service.table_of(service.text_of(rows).encode()) == rows
    assert service.table_of(service.text_of([["a"], ["b", "c"]]).encode()) == [["a", ""], ["b", "c"]]


@pytest.mark.parametrize("table", ["", "\n\n", "question,answer\n"])
async def test_an_empty_table_is_said_to_be_one(
    database: Database, actor: Actor, assistant_id: UUID, table: str
) -> None:
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        with pytest.raises(BadTable):
            await service.import_pairs(uow, actor, assistant_id, service.table_of(table.encode()))


async def test_strangers_and_operators_change_nothing(
    database: Database, actor: Actor, stranger: Actor, assistant_id: UUID
) -> None:
    pair_id = await write(database, actor, assistant_id, QUESTION, ANSWER)
    async with database.workspace(stranger.workspace_id, stranger.account_id) as uow:
        with pytest.raises(PairNotFound):
            await service.delete_pair(uow, stranger, pair_id)
        with pytest.raises(PairNotFound):
            await service.change_pair(uow, stranger, pair_id, "a", "b")
    bot = Actor("bot", actor.workspace_id)
    async with database.workspace(actor.workspace_id) as uow:
        with pytest.raises(Forbidden):
            await service.add_pair(uow, bot, assistant_id, "Question?", "Answer")
    assert len(await pairs(database, actor, assistant_id)) == 1


def test_a_row_of_very_many_cells_makes_no_other_row_wider() -> None:
    rows = service.table_of(("," * 100_000 + "\n" + "question,answer\n" * 3).encode())
    assert max(len(row) for row in rows) == 20
    assert rows[1][:2] == ["question", "answer"]
    assert len(service.text_of(rows)) < 500


async def take_in(database: Database, actor: Actor, assistant_id: UUID, rows: list[list[str]]) -> ImportedPairs:
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        return await service.import_pairs(uow, actor, assistant_id, rows)


async def test_a_table_waits_for_who_changes_an_answer_of_it(
    database: Database, actor: Actor, assistant_id: UUID
) -> None:
    pair_id = await write(database, actor, assistant_id, QUESTION, ANSWER)
    [pair] = await pairs(database, actor, assistant_id)
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        await repository.get(uow, pair.document_id, lock=True)  # as far as changing has come
        importing = asyncio.create_task(take_in(database, actor, assistant_id, [[QUESTION, "Из таблицы"]]))
        await somebody_waits(database)
        await service.change_pair(uow, actor, pair_id, QUESTION, "С руки")
    assert await importing == ImportedPairs(0, 1, {})
    assert [pair.answer for pair in await pairs(database, actor, assistant_id)] == ["Из таблицы"]


async def test_a_table_leaves_out_answers_that_are_deleted_or_renamed_meanwhile(
    database: Database, actor: Actor, assistant_id: UUID
) -> None:
    questions = [f"Вопрос {number}?" for number in range(4)]
    ids = [await write(database, actor, assistant_id, question, "Было") for question in questions]
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        await service.delete_pair(uow, actor, ids[1])
        await service.change_pair(uow, actor, ids[2], "Другой вопрос?", "Было")
        rows = [[question, "Стало"] for question in [*questions, "Новый?"]]
        importing = asyncio.create_task(take_in(database, actor, assistant_id, rows))
        await somebody_waits(database)
    assert await importing == ImportedPairs(1, 2, {2: "pair_not_found", 3: "pair_not_found"})
    there = {pair.question: pair.answer for pair in await pairs(database, actor, assistant_id)}
    assert there == {
        questions[0]: "Стало", "Другой вопрос?": "Было", questions[3]: "Стало", "Новый?": "Стало"
    }  # fmt: skip


async def test_tables_with_the_same_questions_in_other_orders_follow_each_other(
    database: Database, actor: Actor, assistant_id: UUID
) -> None:
    old = [[f"Старый {number}?", "x"] for number in range(450)]
    await take_in(database, actor, assistant_id, old)
    rows = [[f"{kind} {number}?", "y"] for number in range(450) for kind in ("Старый", "Новый")]
    done = await asyncio.gather(
        *(take_in(database, actor, assistant_id, order) for order in (rows, rows[::-1], rows[1::2] + rows[::2]))
    )
    assert sum(one.added for one in done) == 450
    assert len(await pairs(database, actor, assistant_id)) == 900


async def test_a_table_and_the_end_of_its_assistant_follow_each_other(
    database: Database, actor: Actor, assistant_id: UUID
) -> None:
    await write(database, actor, assistant_id, QUESTION, ANSWER)
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        await uow.session.execute(text("SELECT FROM assistant FOR UPDATE"))  # as far as deleting has come
        rows = [[QUESTION, "Из таблицы"], ["Новый?", "Да"]]
        importing = asyncio.create_task(take_in(database, actor, assistant_id, rows))
        await somebody_waits(database)
        await assistants.delete_assistant(uow, actor, assistant_id)
    with pytest.raises(AssistantNotFound):
        await importing
