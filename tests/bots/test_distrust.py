"""A bot's process that somebody has taken over may tell the manager anything: it harms itself alone."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bots.answer_pool import AnswerPool, _Process
from bots.answers import Answerer
from bots.charge import Keep
from bots.fairness import Share, Stride
from bots.gate import CLOSINGS, LONGEST_PAUSE, Gate
from bots.limits import Rates
from bots.live import Figures
from bots.metrics import Metrics
from bots.permits import Permits
from bots.places import Places
from bots.process import LOG_LINES, BotProcess
from bots.questions import MOST_OPEN, Questions
from bots.queue import ChatQueues
from bots.tuning import Tuning
from bots.wire import MAX_FRAME_BYTES, Wire, WireError, encode
from bots.zygote_handle import WorkerProcess
from chatai.core.ids import new_id
from chatai.core.settings import Settings
from chatai.domains.channels.schemas import StoredUpdate
from tests.waiting import eventually


class Notes:
    def __init__(self) -> None:
        self.told: list[dict[str, object]] = []

    def note(self, level: str, event: str, **detail: object) -> None:
        self.told.append(detail)

    def repeat(self, work: object) -> None:
        raise AssertionError("nothing is sent here")


@pytest.mark.parametrize("told", [float("inf"), float("nan"), 1e300, 10**400, -5, "long", None, [1]])
async def test_a_pause_beyond_reason_is_cut_to_a_day(told: object) -> None:
    """Figures and events of all bots are written together: one that can't be written would keep out all others'."""
    bot, notes, figures = new_id(), Notes(), Figures(Metrics())
    permits = Permits(Rates.of(Settings(_env_file=None)), None)
    gate = Gate(bot, permits, None, ChatQueues(4, Stride(Share(50, 50, 50, 0.0), bot, 4)), figures, notes)
    gate.take({"type": "throttled", "seconds": told}, None)
    assert 0 < permits.paused(bot) <= LONGEST_PAUSE
    live = figures.live(bot, new_id(), 1, 0, 0, 0, None)
    assert live.paused_until is not None
    assert json.dumps(notes.told, allow_nan=False) == json.dumps([{"seconds": LONGEST_PAUSE}])
    await permits.close()


async def wires() -> tuple[Wire, Wire]:
    one, other = socket.socketpair()
    return await Wire.over(one), await Wire.over(other)


async def test_a_question_that_is_too_large_keeps_no_place() -> None:
    pool, (ours, theirs) = AnswerPool(1, Tuning()), await wires()
    process = pool._processes[0] = _Process(None, ours)
    told: list[dict[str, Any]] = []
    pool.ask({"type": "ask", "bot": "1", "update": 1, "kind": "answer", "text": "x" * MAX_FRAME_BYTES}, told.append)
    await eventually(lambda: [event["event"] for event in told] == ["lost"])
    assert (process.beginning, process.asks) == (set(), {})
    number = pool.ask({"type": "ask", "bot": "2", "update": 1, "kind": "answer", "text": "What?"}, told.append)
    assert (await theirs.receive() or {})["ask"] == number
    await ours.close()
    await theirs.close()


@pytest.mark.parametrize(
    "ask",
    [
        {},
        {"kind": "answer"},
        {"kind": "answer", "language": "en", "files": 1},
        {"kind": "invitation", "language": "xx", "update": 1},
        {"kind": "source", "language": ["en"], "chat": "'", "answer": 5, "number": None, "update": 1},
    ],
)
async def test_a_question_that_is_none_is_answered_all_the_same(ask: dict[str, Any], tmp_path: Path, database) -> None:
    """Until its end is told it has one of the few places in the answer process."""
    ours, theirs = await wires()
    bound = {"type": "ask", "ask": 7, "bot": str(new_id()), "workspace": str(new_id()), "assistant": str(new_id())}
    await Answerer(database, ours, tmp_path)._answer(ask | bound)
    said = await theirs.receive()
    assert said is not None
    assert said["ask"] == 7
    assert said["event"] in {"lost", "failed", "text"}
    await ours.close()
    await theirs.close()


class Bystander:
    """A charge without work, and a zygote of one worker, which counts what is to be killed."""

    waits, is_empty = True, True

    def __init__(self, worker: WorkerProcess) -> None:
        self.worker = worker
        self.killed: list[WorkerProcess] = []

    async def prepare(self) -> None:
        return

    async def spawn(self) -> WorkerProcess:
        return self.worker

    def introduction(self) -> dict[str, object]:
        return {"type": "start"}

    def kill(self, worker: WorkerProcess) -> None:
        if worker not in self.killed:  # nothing happens to one that is gone
            self.killed.append(worker)

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None  # what it is told besides


async def test_a_process_that_does_not_go_is_ended_with_its_bot() -> None:
    """It has the token: a bot that was stopped must not go on by itself."""
    ours, theirs = await wires()
    worker = WorkerProcess(1, 1, ours, asyncio.get_running_loop().create_future(), None)
    around = Bystander(worker)
    process = BotProcess(new_id(), around, around, Tuning(drain_patience=0.05), Keep(60.0, 64), Places(1))
    process.warm()
    assert (await theirs.receive() or {})["type"] == "start"
    await process.close()
    assert (await theirs.receive() or {})["type"] == "stop"
    assert around.killed == [worker]
    await theirs.close()


async def test_a_question_that_can_be_read_but_not_written_ends_its_own_process_alone() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(WireError):
        encode({"type": "ask", "deep": deep})


async def test_a_process_has_a_bounded_number_of_questions_open() -> None:
    pool, (ours, theirs) = AnswerPool(1, Tuning()), await wires()
    pool._processes[0] = _Process(None, ours)
    asker, worker = await wires()
    bot = SimpleNamespace(id=new_id(), workspace_id=new_id(), assistant_id=new_id())
    questions = Questions(bot, pool, lambda: None)
    for number in range(MOST_OPEN):
        questions.ask({"type": "ask", "ask": number, "update": 1, "kind": "answer"}, asker)
    for bad in ({"ask": 1000}, {"ask": 0}, {"ask": 1001, "kind": "x" * 100}, {"ask": 1002, "kind": ["answer"]}):
        with pytest.raises(ValueError, match="asks more"):
            questions.ask({"type": "ask", "update": 1, "kind": "answer", **bad}, asker)
    questions.cancel_all()
    assert pool.asking == 0
    for wire in (ours, theirs, asker, worker):
        await wire.close()


async def test_no_chat_is_closed_that_was_not_written_to_and_not_many() -> None:
    """A closed chat is kept in Redis for a month, which all tenants share."""
    bot, notes = new_id(), Notes()
    permits = Permits(Rates.of(Settings(_env_file=None)), None)
    queues = ChatQueues(4, Stride(Share(50, 50, 50, 0.0), bot, 4))
    gate = Gate(bot, permits, None, queues, Figures(Metrics()), notes)
    queues.add(StoredUpdate(bot, 1, 7, {}, 1, [], received=time.monotonic() - 60))
    assert [work.number for work in queues.ready(time.monotonic())] == [1]
    ours, theirs = await wires()

    async def write(chat: int) -> dict[str, Any]:
        gate.take({"type": "permit", "permit": chat, "update": 1, "chat": chat, "new": False}, ours)
        return await theirs.receive() or {}

    gate.take({"type": "closed", "chat": 7}, ours)
    assert (await write(7)).get("closed") is None
    gate.take({"type": "closed", "chat": 7}, ours)
    assert (await write(7))["closed"]
    for bad in ({"chat": 10**4000}, {"chat": "7"}, {"permit": None}, {"update": [1]}, {"spare": 1.5}):
        with pytest.raises(ValueError, match="otherwise"):
            gate.take({"type": "permit", "permit": 1, "update": 1, "chat": 7, "new": False, **bad}, ours)
    for chat in range(1, 3 * CLOSINGS.burst):
        gate._written_to[chat] = True
        gate.take({"type": "closed", "chat": chat}, ours)
    assert len(permits._closed) <= CLOSINGS.burst + 1
    for wire in (ours, theirs):
        await wire.close()
    await permits.close()


async def served(tuning: Tuning, charge: type[Bystander] = Bystander) -> tuple[BotProcess, Bystander, Wire]:
    """A process that serves a worker; what the worker has to say goes into the wire."""
    ours, theirs = await wires()
    worker = WorkerProcess(1, 1, ours, asyncio.get_running_loop().create_future(), None)
    around = charge(worker)
    process = BotProcess(new_id(), around, around, tuning, Keep(60.0, 64), Places(1))
    process.warm()
    assert (await theirs.receive() or {})["type"] == "start"
    return process, around, theirs


async def test_one_that_says_too_much_is_ended() -> None:
    process, around, theirs = await served(Tuning(frames_rate=10.0, frames_burst=50))
    for _ in range(60):
        theirs.send({"type": "cancel", "ask": 1})
    await eventually(lambda: around.killed)
    around.worker.exited.set_result(-9)
    await process.close()
    await theirs.close()


async def test_a_log_without_end_is_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr("bots.process.log", SimpleNamespace(log=lambda level, event, **about: lines.append(event)))
    process, around, theirs = await served(Tuning())
    for number in range(3 * LOG_LINES.burst):
        theirs.send({"type": "log", "level": "info", "event": f"line {number}", "fields": {}})
    theirs.send({"type": "pong", "beat": 0})
    process._heard_at = 0.0
    await eventually(lambda: process._heard_at)
    assert LOG_LINES.burst <= len(lines) < 2 * LOG_LINES.burst
    around.worker.exited.set_result(0)
    await theirs.close()
    await process.close()


async def test_a_fault_of_ours_leaves_no_process_behind() -> None:
    class Faulty(Bystander):
        async def take(self, message: dict[str, Any]) -> None:
            raise RuntimeError("a fault")

    process, around, theirs = await served(Tuning(), Faulty)
    theirs.send({"type": "done", "update": 1, "error": ""})
    await eventually(lambda: around.killed)
    await process.close()
    await theirs.close()
