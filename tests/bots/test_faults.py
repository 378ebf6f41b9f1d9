"""Whatever is killed, stops or hangs: an update that was taken in is answered, and answered once."""

import asyncio
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from bots.sandbox.faults import Fault
from bots.texts import text as text_of
from chatai.domains.channels import service
from tests.bots.world import JOHN, QUICK, open_world
from tests.fakes.openai import Plan
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANSWER = " ".join(f"word{number}" for number in range(60))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres, template_database, tmp_path_factory, free_port):
    folder = tmp_path_factory.mktemp("faults")
    # By edits, so that a half answer is a message that Telegram has.
    tuning = replace(QUICK, blameless_tries=2)
    async with open_world(
        postgres, template_database, folder, free_port(), tuning=tuning, TELEGRAM_STREAMING="edits"
    ) as world:
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


async def test_an_answer_process_gives_no_descriptor_to_what_it_starts(world):
    """The first one is forked and the next one is a program; readers of strangers' documents are started from both."""
    bot, _ = await world.new_bot()

    def inheritable() -> list[str]:
        pid = world.manager.answers.pids[0]
        found = []
        for number in map(int, os.listdir(f"/proc/{pid}/fd")):
            try:
                flags = int(Path(f"/proc/{pid}/fdinfo/{number}").read_text().split()[3], 8)
                if number > 2 and not flags & os.O_CLOEXEC:
                    found.append(os.readlink(f"/proc/{pid}/fd/{number}"))
            except FileNotFoundError:
                continue
        return found

    world.write(bot, world.chat(bot), "A question?")
    await eventually(lambda: world.said(bot, world.chat(bot)), patience=60)
    assert inheritable() == []
    os.kill(world.manager.answers.pids[0], signal.SIGKILL)
    world.write(bot, world.chat(bot), "Another?")
    await eventually(lambda: len(world.said(bot, world.chat(bot))) == 2, patience=60)
    assert inheritable() == []


async def test_an_answer_process_that_hangs_is_killed_and_replaced(world):
    bot, _ = await half_answered(world)
    (stopped,) = world.manager.answers.pids
    os.kill(stopped, signal.SIGSTOP)
    await world.until_said(bot, world.chat(bot), ANSWER)
    assert stopped not in world.manager.answers.pids
    assert len(await world.server.wait_for_calls(bot, "sendMessage")) == 1


async def test_a_question_that_the_answer_process_dies_of_costs_the_others_none_of_their_tries(world):
    deadly, _ = await world.new_bot()
    innocent, view = await world.new_bot()
    world.model.plan = Plan(always=ANSWER, token_delay=0.02)
    met: list[int] = []

    async def die_of_it() -> None:
        """The answer process is killed whenever the deadly question has come to the model."""
        while True:
            asked = [one for one in world.model.chats() if "deadly" in str(one.body["messages"][-1]["content"])]
            if len(asked) > len(met):
                met.append(len(asked))
                for pid in world.manager.answers.pids:
                    os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(0.01)

    world.write(innocent, world.chat(innocent), "Tell me everything")
    await eventually(lambda: world.said(innocent, world.chat(innocent)), patience=60)
    killer = asyncio.create_task(die_of_it())
    try:
        world.write(deadly, world.chat(deadly), "A deadly question")
        await world.until_said(innocent, world.chat(innocent), ANSWER)
        apology = [text_of("failed", "ru")]  # after five starts of the answer process
        await eventually(lambda: world.said(deadly, world.chat(deadly)) == apology, patience=150)
    finally:
        killer.cancel()
    (row,) = await world.updates(innocent)
    assert (row.state, row.attempts) == ("done", 1)
    assert not killer.done() or killer.cancelled()
    assert len(met) >= world.tuning.tries
    assert world.runner(view).restarts == 0


async def test_an_answer_process_that_grows_is_replaced_and_its_answers_are_given(world, monkeypatch):
    bot, _ = await half_answered(world)
    (large,) = world.manager.answers.pids
    monkeypatch.setattr(world.manager.answers, "_tuning", replace(world.tuning, answer_memory_mb=10))
    await eventually(lambda: large not in world.manager.answers.pids, patience=90)
    monkeypatch.undo()
    await world.until_said(bot, world.chat(bot), ANSWER)
    (row,) = await world.updates(bot)
    assert (row.state, row.attempts) == ("done", 1)


async def test_the_zygote_killed_in_the_middle_of_an_answer(world):
    bot, _ = await half_answered(world)
    killed = world.manager.zygote.pid
    os.kill(killed, signal.SIGKILL)
    await world.until_said(bot, world.chat(bot), ANSWER)
    assert world.manager.zygote.pid != killed
    assert len(await world.server.wait_for_calls(bot, "sendMessage")) == 1


async def test_the_stop_of_a_whole_unit_cuts_no_answer(world):
    """systemd tells all processes of a unit to end, unless it is told to tell the first one only."""
    bot, view = await half_answered(world)
    worker, answers = world.signal_worker(view, signal.SIGTERM), world.manager.answers.pids
    for pid in answers:
        os.kill(pid, signal.SIGTERM)
    await world.until_said(bot, world.chat(bot), ANSWER)
    assert (world.runner(view).worker.pid, world.manager.answers.pids) == (worker, answers)


async def test_what_telegram_never_takes_is_set_aside_once_it_took_others(world):
    bot, _ = await world.new_bot()
    refused, heard = world.chat(bot), world.chat(bot, JOHN)

    async def states() -> list[str]:
        return [row.state for row in await world.updates(bot)]

    fault = Fault(bot_id=bot.id, methods=frozenset({"sendmessage"}), chat_id=refused.id, status=502)
    world.server.sandbox.faults.add(fault)
    world.write(bot, refused, "/start")
    await eventually(states)

    async def went_on() -> bool:
        if (await states())[:1] == ["set_aside"]:
            return True
        said = len(world.said(bot, heard))
        world.write(bot, heard, "/help", JOHN)  # goes through, between the other's tries
        await eventually(lambda: len(world.said(bot, heard)) > said)
        return False

    await eventually(went_on, patience=150)
    world.server.sandbox.faults.planned.clear()
    world.write(bot, refused, "/start")
    await eventually(lambda: world.said(bot, refused), patience=60)  # its chat goes on


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
