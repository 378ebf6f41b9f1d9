"""Workers are forked from a warm zygote, are separate, and never outlive who answers for them."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest
import pytest_asyncio

from bots import zygote_launch
from bots.memory import own_kilobytes
from bots.warmup import LoopbackBotApi
from bots.zygote_client import WENT_WITH_ZYGOTE, ZygoteClient
from bots.zygote_handle import WorkerProcess, ZygoteError
from tests.waiting import eventually

CONFIG = {
    "bot": "0199",
    "token": "1234567:" + "a" * 35,
    "api": "http://127.0.0.1:9",
    "telegram_id": 1234567,
    "username": "the_bot",
    "language": "en",
    "memory_mb": 150,
    "incoming": "",
    "sees": False,
    "hears_seconds": 0,
    "streaming": "auto",
}


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def zygote():
    client = ZygoteClient()
    await client.start()
    yield client
    await client.stop()


async def started(zygote: ZygoteClient, **config: object) -> WorkerProcess:
    worker = await zygote.spawn()
    worker.wire.send({"type": "start", "bot": {**CONFIG, **config}})
    assert await worker.wire.receive() == {"type": "ready"}
    return worker


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def gone(pid: int) -> None:
    async with asyncio.timeout(10):
        while is_alive(pid):  # noqa: ASYNC110 - the process is not a child of ours: there is nothing to wait on
            await asyncio.sleep(0.01)


def sockets_of(pid: int) -> set[str]:
    links = [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    return {link for link in links if link.startswith("socket:")}


def data_limit_and_use(pid: int) -> tuple[int, int]:
    """In bytes."""
    limits = Path(f"/proc/{pid}/limits").read_text()
    status = Path(f"/proc/{pid}/status").read_text()
    limit = next(int(line.split()[3]) for line in limits.splitlines() if line.startswith("Max data size"))
    used = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmData"))
    return limit, used


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


async def test_a_worker_answers_pings_and_leaves_when_told(zygote):
    worker = await started(zygote)
    worker.wire.send({"type": "ping", "beat": 5})
    assert await worker.wire.receive() == {"type": "pong", "beat": 5}
    worker.wire.send({"type": "stop"})
    assert await asyncio.wait_for(worker.exited, 10) == 0
    await worker.wire.close()


async def test_a_worker_goes_when_its_wire_is_cut(zygote):
    worker = await started(zygote)
    await worker.wire.close()
    assert await asyncio.wait_for(worker.exited, 10) != 0
    await gone(worker.pid)


async def test_a_killed_worker_is_reported_and_its_neighbour_stays(zygote):
    one, other = await started(zygote), await started(zygote)
    zygote.kill(one)
    assert await asyncio.wait_for(one.exited, 10) == -signal.SIGKILL
    assert await one.wire.receive() is None
    other.wire.send({"type": "ping", "beat": 1})
    assert await other.wire.receive() == {"type": "pong", "beat": 1}
    for worker in (one, other):
        await worker.wire.close()


async def test_a_worker_inherits_nothing_that_is_not_its_own(zygote):
    neighbour = await started(zygote)
    worker = await started(zygote)
    # Its wire, and the two ends with which an event loop wakes itself.
    assert len(sockets_of(worker.pid)) == 3
    assert sockets_of(worker.pid) & sockets_of(neighbour.pid) == set()
    for one in (neighbour, worker):
        await one.wire.close()


async def test_secrets_stay_with_the_manager_and_stopping_leaves_nobody(monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "k" * 40)
    zygote = ZygoteClient()
    workers = [await started(zygote) for _ in range(3)]
    assert b"SECRET_KEY" not in environment_of(workers[0].pid)
    await zygote.stop()
    for worker in workers:
        await gone(worker.pid)
        await worker.wire.close()


async def test_a_worker_is_forked_ahead_in_a_quiet_moment_and_given_to_the_next_bot():
    zygote = ZygoteClient()
    await zygote.start()
    ahead = await eventually(lambda: zygote.next_pid)
    workers = [await started(zygote) for _ in range(3)]
    assert workers[0].pid == ahead
    dies = await eventually(lambda: zygote.next_pid)
    os.kill(dies, signal.SIGKILL)
    await eventually(lambda: zygote.next_pid is None)
    workers.append(await started(zygote))
    assert dies != workers[-1].pid
    left = await eventually(lambda: zygote.next_pid)
    await zygote.renew()
    await gone(left)
    assert await eventually(lambda: zygote.next_pid) != left
    await zygote.stop()
    for worker in workers:
        await worker.wire.close()


async def test_workers_go_with_the_zygote_and_a_new_one_is_started(zygote):
    worker = await started(zygote)
    first = zygote.pid
    os.kill(first, signal.SIGKILL)
    assert await asyncio.wait_for(worker.exited, 10) == WENT_WITH_ZYGOTE
    await gone(worker.pid)
    again = await started(zygote)
    assert zygote.pid != first
    for one in (worker, again):
        await one.wire.close()


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="without it none stands by")
async def test_one_that_stands_by_takes_the_place_of_a_zygote_that_dies_again_and_again():
    zygote = ZygoteClient()
    await zygote.start()
    first = made = zygote.pid
    for _ in range(3):
        spare = await eventually(lambda: zygote.spare_pid, patience=10)
        worker = await started(zygote)
        os.kill(made, signal.SIGKILL)
        assert await asyncio.wait_for(worker.exited, 10) == WENT_WITH_ZYGOTE
        await gone(worker.pid)
        await worker.wire.close()
        began = time.monotonic()
        worker = await started(zygote)
        assert time.monotonic() - began < 2  # a new one takes seconds
        assert zygote.pid == spare
        assert worker.home.process is None
        zygote.kill(worker)
        assert await asyncio.wait_for(worker.exited, 10) == -signal.SIGKILL
        await worker.wire.close()
        made = spare
    worker, last = await started(zygote), await eventually(lambda: zygote.spare_pid, patience=10)
    await zygote.stop()
    for pid in (first, made, last, worker.pid):
        await gone(pid)
    await worker.wire.close()


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="without it none stands by")
async def test_one_that_stands_by_costs_little_and_its_own_death_nothing(zygote, monkeypatch):
    monkeypatch.setattr("bots.zygote_client.SPARE_RETRY_SECONDS", 0.1)
    worker, pid = await started(zygote), zygote.pid
    spare = await eventually(lambda: zygote.spare_pid, patience=10)
    assert own_kilobytes(spare) < 8 * 1024
    assert len(sockets_of(spare)) == 3  # the manager's, and the two ends by which it hears of its children's ends
    assert sockets_of(spare) & sockets_of(pid) == set()
    os.kill(spare, signal.SIGKILL)
    await gone(spare)
    await eventually(lambda: zygote.spare_pid not in {spare, None}, patience=10)
    assert zygote.pid == pid
    worker.wire.send({"type": "ping", "beat": 1})
    assert await worker.wire.receive() == {"type": "pong", "beat": 1}
    await worker.wire.close()


async def test_a_worker_has_its_own_memory_limit(zygote):
    worker = await started(zygote)
    limit, used = data_limit_and_use(worker.pid)
    assert 140 * 2**20 < limit - used <= 150 * 2**20
    await worker.wire.close()


async def until_done(worker: WorkerProcess, number: int) -> None:
    """Has the worker answer a question, being its manager."""
    message = {"message_id": number, "date": 1, "chat": {"id": 500 + number, "type": "private", "first_name": "A"}}
    message |= {"from": {"id": 500 + number, "is_bot": False, "first_name": "A"}, "text": "What is it?"}
    payload = {"update_id": number, "message": message}
    worker.wire.send({"type": "update", "update": number, "replies": [], "last": False, "payload": payload})
    async with asyncio.timeout(30):
        while (told := await worker.wire.receive())["type"] != "done":
            match told["type"]:
                case "ask":
                    event = {"type": "event", "ask": told["ask"], "language": "en", "updates": []}
                    answer = "The answer is **42** [1]. " * 20
                    source = {"number": 1, "name": "prices.pdf", "page": 3, "page_end": 3}
                    worker.wire.send({**event, "event": "complete", "text": answer, "sources": [source]})
                case "permit":
                    worker.wire.send({"type": "permitted", "permit": told["permit"], "wait": 0})
                case "failed" | "log":
                    raise AssertionError(told)
    assert not told["error"]


@pytest.mark.skipif(sys.platform != "linux", reason="memory of one's own is seen elsewhere")
async def test_a_worker_that_answers_owns_little_memory_and_does_not_grow(zygote):
    api = LoopbackBotApi()
    server = await asyncio.start_server(api.serve, "127.0.0.1", 0)
    worker = await started(zygote, api=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    for number in range(1, 31):
        await until_done(worker, number)
    # It tidies up in its next pause.
    little = await eventually(lambda: (own := own_kilobytes(worker.pid)) < 7.0 * 1024 and own, patience=30)
    for number in range(31, 151):
        await until_done(worker, number)
    await eventually(lambda: own_kilobytes(worker.pid) < little + 800, patience=30)
    await worker.wire.close()
    server.close()


async def test_bots_start_while_a_new_zygote_is_made(zygote, monkeypatch):
    launch, asked, may = zygote_launch.launch, asyncio.Event(), asyncio.Event()

    async def slow():
        asked.set()
        await may.wait()
        return await launch()

    monkeypatch.setattr(zygote_launch, "launch", slow)
    pid = zygote.pid
    renewing = asyncio.create_task(zygote.renew())
    await asked.wait()
    for _ in range(2):  # the one that was forked ahead, and another
        worker = await asyncio.wait_for(started(zygote), 20)
        await worker.wire.close()
    may.set()
    await renewing
    assert zygote.pid != pid


async def test_a_new_zygote_whose_workers_do_not_start_changes_nothing(zygote):
    worker = await started(zygote)
    pid = zygote.pid
    with pytest.raises(ZygoteError, match="new code"):
        await zygote.renew({"type": "start", "bot": {"of": "another version"}})
    assert zygote.pid == pid
    await zygote.renew({"type": "start", "bot": {**CONFIG, "and": "more"}})
    assert zygote.pid != pid
    worker.wire.send({"type": "ping", "beat": 1})
    assert await worker.wire.receive() == {"type": "pong", "beat": 1}
    await worker.wire.close()
    await gone(pid)  # the old one goes with its last worker
