"""The unit of work: what it commits, what it lets be seen, and what it says when PostgreSQL is away."""

from __future__ import annotations

import asyncio
import gc
import time

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import UniqueViolation
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from chatai.core.actor import Actor
from chatai.core.database import Database, DatabaseAway
from chatai.core.errors import NotFound
from chatai.core.ids import new_id
from chatai.domains.assistants.models import Assistant
from chatai.engines import EmbeddedPostgres
from tests.conversations.test_answering import NewActor
from tests.waiting import eventually, somebody_waits

JOBS = text("SELECT task_name, args, lock FROM procrastinate_jobs ORDER BY id")


async def test_a_failed_unit_leaves_nothing_behind(database: Database, actor: Actor) -> None:
    told: list[str] = []
    with pytest.raises(NotFound):
        async with database.workspace(actor.workspace_id) as uow:
            await uow.session.execute(text("UPDATE workspace SET name = 'changed'"))
            await uow.enqueue("ingest_document", document_id="1")
            uow.after_commit(lambda: told.append("committed"))
            raise NotFound
    async with database.workspace(actor.workspace_id) as uow:
        assert (await uow.session.execute(text("SELECT name FROM workspace"))).scalar() == "Workshop"
        assert (await uow.session.execute(JOBS)).all() == []
    assert told == []


async def test_a_job_comes_with_its_transaction_and_waits_once(database: Database, actor: Actor) -> None:
    told: list[str] = []
    async with database.workspace(actor.workspace_id) as uow:
        await uow.enqueue("send_account_mail", queueing_lock="mail:1", account_id=actor.account_id)
        await uow.enqueue("send_account_mail", queueing_lock="mail:1", account_id=actor.account_id)
        await uow.enqueue("ingest_document", lock="document:1", document_id="1")
        uow.after_commit(lambda: told.append("committed"))
        assert told == []
    assert told == ["committed"]
    async with database.person() as uow:
        jobs = (await uow.session.execute(JOBS)).all()
    assert [tuple(job) for job in jobs] == [
        ("send_account_mail", {"account_id": str(actor.account_id)}, None),
        ("ingest_document", {"document_id": "1"}, "document:1"),
    ]


async def test_the_scope_ends_with_the_transaction(database: Database, actor: Actor) -> None:
    """A pooled connection carries nothing of one tenant to the next."""
    for _ in range(6):  # more than the pool holds
        async with database.workspace(actor.workspace_id) as uow:
            assert (await uow.session.execute(text("SELECT count(*) FROM workspace"))).scalar() == 1
        async with database.system() as uow:
            assert (await uow.session.execute(text("SELECT current_user"))).scalar() == "chatai_system"
        async with database.person() as uow:
            assert (await uow.session.execute(text("SELECT count(*) FROM workspace"))).scalar() == 0
            assert (await uow.session.execute(text("SELECT current_user"))).scalar() == "chatai_app"


async def test_an_absent_server_is_said_so() -> None:
    away = Database("postgresql://chatai_app:x@127.0.0.1:1/chatai", pool_size=1)
    with pytest.raises(DatabaseAway) as refused:
        async with away.person() as uow:
            await uow.session.execute(text("SELECT 1"))
    assert "127.0.0.1" not in refused.value.sentence("en")
    await away.close()


@pytest.mark.parametrize(
    ("code", "passes"),
    [
        *(("53100", True), ("53200", True), ("57014", True), ("58030", True), ("25006", True), ("55P03", True)),
        *(("40001", True), ("22012", False), ("23505", False), ("42501", False), ("XX000", False)),
    ],
)
async def test_what_the_server_cannot_do_at_the_moment_is_away(database: Database, code: str, passes: bool) -> None:
    """A full disk, say: whoever tries again later does well to."""
    refuse = f"DO $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{code}'; END $$"

    async def by_sqlalchemy() -> None:
        async with database.system() as uow:
            await uow.session.execute(text(refuse))

    async def by_driver() -> None:
        async with database.system() as uow:
            await uow.run(refuse)

    async def alone() -> None:
        await database.system_statements().run(refuse)

    for way in (by_sqlalchemy, by_driver, alone):
        with pytest.raises((DatabaseAway, psycopg.Error, DBAPIError)) as refused:
            await way()
        assert (refused.type is DatabaseAway) == passes
    async with database.system() as uow:
        assert await uow.run("SELECT 1") == [(1,)]


async def test_a_frozen_server_is_as_good_as_away(database: Database, postgres: EmbeddedPostgres) -> None:
    async with database.person() as uow:
        await uow.session.execute(text("SELECT 1"))
    database.patience = 0.5
    assert postgres.pid
    server = psutil.Process(postgres.pid)
    frozen = [*server.children(recursive=True), server]
    for process in frozen:
        process.suspend()
    try:
        started = time.monotonic()
        with pytest.raises(DatabaseAway):
            async with database.person():
                pass
        assert time.monotonic() - started < 30
    finally:
        for process in frozen:
            process.resume()
    database.patience = 30
    async with database.person() as uow:
        assert (await uow.session.execute(text("SELECT 1"))).scalar() == 1


async def test_a_statement_alone_may_take_longer_than_a_connection(database: Database) -> None:
    database.patience = 0.5
    assert await database.statements(new_id()).run("SELECT 1 FROM pg_sleep(1)") == [(1,)]
    database.patience_alone = 0.5
    for alone in (database.statements(new_id()), database.system_statements()):
        with pytest.raises(DatabaseAway):
            await alone.run("SELECT pg_sleep(30)")


async def test_connections_that_the_server_closed_are_not_used_again(database: Database) -> None:
    """After a restart of PostgreSQL nobody sees an error for the connections of before."""

    async def work() -> int:
        async with database.person() as uow:
            [(number,)] = await uow.run("SELECT pg_backend_pid()")
            return int(number)

    before = {await work() for _ in range(3)} | set(await asyncio.gather(*[work() for _ in range(3)]))
    with psycopg.connect(database.url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(unnest(%s::int[]))", [list(before)])

        def gone() -> bool:
            left = other.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(%s)", [list(before)]).fetchone()
            return left == (0,)

        await eventually(gone)
    assert not before & set(await asyncio.gather(*[work() for _ in range(3)]))


async def test_a_connection_that_breaks_in_the_middle_is_away_and_replaced(database: Database) -> None:
    with pytest.raises(DatabaseAway):
        async with database.person() as uow:
            await uow.run("SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(DatabaseAway):
        async with database.person() as uow:
            await uow.session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    async with database.person() as uow:
        assert await uow.run("SELECT 1") == [(1,)]


async def test_both_ways_to_run_a_statement_are_one_transaction(database: Database, actor: Actor) -> None:
    async with database.workspace(actor.workspace_id) as uow:
        uow.session.add(Assistant(workspace_id=actor.workspace_id, name="Helper"))
        assert await uow.run("SELECT name FROM assistant") == [("Helper",)]
        await uow.run("UPDATE assistant SET name = %(name)s", {"name": "Aide"})
        assert (await uow.session.execute(text("SELECT name FROM assistant"))).scalar() == "Aide"
    with pytest.raises(UniqueViolation):
        async with database.workspace(actor.workspace_id) as uow:
            await uow.run("UPDATE assistant SET name = 'Gone'")
            await uow.run("INSERT INTO assistant SELECT * FROM assistant")
    async with database.workspace(actor.workspace_id) as uow:
        assert await uow.run("SELECT name FROM assistant") == [("Aide",)]


async def test_a_cancelled_unit_is_undone(database: Database, actor: Actor) -> None:
    begun = asyncio.Event()

    async def work() -> None:
        async with database.workspace(actor.workspace_id) as uow:
            await uow.run("UPDATE workspace SET name = 'changed'")
            begun.set()
            await uow.run("SELECT pg_sleep(60)")

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with database.workspace(actor.workspace_id) as uow:
        assert await uow.run("SELECT name FROM workspace") == [("Workshop",)]


async def test_a_connection_that_nobody_waits_for_any_more_is_not_left_open(
    database: Database, postgres: EmbeddedPostgres
) -> None:
    """However little of it was made when its caller gave up, and however late Python collects what is left."""
    hasty = Database(database.url, pool_size=0)  # each connects anew
    name = conninfo_to_dict(database.url)["dbname"]

    def sessions() -> int:
        with psycopg.connect(postgres.owner_url("postgres")) as connection:
            found = "SELECT FROM pg_stat_activity WHERE datname = %s AND application_name = 'chatai'"
            return connection.execute(found, [name]).rowcount

    before, given_up = sessions(), 0
    gc.disable()
    try:
        for attempt in range(150):
            hasty.patience = 0.0002 * (attempt % 50 + 1)
            try:
                async with hasty.system():
                    pass
            except DatabaseAway:
                given_up += 1
        assert given_up > 10
        hasty.patience = 10
        await hasty.close()
        await eventually(lambda: sessions() == before)
    finally:
        gc.enable()
        await hasty.close()


async def test_those_who_gave_up_waiting_take_no_place_in_the_pool(database: Database) -> None:
    small = Database(database.url, pool_size=1)
    try:
        async with small.system():
            small.patience = 0.05
            for _ in range(5):
                with pytest.raises(DatabaseAway):
                    async with small.system():
                        pass
        small.patience = 10
        began = time.monotonic()
        async with small.system() as uow:
            assert (await uow.session.execute(text("SELECT 1"))).scalar() == 1
        assert time.monotonic() - began < 8
        await eventually(lambda: small.connections_in_use == 0)
    finally:
        await small.close()


async def test_a_connection_that_comes_back_with_an_open_transaction_is_not_used_again(
    database: Database, actor: Actor
) -> None:
    """Whatever leaves one behind: the next unit of work must not see with another's eyes."""
    lost = await database.engine.raw_connection()
    driver = lost.driver_connection
    assert driver is not None
    await driver.execute("BEGIN")
    await driver.execute("SELECT set_config('app.workspace_id', %s, true)", [str(actor.workspace_id)])
    left = driver.info.backend_pid
    lost.close()
    for _ in range(6):  # more than the pool holds
        async with database.person() as uow:
            [(pid, rows)] = await uow.run("SELECT pg_backend_pid(), (SELECT count(*) FROM workspace)")
            assert (pid == left, rows) == (False, 0)


async def test_statements_together_are_stored_all_or_none(database: Database, actor: Actor) -> None:
    """Also where one cannot even be sent: what was queued before it is not committed by the pipeline's end."""
    statements = database.statements(actor.workspace_id)
    rename = "UPDATE workspace SET name = %(name)s"
    for bad in (("SELECT 1 / %(nothing)s", {"nothing": 0}), ("SELECT %(text)s", {"text": "\0"})):
        for _ in range(8):  # beyond the number of runs after which statements are prepared
            with pytest.raises(psycopg.Error):
                await statements.run_together([(rename, {"name": "changed"}), bad])
            assert await statements.run("SELECT name FROM workspace") == [("Workshop",)]
    await statements.run(rename, {"name": "renamed"})
    assert await statements.run("SELECT name FROM workspace") == [("renamed",)]


async def test_statements_that_were_refused_to_end_a_deadlock_are_run_once_more(
    database: Database, actor: Actor, new_actor: NewActor, postgres: EmbeddedPostgres, owner_url: str
) -> None:
    await new_actor(workspace_id=actor.workspace_id)
    name = owner_url.rpartition("/")[2].partition("?")[0]
    async with await psycopg.AsyncConnection.connect(postgres.superuser_url(name)) as other:
        # Whose patience ends first is refused: it must be ours.
        await other.execute("SET deadlock_timeout = '10min'")
        first, second = sorted(
            row[0] for row in await (await other.execute("SELECT account_id FROM workspace_member")).fetchall()
        )
        touch = "UPDATE workspace_member SET role = role WHERE account_id = %(id)s"
        await other.execute(touch, {"id": first})
        statements = database.statements(actor.workspace_id, actor.account_id)
        ours = asyncio.create_task(
            statements.run_together([(touch, {"id": second}), (touch + " RETURNING 1", {"id": first})])
        )
        await somebody_waits(database)
        await other.execute(touch, {"id": second})  # waits for ours, until that is refused
        await other.commit()
    assert await ours == [[], [(1,)]]
