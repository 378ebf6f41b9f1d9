"""Statements in one round trip: one transaction, values and rows as psycopg has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from chatai.core import roundtrip
from chatai.core.database import Database, DatabaseAway
from chatai.core.roundtrip import Prepared, round_trip
from chatai.core.settings import Settings
from tests.waiting import eventually

NAMED = "SELECT %(a)s::int, %(b)s::text, %(a)s::int + 1, '100%%'"


@pytest.fixture
async def connection(settings: Settings, database: Database) -> AsyncIterator[psycopg.AsyncConnection[object]]:
    async with await psycopg.AsyncConnection.connect(database.url, autocommit=True) as opened:
        yield opened


async def test_values_and_rows_are_psycopgs(connection):
    at, name = datetime(2026, 11, 28, 12, tzinfo=UTC), UUID(int=7)
    rows = await round_trip(
        connection,
        Prepared(),
        [
            (NAMED, {"b": "x'; --", "a": 3, "unused": 1}),
            ("SELECT %s, %s::text, %s::uuid[], %s::float8, %s::text[]", (at, None, [name], 0.5, ["a", None, '"'])),
            ("SELECT 1 WHERE false", None),
            ("CREATE TEMPORARY TABLE kept (a int)", None),
        ],
    )
    assert rows == [[(3, "x'; --", 4, "100%")], [(at, None, [name], 0.5, ["a", None, '"'])], [], []]


async def test_a_statement_is_prepared_once_for_each_types_of_its_values(connection, monkeypatch):
    prepared = Prepared()
    for number in (1, 2, 70_000):
        assert await round_trip(connection, prepared, [("SELECT %s + 1", (number,))]) == [[(number + 1,)]]
    assert len(prepared.names) == 2
    monkeypatch.setattr(roundtrip, "MOST_PREPARED", 2)
    for words in ("one", "two"):
        assert await round_trip(connection, prepared, [("SELECT %s::text", (words,))]) == [[(words,)]]
    assert len(prepared.names) == 2


async def test_what_does_not_fit_into_the_sockets_comes_and_goes(connection):
    large = "я" * 4_000_000
    rows = await round_trip(connection, Prepared(), [("SELECT %s::text", (large,))] * 3)
    assert rows == [[(large,)]] * 3


async def test_a_statement_that_fails_undoes_those_before_it(database: Database, actor):
    statements = database.statements(actor.workspace_id)
    with pytest.raises(psycopg.errors.DivisionByZero) as failed:
        await statements.run_together(
            [
                ("UPDATE workspace SET name = 'Changed' WHERE id = %(id)s", {"id": actor.workspace_id}),
                ("SELECT 1 / %(zero)s::int", {"zero": 0}),
                ("SELECT 1", None),
            ]
        )
    assert failed.value.diag.message_primary == "division by zero"
    assert await statements.run("SELECT name FROM workspace") == [("Workshop",)]


async def test_a_value_that_cannot_be_told_fails_alone(database: Database, actor):
    statements = database.statements(actor.workspace_id)
    with pytest.raises(psycopg.ProgrammingError):
        await statements.run("SELECT %(what)s", {"what": object()})
    with pytest.raises(KeyError):
        await statements.run("SELECT %(what)s", {})
    assert await statements.run("SELECT 1") == [(1,)]


async def test_connections_are_given_to_who_waits_for_them(database: Database, actor):
    size = database.engine.pool.size()
    statements = database.statements(actor.workspace_id)

    async def unit() -> None:
        async with database.workspace(actor.workspace_id) as uow:
            await uow.run("SELECT pg_sleep(0.01)")

    work = [unit() if number % 2 else statements.run("SELECT pg_sleep(0.01)") for number in range(size * 8)]
    await asyncio.wait_for(asyncio.gather(*work), 20)
    assert database.connections_in_use == 0


async def test_what_was_ready_on_a_connection_that_is_gone_is_made_ready_again(database: Database, actor, connection):
    statements = database.statements(actor.workspace_id)
    for _ in range(3):
        [(backend,)] = await statements.run("SELECT pg_backend_pid()")
        await connection.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])
    with pytest.raises(DatabaseAway):
        await statements.run("SELECT pg_terminate_backend(pg_backend_pid())")
    assert await statements.run("SELECT 1") == [(1,)]
    assert database.connections_in_use == 0


@pytest.mark.parametrize("undone", ["all", "part"])
async def test_what_is_ready_outlives_a_unit_that_is_undone(database: Database, actor, undone: str):
    statements = database.statements(actor.workspace_id)
    ready = "SELECT name, pg_backend_pid() FROM pg_prepared_statements WHERE name LIKE 'chatai%%'"
    before = await statements.run(ready)
    assert before == await statements.run(ready)

    async def unit(*, fails: bool) -> None:
        async with database.workspace(actor.workspace_id) as uow:
            for _ in range(8):  # so often, that psycopg would prepare it too
                await uow.run("SELECT count(*) FROM workspace WHERE id = %(id)s", {"id": actor.workspace_id})
            if fails and undone == "part":
                with pytest.raises(DBAPIError):
                    async with uow.session.begin_nested():
                        await uow.session.execute(text("SELECT 1 / 0"))
            elif fails:
                raise LookupError

    await unit(fails=False)
    with nullcontext() if undone == "part" else pytest.raises(LookupError):
        await unit(fails=True)
    assert await statements.run(ready) == before  # of the same connection


async def test_a_statement_whose_preparation_is_gone_is_run_again(database: Database, actor):
    statements = database.statements(actor.workspace_id)
    [(backend,)] = await statements.run("SELECT pg_backend_pid()")
    async with database.workspace(actor.workspace_id) as uow:
        assert await uow.run("SELECT pg_backend_pid()") == [(backend,)]
        await uow.run("DEALLOCATE ALL")
    [(other,)] = await statements.run("SELECT pg_backend_pid()")
    assert other != backend


async def test_a_unit_that_is_given_up_leaves_no_connection_behind(database: Database, actor):
    statements = database.statements(actor.workspace_id)
    waiting = [asyncio.create_task(statements.run("SELECT pg_sleep(60)")) for _ in range(3)]
    await eventually(lambda: database.connections_in_use == 3)
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert database.connections_in_use == 0
    assert await statements.run("SELECT 1") == [(1,)]
