"""Statements of our own, past SQLAlchemy: what runs them, and those that are each a unit of work by itself."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, LiteralString, Protocol
from uuid import UUID

import psycopg

from chatai.core.errors import Unavailable
from chatai.core.roundtrip import Statement

if TYPE_CHECKING:
    from chatai.core.database import Database

_AFTER_DEADLOCK = (0.02, 0.1)
"""Seconds, in which the other unit takes what it waited for: at once, the two might be in each other's way again."""


def array_of(values: Iterable[int | float | UUID]) -> str:
    """Numbers or identifiers as an array's text, which PostgreSQL casts: psycopg takes four times as long for a list,
    and prepares a statement anew for each size of its numbers."""
    return "{" + ",".join(map(str, values)) + "}"


class Runs(Protocol):
    """What runs statements of our own: a unit of work, or `Statements`, each of which is a unit by itself."""

    async def run(
        self,
        statement: LiteralString,
        values: Mapping[str, object] | None = None,
        *,
        settings: Mapping[str, str] | None = None,
    ) -> list[tuple[Any, ...]]:
        """Runs one statement; its rows as plain tuples.

        `settings`: PostgreSQL's, for this statement: names and values are ours alone. Placeholders are psycopg's,
        `%(name)s`. Raises: psycopg.Error.
        """


class Statements:
    """Statements each of which is a unit of work by itself, in one turn: where each is whole by itself, that costs a
    third of a unit with one statement, and no transaction is left open between them.

    Their plans are made once for all values, so they are for statements that go by keys; one whose plan depends on
    whose rows they are says so in its `settings`.
    """

    def __init__(self, database: Database, scope: Mapping[str, str], patience: float) -> None:
        self._database = database
        self._patience = patience
        self._scope = {"plan_cache_mode": "force_generic_plan", **scope}

    async def run(
        self,
        statement: LiteralString,
        values: Mapping[str, object] | None = None,
        *,
        settings: Mapping[str, str] | None = None,
    ) -> list[tuple[Any, ...]]:
        """As `Runs.run`. Raises: DatabaseAway, psycopg.Error."""
        scope = {**self._scope, **settings} if settings else self._scope
        (rows,) = await self._run(scope, [(statement, values)])
        return rows

    async def run_together(self, statements: Sequence[Statement]) -> list[list[tuple[Any, ...]]]:
        """Runs several as one unit, all of it or nothing; the rows of each. Raises as `run`."""
        return await self._run(self._scope, statements)

    async def _run(self, scope: Mapping[str, str], statements: Sequence[Statement]) -> list[list[tuple[Any, ...]]]:
        """What is refused for reasons of the moment is run once more: nothing of it is stored."""
        try:
            return await self._database.run_alone(scope, statements, self._patience)
        except psycopg.errors.InvalidSqlStatementName:
            pass  # what was prepared on the connection had been dropped
        except Unavailable as error:
            if not isinstance(error.__cause__, psycopg.errors.DeadlockDetected):
                raise
            await asyncio.sleep(random.uniform(*_AFTER_DEADLOCK))  # of two units that wait for each other it was ours
        return await self._database.run_alone(scope, statements, self._patience)
