"""New code takes over process by process, and no answer is missed."""

import asyncio
import os
import signal

import pytest
import pytest_asyncio

from bots.renewal import NotRunning, ask_to_renew, renew_on_hangup
from bots.start import hold_pid_file, pid_file
from tests.bots.world import open_world
from tests.fakes.openai import Plan
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANSWER = " ".join(f"word{number}" for number in range(80))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres, template_database, tmp_path_factory, free_port):
    folder = tmp_path_factory.mktemp("renewal")
    async with open_world(postgres, template_database, folder, free_port()) as world:
        yield world


async def test_what_is_being_answered_is_answered_and_the_next_by_new_processes(world):
    bot, view = await world.new_bot()
    world.model.plan = Plan(answers=[ANSWER, ANSWER], token_delay=0.05)
    world.write(bot, world.chat(bot), "Tell me everything")
    await eventually(lambda: world.said(bot, world.chat(bot)), patience=60)
    zygote, answers, worker = world.manager.zygote.pid, world.manager.answers.pids, world.runner(view).worker
    held = hold_pid_file(world.settings)
    renew_on_hangup(world.manager)
    try:
        assert ask_to_renew(pid_file(world.settings)) == os.getpid()
        await world.until_said(bot, world.chat(bot), ANSWER)
        await eventually(lambda: not set(answers) & set(world.manager.answers.pids), patience=90)
        await eventually(lambda: world.manager.zygote.pid not in {zygote, None}, patience=90)
        assert len(world.manager.answers.pids) == len(answers)
        await eventually(lambda: (now := world.runner(view).worker) and now is not worker, patience=90)
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
        os.close(held)
    world.write(bot, world.chat(bot), "And again")
    await world.until_said(bot, world.chat(bot), ANSWER, ANSWER)
    assert len(await world.server.wait_for_calls(bot, "sendMessage", 2)) == 2
    rows = await world.updates(bot)
    assert [(row.state, row.attempts) for row in rows] == [("done", 1), ("done", 1)]


async def test_where_no_manager_runs_that_is_said(tmp_path):
    for content in ("", "1\n"):
        (tmp_path / "bots.pid").write_text(content)  # of one that was killed: nobody holds it
        with pytest.raises(NotRunning):
            ask_to_renew(tmp_path / "bots.pid")
    with pytest.raises(NotRunning):
        ask_to_renew(tmp_path / "none")
