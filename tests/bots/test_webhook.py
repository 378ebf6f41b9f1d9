"""Updates that Telegram posts: who may, what is taken, and that 200 means stored."""

import asyncio
import json

import aiohttp
import pytest
import pytest_asyncio

from bots.receiving import SECRET_HEADER
from chatai.core.ids import new_id
from chatai.domains.channels import service
from chatai.launcher import doctor
from tests.bots.world import ANNA, allow_connections, open_world
from tests.fakes.openai import Plan
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres, template_database, tmp_path_factory, free_port):
    folder = tmp_path_factory.mktemp("webhook")
    async with open_world(postgres, template_database, folder, free_port(), webhook=True) as world:
        yield world


@pytest_asyncio.fixture(loop_scope="module")
async def http(world):
    world.model.plan = Plan()
    async with aiohttp.ClientSession() as session:
        yield session


async def secret_of(world, view) -> str:
    async with world.database.system() as uow:
        (managed,) = await service.list_managed(uow, [view.id])
    return managed.webhook_secret


def address(world, bot_id) -> str:
    return f"http://127.0.0.1:{world.settings.bots_port}/telegram/{bot_id}"


def update(number: int, words: str = "hello") -> dict:
    chat = {"id": ANNA["id"], "type": "private", "first_name": "Анна"}
    return {"update_id": number, "message": {"message_id": 7, "date": 1, "chat": chat, "from": ANNA, "text": words}}


async def test_a_question_comes_by_post_and_is_answered(world, http):
    bot, view = await world.new_bot()
    assert bot.webhook.url == address(world, view.id)
    assert bot.webhook.secret == await secret_of(world, view)
    assert (await world.bot_of(view)).mode == "webhook"
    world.model.plan.answers = ["by post"]
    world.write(bot, world.chat(bot), "hello")
    await world.until_said(bot, world.chat(bot), "by post")


async def test_only_who_knows_the_secret_is_let_in(world, http):
    _, view = await world.new_bot()
    _, other = await world.new_bot()
    right = await secret_of(world, view)
    for bot_id, secret in [
        (view.id, None),
        (view.id, "wrong"),
        (view.id, right[:-1]),
        (view.id, await secret_of(world, other)),
        (new_id(), right),
        ("not-a-bot", right),
    ]:
        headers = {} if secret is None else {SECRET_HEADER: secret}
        async with http.post(address(world, bot_id), json=update(1), headers=headers) as response:
            assert (response.status, await response.text()) == (403, "")


async def test_stray_bytes_in_the_secret_are_a_wrong_secret(world, http):
    _, view = await world.new_bot()
    reader, writer = await asyncio.open_connection("127.0.0.1", world.settings.bots_port)
    head = f"POST /telegram/{view.id} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n{SECRET_HEADER}: "
    writer.write(head.encode() + b"\xff\xfe\r\n\r\n")
    assert (await reader.readline()).split()[1] == b"403"
    writer.close()


async def test_rubbish_is_refused_and_nothing_else_disturbed(world, http):
    bot, view = await world.new_bot()
    headers = {SECRET_HEADER: await secret_of(world, view)}
    for body, status in [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'{"update_id": "1"}', 400),
        (b'{"update_id": -1}', 400),
        (b'{"update_id": 1, "x": NaN}', 400),
        (b'{"update_id": 1, "x": 1' + b"0" * 5000 + b"}", 400),
        (b'{"update_id": 1, "x": ' + b"[" * 50 + b"]" * 50 + b"}", 400),
        (b'{"update_id": 1, "x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", 400),
        (b'{"update_id": 1, "x": "' + b"a" * 2_000_000 + b'"}', 413),
    ]:
        async with http.post(address(world, view.id), data=body, headers=headers) as response:
            assert response.status == status, body[:60]

    async def endless():
        for _ in range(40):
            yield b"a" * 100_000

    async with http.post(address(world, view.id), data=endless(), headers=headers) as response:
        assert response.status == 413
    assert await world.updates(bot) == []


async def test_what_postgresql_does_not_take_is_left_out_and_unknown_kinds_are_done(world, http):
    bot, view = await world.new_bot()
    headers = {SECRET_HEADER: await secret_of(world, view), "Content-Type": "application/json"}
    odd = json.dumps({"update_id": 5, "brand_new_kind": {"text": "nul \0 lone \ud800"}})
    async with http.post(address(world, view.id), data=odd, headers=headers) as response:
        assert response.status == 200

    async def done():
        return [row.state for row in await world.updates(bot)] == ["done"]

    await eventually(done)


async def test_the_same_update_ten_times_at_once_is_answered_once(world, http):
    bot, view = await world.new_bot()
    headers = {SECRET_HEADER: await secret_of(world, view)}
    chat = world.chat(bot)
    world.model.plan.answers = ["just once"]

    async def post() -> int:
        async with http.post(address(world, view.id), json=update(77), headers=headers) as response:
            return response.status

    assert await asyncio.gather(*(post() for _ in range(10))) == [200] * 10
    await world.until_said(bot, chat, "just once")
    assert len(await world.updates(bot)) == 1
    assert await post() == 200
    assert len(world.said(bot, chat)) == 1


async def test_many_updates_at_once_share_commits_and_all_are_answered(world, http):
    bot, view = await world.new_bot()
    headers = {SECRET_HEADER: await secret_of(world, view)}

    async def post(number: int) -> int:
        one = update(number, "/help")
        one["message"]["chat"]["id"] = one["message"]["from"]["id"] = 1000 + number
        world.server.sandbox.private_chat(bot, {**ANNA, "id": 1000 + number})
        async with http.post(address(world, view.id), json=one, headers=headers) as response:
            return response.status

    assert set(await asyncio.gather(*(post(number) for number in range(100)))) == {200}

    async def all_done():
        return {row.state for row in await world.updates(bot)} == {"done"}

    await eventually(all_done, patience=60)
    assert all(len(world.said(bot, chat)) == 1 for chat in bot.chats.values())


async def test_with_the_database_away_telegram_is_asked_to_come_again(world, http, postgres):
    bot, view = await world.new_bot()
    headers = {SECRET_HEADER: await secret_of(world, view)}
    await asyncio.to_thread(allow_connections, world, postgres, False)
    try:
        async with http.post(address(world, view.id), json=update(1), headers=headers) as response:
            assert response.status == 503

        async def unhealthy():
            async with http.get(f"http://127.0.0.1:{world.settings.bots_port}/health") as response:
                return response.status == 503 and (await response.json())["status"] == "unhealthy"

        await eventually(unhealthy)
        world.model.plan.answers = ["nothing is lost"]
        world.write(bot, world.chat(bot), "are you there?")
        await eventually(lambda: bot.webhook.last_error_message)
    finally:
        await asyncio.to_thread(allow_connections, world, postgres, True)
    await world.until_said(bot, world.chat(bot), "nothing is lost")


async def test_stopping_ends_the_webhook_so_that_messages_wait_at_telegram(world, http):
    bot, view = await world.new_bot()
    async with world.database.workspace(world.actor.workspace_id) as uow:
        await service.stop_bot(uow, world.actor, view.id)
    await eventually(lambda: not bot.webhook.url)
    world.model.plan.answers = ["late but here"]
    world.write(bot, world.chat(bot), "hello")
    async with world.database.workspace(world.actor.workspace_id) as uow:
        await service.start_bot(uow, world.actor, view.id)
    await world.until_said(bot, world.chat(bot), "late but here")
    async with world.database.workspace(world.actor.workspace_id) as uow:
        await service.delete_bot(uow, world.actor, view.id)
    await eventually(lambda: not bot.webhook.url)


async def test_health_and_status(world, http):
    await world.new_bot()
    base = f"http://127.0.0.1:{world.settings.bots_port}"
    async with http.get(f"{base}/health") as response:
        assert (await response.json())["status"] == "healthy"
    async with http.get(f"{base}/status") as response:
        status = await response.json()
    assert status["bots"] == len(world.manager.fleet.runners)
    assert status["bots"] >= 1
    assert status["pids"]["zygote"]
    assert status["leases"] == {"held": status["leases"]["held"], "valid": True, "lapses": 0}
    assert status["leases"]["held"] >= status["bots"]
    assert status["memory_limits"] == "process"
    found = [one.text async for one in doctor.findings(world.settings) if one.subject == "memory"]
    assert found == ["bots' processes are limited by RLIMIT_DATA and a look once a minute"]


async def read(http, path: str, **headers: str) -> tuple[int, str]:
    async with http.get(path, headers=headers) as response:
        return response.status, await response.text()


async def test_metrics_tell_of_all_bots_together_and_of_each_by_its_number(world, http):
    bot, view = await world.new_bot("Самый тайный бот")
    world.model.plan.answers = ["counted"]
    world.write(bot, world.chat(bot), "hello")
    await world.until_said(bot, world.chat(bot), "counted")
    base = f"http://127.0.0.1:{world.settings.bots_port}"
    status, told = await read(http, f"{base}/metrics")
    assert status == 200
    figures = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in told.splitlines() if line[0] != "#"}
    assert figures["chatai_bots_live"] >= 1
    assert figures['chatai_bots_updates_settled_total{outcome="done"}'] >= 1
    assert figures['chatai_bots_updates_received_total{way="post"}'] >= 1
    assert figures["chatai_bots_update_wait_seconds_count"] >= 1
    assert figures['chatai_bots_inbox_commit_seconds_count{kind="store"}'] >= 1
    assert figures['chatai_bots_inbox_batch_size_count{kind="begin_send"}'] >= 1
    assert figures["chatai_bots_sends_total"] >= 1
    assert figures["chatai_bots_leases_valid"] == 1
    assert str(view.id) not in told
    await world.manager.fleet._live.write()
    status, told = await read(http, f"{base}/metrics/telegram-rate-limit")
    (grepped,) = [line.strip() for line in told.splitlines() if "total_bots" in line]
    assert grepped.startswith('"total_bots": ')
    found = json.loads(told)
    assert found["total_bots"] >= 1
    assert found["limits"]["bot_messages_per_second"] == world.settings.telegram_bot_rate
    (ours,) = [one for one in found["bots"] if one["bot_id"] == str(view.id)]
    assert (ours["state"], ours["answered"], ours["limits_respected"], ours["queued"]) == ("live", 1, True, 0)
    assert ours["pid"] == world.runner(view).worker.pid
    assert "тайный" not in told
    assert bot.username not in told
    for path in ("/metrics", "/metrics/telegram-rate-limit"):
        for header in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"):
            assert (await read(http, base + path, **{header: "127.0.0.1"}))[0] == 403
        assert (await read(http, base + path, **{"X-Real-IP": "1.2.3.4", "Authorization": "Bearer wrong"}))[0] == 403


async def test_a_flood_of_refused_posts_fills_no_log(world, http, caplog):
    _, view = await world.new_bot()
    before = world.manager.refusals.total
    for _ in range(60):
        async with http.post(address(world, new_id()), json=update(1), headers={SECRET_HEADER: "x"}) as response:
            assert response.status == 403
    assert world.manager.refusals.total == before + 60
    assert len([record for record in caplog.records if "refused" in str(record.msg)]) <= 1
    assert (await world.bot_of(view)).state in {"running", "sleeping"}
