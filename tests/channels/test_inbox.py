"""The durable inbox: everything once, in order, and nothing forgotten."""

import asyncio
from dataclasses import replace

from sqlalchemy import text

from chatai.core.ids import new_id
from chatai.domains.channels import inbox, repository
from chatai.domains.channels.schemas import IncomingUpdate, UpdateMark
from tests.channels.conftest import take
from tests.waiting import eventually


def update(bot_id, number: int, *, taken: bool = False, chat: int = 5) -> IncomingUpdate:
    return IncomingUpdate(bot_id, number, chat, {"update_id": number, "text": "жук 🎉"}, taken)


async def test_an_update_is_stored_once(database, bot_id):
    async with database.system() as uow:
        assert await inbox.store(uow, [update(bot_id, 1), update(bot_id, 2)]) == {
            (bot_id, 1): False,
            (bot_id, 2): False,
        }
    async with database.system() as uow:
        # A duplicate within the batch, one of an earlier batch, and a new one.
        batch = [update(bot_id, 3), update(bot_id, 3), update(bot_id, 2)]
        assert await inbox.store(uow, batch) == {(bot_id, 3): False}
        assert len(await take(uow, bot_id, 0, most=10)) == 3


async def test_updates_of_a_bot_that_is_gone_do_not_hold_up_the_others(database, bot_id):
    async with database.system() as uow:
        assert await inbox.store(uow, [update(new_id(), 1), update(bot_id, 1)]) == {(bot_id, 1): False}


async def test_taking_goes_by_number_counts_attempts_and_leaves_out_what_is_known(database, bot_id):
    async with database.system() as uow:
        await inbox.store(uow, [update(bot_id, number) for number in (9, 2, 7, 4)])
        await inbox.store(uow, [update(bot_id, 1, taken=True)])
        taken = await take(uow, bot_id, 0, most=3, known=(4,))
        assert [(one.update_id, one.attempts) for one in taken] == [(1, 2), (2, 1), (7, 1)]
        assert taken[1].payload == {"update_id": 2, "text": "жук 🎉"}


async def test_the_updates_of_many_bots_are_taken_at_once_each_under_its_own_lease(database, actor, new_bot):
    bot_ids = one, other, passed = [await new_bot(actor) for _ in range(3)]
    async with database.system() as uow:
        await hold(uow, one, 3)
        await hold(uow, passed, 2)
        await inbox.store(uow, [update(bot_id, number) for number in (3, 1, 2) for bot_id in bot_ids])
    wishes = [inbox.Wish(one, 3, (1,)), inbox.Wish(other, 0), inbox.Wish(passed, 1), inbox.Wish(new_id(), 0)]
    taken = await inbox.take(database.system_statements(), wishes, 2)
    assert {bot_id: [(row.update_id, row.fence) for row in rows] for bot_id, rows in taken.items()} == {
        one: [(2, 3), (3, 3)],
        other: [(1, 0), (2, 0)],
    }


async def test_marks_are_kept_and_the_last_one_counts(database, bot_id):
    async with database.system() as uow:
        await inbox.store(uow, [update(bot_id, number, taken=True) for number in (1, 2, 3)])
        await inbox.mark(
            uow,
            [
                UpdateMark(bot_id, 1, "taken", 1, (10,)),
                UpdateMark(bot_id, 1, "taken", 1, (10, 11)),
                UpdateMark(bot_id, 2, "taken", 1, (12,)),
                UpdateMark(bot_id, 2, "done", 1, (12,)),
                UpdateMark(bot_id, 3, "set_aside", 3, (), "it failed"),
            ],
        )
        (left,) = await take(uow, bot_id, 0, most=10)
        assert (left.update_id, left.attempts, left.replies) == (1, 2, [10, 11])


async def test_the_offset_moves_with_the_updates_also_down_to_numbers_that_began_anew(database, bot_id):
    async with database.system() as uow:
        for number in (700, 100):
            await inbox.store(uow, [update(bot_id, number)], {bot_id: number + 1})
            (bot,) = await repository.list_managed(uow, [bot_id])
            assert bot.polling_offset == number + 1


async def test_a_send_is_begun_only_under_the_lease_of_now_and_what_may_come_twice_is_counted(database, bot_id):
    async with database.system() as uow:
        await hold(uow, bot_id, 3)
        fresh = [replace(update(bot_id, number, taken=True), fence=fence) for number, fence in [(1, 3), (2, 2)]]
        assert await inbox.store(uow, fresh) == {(bot_id, 1): True, (bot_id, 2): False}
    first, stale = inbox.SendBegun(bot_id, 1, 3), inbox.SendBegun(bot_id, 2, 2)
    async with database.system() as uow:
        assert await inbox.begin_sends(uow, [first, stale, first]) == {first}
        written = UpdateMark(bot_id, 1, "taken", 1, (10,), fence=3)
        assert await inbox.mark(uow, [written]) == {(bot_id, 1)}
    async with database.system() as uow:
        await hold(uow, bot_id, 4)
        assert await inbox.begin_sends(uow, [first]) == set()  # nobody has taken the row yet, but the lease has passed
        assert await take(uow, bot_id, 3, most=10) == []
        taken = await take(uow, bot_id, 4, most=10)
        assert [(one.update_id, one.fence, one.replies, one.repeated) for one in taken] == [
            (1, 4, [10], 1),
            (2, 4, [], 0),
        ]
    async with database.system() as uow:
        assert await inbox.mark(uow, [UpdateMark(bot_id, 1, "done", 1, (10,), fence=3)]) == set()
        assert await inbox.begin_sends(uow, [first, stale]) == set()
        again = await take(uow, bot_id, 4, most=10, known=(2,))
        assert [(one.update_id, one.repeated) for one in again] == [(1, 0)]  # it is counted once
        await inbox.mark(uow, [UpdateMark(bot_id, 1, "done", 2, (10, 11), fence=4, repeated=2)])
        row = (await uow.session.execute(text("SELECT * FROM bot_update WHERE update_id = 1"))).one()
        assert (row.sends_begun, row.sends_repeated, row.state) == (2, 3, "done")


async def test_a_take_over_while_a_send_is_begun_lets_only_one_of_them_go(database, bot_id):
    """The old holder's statement has seen the old lease, and waits for the row that the new one is just taking."""
    async with database.system() as uow:
        await hold(uow, bot_id, 1)
        await inbox.store(uow, [replace(update(bot_id, 1, taken=True), fence=1)])
    old = inbox.SendBegun(bot_id, 1, 1)

    async def begin():
        async with database.system() as uow:
            return await inbox.begin_sends(uow, [old])

    async with database.system() as uow:
        await hold(uow, bot_id, 2)
        (taken,) = await take(uow, bot_id, 2, most=10)
        beginning = asyncio.create_task(begin())

        async def waits():
            async with database.system() as other:
                return (
                    await other.session.execute(
                        text("SELECT 1 FROM pg_locks WHERE NOT granted AND locktype <> 'virtualxid'")
                    )
                ).first()

        await eventually(waits)
    assert await beginning == set()
    assert (taken.fence, taken.repeated) == (2, 0)


async def hold(uow, bot_id, fence: int) -> None:
    await uow.session.execute(
        text(
            "INSERT INTO bot_lease (bot_id, manager_id, fence) VALUES (:bot, :bot, :fence)"
            " ON CONFLICT (bot_id) DO UPDATE SET fence = :fence"
        ),
        {"bot": bot_id, "fence": fence},
    )
