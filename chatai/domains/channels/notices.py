"""Mails to those whom a bot belongs to: that Telegram no longer accepts its token."""

from __future__ import annotations

from uuid import UUID

from chatai.core.actor import Actor
from chatai.core.database import Database, UnitOfWork
from chatai.core.i18n import Language
from chatai.domains.accounts import service as accounts
from chatai.domains.audit import service as audit
from chatai.domains.channels import repository
from chatai.domains.workspaces import service as workspaces

MAIL_TASK = "mail_bot_revoked"
REVOKED = "channels:bot:revoked"
_TOKEN_GIVEN = ("channels:bot:create", "channels:bot:token")
MOST_TOLD = 5

_REVOKED: dict[Language, tuple[str, str]] = {
    "en": (
        "Your bot @{username} has stopped",
        "Hello {name},\n\nTelegram no longer accepts the token of @{username}: it was replaced, or the bot was deleted "
        "in @BotFather. The bot has stopped; what people write to it waits at Telegram for a day.\n\n"
        "Give it its new token here:\n\n{link}\n",
    ),
    "ru": (
        "Ваш бот @{username} остановлен",
        "Здравствуйте, {name}!\n\nTelegram больше не принимает токен бота @{username}: его заменили или бота удалили "
        "в @BotFather. Бот остановлен; то, что ему пишут, ждёт в Telegram сутки.\n\n"
        "Укажите новый токен здесь:\n\n{link}\n",
    ),
}


async def tell_of_revocation(uow: UnitOfWork, workspace_id: UUID, bot_id: UUID) -> None:
    """Records that a bot's token is refused and has the workspace's admins told, once for each token."""
    if await audit.latest(uow, workspace_id, bot_id, (REVOKED, *_TOKEN_GIVEN)) == REVOKED:
        return
    await audit.record(uow, Actor("system", workspace_id), REVOKED, bot_id, workspace_id=workspace_id)
    for account_id in (await workspaces.admins_of(uow, workspace_id))[:MOST_TOLD]:
        await uow.enqueue(
            MAIL_TASK,
            queueing_lock=f"{MAIL_TASK}:{bot_id}:{account_id}",
            account_id=account_id,
            bot_id=bot_id,
        )


async def mail_revocation(database: Database, account_id: UUID, bot_id: UUID, page_url: str) -> None:
    """Writes to one person, unless the bot is well again or gone. The work of a job. Raises: Unavailable."""
    async with database.system() as uow:
        bot = await repository.find(uow, bot_id)
        person = await accounts.recipient(uow, account_id)
    if bot is None or bot.state != "revoked" or person is None:
        return
    subject, text = _REVOKED[person.language]
    name = " ".join(person.name.split())
    link = f"{page_url}/bots/{bot_id}"
    await accounts.write_to(
        person,
        subject.format(username=bot.username),
        text.format(username=bot.username, name=name, link=link),
    )
