"""Which bot manager runs a bot. For the bot managers, in the system's unit of work.

A manager has one row that it renews; a bot belongs to the manager of its lease for as long as that row has not
expired. `fence` grows each time a bot changes hands, and what an earlier holder writes is refused by it (see `inbox`).
All times are the database server's, so clocks of machines need not agree.

Bots are spread by shard: a bot prefers the managers of its own shard. One whose shard nobody looks after now is an
orphan, and shared by all. Within either kind the managers share fairly.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from chatai.core.database import UnitOfWork

LEASES_CHANNEL = "chatai_bot_leases"
"""PostgreSQL notifies the bot managers here when bots have become free."""

_NOBODY = UUID(int=0)
_FORGET_AFTER = "1 day"
_TAIL_DIGITS = 7  # hexadecimal, of the id's random end: they decide about the shard

_RENEW = text("""
INSERT INTO bot_manager (id, name, shard, shards, address, started_at, expires_at)
VALUES (:id, :name, :shard, :shards, '', now(), now() + make_interval(secs => :seconds))
ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at
""")
_STANDING = text("""
SELECT count(*) AS number, coalesce(sum(fence), 0)::bigint AS fences,
       (SELECT array_agg(id ORDER BY id) FROM bot_manager WHERE expires_at > now()) AS managers
FROM bot_lease WHERE manager_id = :id
""")
_HELD = text("SELECT bot_id, fence FROM bot_lease WHERE manager_id = :id")
_FORGET = text(f"DELETE FROM bot_manager WHERE expires_at < now() - interval '{_FORGET_AFTER}'")  # noqa: S608
_LEAVE = text("DELETE FROM bot_manager WHERE id = :id")
_CLAIM_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('chatai/bots/leases'))")

# One row a bot: who holds it, and whether it is this manager's to take. `classes`: the shards that have a manager.
_SEATS = f"""
WITH live AS MATERIALIZED (SELECT * FROM bot_manager WHERE expires_at > now()),
classes AS MATERIALIZED (SELECT DISTINCT shard, shards FROM live),
seat AS (
    SELECT numbered.id, bot_lease.manager_id, live.id IS NULL AS free,
           numbered.number % :shards = :shard AS own,
           NOT EXISTS (SELECT 1 FROM classes WHERE numbered.number % classes.shards = classes.shard) AS orphan
    FROM (SELECT id, ('x' || right(id::text, {_TAIL_DIGITS}))::bit({_TAIL_DIGITS * 4})::int AS number FROM bot)
         AS numbered
    LEFT JOIN bot_lease ON bot_lease.bot_id = numbered.id
    LEFT JOIN live ON live.id = bot_lease.manager_id
)
"""  # noqa: S608 - the number is of this module
_COUNT = text(f"""{_SEATS}
SELECT count(*) FILTER (WHERE own) AS own, count(*) FILTER (WHERE orphan) AS orphans,
       count(*) FILTER (WHERE own AND free) AS own_free, count(*) FILTER (WHERE orphan AND free) AS orphans_free,
       count(*) FILTER (WHERE own AND manager_id = :id) AS own_held,
       count(*) FILTER (WHERE orphan AND manager_id = :id) AS orphans_held,
       count(*) FILTER (WHERE NOT own AND NOT orphan AND manager_id = :id) AS others_held,
       (SELECT count(*) FROM live WHERE shard = :shard AND shards = :shards) AS peers,
       (SELECT count(*) FROM live WHERE shard = :shard AND shards = :shards
          AND (id = :id OR started_at < now() - make_interval(secs => :settled))) AS settled_peers,
       (SELECT count(*) FROM live) AS managers,
       (SELECT count(*) FROM live WHERE id = :id OR started_at < now() - make_interval(secs => :settled))
         AS settled_managers
FROM seat
""")  # noqa: S608 - likewise
_CLAIM = text(f"""{_SEATS}
, chosen AS (
    (SELECT id FROM seat WHERE free AND own ORDER BY id LIMIT :own_room)
    UNION ALL
    (SELECT id FROM seat WHERE free AND orphan ORDER BY id LIMIT :orphan_room)
)
INSERT INTO bot_lease (bot_id, manager_id, fence, taken_at)
SELECT id, :id, 1, now() FROM chosen
ON CONFLICT (bot_id) DO UPDATE SET manager_id = excluded.manager_id, fence = bot_lease.fence + 1, taken_at = now()
RETURNING bot_id, fence
""")  # noqa: S608 - likewise
_RELEASE = text(
    "UPDATE bot_lease SET manager_id = :nobody WHERE manager_id = :id AND bot_id = ANY(CAST(:bots AS uuid[]))"
)
_CHANGED = text("""
SELECT bot.id, bot.updated_at FROM bot_lease JOIN bot ON bot.id = bot_lease.bot_id
WHERE bot_lease.manager_id = :id AND bot.updated_at > :since
""")
# The update with the lowest number is the oldest: a step into the index for each bot, where a least time would read all
# rows.
_WAITING = text("""
SELECT undone.bot_id, undone.number,
       greatest(0, extract(epoch FROM clock_timestamp() - oldest.received_at))::float8 AS seconds
FROM (SELECT bot_id, count(*) AS number FROM bot_update WHERE state IN ('new', 'taken') GROUP BY bot_id) AS undone
JOIN bot_lease ON bot_lease.bot_id = undone.bot_id AND bot_lease.manager_id = :id
CROSS JOIN LATERAL (
    SELECT received_at FROM bot_update
    WHERE bot_update.bot_id = undone.bot_id AND state IN ('new', 'taken') ORDER BY update_id LIMIT 1
) AS oldest
""")


@dataclass(frozen=True, slots=True)
class Waiting:
    """The undone updates of a bot. `seconds`: so long has the oldest waited."""

    number: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Seat:
    """A bot manager among the others. `name` is for people."""

    id: UUID
    name: str
    shard: int = 0
    shards: int = 1


@dataclass(frozen=True, slots=True)
class Standing:
    """What a manager holds as the database has it, in two numbers: another one has other sums."""

    number: int
    fences: int

    @classmethod
    def of(cls, held: Collection[int]) -> Standing:
        return cls(len(held), sum(held))


@dataclass(frozen=True, slots=True)
class Shares:
    """How the bots are spread. `own`: of the manager's shard; `orphans`: of shards that nobody looks after; `others`:
    of shards that others look after. Peers are the live managers of the shard, this one included; a settled one has
    been there for a while."""

    own: int
    orphans: int
    own_free: int
    orphans_free: int
    own_held: int
    orphans_held: int
    others_held: int
    peers: int
    settled_peers: int
    managers: int
    settled_managers: int

    @property
    def own_room(self) -> int:
        """So many more of its shard's bots may this manager take."""
        return min(self.own_free, max(0, _share(self.own, self.peers) - self.own_held))

    @property
    def orphan_room(self) -> int:
        return min(self.orphans_free, max(0, _share(self.orphans, self.managers) - self.orphans_held))

    @property
    def own_excess(self) -> int:
        """So many of its shard's bots should it hand over to others."""
        return _excess(self.own_held, _share(self.own, self.settled_peers))

    @property
    def orphan_excess(self) -> int:
        return _excess(self.orphans_held, _share(self.orphans, self.settled_managers))


def _share(number: int, managers: int) -> int:
    return -(-number // max(1, managers))


def _excess(held: int, share: int) -> int:
    """What is above the share, where that is worth the trouble: a tenth, so that bots do not wander to and fro."""
    excess = held - share
    return excess if excess >= max(1, share // 10) else 0


def shard_of(bot_id: UUID, shards: int) -> int:
    """The shard that a bot belongs to among so many."""
    return int((bot_id.int & (16**_TAIL_DIGITS - 1)) % shards)


async def renew(uow: UnitOfWork, seat: Seat, seconds: float) -> tuple[Standing, frozenset[UUID]]:
    """Says that the manager is there, and for how long that counts. What it holds, and which managers live."""
    await uow.session.execute(_RENEW, {**_names(seat), "name": seat.name[:100], "seconds": seconds})
    row = (await uow.session.execute(_STANDING, {"id": seat.id})).one()
    return Standing(row.number, row.fences), frozenset(row.managers)


async def list_held(uow: UnitOfWork, manager_id: UUID) -> dict[UUID, int]:
    """The bots that the manager holds, and the fence of each lease."""
    return {row.bot_id: row.fence for row in await uow.session.execute(_HELD, {"id": manager_id})}


async def count_shares(uow: UnitOfWork, seat: Seat, settled: float) -> Shares:
    """How the bots are spread now. `settled`: after so many seconds a manager is taken for one that stays."""
    row = (await uow.session.execute(_COUNT, {**_names(seat), "settled": settled})).one()
    return Shares(**row._mapping)


async def list_classes(uow: UnitOfWork) -> list[tuple[int, int]]:
    """(shard, shards) of the live managers."""
    rows = await uow.session.execute(text("SELECT DISTINCT shard, shards FROM bot_manager WHERE expires_at > now()"))
    return [(row.shard, row.shards) for row in rows]


async def claim(uow: UnitOfWork, seat: Seat, settled: float) -> dict[UUID, int]:
    """Takes the free bots that are the manager's to take, all in one statement; the fence of each new lease."""
    await uow.session.execute(_CLAIM_LOCK)  # one after the other, so that each sees what the others took
    shares = await count_shares(uow, seat, settled)
    if not shares.own_room and not shares.orphan_room:
        return {}
    await uow.session.execute(_FORGET)
    rows = await uow.session.execute(
        _CLAIM, {**_names(seat), "own_room": shares.own_room, "orphan_room": shares.orphan_room}
    )
    return {row.bot_id: row.fence for row in rows}


async def release(uow: UnitOfWork, manager_id: UUID, bot_ids: Sequence[UUID]) -> None:
    """Lets bots go, so that other managers can take them."""
    await uow.session.execute(_RELEASE, {"id": manager_id, "bots": list(bot_ids), "nobody": _NOBODY})
    await uow.notify(LEASES_CHANNEL)


async def leave(uow: UnitOfWork, manager_id: UUID) -> None:
    """The manager is no more: all that it held is free. The leases stay, because their fences must go on growing."""
    await uow.session.execute(_LEAVE, {"id": manager_id})
    await uow.notify(LEASES_CHANNEL)


async def list_changes(uow: UnitOfWork, manager_id: UUID, since: datetime) -> dict[UUID, datetime]:
    """Those of the manager's bots that people changed after a moment, and when they did."""
    rows = await uow.session.execute(_CHANGED, {"id": manager_id, "since": since})
    return {row.id: row.updated_at for row in rows}


async def count_waiting(uow: UnitOfWork, manager_id: UUID) -> dict[UUID, Waiting]:
    """The undone updates of each of the manager's bots, those in work included. Without those that have none."""
    rows = await uow.session.execute(_WAITING, {"id": manager_id})
    return {row.bot_id: Waiting(row.number, row.seconds) for row in rows}


def _names(seat: Seat) -> dict[str, object]:
    return {"id": seat.id, "shard": seat.shard, "shards": seat.shards}
