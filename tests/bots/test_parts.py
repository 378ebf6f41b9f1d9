"""The manager's small parts: queues, the check of updates, batches, languages."""

import asyncio
import json
from uuid import UUID

import pytest

from bots.backlog import Backlog
from bots.fairness import Share, Stride
from bots.inbox import Batcher
from bots.leases import Leases
from bots.queue import ChatQueues
from bots.texts import language_of
from bots.tuning import Tuning, backoff
from bots.updates import MAX_DEPTH, BadUpdate, chat_of, parse
from chatai.core.database import Database, DatabaseAway
from chatai.core.ids import new_id
from chatai.domains.channels.leases import Seat, Waiting
from chatai.domains.channels.schemas import StoredUpdate

BOT = new_id()


class Keeper:
    """Who cannot let its bots go."""

    def __init__(self) -> None:
        self.kept: list[UUID] = []

    async def hand_over(self, bot_ids: list[UUID]) -> None:
        raise RuntimeError("a fault")

    def handed_over(self, bot_ids: list[UUID]) -> None:
        self.kept += bot_ids


async def test_bots_that_could_not_be_handed_over_go_on_here() -> None:
    keeper, away = Keeper(), Database("postgresql://chatai_app:x@127.0.0.1:1/chatai", pool_size=1)
    leases = Leases(away, Seat(new_id(), "one"), Tuning())
    with pytest.raises(RuntimeError):
        await leases._part_from([BOT], keeper)
    assert keeper.kept == [BOT]
    await away.close()


def stored(number: int, chat: int) -> StoredUpdate:
    return StoredUpdate(BOT, number, chat, {}, 1, [])


def queues_of(parallel: int, *, at_once: int = 100, rate: float = 50.0) -> ChatQueues:
    """A bot's queues: so many chats at once, so many updates begun at once, and then so many a second."""
    return ChatQueues(parallel, Stride(Share(rate, rate, rate, 0.0), BOT, at_once))


def ready(queues: ChatQueues, now: float = 0.0) -> list[int]:
    return [work.number for work in queues.ready(now)]


def test_chats_go_in_parallel_up_to_the_bound_and_each_in_order():
    queues = queues_of(parallel=2)
    for number, chat in [(1, 10), (2, 10), (3, 11), (4, 12)]:
        queues.add(stored(number, chat))
    assert ready(queues) == [1, 3]
    assert ready(queues) == []
    queues.settle(queues.find(1))
    assert ready(queues) == [4]
    queues.settle(queues.find(3))
    assert ready(queues) == [2]
    assert queues.waiting == 0


def test_a_backlog_is_what_memory_holds_and_while_more_is_in_the_inbox_what_was_counted_there():
    queues = queues_of(parallel=2)
    backlog = Backlog(queues)
    assert (backlog.undone, backlog.waiting, backlog.oldest_seconds) == (0, 0, None)
    backlog.looked(Waiting(100_000, 50.0))
    backlog.behind = True
    assert (backlog.undone, backlog.waiting) == (100_000, 100_000)
    assert backlog.oldest_seconds == pytest.approx(50, abs=5)
    for number in (1, 2, 3):
        queues.add(stored(number, number))
    assert ready(queues) == [1, 2]
    assert (backlog.undone, backlog.waiting) == (100_000, 99_998)
    assert backlog.oldest_seconds == pytest.approx(0, abs=5)  # of those that are held, which are the oldest
    queues.settle(queues.find(1))
    backlog.ended()
    backlog.came(2)
    assert (backlog.undone, backlog.waiting) == (100_001, 100_000)
    backlog.behind = False  # all is held here, whatever was counted
    assert (backlog.undone, backlog.waiting) == (2, 1)
    backlog.looked(None)
    backlog.loading = True
    assert (backlog.undone, backlog.waiting) == (2, 1)
    queues.clear()
    assert (backlog.undone, backlog.oldest_seconds) == (0, None)
    backlog.came(1)
    assert backlog.oldest_seconds == pytest.approx(0, abs=5)


def test_an_update_that_is_settled_but_not_written_is_not_taken_again():
    queues = queues_of(parallel=1)
    queues.add(stored(1, 10))
    assert ready(queues) == [1]
    queues.settle(queues.find(1))
    queues.add(stored(1, 10))
    assert ready(queues) == []
    assert queues.known == [1]
    queues.forget(1)
    assert len(queues) == 0


def test_a_postponed_update_holds_its_chat_and_no_other():
    queues = queues_of(parallel=5)
    for number, chat in [(1, 10), (2, 10), (3, 11)]:
        queues.add(stored(number, chat))
    (first, _) = list(queues.ready(0))
    queues.put_back(first, not_before=5.0)
    assert ready(queues, 4.0) == []
    assert queues.next_time(4.0) == 5.0
    assert ready(queues, 5.0) == [1]


def test_suspects_are_tried_alone():
    queues = queues_of(parallel=5)
    for number in (1, 2, 3):
        queues.add(stored(number, 10 + number))
    works = list(queues.ready(0))
    for work in works[:2]:
        work.suspect = True
        queues.put_back(work, 0)
    assert ready(queues) == []  # the innocent one is still at work
    queues.settle(works[2])
    assert ready(queues) == [2]
    assert ready(queues) == []
    queues.settle(works[1])
    assert ready(queues) == [1]


def test_what_comes_at_once_is_begun_one_after_the_other():
    queues = queues_of(parallel=8, at_once=2, rate=10.0)
    for number in range(1, 6):
        queues.add(stored(number, 10 + number))
    assert ready(queues, 0.0) == [1, 2]
    assert queues.next_time(0.0) == pytest.approx(0.1)
    assert ready(queues, 0.05) == []
    assert ready(queues, 0.1) == [3]
    assert ready(queues, 0.35) == [4, 5]
    assert queues.next_time(0.35) is None


def test_a_chat_with_much_to_say_does_not_hold_up_the_others_of_its_bot():
    queues = queues_of(parallel=8, at_once=1, rate=10.0)
    for number in range(1, 20):
        queues.add(stored(number, 10))
    assert ready(queues, 0.0) == [1]
    queues.add(stored(100, 11))
    queues.find(1).costly = True
    queues.settle(queues.find(1))
    assert ready(queues, 0.1) == [2]
    queues.find(2).costly = True
    queues.settle(queues.find(2))
    assert ready(queues, 0.2) == [100]
    assert ready(queues, 0.3) == [3]


def test_what_needs_no_answer_does_not_slow_a_backlog_down():
    queues = queues_of(parallel=1, at_once=1, rate=10.0)
    for number in range(1, 20):
        queues.add(stored(number, 10))
    for number in range(1, 10):
        assert ready(queues, 0.0) == [number]
        queues.settle(queues.find(number))
    assert ready(queues, 0.0) == [10]
    queues.find(10).costly = True
    queues.settle(queues.find(10))
    assert ready(queues, 0.0) == []
    assert ready(queues, 0.1) == [11]


def test_a_bot_that_is_held_back_goes_on_though_another_of_its_updates_is_long_due():
    queues = queues_of(parallel=8, at_once=1, rate=10.0)
    for number in (1, 2, 3):
        queues.add(stored(number, 10 + number))
    (first,) = queues.ready(0.0)
    queues.put_back(first, not_before=0.01)
    assert ready(queues, 0.1) == [2]
    assert queues.next_time(0.1) == pytest.approx(0.2)


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b"{}", b'{"update_id": true}', b'{"update_id": 1e300}'])
def test_what_is_no_update_is_refused(body):
    with pytest.raises(BadUpdate):
        parse(body)


def test_an_update_may_be_nested_only_so_deeply():
    def nested(depth: int) -> bytes:
        return b'{"update_id": 1, "x": ' + b"[" * depth + b"]" * depth + b"}"

    assert parse(nested(MAX_DEPTH - 2))["update_id"] == 1
    with pytest.raises(BadUpdate):
        parse(nested(MAX_DEPTH + 1))


def test_text_that_postgresql_does_not_take_is_mended():
    update = parse(json.dumps({"update_id": 1, "message": {"text": "a\0b \ud83d жук 🎉", "k\0ey": 1}}).encode())
    assert update["message"] == {"text": "ab � жук 🎉", "key": 1}


@pytest.mark.parametrize(
    ("content", "chat"),
    [
        ({"message": {"chat": {"id": -7}}}, -7),
        ({"callback_query": {"message": {"chat": {"id": 8}}, "from": {"id": 1}}}, 8),
        ({"inline_query": {"from": {"id": 9}}}, 9),
        ({"poll": {"id": "1"}}, 0),
        ({"message": {"chat": {"id": 2**70}}}, 0),
        ({"message": {"chat": "x"}}, 0),
    ],
)
def test_the_chat_of_an_update(content, chat):
    assert chat_of({"update_id": 1, **content}) == chat


async def test_who_comes_during_a_write_shares_the_next():
    batches: list[list[int]] = []
    begun, gate = asyncio.Event(), asyncio.Event()

    async def write(items: list[int]) -> int:
        batches.append(items)
        begun.set()
        await gate.wait()
        return len(items)

    batcher = Batcher(write)
    tasks = [asyncio.create_task(batcher.add(0))]
    await begun.wait()
    tasks += [asyncio.create_task(batcher.add(number)) for number in range(1, 50)]
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*tasks) == [1] + [49] * 49
    assert batches == [[0], list(range(1, 50))]


async def test_one_bad_item_does_not_fail_its_neighbours_but_a_missing_database_fails_all():
    async def write(items: list[int]) -> int:
        if 13 in items:
            raise ValueError("thirteen")
        if 99 in items:
            raise DatabaseAway
        return 1

    batcher = Batcher(write)
    results = await asyncio.gather(*(batcher.add(number) for number in (12, 13, 14)), return_exceptions=True)
    assert [type(result) for result in results] == [int, ValueError, int]
    results = await asyncio.gather(*(batcher.add(number) for number in (1, 99)), return_exceptions=True)
    assert {type(result) for result in results} == {DatabaseAway}


@pytest.mark.parametrize(("withdrawable", "expected"), [(True, [[1], [3]]), (False, [[1], [2, 3]])])
async def test_what_nobody_waits_for_any_more_may_be_left_out(withdrawable, expected):
    batches: list[list[int]] = []
    begun, gate = asyncio.Event(), asyncio.Event()

    async def write(items: list[int]) -> None:
        batches.append(items)
        begun.set()
        await gate.wait()

    batcher = Batcher(write, withdrawable=withdrawable)
    tasks = [asyncio.create_task(batcher.add(1))]
    await begun.wait()
    tasks += [asyncio.create_task(batcher.add(number)) for number in (2, 3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.gather(tasks[1], return_exceptions=True)
    gate.set()
    await asyncio.gather(tasks[0], tasks[2])
    assert batches == expected


def test_waits_double_within_bounds():
    assert [backoff(1, times, 60, 1.0) for times in (1, 2, 3, 10, 10_000)] == [1, 2, 4, 60, 60]
    assert backoff(1, 3, 60, 0.0) == 2


@pytest.mark.parametrize(("code", "language"), [("ru", "ru"), ("uk", "ru"), ("pt-br", "en"), (None, "ru"), ("", "ru")])
def test_the_language_of_a_person(code, language):
    assert language_of(code, "ru") == language
