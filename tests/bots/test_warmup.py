"""What the zygote does before it forks: every example is answered, and what runs in workers lies together."""

import ctypes
import subprocess
import sys
import types

import pytest

from bots import heap, warmup
from bots.handlers import build_dispatcher
from bots.session import Session, build_session


def test_every_example_is_served_without_a_fault():
    assert warmup.warm_up(build_dispatcher(), build_session(), rounds=2) == []


def test_an_example_that_fails_is_told_and_keeps_nobody_from_serving(monkeypatch):
    broken = {"message": {"message_id": 1, "chat": {"id": 5, "type": "private"}}}
    monkeypatch.setattr(warmup, "EXAMPLES", [broken, *warmup.EXAMPLES[:1]])
    assert warmup.warm_up(build_dispatcher(), build_session(), rounds=1) == ["done: not an update that we understand"]


def adder(step: int) -> types.FunctionType:
    def add(number: int, by: int = 1000) -> int:
        return number + by + step + len([None for _ in range(2)])

    return add


def test_gathered_code_does_the_same_and_lies_side_by_side():
    functions = [adder(step) for step in range(5)]
    others = [adder(9)]
    before = [function.__code__ for function in functions]
    assert heap.gather_code(lambda: [function(1) for function in functions]) >= 6  # equal code goes with them
    assert [function(1) for function in functions] == [1003, 1004, 1005, 1006, 1007]
    assert others[0](1, by=1) == 13
    assert all(function.__code__ == old for function, old in zip(functions, before, strict=True))
    assert all(function.__code__ is not old for function, old in zip(functions, before, strict=True))
    assert functions[0].__code__.co_code == before[0].co_code


@pytest.mark.skipif(sys.platform != "linux", reason="the allocator is another one")
def test_free_places_are_filled_and_free_memory_is_given_back():
    script = """
import gc, sys
from bots import heap
keep = [bytes(100) for _ in range(200_000)]
del keep[::2]
free = sum(size * blocks for size, blocks in heap._free_blocks().items())
assert free > 5_000_000, free
assert heap.fill_pages() > 5_000_000
left = sum(size * blocks for size, blocks in heap._free_blocks().items())
assert left < 200_000, left
def own():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096
big = [bytearray(5_000) for _ in range(10_000)]
pin = bytearray(5_000)
full = own()
big.clear()
heap.give_back()
assert own() < full - 30_000_000, (own(), full)
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_the_allocator_is_tuned_without_a_word():
    heap.tune_allocator()
    assert ctypes.CDLL(None).malloc_trim(0) in {0, 1}


def test_what_a_worker_calls_while_an_answer_grows_is_walked(monkeypatch):
    called, make_request = set(), Session.make_request

    async def noted(self, bot, method, timeout=None):  # noqa: ASYNC109 - aiogram's signature
        called.add(method.__api_method__)
        return await make_request(self, bot, method, timeout)

    monkeypatch.setattr(Session, "make_request", noted)
    assert warmup.warm_up(build_dispatcher(), build_session(), rounds=1) == []
    assert {"sendMessage", "sendMessageDraft", "editMessageText", "deleteMessage", "sendChatAction"} <= called
