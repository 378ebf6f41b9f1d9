"""The list of bots: searched, sorted, counted, and for admins of the installation over all workspaces."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from chatai.core.actor import Role
from chatai.core.ids import new_id
from chatai.domains.channels import events, overview, service
from chatai.domains.channels import live as figures
from chatai.domains.channels.errors import BotNotFound, MayNotManageBots, NotInstallationAdmin
from chatai.domains.channels.schemas import BotQuery, LiveFigures


@pytest.fixture
async def fleet(database, actor, new_bot):
    """Five bots: two that work, one asleep, one in trouble, one stopped."""
    states = ["running", "running", "sleeping", "revoked", "stopped"]
    bots = [await new_bot(actor) for _ in states]
    async with database.system() as uow:
        for number, (bot, state) in enumerate(zip(bots, states, strict=True)):
            values = {"bot": bot, "state": state, "desired": "stopped" if state == "stopped" else "running"}
            values |= {"name": f"Bot {number}", "reason": "bot_token_revoked" if state == "revoked" else ""}
            await uow.session.execute(
                text(
                    "UPDATE bot SET state = :state, desired_state = :desired, name = :name, state_reason = :reason"
                    " WHERE id = :bot"
                ),
                values,
            )
        rows = [
            LiveFigures(
                bot_id=bot, manager_id=new_id(), pid=100 + number, memory_kb=1000 * (number + 1), memory_peak_kb=0,
                started_at=None, restarts=number, queued=number, in_work=1, answered=10 * number, sent=0,
                sent_per_second=number / 2, throttled=0, paused_until=None, throttled_at=None,
                wait_p95_ms=0, waiting_since=None, last_update_at=None,
            )
            for number, bot in enumerate(bots[:2])
        ]  # fmt: skip
        await figures.upsert(uow, rows)
    return bots


async def page(database, actor, **query):
    async with database.workspace(actor.workspace_id) as uow:
        return await overview.list_page(uow, actor, BotQuery(**query))


async def test_groups_search_order_and_pages(database, actor, fleet):
    everything = await page(database, actor)
    assert [line.name for line in everything.lines] == [f"Bot {number}" for number in range(5)]
    assert everything.totals.groups == {"": 5, "running": 2, "sleeping": 1, "trouble": 1, "stopped": 1}
    assert (everything.totals.answered, everything.totals.queue, everything.totals.memory_kb) == (10, 3, 3000)
    (trouble,) = (await page(database, actor, group="trouble")).lines
    assert "BotFather" in trouble.reason("en")
    busiest = await page(database, actor, sort="rate", descending=True, limit=2)
    assert ([line.name for line in busiest.lines], busiest.found) == (["Bot 1", "Bot 0"], 5)
    assert (busiest.lines[0].live, busiest.lines[0].queue) == (True, 2)
    second = await page(database, actor, offset=2, limit=2)
    assert [line.name for line in second.lines] == ["Bot 2", "Bot 3"]
    for search, found in (("bot 3", 1), ("@shop_", 5), ("Shop", 5), ("%", 0), ("_", 5), ("\\", 0), ("nothing", 0)):
        assert (await page(database, actor, search=search)).found == found, search
    async with database.workspace(actor.workspace_id) as uow:
        assert set(await overview.select_all(uow, actor, BotQuery(group="running"))) == set(fleet[:2])


@pytest.mark.parametrize("sort", list(overview._ORDERS))
async def test_every_order_works(database, actor, fleet, sort):
    for descending in (False, True):
        assert len((await page(database, actor, sort=sort, descending=descending)).lines) == 5


async def test_a_webhooks_old_error_is_no_trouble(database, actor, fleet):
    for age, group in (("1 minute", "trouble"), ("2 hours", "running")):
        async with database.system() as uow:
            await uow.session.execute(
                text(
                    "UPDATE bot SET webhook_error = 'x', webhook_error_at = now() - CAST(:age AS interval)"
                    " WHERE id = :bot"
                ),
                {"bot": fleet[0], "age": age},
            )
        names = [line.name for line in (await page(database, actor, group=group)).lines]
        assert "Bot 0" in names, age


async def test_other_workspaces_are_for_the_installations_admins(database, actor, stranger, new_actor, new_bot, fleet):
    theirs = await new_bot(stranger)
    admin = await new_actor(installation_role=Role.ADMIN)
    assert (await page(database, stranger)).found == 1
    async with database.system() as uow:
        assert (await overview.list_everywhere(uow, admin, BotQuery())).found == 6
        assert await overview.want_everywhere(uow, admin, [theirs, fleet[0]], "stopped") == 2
        sight = await overview.look_everywhere(uow, admin, fleet[1], 50)
        assert (sight.bot.name, sight.live.pid, len(sight.hour), sight.events) == ("Bot 1", 101, 60, [])
        with pytest.raises(BotNotFound):
            await overview.look_everywhere(uow, admin, new_id(), 50)
    async with database.workspace(stranger.workspace_id) as uow:
        with pytest.raises(BotNotFound):
            await overview.look_at(uow, stranger, fleet[1], 50)
    async with database.workspace(stranger.workspace_id) as uow:
        assert (await service.get_bot(uow, stranger, theirs)).state == "stopped"
        audit = text("SELECT account_id FROM audit_event WHERE action = 'channels:bot:stop'")
        assert (await uow.session.execute(audit)).scalars().all() == [admin.account_id]
    for action in (
        lambda uow: overview.list_everywhere(uow, actor, BotQuery()),
        lambda uow: overview.select_everywhere(uow, actor, BotQuery()),
        lambda uow: overview.want_everywhere(uow, actor, [theirs], "running"),
        lambda uow: overview.look_everywhere(uow, actor, theirs, 50),
        lambda uow: events.list_everywhere(uow, actor, theirs),
    ):
        with pytest.raises(NotInstallationAdmin):
            async with database.system() as uow:
                await action(uow)
    user = await new_actor(workspace_id=actor.workspace_id, role=Role.USER)
    for action in (overview.list_page, overview.select_all):
        with pytest.raises(MayNotManageBots):
            async with database.workspace(actor.workspace_id) as uow:
                await action(uow, user, BotQuery())


async def test_the_last_hour_minute_by_minute(database, actor, fleet):
    async with database.system() as uow:
        await uow.session.execute(
            text(
                "INSERT INTO bot_update (bot_id, update_id, workspace_id, chat_id, payload, state, attempts,"
                " reply_message_ids, error, received_at, done_at, sends_begun, sends_repeated)"
                " SELECT :bot, n, :workspace, 1, '{}', 'done', 1, '[]', '', now() - n * interval '1 minute',"
                " now() - n * interval '1 minute' + interval '2 seconds', 0, 0 FROM generate_series(0, 70) n"
            ),
            {"bot": fleet[0], "workspace": actor.workspace_id},
        )
    async with database.workspace(actor.workspace_id) as uow:
        hour = (await overview.look_at(uow, actor, fleet[0], 50)).hour
        quiet = (await overview.look_at(uow, actor, fleet[1], 50)).hour
    assert len(hour) == len(quiet) == 60
    assert sum(minute.messages for minute in hour) == 60
    assert {minute.wait_ms for minute in hour} == {2000}
    assert {minute.messages for minute in quiet} == {0}
