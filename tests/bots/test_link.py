"""A worker's end of the wire: what it asks the manager for, and what it is told."""

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


async def answered(manager, link, *, granted):
    """The last event of an answer for update 7 in chat 5."""
    with link.ask(7, "answer", chat=5) as asked:
        assert (await manager.receive())["chat"] == 5
        link.take_event({"type": "event", "ask": 1, "event": "delta", "text": "a"})
        link.take_event({"type": "event", "ask": 1, "event": "complete", "text": "a", "granted": granted})
        assert (await asked.next())["event"] == "delta"
        assert (await asked.last())["event"] == "complete"


async def permitted(manager, link, number, chat, *, new=True):
    """Asks for a permit, and is asked back."""
    asking = asyncio.create_task(link.permit(7, chat, new=new))
    assert await manager.receive() == {"type": "permit", "permit": number, "update": 7, "chat": chat, "new": new}
    link.take_permit({"type": "permitted", "permit": number, "wait": 0})
    assert await asking == 0


async def test_what_is_permitted_with_the_answer_is_not_asked_for(ends):
    manager, link = ends
    await answered(manager, link, granted=True)
    assert await link.permit(7, 5, new=True) == 0
    await permitted(manager, link, 1, 5)  # the second message is asked for, and nothing was said before
    link.give_back(7)
    await permitted(manager, link, 2, 5)


async def test_what_was_not_permitted_is_asked_for(ends):
    manager, link = ends
    await answered(manager, link, granted=False)
    await permitted(manager, link, 1, 5)


async def test_what_is_permitted_and_not_wanted_is_given_back(ends):
    manager, link = ends
    await answered(manager, link, granted=True)
    link.give_back(7)
    assert await manager.receive() == {"type": "unsent", "update": 7}


@pytest.mark.parametrize(("chat", "new"), [(6, True), (5, False)])
async def test_a_permit_for_something_else_gives_it_back_first(ends, chat, new):
    manager, link = ends
    await answered(manager, link, granted=True)
    asking = asyncio.create_task(link.permit(7, chat, new=new))
    assert (await manager.receive())["type"] == "unsent"
    assert (await manager.receive())["type"] == "permit"
    link.take_permit({"type": "permitted", "permit": 1, "wait": 0})
    assert await asking == 0


async def test_nothing_within_the_time_is_no_event_and_leaving_cancels(ends):
    manager, link = ends
    with link.ask(7, "answer", chat=5) as asked:
        assert await asked.next(0.01) is None
    assert (await manager.receive())["type"] == "ask"
    assert await manager.receive() == {"type": "cancel", "ask": 1}
