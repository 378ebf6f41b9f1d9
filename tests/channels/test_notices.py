"""Who is told that a bot's token is refused, and how often."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from chatai.core.actor import Actor, Role
from chatai.core.clock import now
from chatai.core.database import Database
from chatai.domains.accounts.models import Account
from chatai.domains.accounts.ports import mailer
from chatai.domains.channels import notices, service, states
from chatai.domains.channels.schemas import BotView
from chatai.domains.channels.states import StateRow
from tests.channels.conftest import Connect

JOBS = text("SELECT args FROM procrastinate_jobs WHERE task_name = 'mail_bot_revoked' ORDER BY id")


class Outbox:
    def __init__(self) -> None:
        self.mails: list[tuple[str, str, str]] = []

    async def send(self, to: str, subject: str, text: str) -> None:
        self.mails.append((to, subject, text))


@pytest.fixture
def outbox() -> Outbox:
    box = Outbox()
    mailer.bind(box)
    return box


async def revoke(database: Database, bot: BotView) -> None:
    await states.write(database, [StateRow(bot.id, 0, "revoked", "bot_token_revoked", "Unauthorized")])


async def jobs(database: Database) -> list[dict[str, str]]:
    async with database.system() as uow:
        return list((await uow.session.execute(JOBS)).scalars())


async def confirm(database: Database, actor: Actor, language: str = "en") -> str:
    async with database.system() as uow:
        account = await uow.session.get_one(Account, actor.account_id)
        account.confirmed_at, account.language = now(), language
        return account.email


async def test_the_admins_of_the_workspace_are_told_once_for_each_token(database, actor, new_actor, connect: Connect):
    other = await new_actor(workspace_id=actor.workspace_id)
    await new_actor(workspace_id=actor.workspace_id, role=Role.OPERATOR)
    bot = await connect()
    await revoke(database, bot)
    await revoke(database, bot)
    async with database.workspace(actor.workspace_id) as uow:
        await service.start_bot(uow, actor, bot.id)  # with the same token: nothing new to tell
    await revoke(database, bot)
    told = await jobs(database)
    assert {job["account_id"] for job in told} == {str(actor.account_id), str(other.account_id)}
    assert len(told) == 2


async def test_the_mail_speaks_the_persons_language_and_links_to_the_bot(database, actor, connect: Connect, outbox):
    bot = await connect()
    await revoke(database, bot)
    email = await confirm(database, actor, "ru")
    await notices.mail_revocation(database, actor.account_id, bot.id, "https://example.org")
    ((to, subject, body),) = outbox.mails
    assert to == email
    assert f"@{bot.username}" in subject
    assert "остановлен" in subject
    assert f"https://example.org/bots/{bot.id}" in body


async def test_no_mail_for_a_bot_that_is_well_again_and_none_to_an_unconfirmed_address(
    database, actor, connect: Connect, outbox
):
    bot = await connect()
    await revoke(database, bot)
    await notices.mail_revocation(database, actor.account_id, bot.id, "https://example.org")
    await confirm(database, actor)
    async with database.workspace(actor.workspace_id) as uow:
        await service.start_bot(uow, actor, bot.id)
    await notices.mail_revocation(database, actor.account_id, bot.id, "https://example.org")
    assert outbox.mails == []
