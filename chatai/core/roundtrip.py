"""Several statements as one transaction in one round trip to PostgreSQL, where a tenth of a millisecond counts.

psycopg adapts values, speaks to the server and reads its rows. What is left out are its cursors and its pipeline's
bookkeeping: a round trip costs 85 microseconds of CPU instead of 220, pool included. What a pipeline holds up to its
end is one transaction, without BEGIN and COMMIT
(https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING).
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from functools import lru_cache
from typing import Any, LiteralString

import psycopg
from psycopg import abc, generators, pq
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result

Values = Mapping[str, object] | tuple[object, ...] | None
Statement = tuple[LiteralString, Values]
Rows = list[tuple[Any, ...]]

MOST_PREPARED = 300
"""Statements that one connection has ready; further ones are planned anew each time."""

_PLACEHOLDER = re.compile(r"%(?:\((\w+)\)s|([s%]))")


class Prepared:
    """What one connection has ready: the statements' names by their text and the types of their values."""

    def __init__(self) -> None:
        self.names: dict[tuple[bytes, tuple[int, ...]], bytes] = {}

    def name(self, text: bytes, types: tuple[int, ...]) -> tuple[bytes, bool]:
        """The statement's name, and whether it is new; an empty one, always new, when there are too many."""
        known = self.names.get((text, types))
        if known is not None:
            return known, False
        if len(self.names) >= MOST_PREPARED:
            return b"", True
        name = self.names[text, types] = b"chatai_%d" % len(self.names)
        return name, True


async def round_trip(
    connection: psycopg.AsyncConnection[Any], prepared: Prepared, statements: Sequence[Statement]
) -> list[Rows]:
    """Runs the statements; the rows of each. Placeholders are psycopg's, `%(name)s` or `%s`.

    Raises: psycopg.Error. Whatever it raises, the connection is of no more use: it holds what was not read.
    """
    pgconn = connection.pgconn
    pgconn.enter_pipeline_mode()
    transformers = [_send(connection, prepared, *statement) for statement in statements]
    pgconn.pipeline_sync()
    results = await connection.wait(_results(pgconn))
    pgconn.exit_pipeline_mode()
    return [_rows(transformer, result) for transformer, result in zip(transformers, results, strict=True)]


def _send(
    connection: psycopg.AsyncConnection[Any], prepared: Prepared, statement: LiteralString, values: Values
) -> abc.Transformer:
    text, names = translated(statement)
    transformer: abc.Transformer = Transformer(connection)
    given = values if values is not None else ()
    ordered = [given[name] for name in names] if isinstance(given, Mapping) else list(given)
    dumped = transformer.dump_sequence(ordered, [PyFormat.AUTO] * len(ordered))
    name, is_new = prepared.name(text, tuple(transformer.types or ()))
    if is_new:
        connection.pgconn.send_prepare(name, text, transformer.types)
    connection.pgconn.send_query_prepared(name, dumped, transformer.formats)
    return transformer


def _results(pgconn: pq.abc.PGconn) -> Generator[Any, Any, list[pq.abc.PGresult]]:
    """What each statement gave, in order; of preparations only what failed. For `AsyncConnection.wait`."""
    yield from generators.send(pgconn)
    found: list[pq.abc.PGresult] = []
    while True:
        for result in (yield from generators.fetch_many(pgconn)):
            match result.status:
                case pq.ExecStatus.PIPELINE_SYNC:
                    return found
                case pq.ExecStatus.FATAL_ERROR:
                    raise error_from_result(result, encoding="utf-8")
                case pq.ExecStatus.TUPLES_OK:
                    found.append(result)
                case pq.ExecStatus.COMMAND_OK if result.command_status:
                    found.append(result)  # a statement without rows; a preparation has no status


def _rows(transformer: abc.Transformer, result: pq.abc.PGresult) -> Rows:
    if not result.nfields:
        return []
    transformer.set_pgresult(result)
    return transformer.load_rows(0, result.ntuples, tuple)


@lru_cache(256)
def translated(statement: LiteralString) -> tuple[bytes, tuple[str, ...]]:
    """The statement as PostgreSQL reads it, and the names of its values in order (none where they have no names)."""
    names: dict[str, int] = {}
    unnamed = 0

    def number(found: re.Match[str]) -> str:
        nonlocal unnamed
        if found[2] == "%":
            return "%"
        if found[1] is None:
            unnamed += 1
            return f"${unnamed}"
        return f"${names.setdefault(found[1], len(names) + 1)}"

    return _PLACEHOLDER.sub(number, statement).encode(), tuple(names)
