"""Frames arrive whole, in order, and rubbish ends the connection."""

import asyncio
import gc
import socket
import struct
import weakref

import pytest

from bots.wire import MAX_FRAME_BYTES, Wire, WireError, decode, encode


async def pair() -> tuple[Wire, Wire, socket.socket]:
    one, other = socket.socketpair()
    raw = other.dup()
    return await Wire.over(one), await Wire.over(other), raw


async def test_messages_arrive_whole_and_in_order():
    here, there, raw = await pair()
    sent = [{"type": "update", "n": n, "text": "жук 🎉 \ud800" * n} for n in range(200)]
    for message in sent:
        here.send(message)
    received = [await there.receive() for _ in sent]
    assert received == sent
    raw.close()
    await here.close()
    assert await there.receive() is None
    await there.close()


async def test_sending_to_one_who_left_is_not_an_error():
    here, there, raw = await pair()
    raw.close()
    await there.close()
    for _ in range(100):
        here.send({"type": "ping", "filler": "x" * 10_000})
        await here.drain()
        await asyncio.sleep(0)
    assert await here.receive() is None
    await here.close()


@pytest.mark.parametrize(
    "rubbish",
    [
        struct.pack(">I", MAX_FRAME_BYTES + 1),
        struct.pack(">I", 3) + b"{]}",
        struct.pack(">I", 2) + b"[]",
        struct.pack(">I", 2) + b"{}",
        struct.pack(">I", 60_000) + b"[" * 60_000,
    ],
)
async def test_rubbish_is_refused(rubbish):
    here, there, raw = await pair()
    raw.send(rubbish)
    with pytest.raises(WireError):
        await here.receive()
    raw.close()
    await here.close()
    await there.close()


def test_a_message_too_large_is_not_sent():
    with pytest.raises(WireError):
        encode({"type": "x", "text": "x" * MAX_FRAME_BYTES})


def test_a_frame_is_its_length_and_its_body():
    frame = encode({"type": "pong", "beat": 7})
    assert struct.unpack(">I", frame[:4])[0] == len(frame) - 4
    assert decode(frame[4:]) == {"type": "pong", "beat": 7}


async def test_what_is_sent_at_once_leaves_in_one_piece():
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    here = await Wire.over(one)
    other.setblocking(False)
    here.send({"type": "sent"})
    here.send({"type": "done"})
    with pytest.raises(BlockingIOError):
        other.recv(1000)
    await here.drain()
    assert other.recv(1000) == encode({"type": "sent"}) + encode({"type": "done"})
    other.close()
    await here.close()


@pytest.mark.parametrize("piece", [1_009, 16_384, 65_537])
async def test_frames_come_whole_however_they_are_cut(piece):
    here, _, raw = await pair()
    sizes = (0, 1, 1_000, 16_354, 16_355, 70_000, MAX_FRAME_BYTES - 100, 3)
    sent = [{"type": "update", "text": "x" * size} for size in sizes]
    stream = b"".join(map(encode, sent))
    raw.setblocking(False)

    async def trickle() -> None:
        for place in range(0, len(stream), piece):
            await asyncio.get_running_loop().sock_sendall(raw, stream[place : place + piece])

    sending = asyncio.create_task(trickle())
    assert [await here.receive() for _ in sent] == sent
    await sending
    raw.close()
    await here.close()


async def test_who_reads_slowly_slows_the_sender_down():
    here, there, raw = await pair()
    raw.close()
    frame = {"type": "event", "text": "x" * 1_000_000}
    for _ in range(40):
        here.send(frame)
    waiting = asyncio.create_task(here.drain())
    done, _ = await asyncio.wait({waiting}, timeout=0.5)
    assert not done
    assert here.unread > 20_000_000  # the other end holds a bounded part of it
    for _ in range(40):
        assert await there.receive() == frame
    await waiting
    await here.close()
    assert await there.receive() is None


async def test_what_the_other_end_never_reads_is_bounded():
    one, other = socket.socketpair()
    here, full = await Wire.over(one), []
    here.bound(1_000_000, lambda: full.append(True))
    for _ in range(1000):
        here.send({"type": "event", "text": "x" * 10_000})
    assert full == [True]
    assert here.unread < 1_100_000
    here.cut()
    other.close()


async def test_a_wire_that_was_cut_goes_although_whoever_bounded_it_held_it():
    """Also in a process where nobody looks for garbage: see `heap.tend`."""
    one, other = socket.socketpair()

    async def used() -> weakref.ref[Wire]:
        wire = await Wire.over(one)
        wire.bound(1_000_000, lambda: wire.cut())
        await wire.close()
        return weakref.ref(wire)

    gc.disable()
    try:
        gone = await used()
        for _ in range(5):  # what the loop still holds of it goes within a few turns
            await asyncio.sleep(0)
        assert gone() is None
    finally:
        gc.enable()
        other.close()


async def test_what_has_come_is_read_although_the_wire_is_cut():
    here, there, raw = await pair()
    raw.close()
    for number in range(3):
        here.send({"type": "done", "update": number})
    assert (await there.receive())["update"] == 0
    there.cut()
    assert [await there.receive() for _ in range(3)] == [*({"type": "done", "update": n} for n in (1, 2)), None]
    await there.close()
    await here.close()


async def test_many_small_frames_are_bounded_too():
    here, _, raw = await pair()
    raw.setblocking(False)
    sent = 0
    with pytest.raises(BlockingIOError):
        while True:
            sent += raw.send(bytes(40_000))  # frames of no bytes at all
            await asyncio.sleep(0)
    assert sent < 2 * MAX_FRAME_BYTES
    with pytest.raises(WireError):
        await here.receive()
    raw.close()
    await here.close()
