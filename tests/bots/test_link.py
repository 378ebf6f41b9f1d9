"""A worker's end of the wire: what it asks the manager for, and what comes."""

import asyncio
import socket

import pytest

from bots.job import Link
from bots.wire import Wire


@pytest.fixture
async def ends():
    one, other = socket.socketpair()
    manager, worker = await Wire.over(one), await Wire.over(other)
    yield manager, Link(worker)
    await worker.close()
    await manager.close()


def event(ask, kind, **fields):
    return {"type": "event", "ask": ask, "event": kind, **fields}


async def test_events_come_in_order_up_to_the_last_one(ends):
    manager, link = ends
    with link.ask(7, "answer", chat=5) as asked:
        assert await manager.receive() == {"type": "ask", "ask": 1, "update": 7, "kind": "answer", "chat": 5}
        for one in (event(1, "delta", text="a"), event(2, "delta", text="another's"), event(1, "complete", text="a")):
            link.take_event(one)
        assert await asked.next() == event(1, "delta", text="a")
        assert not asked.ended
        assert await asked.last() == event(1, "complete", text="a")
        assert asked.ended
    link.wire.send({"type": "done"})
    assert await manager.receive() == {"type": "done"}  # and nothing is cancelled


async def test_an_event_is_waited_for_no_longer_than_wanted(ends):
    _, link = ends
    with link.ask(7, "answer") as asked:
        assert await asked.next(0.01) is None
        waiting = asyncio.create_task(asked.next(60))
        await asyncio.sleep(0)
        link.take_event(event(1, "complete"))
        assert await waiting == event(1, "complete")


async def test_who_leaves_before_the_last_event_cancels(ends):
    manager, link = ends
    with pytest.raises(ZeroDivisionError), link.ask(7, "answer"):
        raise ZeroDivisionError
    assert (await manager.receive())["type"] == "ask"
    assert await manager.receive() == {"type": "cancel", "ask": 1}
    link.take_event(event(1, "complete"))  # too late, and no error
