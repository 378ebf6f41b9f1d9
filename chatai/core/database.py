"""PostgreSQL: connections, the unit of work, and the workspace that row security lets it see.

The application logs in as `APP_ROLE`, which owns nothing and cannot bypass row security. A transaction names its
workspace and person in session variables that the policies read; without them it sees no tenant's rows. What serves
all tenants at once (the bot manager, jobs, health) takes `SYSTEM_ROLE` for one transaction, whose policies let it
see every row. Being a role rather than a flag keeps the tenant policy a plain comparison that indexes serve.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from datetime import datetime
from functools import lru_cache
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from sqlalchemy import event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from chatai.core.connection import Connection, prepare, refuse_dead
from chatai.core.errors import Unavailable
from chatai.core.refusals import is_passing
from chatai.core.roles import SYSTEM_ROLE, application_url
from chatai.core.roundtrip import Statement
from chatai.core.settings import get_settings
from chatai.core.statements import Statements

DEFER_JOB = text(
    "SELECT procrastinate_defer_jobs_v1(ARRAY[ROW(:queue, :task, :priority, :lock, :queueing_lock,"
    " CAST(:args AS jsonb), CAST(:at AS timestamptz))::procrastinate_job_to_defer_v1])"
)

PATIENCE = 10.0  # seconds for a connection and its first answer
CLOSE_PATIENCE = 2.0  # seconds for connections that were given up while they were made
PATIENCE_ALONE = 60.0  # seconds for a tenant's unit in one turn, whose first answer is its last

# Plans for the values at hand: a tenant of ten rows and one of a million need different ones.
_CUSTOM_PLANS = "; SET LOCAL plan_cache_mode = force_custom_plan"
_SETTING = re.compile(r"[a-z_]+(\.[a-z_]+)?")
_SET_SCOPE: LiteralString = (
    "SELECT set_config('app.workspace_id', %(workspace)s, true), set_config('app.account_id', %(account)s, true)"
)

NOTICED_WHEN_LOST: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}
"""Of a connection: a server that went away without a word is noticed in half a minute, not in a quarter of an hour."""


class DatabaseAway(Unavailable):
    """PostgreSQL can't be reached, or can't do anything at the moment: no room on its disk, say."""

    code = "database_away"
    en = "The database is not available at the moment. Nothing is lost; please try again in a minute."
    ru = "База данных сейчас недоступна. Ничего не потеряно, попробуйте через минуту."


class UnitOfWork:
    """One transaction. It ends at the edge that opened it: services and repositories never commit."""

    def __init__(self, connection: Connection, workspace_id: UUID | None) -> None:
        self._connection = connection
        self.workspace_id = workspace_id
        self._after_commit: list[Callable[[], Awaitable[None] | None]] = []

    @property
    def session(self) -> AsyncSession:
        """SQLAlchemy's view of the transaction, made when it is first asked for."""
        return self._connection.session()

    async def run(
        self,
        statement: LiteralString,
        values: Mapping[str, object] | None = None,
        *,
        settings: Mapping[str, str] | None = None,
    ) -> list[tuple[Any, ...]]:
        """Runs one statement past SQLAlchemy, for paths where half a millisecond counts (see `Runs`).

        Its `settings` hold for the rest of the transaction.
        """
        if settings:
            await self._connection.run(_setting(tuple(settings)), tuple(settings.values()))
        return await self._connection.run(statement, values)

    async def enter(self, workspace_id: UUID, account_id: UUID | None = None) -> None:
        """Goes on in another workspace for the rest of the transaction: one that was just made, or just looked up."""
        self.workspace_id = workspace_id
        await self.run(_SET_SCOPE, {"workspace": str(workspace_id), "account": str(account_id or "")})

    async def set_account(self, account_id: UUID) -> None:
        """Says who the person is, once they have proven it: from here on they see their own memberships."""
        await self.run(_SET_SCOPE, {"workspace": str(self.workspace_id or ""), "account": str(account_id)})

    async def notify(self, channel: str, payload: str = "") -> None:
        """PostgreSQL NOTIFY, delivered when the transaction commits. At most 8,000 bytes."""
        await self.run("SELECT pg_notify(%(channel)s, %(payload)s)", {"channel": channel, "payload": payload})

    async def enqueue(
        self,
        task: str,
        *,
        lock: str | None = None,
        queueing_lock: str | None = None,
        queue: str = "default",
        at: datetime | None = None,
        priority: int = 0,
        **args: object,
    ) -> None:
        """Puts a durable job into the queue, in this transaction: it exists exactly if the transaction commits.

        Args:
            task: The task's name in `chatai.jobs`.
            lock: Jobs with the same lock run one after the other.
            queueing_lock: At most one waiting job may have it; a second one is silently left out.
            queue: Which queue.
            at: Not before. Meanwhile it holds up no job of its lock that may run at once.
            priority: Jobs of a higher one come first.
            args: What the task gets; must be JSON.
        """
        values = {
            "queue": queue,
            "task": task,
            "priority": priority if at is None else priority - 1,
            "lock": lock,
            "queueing_lock": queueing_lock,
            "args": json.dumps(args, default=str),
            "at": at,
        }
        if queueing_lock is None:
            await self.session.execute(DEFER_JOB, values)
            return
        try:
            async with self.session.begin_nested():
                await self.session.execute(DEFER_JOB, values)
        except DBAPIError as error:
            if "procrastinate_jobs_queueing_lock_idx" not in str(error.orig):
                raise

    def after_commit(self, action: Callable[[], Awaitable[None] | None]) -> None:
        """Does something outside the database (remove a file, say) once the transaction is safe."""
        self._after_commit.append(action)

    async def _committed(self) -> None:
        for action in self._after_commit:
            result = action()
            if result is not None:
                await result


class Database:
    """The application's connections to PostgreSQL.

    Args:
        url: `postgresql://` address of the application role.
        pool_size: Connections held; 0 for none (each unit of work connects anew).
    """

    def __init__(self, url: str, pool_size: int = 10) -> None:
        self.url = url
        self.patience = PATIENCE
        self.patience_alone = PATIENCE_ALONE
        address = make_url(url).set(drivername="postgresql+psycopg")
        options: dict[str, Any] = {
            "connect_args": {
                **NOTICED_WHEN_LOST,
                "application_name": "chatai",
                "options": "-c jit=off",
                # psycopg's own prepared statements end in DEALLOCATE ALL after a rollback, and so do ours (`Prepared`).
                "prepare_threshold": None,
            },
        }
        if pool_size:
            options |= {"pool_size": pool_size, "max_overflow": 0, "pool_timeout": 10}
        else:
            options |= {"poolclass": NullPool}
        self._pooled = pool_size > 0
        self._at_hand: list[Connection] = []
        self._coming: set[asyncio.Task[Any]] = set()
        """Connections that are waited for at the pool, and those that go back there unused."""
        self.engine: AsyncEngine = create_async_engine(address, pool_reset_on_return=None, **options)
        event.listen(self.engine.sync_engine, "connect", prepare)
        event.listen(self.engine.sync_engine, "checkout", refuse_dead)

    def workspace(
        self, workspace_id: UUID, account_id: UUID | None = None, *, lasting: bool = True, by_keys: bool = False
    ) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work in one workspace: `async with database.workspace(id) as uow`.

        `lasting`: it is on the disk when the block ends. Else it is only once another unit that ended later is, or half
        a second has passed: for work that is done again when the server dies before.

        `by_keys`: its statements find rows by their keys, so that their plans are made once for all values.
        """
        begin = _begin_in(workspace_id, account_id)
        begin += "" if lasting else "; SET LOCAL synchronous_commit = off"
        begin += "; SET LOCAL plan_cache_mode = force_generic_plan" if by_keys else _CUSTOM_PLANS
        return self._unit(begin, workspace_id)

    def person(self, account_id: UUID | None = None) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work for a person in no workspace yet (log-in, registration): accounts and own memberships."""
        return self._unit(_begin_in(None, account_id) + _CUSTOM_PLANS)

    def system(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work that sees every workspace. For the bot manager, jobs, health and retention only."""
        return self._unit(f"BEGIN; SET LOCAL ROLE {SYSTEM_ROLE}{_CUSTOM_PLANS}")

    def statements(self, workspace_id: UUID, account_id: UUID | None = None, *, lasting: bool = True) -> Statements:
        """Statements in one workspace, each a unit by itself. `lasting`: as with `workspace`."""
        scope = {"app.workspace_id": _identifier(workspace_id), "app.account_id": _identifier(account_id)}
        return Statements(self, scope if lasting else {**scope, "synchronous_commit": "off"}, self.patience_alone)

    def system_statements(self) -> Statements:
        """Statements that see every workspace, each a unit by itself. For whom `system` is for: all tenants wait for
        them, so one that takes as long as a dead server is given up as soon."""
        return Statements(self, {"role": SYSTEM_ROLE}, self.patience)

    async def run_alone(
        self, settings: Mapping[str, str], statements: Sequence[Statement], patience: float
    ) -> list[list[tuple[Any, ...]]]:
        """Statements as one unit of work in one turn, under PostgreSQL's settings; see `statements`. They may take
        `patience` seconds."""
        scope = _setting(tuple(settings)), tuple(settings.values())
        with _told_when_away():
            connection = None
            try:
                async with asyncio.timeout(self.patience):
                    connection = await self._take()
                async with asyncio.timeout(patience):
                    _, *rows = await connection.run_alone([scope, *statements])
                return rows
            except BaseException as error:
                # Nobody knows what is still on its way, nor which statements the server was told to keep ready.
                if connection is not None:
                    await connection.discard()
                if isinstance(error, TimeoutError):
                    raise DatabaseAway from error
                raise
            finally:
                if connection is not None:
                    await self._give_back(connection)

    @asynccontextmanager
    async def _unit(self, begin: str, workspace_id: UUID | None = None) -> AsyncIterator[UnitOfWork]:
        with _told_when_away():
            connection = await self._begin(begin)
            uow = UnitOfWork(connection, workspace_id)
            try:
                yield uow
                await connection.commit()
            except BaseException:
                await connection.undo(self.patience)
                raise
            finally:
                await self._give_back(connection)
        await uow._committed()

    async def _begin(self, begin: str) -> Connection:
        """A connection with its transaction begun. A server that does not answer in time is as good as away."""
        connection = None
        try:
            async with asyncio.timeout(self.patience):
                connection = await self._take()
                await connection.begin(begin)
        except BaseException as error:
            if connection is not None:
                await connection.discard()  # closed, not asked to roll back: it might not answer that either
            if isinstance(error, TimeoutError):
                raise DatabaseAway from error
            raise
        return connection

    async def _take(self) -> Connection:
        """A connection that is at hand, or one of the pool's, which may have to be waited for."""
        while self._at_hand:
            connection = self._at_hand.pop()
            if connection.usable:
                return connection
            await connection.discard()
            await connection.release()
        # In a task of its own, which goes on when its caller gives up: a connection whose making is cancelled stays
        # open at the server until Python's collector finds what is left of it.
        coming = asyncio.create_task(self._from_pool())
        self._coming.add(coming)
        coming.add_done_callback(self._coming.discard)
        try:
            await asyncio.wait({coming})
            return coming.result()
        except asyncio.CancelledError:
            coming.add_done_callback(self._unwanted)
            raise

    async def _from_pool(self) -> Connection:
        return Connection(self.engine, await self.engine.raw_connection())

    def _unwanted(self, coming: asyncio.Task[Connection]) -> None:
        """A connection came when nobody waited for it any more."""
        if not coming.cancelled() and coming.exception() is None:
            going = asyncio.create_task(coming.result().release())
            self._coming.add(going)
            going.add_done_callback(self._coming.discard)

    async def _give_back(self, connection: Connection) -> None:
        """Keeps a connection at hand, which spares the pool's ways; unless somebody waits for one there."""
        await connection.end()
        if self._pooled and not self._coming and connection.usable:
            self._at_hand.append(connection)
        else:
            await connection.release()

    @property
    def connections_in_use(self) -> int:
        """How many connections units of work have at the moment."""
        pool: Any = self.engine.pool
        return int(pool.checkedout()) - len(self._at_hand)

    async def close(self) -> None:
        self._pooled = False
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_PATIENCE):
                while self._coming:
                    await asyncio.wait(self._coming)
        while self._at_hand:
            await self._at_hand.pop().release()
        await self.engine.dispose()


def _begin_in(workspace_id: UUID | None, account_id: UUID | None) -> str:
    return (
        f"BEGIN; SELECT set_config('app.workspace_id', '{_identifier(workspace_id)}', true),"
        f" set_config('app.account_id', '{_identifier(account_id)}', true)"
    )


def _identifier(value: UUID | None) -> str:
    """As it stands in SQL, and surely nothing else."""
    return str(UUID(str(value))) if value else ""


@contextmanager
def _told_when_away() -> Iterator[None]:
    """What may go well later is raised as DatabaseAway."""
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseAway from error
    except DBAPIError as error:
        if error.connection_invalidated or is_passing(error.orig):
            raise DatabaseAway from error
        raise
    except psycopg.Error as error:
        if is_passing(error):
            raise DatabaseAway from error
        raise


@lru_cache(256)
def _setting(names: tuple[str, ...]) -> LiteralString:
    """A statement that makes these settings, for the transaction alone. The names are ours."""
    if not all(_SETTING.fullmatch(name) for name in names):
        raise ValueError(f"not settings of ours: {names}")
    return "SELECT " + ", ".join(f"set_config('{name}', %s, true)" for name in names)


@lru_cache(maxsize=1)
def get_database() -> Database:
    """This process's database, as the application role.

    Raises:
        SettingsError: Neither `DATABASE_APP_URL` nor `DATABASE_URL` is set.
    """
    settings = get_settings()
    return Database(application_url(settings), settings.database_pool_size)
