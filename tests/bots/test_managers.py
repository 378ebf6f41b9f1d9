"""Several bot managers over one database: real processes that share the bots, die, freeze and come back."""

import asyncio
import os
import signal
import sys
import time
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
import pytest_asyncio
from sqlalchemy import text

from bots.receiving import SECRET_HEADER
from chatai.domains.channels import service
from tests.bots.world import ANNA, open_world
from tests.fakes.openai import Plan
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOTS = 8
TAKEOVER_SECONDS = 30.0


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["webhook", "polling"])
async def world(request, postgres, template_database, tmp_path_factory, free_port):
    folder = tmp_path_factory.mktemp("managers")
    webhook = request.param == "webhook"
    async with open_world(
        postgres, template_database, folder, free_port(), webhook=webhook, manager=False, DATABASE_POOL_SIZE="5"
    ) as world:
        world.model.plan = Plan()
        yield world


@asynccontextmanager
async def manager(world, name: str, port: int, folder, **more: str):
    """A bot manager as a process of its own, in the same data folder under another name."""
    environment = {**os.environ, "BOT_MANAGER_NAME": name, "BOTS_PORT": str(port), **more}
    with (folder / f"{name}.log").open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bots.start", env=environment, stderr=errors
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            assert await asyncio.wait_for(process.wait(), 30) == 0


async def holders(world) -> dict[str, list]:
    """Process id of each manager that lives → the bots that it holds."""
    statement = text(
        "SELECT name, array_remove(array_agg(bot_id), NULL) AS bots FROM bot_manager"
        " LEFT JOIN bot_lease ON manager_id = bot_manager.id WHERE expires_at > now() GROUP BY name"
    )
    async with world.database.system() as uow:
        return {row.name.rpartition(":")[2]: row.bots for row in await uow.session.execute(statement)}


async def spread(world, *numbers: int) -> dict[str, list]:
    """Waits until the live managers hold so many bots."""

    async def so():
        held = await holders(world)
        return held if sorted(map(len, held.values())) == sorted(numbers) else None

    return await eventually(so, patience=90)


async def totals(world) -> dict[str, int]:
    statement = text(
        "SELECT count(*) FILTER (WHERE state IN ('new', 'taken')) AS undone, count(*) AS received,"
        " count(*) FILTER (WHERE state = 'done') AS done, coalesce(sum(sends_repeated), 0) AS repeated FROM bot_update"
    )
    async with world.database.system() as uow:
        return dict((await uow.session.execute(statement)).one()._mapping)


class Crowd:
    """People who go on asking every bot, one question after the other, and count the answers."""

    def __init__(self, world, bots) -> None:
        self.world = world
        self.bots = bots
        self.asked = {bot.id: 0 for bot in bots}
        self._task = asyncio.create_task(self._ask())

    async def _ask(self) -> None:
        while True:
            for bot in self.bots:
                self.asked[bot.id] += 1
                self.world.write(bot, self.world.chat(bot), f"question {self.asked[bot.id]}")
                await asyncio.sleep(0.25)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})

    def answered(self, bot) -> int:
        return len(self.world.said(bot, self.world.chat(bot)))

    async def until_all_are_answered(self) -> None:
        async def settled():
            return (await totals(self.world))["undone"] == 0 and all(
                self.answered(bot) >= self.asked[bot.id] for bot in self.bots
            )

        try:
            await eventually(settled, patience=120, pause=0.2)
        except AssertionError:
            missing = {bot.id: (self.asked[bot.id], self.answered(bot)) for bot in self.bots}
            raise AssertionError(f"{missing} {await totals(self.world)}") from None

    def twice(self) -> int:
        """Answers beyond one a question."""
        return sum(self.answered(bot) - self.asked[bot.id] for bot in self.bots)


async def test_two_managers_share_the_bots_and_the_left_one_takes_over(world, tmp_path, free_port):
    async with (
        manager(world, "one", world.settings.bots_port, tmp_path) as one,
        manager(world, "two", free_port(), tmp_path) as two,
    ):
        made = [await world.new_bot(f"Shop {number}") for number in range(BOTS)]
        held = await spread(world, BOTS // 2, BOTS // 2)
        assert set(held) == {str(one.pid), str(two.pid)}
        bots = [bot for bot, _ in made]
        crowd = Crowd(world, bots)
        await eventually(lambda: all(crowd.answered(bot) for bot in bots), patience=90)

        # Killed: the other one takes over within its time, and nobody is answered twice outside the counted window.
        theirs = [bot for bot, view in made if view.id in held[str(two.pid)]]
        two.kill()
        killed = time.monotonic()
        await two.wait()
        before = {bot.id: crowd.answered(bot) for bot in theirs}
        await eventually(lambda: all(crowd.answered(bot) > before[bot.id] for bot in theirs), patience=60)
        took = time.monotonic() - killed
        print(f"\ntakeover after kill -9: {took:.1f} s")
        assert took < TAKEOVER_SECONDS
        assert (
            await spread(world, BOTS) == {str(one.pid): [view.id for _, view in made]} or len(await holders(world)) == 1
        )

        # Joined again, under the same name: it gets its share back although nobody stopped.
        async with manager(world, "two", free_port(), tmp_path) as again:
            held = await spread(world, BOTS // 2, BOTS // 2)
            assert str(again.pid) in held

            # Stopped in order: the other one has its bots at once.
            left = time.monotonic()
            again.terminate()
            assert await again.wait() == 0
            await spread(world, BOTS)
            print(f"takeover after a clean stop: {time.monotonic() - left:.1f} s")
            assert time.monotonic() - left < 15
        await crowd.stop()
        await crowd.until_all_are_answered()
        counted = await totals(world)
        print(
            f"asked {sum(crowd.asked.values())}, twice {crowd.twice()}, counted as possibly twice {counted['repeated']}"
        )
        assert crowd.twice() <= counted["repeated"]
        assert counted["done"] == counted["received"] == sum(crowd.asked.values())


async def test_a_manager_that_was_frozen_past_its_time_answers_nothing_again(world, tmp_path, free_port):
    async with (
        manager(world, "one", world.settings.bots_port, tmp_path) as one,
        manager(world, "two", free_port(), tmp_path) as two,
    ):
        made = [await world.new_bot(f"Frozen {number}") for number in range(BOTS)]
        bots = [bot for bot, _ in made]
        async with world.database.system() as uow:
            number = (await uow.session.execute(text("SELECT count(*) FROM bot"))).scalar_one()
        held = await spread(world, number // 2, number // 2)
        before = await totals(world)
        crowd = Crowd(world, bots)
        await eventually(lambda: all(crowd.answered(bot) for bot in bots), patience=90)
        theirs = [bot for bot, view in made if view.id in held[str(two.pid)]]
        assert theirs
        two.send_signal(signal.SIGSTOP)
        frozen = time.monotonic()
        answered = {bot.id: crowd.answered(bot) + 2 for bot in theirs}  # what was on its way may still come
        await eventually(lambda: all(crowd.answered(bot) > answered[bot.id] for bot in theirs), patience=60)
        print(f"\ntakeover from a frozen manager: {time.monotonic() - frozen:.1f} s")
        assert time.monotonic() - frozen < TAKEOVER_SECONDS
        two.send_signal(signal.SIGCONT)
        await spread(world, number // 2, number // 2)
        await crowd.stop()
        await crowd.until_all_are_answered()
        counted = await totals(world)
        repeated = counted["repeated"] - before["repeated"]
        print(f"asked {sum(crowd.asked.values())}, twice {crowd.twice()}, counted as possibly twice {repeated}")
        assert crowd.twice() <= repeated
        assert "all bots are let go" in (tmp_path / "two.log").read_text()
        assert one.returncode is None


async def test_a_post_to_a_manager_that_does_not_hold_the_bot_is_stored_and_passed_on(world, tmp_path, free_port):
    if not world.settings.public_url:
        pytest.skip("polled bots get no posts")
    port = free_port()
    async with (
        manager(world, "one", world.settings.bots_port, tmp_path) as one,
        manager(world, "two", port, tmp_path) as two,
    ):
        bot, view = await world.new_bot("Elsewhere")

        async def is_held():
            return {pid for pid, bots in (await holders(world)).items() if view.id in bots}

        holder = (await eventually(is_held, patience=60)).pop()
        assert holder in {str(one.pid), str(two.pid)}
        other = port if holder == str(one.pid) else world.settings.bots_port
        async with world.database.system() as uow:
            (managed,) = await service.list_managed(uow, [view.id])
        update = {
            "update_id": 900,
            "message": {
                "message_id": 7,
                "date": 1,
                "chat": {"id": ANNA["id"], "type": "private", "first_name": "Анна"},
                "from": ANNA,
                "text": "/start",
            },
        }
        world.chat(bot)
        url = f"http://127.0.0.1:{other}/telegram/{view.id}"

        async def post(secret: str) -> int:
            async with http.post(url, json=update, headers={SECRET_HEADER: secret}) as response:
                return response.status

        async with aiohttp.ClientSession() as http:

            async def listens() -> bool:
                with suppress(aiohttp.ClientError):
                    async with http.get(f"http://127.0.0.1:{other}/health") as response:
                        return response.status == 200
                return False

            await eventually(listens, patience=60)
            assert await post("wrong") == 403
            assert await world.updates(bot) == []
            sent = time.monotonic()
            assert [await post(managed.webhook_secret) for _ in range(2)] == [200, 200]
            await world.until_said(bot, world.chat(bot), "Добро пожаловать!")
            assert time.monotonic() - sent < 8  # the holder was told, and did not find it by its timer
            async with world.database.workspace(world.actor.workspace_id) as uow:
                await service.stop_bot(uow, world.actor, view.id)

            async def refused():
                return await post(managed.webhook_secret) == 403

            await eventually(refused)
