"""The API as the web process serves it, without the pages; mails arrive in a list."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest

from chatai import wiring
from chatai.api.app import create_api
from chatai.core.database import Database, get_database
from chatai.core.settings import Settings
from chatai.domains.accounts import service as accounts
from chatai.domains.accounts.ports import mailer
from chatai.jobs.app import app as queue
from chatai.jobs.worker import connector_for


@dataclass
class Outbox:
    """What was mailed."""

    mails: list[tuple[str, str, str]] = field(default_factory=list)

    async def send(self, to: str, subject: str, text: str) -> None:
        self.mails.append((to, subject, text))

    def link(self) -> str:
        """Path and query of the link in the last mail."""
        text = self.mails[-1][2]
        return text[text.index("http") :].split()[0].split("localhost", 1)[1].split("/", 1)[1]


@pytest.fixture
async def outbox(settings: Settings) -> AsyncIterator[Outbox]:
    wiring.bind(settings)
    box = Outbox()
    mailer.bind(box)
    yield box
    await wiring.close()


@pytest.fixture
async def api(settings: Settings, outbox: Outbox) -> AsyncIterator[httpx.AsyncClient]:
    """A browser's view of the API: it keeps cookies and says that it is on the same site."""
    transport = httpx.ASGITransport(app=create_api())
    headers = {"sec-fetch-site": "same-origin"}
    async with httpx.AsyncClient(transport=transport, base_url=settings.page_url, headers=headers) as client:
        yield client
    await get_database().close()


async def work_off(database: Database) -> None:
    """Does the jobs that are due."""
    with queue.replace_connector(connector_for(database)):
        async with queue.open_async():
            await queue.run_worker_async(wait=False, install_signal_handlers=False)


async def log_in_as_new(api: httpx.AsyncClient, database: Database, outbox: Outbox, email: str) -> None:
    """Registers, confirms and logs in."""
    form = {"name": "Alex", "email": email, "password": "a long enough password"}
    assert (await api.post("/api/auth/register", data=form)).status_code == 303
    await work_off(database)
    async with database.person() as uow:
        await accounts.confirm(uow, outbox.link().split("token=")[1])
    answer = await api.post("/api/auth/login", data=form)
    assert answer.headers["location"] == "/"
