"""The bots' load on the web process: the same figures as at the bot manager, for the same readers."""

import httpx

from chatai.api.app import create_api
from chatai.core.clock import now
from chatai.core.ids import new_id
from chatai.domains.channels import live
from chatai.domains.channels.schemas import LiveFigures

PATH = "/metrics/telegram-rate-limit"


async def test_live_bots_are_counted_for_this_machine_alone(settings, database):
    async with database.system() as uow:
        gone = LiveFigures(new_id(), new_id(), 1, 1, 1, now(), 0, 0, 0, 0, 0, 0.0, 0, None, None, 0, None, None)
        await live.upsert(uow, [gone])  # a bot that is no more is not counted
    for peer, headers, status in [
        ("127.0.0.1", {}, 200),
        ("10.0.0.7", {}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 403),
    ]:
        transport = httpx.ASGITransport(create_api(), client=(peer, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            answer = await client.get(PATH, headers=headers)
        assert answer.status_code == status
        if status == 200:
            found = answer.json()
            assert (found["total_bots"], found["registered_bots"], found["bots"]) == (0, 0, [])
            assert found["limits_respected"] is True
        else:
            assert answer.json()["code"] == "metrics_closed"
