"""PostgreSQL: connections, the unit of work, and the workspace that row security lets it see.

The application logs in as `APP_ROLE`, which owns nothing and cannot bypass row security. A transaction names its
workspace and person in session variables that the policies read; without them it sees no tenant's rows. What serves
all tenants at once (the bot manager, jobs, health) takes `SYSTEM_ROLE` for one transaction, whose policies let it
see every row. Being a role rather than a flag keeps the tenant policy a plain comparison that indexes serve.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from chatai.core.errors import Unavailable
from chatai.core.roles import SYSTEM_ROLE, app_url
from chatai.core.settings import SettingsError, get_settings

DEFER_JOB = text(
    "SELECT procrastinate_defer_jobs_v1(ARRAY[ROW(:queue, :task, 0, :lock, :queueing_lock, CAST(:args AS jsonb),"
    " CAST(:at AS timestamptz))::procrastinate_job_to_defer_v1])"
)

PATIENCE = 10.0  # seconds for a connection and its first answer

_SET_SCOPE = text(
    "SELECT set_config('app.workspace_id', :workspace, true), set_config('app.account_id', :account, true)"
)


class DatabaseAway(Unavailable):
    """PostgreSQL can't be reached or refused a connection."""

    code = "database_away"
    en = "The database cannot be reached at the moment. Nothing is lost; please try again in a minute."
    ru = "База данных сейчас недоступна. Ничего не потеряно, попробуйте через минуту."


class UnitOfWork:
    """One transaction. It ends at the edge that opened it: services and repositories never commit."""

    def __init__(self, session: AsyncSession, workspace_id: UUID | None) -> None:
        self.session = session
        self.workspace_id = workspace_id
        self._after_commit: list[Callable[[], Awaitable[None] | None]] = []

    async def enter(self, workspace_id: UUID, account_id: UUID | None = None) -> None:
        """Goes on in another workspace for the rest of the transaction: one that was just made, or just looked up."""
        self.workspace_id = workspace_id
        values = {"workspace": str(workspace_id), "account": str(account_id or "")}
        await self.session.execute(_SET_SCOPE, values)

    async def set_account(self, account_id: UUID) -> None:
        """Says who the person is, once they have proven it: from here on they see their own memberships."""
        await self.session.execute(_SET_SCOPE, {"workspace": str(self.workspace_id or ""), "account": str(account_id)})

    async def notify(self, channel: str, payload: str = "") -> None:
        """PostgreSQL NOTIFY, delivered when the transaction commits. At most 8,000 bytes."""
        await self.session.execute(
            text("SELECT pg_notify(:channel, :payload)"), {"channel": channel, "payload": payload}
        )

    async def enqueue(
        self,
        task: str,
        *,
        lock: str | None = None,
        queueing_lock: str | None = None,
        queue: str = "default",
        **args: object,
    ) -> None:
        """Puts a durable job into the queue, in this transaction: it exists exactly if the transaction commits.

        Args:
            task: The task's name in `chatai.jobs`.
            lock: Jobs with the same lock run one after the other.
            queueing_lock: At most one waiting job may have it; a second one is silently left out.
            queue: Which queue.
            args: What the task gets; must be JSON.
        """
        values = {
            "queue": queue,
            "task": task,
            "lock": lock,
            "queueing_lock": queueing_lock,
            "args": json.dumps(args, default=str),
            "at": None,
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
        address = make_url(url).set(drivername="postgresql+psycopg")
        options: dict[str, Any] = {
            "connect_args": {
                "connect_timeout": 5,
                # A server that went away without a word is noticed in half a minute, not in a quarter of an hour.
                "keepalives_idle": 10,
                "keepalives_interval": 5,
                "keepalives_count": 4,
                "tcp_user_timeout": 30_000,
                "application_name": "chatai",
                # Plans for the values at hand: a tenant of ten rows and one of a million need different ones.
                "options": "-c plan_cache_mode=force_custom_plan -c jit=off",
            },
        }
        if pool_size:
            options |= {"pool_size": pool_size, "max_overflow": 0, "pool_timeout": 10, "pool_pre_ping": True}
        else:
            options |= {"poolclass": NullPool}
        self.engine: AsyncEngine = create_async_engine(address, **options)

    def workspace(self, workspace_id: UUID, account_id: UUID | None = None) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work in one workspace: `async with database.workspace(id) as uow`."""
        return self._unit(workspace_id, account_id)

    def person(self, account_id: UUID | None = None) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work for a person in no workspace yet (log-in, registration): accounts and own memberships."""
        return self._unit(None, account_id)

    def system(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work that sees every workspace. For the bot manager, jobs, health and retention only."""
        return self._unit(None, None, system=True)

    @asynccontextmanager
    async def _unit(
        self, workspace_id: UUID | None, account_id: UUID | None, *, system: bool = False
    ) -> AsyncIterator[UnitOfWork]:
        session = AsyncSession(self.engine, expire_on_commit=False)
        uow = UnitOfWork(session, workspace_id)
        try:
            async with session, session.begin():
                await self._set_scope(session, workspace_id, account_id, system)
                yield uow
        except PoolTimeout as error:
            raise DatabaseAway from error
        except (OperationalError, InterfaceError) as error:
            if error.connection_invalidated or not is_refusal(error):
                raise DatabaseAway from error
            raise
        await uow._committed()

    async def _set_scope(
        self, session: AsyncSession, workspace_id: UUID | None, account_id: UUID | None, system: bool
    ) -> None:
        """The transaction's first statement. A server that does not answer it in time is as good as away."""
        try:
            async with asyncio.timeout(self.patience):
                if system:
                    await session.execute(text(f"SET LOCAL ROLE {SYSTEM_ROLE}"))
                else:
                    values = {"workspace": str(workspace_id or ""), "account": str(account_id or "")}
                    await session.execute(_SET_SCOPE, values)
        except TimeoutError as error:
            await session.invalidate()  # closed, not asked to roll back: it would not answer that either
            raise DatabaseAway from error

    async def close(self) -> None:
        await self.engine.dispose()


def is_refusal(error: DBAPIError) -> bool:
    """Whether the server answered with an SQL error of its own, other than that it is going away (class 57P)."""
    state = getattr(error.orig, "sqlstate", None)
    return state is not None and not str(state).startswith(("57P", "08"))


@lru_cache(maxsize=1)
def get_database() -> Database:
    """This process's database, as the application role.

    Raises:
        SettingsError: Neither `DATABASE_APP_URL` nor `DATABASE_URL` is set.
    """
    settings = get_settings()
    if settings.database_app_url is not None:
        url = settings.database_app_url.get_secret_value()
    elif settings.database_url is not None:
        url = app_url(settings.database_url.get_secret_value(), settings.secret())
    else:
        raise SettingsError("DATABASE_URL: this process needs a database; set it, or start everything with `chatai up`")
    return Database(url, settings.database_pool_size)
