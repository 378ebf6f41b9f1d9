"""Turns among bots: who waits for whom, and for how long."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

import pytest

from bots.fairness import BURST, Pace, Share, Stride, Turns

FLOODED, QUIET = UUID(int=1), UUID(int=2)


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_bots_take_turns_whatever_each_has() -> None:
    turns: Turns[str] = Turns(capacity=100, least=10, clock=Clock())
    for number in range(5):
        turns.put("flooded", f"f{number}")
    turns.put("quiet", "q0")
    turns.put("quiet", "q1")
    assert [turns.take() for _ in range(8)] == ["f0", "q0", "f1", "q1", "f2", "f3", "f4", None]
    assert len(turns) == 0
    assert turns.delay() is None


def test_what_is_taken_out_has_no_turn() -> None:
    turns: Turns[str] = Turns(capacity=100, least=10, clock=Clock())
    turns.put("one", "a")
    turns.put("one", "b")
    turns.put("two", "c")
    assert turns.remove("one", "a")
    assert not turns.remove("one", "a")
    assert turns.remove("two", "c")
    assert turns.clear() == ["b"]
    assert turns.take() is None


def test_a_bot_alone_has_no_bound() -> None:
    turns: Turns[int] = Turns(capacity=10, least=1, clock=Clock())
    for number in range(500):
        turns.put("alone", number)
    assert [turns.take() for _ in range(500)] == list(range(500))


def test_a_flooded_bot_gets_its_share_and_the_others_all_they_ask_for() -> None:
    clock = Clock()
    turns: Turns[str] = Turns(capacity=80, least=10, clock=clock)
    had: Counter[str] = Counter()
    waited = 0
    for tick in range(10_000):  # a hundred seconds
        for _ in range(5):
            turns.put("flooded", "flooded")
        if tick % 5 == 0:
            turns.put(f"quiet {tick // 5 % 20}", "quiet")
        while (item := turns.take()) is not None:
            had[item] += 1
        waited = max(waited, sum(len(queue) for bot, queue in turns._queues.items() if bot != "flooded"))
        clock.now += 0.01
    assert had["quiet"] == 2000
    assert waited == 0
    assert 900 <= had["flooded"] <= 1000 + 4 * BURST
    delay = turns.delay()
    assert delay is not None
    assert 0 < delay <= 1


def test_once_the_others_are_quiet_the_flooded_bot_goes_on_at_once() -> None:
    clock = Clock()
    turns: Turns[int] = Turns(capacity=2, least=1, clock=clock)
    for number in range(100):
        turns.put("flooded", number)
    turns.put("other", -1)
    taken = 0
    while turns.take() is not None:
        taken += 1
    assert taken < 100
    clock.now += 2.5
    while turns.take() is not None:
        taken += 1
    assert taken == 101


def test_a_flooded_bots_posts_wait_longer_and_longer_and_are_refused_in_the_end() -> None:
    clock = Clock()
    pace = Pace(Share(80, 10, 50, clock()), burst=100, longest=5.0, clock=clock)
    waits = [pace.take(FLOODED) for _ in range(500)]
    assert waits[:100] == [0.0] * 100
    assert waits[100] is not None
    assert 0 < waits[100] <= 0.021
    bearable = [wait for wait in waits if wait is not None]
    assert len(bearable) == 350  # a burst of 100 and five seconds of 50
    assert max(bearable) <= 5.0
    assert pace.take(QUIET) == 0.0
    clock.now += 60
    assert pace.take(FLOODED) == 0.0


def test_beside_busy_neighbours_a_flooded_bot_brings_its_share() -> None:
    clock = Clock()
    pace = Pace(Share(80, 10, 50, clock()), burst=100, longest=5.0, clock=clock)
    brought = 0
    for tick in range(3000):  # thirty seconds: 100 posts a second, and one of each of twenty neighbours
        brought += pace.take(FLOODED) is not None
        if tick % 5 == 0:
            assert pace.take(UUID(int=100 + tick // 5 % 20)) == 0.0
        clock.now += 0.01
    assert 400 <= brought <= 30 * 10 + 100 + 5 * 10 + 60


def test_a_stride_goes_by_the_share_of_the_moment() -> None:
    share = Share(80, 10, 50, 0.0)
    stride = Stride(share, FLOODED, burst=4)
    for number in range(20):
        share.had(UUID(int=100 + number))
    for _ in range(4):
        assert stride.wait(0.0) == 0
        stride.take(0.0)
    assert stride.wait(0.0) == pytest.approx(0.1)
    assert stride.wait(0.05) == pytest.approx(0.05)
    stride.take(0.1)
    assert stride.wait(0.1) == pytest.approx(0.1)
    assert stride.wait(2.0) == 0
    for _ in range(100):
        stride.take(10.0)
    assert stride.wait(10.0) == pytest.approx(97 / 50)
    stride.give_back()
    assert stride.wait(10.0) == pytest.approx(96 / 50)
