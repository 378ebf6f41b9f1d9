"""Whatever is killed, stops or hangs: an update that was taken in is answered, and answered once."""

import asyncio
import os
import signal
import sys

import pytest
import pytest_asyncio

from chatai.domains.channels import service
from tests.bots.world import open_world
from tests.fakes.openai import Plan
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANSWER = " ".join(f"word{number}" for number in range(60))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres, template_database, tmp_path_factory, free_port):
    folder = tmp_path_factory.mktemp("faults")
    # By edits, so that a half answer is a message that Telegram has.
    async with open_world(postgres, template_database, folder, free_port(), TELEGRAM_STREAMING="edits") as world:
        yield world


async def half_answered(world):
    """A bot in the middle of an answer whose first words stand in the chat already."""
    bot, view = await world.new_bot()
    world.model.plan = Plan(answers=[ANSWER, ANSWER, ANSWER], token_delay=0.05)
    world.write(bot, world.chat(bot), "Tell me everything")
    await eventually(lambda: world.said(bot, world.chat(bot)), patience=60)
    assert world.said(bot, world.chat(bot)) != [ANSWER]

    async def recorded() -> bool:
        return (await world.updates(bot))[0].reply_message_ids != []

    await eventually(recorded)  # before that it is the one window in which a message may come twice
    return bot, view


async def test_a_worker_killed_in_the_middle_of_an_answer(world):
    bot, view = await half_answered(world)
    neighbour, _ = await world.new_bot()
    killed = world.signal_worker(view, signal.SIGKILL)
    await world.until_said(bot, world.chat(bot), ANSWER)
    assert world.runner(view).worker.pid != killed
    assert len(await world.server.wait_for_calls(bot, "sendMessage")) == 1
    (row,) = await world.updates(bot)
    assert (row.state, row.attempts) == ("done", 2)
    world.write(neighbour, world.chat(neighbour), "/start")
    await world.until_said(neighbour, world.chat(neighbour), "Добро пожаловать!")


async def test_a_worker_that_hangs_is_killed_and_replaced(world):
    bot, view = await half_answered(world)
    stopped = world.signal_worker(view, signal.SIGSTOP)
    await world.until_said(bot, world.chat(bot), ANSWER)
    assert world.runner(view).worker.pid != stopped
    assert len(await world.server.wait_for_calls(bot, "sendMessage")) == 1
    assert (await world.bot_of(view)).last_error == "the process did not answer"


async def test_the_answer_process_killed_in_the_middle_of_an_answer(world):
    bot, _ = await half_answered(world)
    os.kill(world.manager.answers.pids[0], signal.SIGKILL)
    await world.until_said(bot, world.chat(bot), ANSWER)
    assert len(await world.server.wait_for_calls(bot, "sendMessage")) == 1


async def test_the_zygote_killed_in_the_middle_of_an_answer(world):
    bot, _ = await half_answered(world)
    killed = world.manager.zygote.pid
    os.kill(killed, signal.SIGKILL)
    await world.until_said(bot, world.chat(bot), ANSWER)
    assert world.manager.zygote.pid != killed
    assert len(await world.server.wait_for_calls(bot, "sendMessage")) == 1


async def test_a_bot_whose_process_keeps_dying_is_quarantined_until_it_is_started(world):
    bot, view = await world.new_bot()
    for _ in range(world.tuning.crashes_allowed + 1):
        await eventually(lambda: world.runner(view).worker and world.runner(view).worker.pid)
        pid = world.signal_worker(view, signal.SIGKILL)
        world.write(bot, world.chat(bot), "/start")  # so that the process is needed
        await eventually(lambda pid=pid: world.manager.fleet.find(view.id) is None or _other(world, view, pid))
    quarantined = await world.until_state(view, "quarantined")
    assert quarantined.reason("ru")
    assert world.manager.fleet.given_up == ["quarantined"]
    async with world.database.workspace(world.actor.workspace_id) as uow:
        await service.start_bot(uow, world.actor, view.id)
    await eventually(lambda: "Добро пожаловать!" in world.said(bot, world.chat(bot)))
    await world.until_state(view, "running")  # written beside the answering, so perhaps a moment later
    assert world.manager.fleet.given_up == []


def _other(world, view, pid: int) -> bool:
    worker = world.runner(view).worker
    return worker is not None and worker.pid != pid


async def test_a_stop_of_the_manager_lets_answers_finish_and_the_next_one_goes_on(world):
    bot, _ = await half_answered(world)
    await world.manager.stop()
    assert world.said(bot, world.chat(bot)) == [ANSWER]
    world.write(bot, world.chat(bot), "/start")
    await world.start_manager()
    await world.until_said(bot, world.chat(bot), ANSWER, "Добро пожаловать!")
    assert len(await world.server.wait_for_calls(bot, "sendMessage", 2)) == 2


async def test_the_manager_killed_in_the_middle_of_an_answer(world, tmp_path):
    bot, _ = await half_answered(world)
    await world.manager.stop()
    await world.until_said(bot, world.chat(bot), ANSWER)

    async def launch():
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bots.start", stderr=(tmp_path / "errors").open("ab")
        )

    manager = await launch()
    try:
        world.model.plan = Plan(answers=[ANSWER] * 5, token_delay=0.05)
        world.write(bot, world.chat(bot), "And again")
        await eventually(lambda: len(world.said(bot, world.chat(bot))) == 2, patience=90)

        async def recorded():
            # Before the id of a sent message is stored, Telegram leaves no way to know that it was sent.
            return (await world.updates(bot))[-1].reply_message_ids

        await eventually(recorded)
        manager.kill()
        await manager.wait()
        manager = await launch()
        await world.until_said(bot, world.chat(bot), ANSWER, ANSWER)
        assert len(await world.server.wait_for_calls(bot, "sendMessage", 2)) == 2
        refused = await launch()
        assert await refused.wait() != 0
        assert "already runs" in (tmp_path / "errors").read_text()
    finally:
        manager.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(manager.wait(), 20) == 0
    assert bot.token.partition(":")[2] not in (tmp_path / "errors").read_text()
    logs = world.settings.logs_dir / "api.log"
    assert bot.token.partition(":")[2] not in logs.read_text()
    await world.start_manager()
