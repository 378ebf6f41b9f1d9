"""Answers that their owner wrote."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import text

from chatai.core.actor import Actor
from chatai.core.database import Database
from chatai.core.errors import Forbidden
from chatai.domains.knowledge import service
from chatai.domains.knowledge.errors import BadPair, BadTable, DuplicatePair, PairNotFound
from chatai.domains.knowledge.schemas import PairView
from tests.knowledge.conftest import Add, make_assistant

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
    assert (done.added, done.changed, done.refused) == (2, 1, {3: "bad_pair"})
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
