"""Workers are forked from a warm zygote, are separate, and never outlive who answers for them."""

import asyncio
import os
import signal
from pathlib import Path

import pytest
import pytest_asyncio

from bots.zygote_client import STATUS_UNKNOWN, WorkerProcess, ZygoteClient

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


async def started(zygote: ZygoteClient) -> WorkerProcess:
    worker = await zygote.spawn()
    worker.wire.send({"type": "start", "bot": CONFIG})
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


async def test_workers_go_with_the_zygote_and_a_new_one_is_started(zygote):
    worker = await started(zygote)
    first = zygote.pid
    os.kill(first, signal.SIGKILL)
    assert await asyncio.wait_for(worker.exited, 10) == STATUS_UNKNOWN
    await gone(worker.pid)
    again = await started(zygote)
    assert zygote.pid != first
    for one in (worker, again):
        await one.wire.close()


async def test_a_worker_has_its_own_memory_limit(zygote):
    worker = await started(zygote)
    limit, used = data_limit_and_use(worker.pid)
    assert 140 * 2**20 < limit - used <= 150 * 2**20
    await worker.wire.close()
