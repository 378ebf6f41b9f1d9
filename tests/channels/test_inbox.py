"""The durable inbox: everything once, in order, and nothing forgotten."""

from chatai.core.ids import new_id
from chatai.domains.channels import inbox, repository
from chatai.domains.channels.schemas import IncomingUpdate, UpdateMark


def update(bot_id, number: int, *, taken: bool = False, chat: int = 5) -> IncomingUpdate:
    return IncomingUpdate(bot_id, number, chat, {"update_id": number, "text": "жук 🎉"}, taken)


async def test_an_update_is_stored_once(database, bot_id):
    async with database.system() as uow:
        assert await inbox.store(uow, [update(bot_id, 1), update(bot_id, 2)]) == {(bot_id, 1), (bot_id, 2)}
    async with database.system() as uow:
        # A duplicate within the batch, one of an earlier batch, and a new one.
        batch = [update(bot_id, 3), update(bot_id, 3), update(bot_id, 2)]
        assert await inbox.store(uow, batch) == {(bot_id, 3)}
        assert await inbox.count_waiting(uow) == {bot_id: 3}


async def test_updates_of_a_bot_that_is_gone_do_not_hold_up_the_others(database, bot_id):
    async with database.system() as uow:
        assert await inbox.store(uow, [update(new_id(), 1), update(bot_id, 1)]) == {(bot_id, 1)}


async def test_taking_goes_by_number_counts_attempts_and_leaves_out_what_is_known(database, bot_id):
    async with database.system() as uow:
        await inbox.store(uow, [update(bot_id, number) for number in (9, 2, 7, 4)])
        await inbox.store(uow, [update(bot_id, 1, taken=True)])
        taken = await inbox.take(uow, bot_id, [4], 3)
        assert [(one.update_id, one.attempts) for one in taken] == [(1, 2), (2, 1), (7, 1)]
        assert taken[1].payload == {"update_id": 2, "text": "жук 🎉"}


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
        (left,) = await inbox.take(uow, bot_id, [], 10)
        assert (left.update_id, left.attempts, left.replies) == (1, 2, [10, 11])


async def test_the_offset_moves_with_the_updates_and_never_back(database, bot_id):
    async with database.system() as uow:
        await inbox.store(uow, [update(bot_id, 5)], {bot_id: 6})
        await inbox.store(uow, [], {bot_id: 4})
        (bot,) = await repository.list_managed(uow, [bot_id])
        assert bot.polling_offset == 6
