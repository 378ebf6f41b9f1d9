"""A manager that is cut off from PostgreSQL for longer than its leases last."""

import asyncio
from dataclasses import replace

import psutil
import pytest
import pytest_asyncio

from bots import fleet
from tests.bots.world import QUICK, allow_connections, open_world
from tests.fakes.openai import Plan
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANSWER = " ".join(f"word{number}" for number in range(120))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres, template_database, tmp_path_factory, free_port):
    folder = tmp_path_factory.mktemp("lapse")
    tuning = replace(QUICK, lease_seconds=8.0, lease_renewal=0.5)
    async with open_world(postgres, template_database, folder, free_port(), tuning=tuning) as world:
        yield world


async def test_it_lets_go_of_its_bots_at_once_and_goes_on_where_it_was_when_postgresql_is_back(world, postgres):
    bot, view = await world.new_bot()
    world.model.plan = Plan(answers=[ANSWER] * 5, token_delay=0.05)
    world.write(bot, world.chat(bot), "Tell me everything")
    await eventually(lambda: world.said(bot, world.chat(bot)), patience=60)

    async def recorded():
        return (await world.updates(bot))[-1].reply_message_ids

    await eventually(recorded)
    pid = world.runner(view).worker.pid
    await asyncio.to_thread(allow_connections, world, postgres, False)
    try:
        await eventually(lambda: world.manager.leases.lapses, patience=30)
        assert world.manager.fleet.find(view.id) is None
        await eventually(lambda: not psutil.pid_exists(pid), patience=30)
        assert world.manager.leases.held == {}
    finally:
        await asyncio.to_thread(allow_connections, world, postgres, True)

    async def done():
        return [row.state for row in await world.updates(bot)] == ["done"]

    # An answer whose process fell silent counts as interrupted only after half a minute.
    await eventually(done, patience=150)
    assert world.said(bot, world.chat(bot)) == [ANSWER]
    assert len(await world.server.wait_for_calls(bot, "sendMessage")) == 1
    await eventually(lambda: world.manager.leases.valid)
    runner = await eventually(lambda: world.manager.fleet.find(view.id))
    assert runner.fence == 1  # nobody else was there to take it


async def test_a_stop_does_not_wait_for_what_waits_for_postgresql(world, monkeypatch):
    monkeypatch.setattr(fleet, "ENDING_SECONDS", 0.3)
    monkeypatch.setattr(world.manager.fleet, "_tuning", replace(world.tuning, drain_patience=0.2))
    endless = world.manager.fleet._background(asyncio.Event().wait())
    await asyncio.wait_for(world.manager.stop(), 20)
    assert endless.cancelled()
    await world.start_manager()
