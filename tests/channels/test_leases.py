"""Who runs a bot: nobody twice, fairly shared, and taken over from whoever fell silent."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text

from chatai.core.ids import new_id
from chatai.domains.channels import leases, states
from chatai.domains.channels.leases import Seat, Shares, Standing, shard_of
from chatai.domains.channels.states import StateRow


@pytest.fixture
def new_bots(database, actor, new_bot):
    """Makes many bots in one statement, after the pattern of one."""

    async def make(number: int) -> set[UUID]:
        pattern = await new_bot(actor)
        ids = [new_id() for _ in range(number)]
        async with database.system() as uow:
            await uow.session.execute(
                text("""
                INSERT INTO bot (id, workspace_id, assistant_id, telegram_id, username, name, token_encrypted,
                                 webhook_secret, webhook_url, mode, desired_state, state, state_reason, last_error,
                                 polling_offset, always_on, description, short_description, webhook_error,
                                 webhook_pending)
                SELECT fresh.id, workspace_id, assistant_id, 5000000000 + fresh.number, 'bot_' || fresh.number, 'Shop',
                       '-', 's', '', 'webhook', 'running', 'sleeping', '', '', 0, false, '', '', '', 0
                FROM bot, unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS fresh (id, number) WHERE bot.id = :pattern
                """),
                {"ids": ids, "pattern": pattern},
            )
            await uow.session.execute(text("DELETE FROM bot WHERE id = :pattern"), {"pattern": pattern})
        return set(ids)

    return make


class Manager:
    """A manager as the database sees it."""

    def __init__(self, database, shard: int = 0, shards: int = 1) -> None:
        self.database = database
        self.seat = Seat(new_id(), "here:1", shard, shards)

    async def renew(self, seconds: float = 60) -> Standing:
        async with self.database.system() as uow:
            standing, managers = await leases.renew(uow, self.seat, seconds)
        assert self.seat.id in managers
        return standing

    async def claim(self) -> dict[UUID, int]:
        await self.renew()
        async with self.database.system() as uow:
            return await leases.claim(uow, self.seat, 0)

    async def shares(self) -> Shares:
        async with self.database.system() as uow:
            return await leases.count_shares(uow, self.seat, 0)

    async def held(self) -> dict[UUID, int]:
        async with self.database.system() as uow:
            return await leases.list_held(uow, self.seat.id)

    async def release(self, bot_ids) -> None:
        async with self.database.system() as uow:
            await leases.release(uow, self.seat.id, bot_ids)

    async def die(self) -> None:
        """Its time is over."""
        async with self.database.system() as uow:
            await uow.session.execute(
                text("UPDATE bot_manager SET expires_at = now() - interval '1 second' WHERE id = :id"),
                {"id": self.seat.id},
            )


async def test_ten_thousand_bots_are_claimed_in_one_go(database, new_bots):
    bots = await new_bots(10_000)
    manager = Manager(database)
    claimed = await manager.claim()
    assert claimed == dict.fromkeys(bots, 1)
    assert await manager.renew() == Standing(10_000, 10_000) == Standing.of(claimed.values())
    assert await manager.claim() == {}


async def test_two_managers_that_claim_at_once_take_no_bot_twice_and_share_fairly(database, new_bots):
    bots = await new_bots(301)
    managers = [Manager(database) for _ in range(3)]
    for manager in managers:
        await manager.renew()
    claims = await asyncio.gather(*(manager.claim() for manager in managers * 2))
    held = [await manager.held() for manager in managers]
    assert sum(map(len, claims)) == sum(map(len, held)) == 301
    assert set().union(*held) == bots
    assert sorted(map(len, held)) == [99, 101, 101]


async def test_the_bots_of_a_manager_that_fell_silent_go_to_the_others_under_a_higher_fence(database, new_bots):
    bots = await new_bots(10)
    first, second = Manager(database), Manager(database)
    await first.claim()
    assert await second.claim() == {}
    await first.die()
    assert await second.claim() == dict.fromkeys(bots, 2)
    assert await first.renew() == Standing(0, 0)  # it is told at its first word
    assert await first.held() == {}
    assert await first.claim() == {}


async def test_who_joins_gets_a_share_and_bots_do_not_wander_after_that(database, new_bots):
    bots = await new_bots(100)
    first, second = Manager(database), Manager(database)
    held = await first.claim()
    await second.renew()
    assert (await first.shares()).own_excess == 50
    await first.release(list(held)[:50])
    assert len(await second.claim()) == 50
    for manager in (first, second):
        shares = await manager.shares()
        assert (shares.own_room, shares.own_excess, shares.own_held) == (0, 0, 50)
    async with database.system() as uow:  # a few more or less on one side are not worth a move
        await uow.session.execute(text("DELETE FROM bot WHERE id = ANY(:ids)"), {"ids": list(await second.held())[:4]})
    assert (await first.shares()).own_excess == 0
    async with database.system() as uow:
        await leases.leave(uow, second.seat.id)
    assert set(await first.held()) | set(await first.claim()) <= bots
    assert len(await first.held()) == 96


async def test_a_bot_prefers_its_shard_and_others_take_it_only_when_that_is_gone(database, new_bots):
    bots = await new_bots(60)
    zero, one = Manager(database, 0, 3), Manager(database, 1, 3)
    await zero.renew()
    await one.renew()
    by_shard = {shard: {bot for bot in bots if shard_of(bot, 3) == shard} for shard in range(3)}
    assert all(by_shard.values())
    await zero.claim()
    await one.claim()
    held = [set(await manager.held()) for manager in (zero, one)]
    assert by_shard[0] <= held[0]
    assert by_shard[1] <= held[1]
    assert held[0] | held[1] == bots  # the orphans of shard 2 are shared
    assert abs(len(held[0] - by_shard[0]) - len(held[1] - by_shard[1])) <= 1
    two = Manager(database, 2, 3)
    await two.renew()
    for manager, mine in ((zero, held[0]), (one, held[1])):
        shares = await manager.shares()
        assert (shares.others_held, shares.orphans) == (len(mine - by_shard[manager.seat.shard]), 0)
        await manager.release(list(mine - by_shard[manager.seat.shard]))
    assert set(await two.claim()) == by_shard[2]
    await two.die()
    await zero.claim()
    await one.claim()
    assert set(await zero.held()) | set(await one.held()) == bots


async def test_only_the_holder_says_how_a_bot_is(database, new_bots):
    (bot_id,) = await new_bots(1)
    first, second = Manager(database), Manager(database)
    await first.claim()
    await first.die()
    await second.claim()

    async def say(fence: int, state: str) -> str:
        await states.write(database, [StateRow(bot_id, fence, state, "", None)])
        async with database.system() as uow:
            return (await uow.session.execute(text("SELECT state FROM bot"))).scalar_one()

    assert await say(1, "running") == "sleeping"
    assert await say(2, "running") == "running"
    async with database.system() as uow:
        await uow.session.execute(text("UPDATE bot SET desired_state = 'stopped', state = 'stopped'"))
    assert await say(2, "running") == "stopped"


async def test_only_changes_are_listed(database, new_bots):
    bots = await new_bots(5)
    manager = Manager(database)
    await manager.claim()
    async with database.system() as uow:
        since = (await uow.session.execute(text("SELECT clock_timestamp()"))).scalar_one()
        changed = next(iter(bots))
        await uow.session.execute(text("UPDATE bot SET updated_at = clock_timestamp() WHERE id = :id"), {"id": changed})
    async with database.system() as uow:
        assert list(await leases.list_changes(uow, manager.seat.id, since)) == [changed]


async def test_no_tenant_sees_leases(database, actor, new_bots):
    await new_bots(1)
    await Manager(database).claim()
    for table in ("bot_lease", "bot_manager"):
        with pytest.raises(Exception, match="permission denied"):
            async with database.workspace(actor.workspace_id) as uow:
                await uow.session.execute(text(f"SELECT * FROM {table}"))


async def test_the_undone_updates_of_a_managers_bots_are_counted_with_the_oldest_ones_age(database, new_bots):
    mine = Manager(database)
    busy, quiet, other = await new_bots(3)
    await mine.claim()
    insert = text(
        "INSERT INTO bot_update (bot_id, update_id, workspace_id, chat_id, payload, state, attempts, reply_message_ids,"
        " error, received_at) SELECT bot.id, n, workspace_id, n, '{}', CASE WHEN n < 3 THEN 'done' WHEN n = 3 THEN"
        " 'taken' ELSE 'new' END, 0, '[]', '', now() - make_interval(secs => 1000 - n)"
        " FROM bot, generate_series(1, :number) AS n WHERE bot.id = :bot"
    )
    async with database.system() as uow:
        await leases.release(uow, mine.seat.id, [other])
        for bot, number in ((busy, 100), (quiet, 2), (other, 5)):
            await uow.session.execute(insert, {"bot": bot, "number": number})
        found = await leases.count_waiting(uow, mine.seat.id)
    assert list(found) == [busy]
    assert found[busy].number == 98
    assert found[busy].seconds == pytest.approx(997, abs=20)
