"""Many bots from a table: what is read in it, what is refused line by line, and what is connected."""

from __future__ import annotations

import csv
import io

import pytest

from bots.sandbox.faults import Fault
from chatai.domains.channels import importing, service
from chatai.domains.channels.errors import (
    AmbiguousAssistant,
    BadProfile,
    BotInUse,
    BotOfLineIsHere,
    ImportEmpty,
    ImportStopped,
    ImportTooLong,
    ImportWithoutTokens,
    LineBroken,
    NoAssistantGiven,
    NoSuchAssistant,
    NotAToken,
    RepeatedInFile,
    TokenRefused,
)

A, B, C = (f"{number}:{'A' * 35}" for number in (1111111, 2222222, 3333333))


@pytest.mark.parametrize(
    "table",
    [
        f"token,assistant,name\n{A},Shop,One\n{B},,Two",
        f"\ufefftoken;assistant;name\r\n{A};Shop;One\r\n{B};;Two\r\n",
        f"Токен\tАссистент\tИмя\n{A}\tShop\tOne\n\n{B}\t\tTwo\n",
        f"name,colour,token,assistant\nOne,red,{A},Shop\nTwo,blue,{B},",
        f'{A},Shop,One\n{B},"",Two',
    ],
)
def test_tables_as_spreadsheets_write_them(table: str) -> None:
    rows = importing.parse(table)
    assert [row.values["token"] for row in rows] == [A, B]
    assert [row.values["assistant"] for row in rows] == ["Shop", ""]
    assert [row.values["name"] for row in rows] == ["One", "Two"]


def test_a_cell_may_span_lines_and_an_open_quote_spoils_one_line_only() -> None:
    rows = importing.parse(f'token,name,description\n{A},One,"Two\nlines"\n{B},"Two,x\n{C},Three,"Said ""so"""')
    assert [(row.number, row.broken) for row in rows] == [(2, False), (4, True), (5, False)]
    assert rows[0].values["description"] == "Two\nlines"
    assert rows[2].values["description"] == 'Said "so"'


def test_a_quote_that_is_never_closed_takes_no_longer_for_half_a_million_lines() -> None:
    """The page's process reads the table: were each line to look at all before it, everybody would wait for hours."""
    [row] = importing.parse("token\n" + '"' + "\n" * 500_000)
    assert row.broken


@pytest.mark.parametrize("table", ["", "\n \n;;\n", "token,assistant\n"])
def test_a_table_without_lines(table: str) -> None:
    with pytest.raises(ImportEmpty):
        importing.parse(table)


def test_a_table_without_tokens_or_with_too_many_lines() -> None:
    with pytest.raises(ImportWithoutTokens) as without:
        importing.parse("assistant;name\nShop;One")
    assert "assistant, name" in without.value.sentence("en")
    with pytest.raises(ImportTooLong):
        importing.parse("\n".join(f"{1000000 + number}:{'A' * 35}" for number in range(1001)))
    assert len(importing.parse("\n".join(f"{1000000 + number}:{'A' * 35}" for number in range(1000)))) == 1000


def test_a_token_is_not_in_what_is_shown() -> None:
    (row,) = importing.parse(A)
    assert "AAAA" not in repr(row)


async def look(database, actor, table, default=None):
    async with database.workspace(actor.workspace_id) as uow:
        return await importing.plan(uow, actor, importing.parse(table), default)


async def test_each_line_says_what_is_wrong_with_it(database, actor, connect, new_assistant):
    shop = await new_assistant("Shop")
    for _ in range(2):
        await new_assistant("Twin")
    here = await connect(assistant_id=shop)
    table = "\n".join(
        [
            "token,assistant,name",
            f"{A},shop,",
            f"{A},shop,",
            "hello,Shop,",
            f"{here.telegram_id}:{'B' * 35},Shop,",
            f"{B},Nobody,",
            f"{B[:-1]}B,Twin,",
            f"{C},,",
            f"4444444:{'A' * 35},{shop},{'x' * 65}",
            f'5555555:{"A" * 35},"Shop',
        ]
    )
    lines = await look(database, actor, table)
    assert [type(line.problem) for line in lines] == [
        type(None), RepeatedInFile, NotAToken, BotOfLineIsHere, NoSuchAssistant, RepeatedInFile, NoAssistantGiven,
        BadProfile, LineBroken,
    ]  # fmt: skip
    assert (lines[0].assistant_id, lines[0].assistant, lines[0].bot) == (shop, "Shop", "1111111")
    assert "2" in lines[1].problem.sentence("ru")
    assert f"@{here.username}" in lines[3].problem.sentence("en")
    assert not [line for line in lines if A.partition(":")[2] in repr(line)]
    (twin,) = await look(database, actor, f"{B},Twin")
    assert isinstance(twin.problem, AmbiguousAssistant)
    (fallback,) = await look(database, actor, C, shop)
    assert (fallback.assistant_id, fallback.problem) == (shop, None)


async def test_assistants_of_others_are_no_assistants(database, actor, stranger, new_assistant):
    theirs = await new_assistant("Theirs", who=stranger)
    (named,) = await look(database, actor, f"{A},{theirs}")
    assert isinstance(named.problem, NoSuchAssistant)
    (chosen,) = await look(database, actor, A, theirs)
    assert isinstance(chosen.problem, NoAssistantGiven)


async def test_good_lines_are_connected_whatever_the_others_do(
    database, actor, stranger, connect, new_assistant, sandbox
):
    shop = await new_assistant("Shop")
    named, plain, elsewhere = (sandbox.sandbox.new_bot(name) for name in ("A", "B", "C"))
    await connect(elsewhere.token, who=stranger)
    sandbox.sandbox.faults.add(
        Fault(bot_id=plain.id, methods=frozenset({"getme"}), status=429, retry_after=1, remaining=1)
    )
    table = (
        f'token,assistant,name,description\n{named.token},Shop,Flowers,"=Roses"\n{plain.token},Shop\n'
        f"{elsewhere.token},Shop\n{A},Shop\nrubbish,Shop"
    )
    results = []
    await importing.run(database, actor, await look(database, actor, table), results.append)
    by_line = {result.line.number: result for result in results}
    assert [bool(by_line[number].bot_id) for number in (2, 3, 4, 5, 6)] == [True, True, False, False, False]
    assert [type(by_line[number].problem) for number in (4, 5, 6)] == [BotInUse, TokenRefused, NotAToken]
    assert (named.name, named.description) == ("Flowers", "=Roses")
    async with database.workspace(actor.workspace_id) as uow:
        bots = await service.list_bots(uow, actor, shop)
    assert {bot.name for bot in bots} == {"Flowers", "B"}

    again = []
    await importing.run(database, actor, await look(database, actor, table), again.append)
    assert not [result for result in again if result.bot_id]  # a second time does no harm

    text = importing.report(results, "en")
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert [row[4] for row in rows[1:]] == ["connected"] * 2 + ["not connected"] * 3
    assert not [bot for bot in (named, plain, elsewhere) if bot.token.partition(":")[2] in text]


async def test_a_name_that_telegram_refuses_leaves_the_bot_connected(database, actor, new_assistant, sandbox):
    await new_assistant("Shop")
    bot = sandbox.sandbox.new_bot("Shop")
    sandbox.sandbox.faults.add(Fault(methods=frozenset({"setmyname"}), status=400, description="BOT_TITLE_INVALID"))
    results = []
    await importing.run(database, actor, await look(database, actor, f"{bot.token},Shop,@dmin"), results.append)
    (result,) = results
    assert result.bot_id
    assert "BOT_TITLE_INVALID" in result.remark.sentence("ru")


async def test_stopping_leaves_the_rest_out(database, actor, new_assistant, sandbox):
    await new_assistant("Shop")
    bots = [sandbox.sandbox.new_bot(str(number)) for number in range(3)]
    lines = await look(database, actor, "\n".join(f"{bot.token},Shop" for bot in bots))
    results = []
    await importing.run(database, actor, lines, results.append, lambda: True)
    assert [type(result.problem) for result in results] == [ImportStopped] * 3
    assert not any(bot.call_count for bot in bots)
