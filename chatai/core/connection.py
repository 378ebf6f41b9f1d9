"""One connection to PostgreSQL while a unit of work has it: psycopg's own, with SQLAlchemy over it for who wants that.

It comes from SQLAlchemy's pool. What SQLAlchemy does around a transaction costs three times the transaction itself
(0.9 ms of CPU against 0.3), so it is begun and ended here, and a session is only made for those who use one.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, LiteralString, cast

import psycopg
import sqlalchemy
from psycopg.pq import TransactionStatus
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.util import greenlet_spawn

from chatai.core.roundtrip import Prepared, Statement, Values, round_trip


def prepare(connection: DBAPIConnection, _record: object) -> None:
    """Transactions are begun by us, together with their scope, and not by psycopg in a turn of its own."""
    cast(Any, connection).autocommit = True


def refuse_dead(connection: DBAPIConnection, _record: object, _proxy: object) -> None:
    """Raises DisconnectionError, upon which the pool connects anew, for a connection that is not `usable`."""
    if not usable(cast(Any, connection).driver_connection):
        raise DisconnectionError


def usable(driver: psycopg.AsyncConnection[Any]) -> bool:
    """Not for a connection that the server has closed, nor for one that came back with its transaction open: whose that
    was, and in which workspace, nobody knows.

    An idle connection has nothing to read but its end. Asking the kernel costs a thousandth of asking the server.
    """
    if driver.closed or driver.pgconn.transaction_status != TransactionStatus.IDLE:
        return False
    poll = select.poll()
    poll.register(driver.fileno(), select.POLLIN)
    return not poll.poll(0)


class Connection:
    """A pooled connection, from checkout to release."""

    def __init__(self, engine: AsyncEngine, pooled: PoolProxiedConnection) -> None:
        self._engine = engine
        self._pooled = pooled
        self._driver: psycopg.AsyncConnection[Any] = cast(Any, pooled.driver_connection)
        self._session: AsyncSession | None = None

    def session(self) -> AsyncSession:
        """The session over this connection, made on first use."""
        if self._session is None:
            lent = sqlalchemy.Connection(self._engine.sync_engine, connection=self._pooled)
            self._session = AsyncSession(AsyncConnection(self._engine, lent), expire_on_commit=False)
        return self._session

    async def begin(self, statements: str) -> None:
        """Begins the transaction. `statements` are ours alone, and begin with BEGIN."""
        await self._driver.execute(statements.encode(), prepare=False)

    async def run(self, statement: LiteralString, values: Values) -> list[tuple[Any, ...]]:
        """Runs a statement after what the session may still have to write."""
        if self._session is not None:
            await self._session.flush()
        return await _rows(await self._driver.execute(statement, values))

    async def run_alone(self, statements: Sequence[Statement]) -> list[list[tuple[Any, ...]]]:
        """Runs statements as a transaction of their own, in one turn; the rows of each."""
        prepared = self._pooled.info.setdefault("prepared", Prepared())
        return await round_trip(self._driver, prepared, statements)

    @property
    def usable(self) -> bool:
        """Whether another unit of work may have it."""
        return self._pooled.is_valid and usable(self._driver)

    async def commit(self) -> None:
        if self._session is not None:
            await self._session.commit()
        await self._driver.commit()

    async def undo(self, patience: float) -> None:
        """Rolls back. A connection that cannot even do that is given up."""
        try:
            async with asyncio.timeout(patience):
                if self._session is not None:
                    await self._session.rollback()
                await self._driver.rollback()
        except BaseException as error:
            await self.discard()
            if not isinstance(error, (psycopg.Error, sqlalchemy.exc.SQLAlchemyError, TimeoutError)):
                raise

    async def discard(self) -> None:
        """Closes the connection: the pool makes another one when it needs it."""
        if self._pooled.is_valid:
            with suppress(psycopg.Error):
                await greenlet_spawn(self._pooled.invalidate)

    async def end(self) -> None:
        """No unit of work has it any more."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def release(self) -> None:
        """Gives the connection back to the pool."""
        if self._driver.closed:
            await self.discard()
        await greenlet_spawn(self._pooled.close)


async def _rows(cursor: psycopg.AsyncCursor[Any]) -> list[tuple[Any, ...]]:
    """What a statement gave. That it gives nothing is asked of the result: `description` makes objects for it."""
    result = cursor.pgresult
    return await cursor.fetchall() if result is not None and result.nfields else []
