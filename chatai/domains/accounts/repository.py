"""The SQL of accounts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, func, select, update
from sqlmodel import col

from chatai.core.actor import Role
from chatai.core.clock import now
from chatai.core.database import UnitOfWork
from chatai.domains.accounts.models import Account, AccountToken, LoginSession


async def find_by_email(uow: UnitOfWork, email: str) -> Account | None:
    return (await uow.session.execute(select(Account).where(col(Account.email) == email))).scalar_one_or_none()


async def get(uow: UnitOfWork, account_id: UUID) -> Account | None:
    return await uow.session.get(Account, account_id)


async def has_admin(uow: UnitOfWork) -> bool:
    statement = select(exists().where(col(Account.role) == Role.ADMIN))
    return bool((await uow.session.execute(statement)).scalar())


async def lock_set_up(uow: UnitOfWork) -> None:
    """Only one transaction at a time may make the first administrator."""
    await uow.session.execute(select(func.pg_advisory_xact_lock(func.hashtext("chatai/setup"))))


async def session_with_account(uow: UnitOfWork, session_id: UUID) -> tuple[LoginSession, Account] | None:
    """The log-in, if it still counts, with its account, if that is not disabled."""
    statement = (
        select(LoginSession, Account)
        .join(Account, col(Account.id) == col(LoginSession.account_id))
        .where(
            col(LoginSession.id) == session_id,
            col(LoginSession.revoked_at).is_(None),
            col(LoginSession.expires_at) > now(),
            col(Account.disabled_at).is_(None),
        )
    )
    row = (await uow.session.execute(statement)).one_or_none()
    return (row[0], row[1]) if row else None


async def live_sessions(uow: UnitOfWork, account_id: UUID) -> Sequence[LoginSession]:
    statement = (
        select(LoginSession)
        .where(
            col(LoginSession.account_id) == account_id,
            col(LoginSession.revoked_at).is_(None),
            col(LoginSession.expires_at) > now(),
        )
        .order_by(col(LoginSession.last_seen_at).desc())
    )
    return (await uow.session.execute(statement)).scalars().all()


async def revoke_sessions(
    uow: UnitOfWork, account_id: UUID, *, only: UUID | None = None, but: UUID | None = None
) -> int:
    """Ends one log-in of the account, or all but one. Returns how many ended."""
    statement = update(LoginSession).where(
        col(LoginSession.account_id) == account_id, col(LoginSession.revoked_at).is_(None)
    )
    if only is not None:
        statement = statement.where(col(LoginSession.id) == only)
    if but is not None:
        statement = statement.where(col(LoginSession.id) != but)
    result = await uow.session.execute(statement.values(revoked_at=now()).returning(col(LoginSession.id)))
    return len(result.all())


async def use_token(uow: UnitOfWork, token_digest: str, purpose: str) -> AccountToken | None:
    """The token, now used up; None if there is none, it is too old, or it was used before."""
    statement = (
        update(AccountToken)
        .where(
            col(AccountToken.token_digest) == token_digest,
            col(AccountToken.purpose) == purpose,
            col(AccountToken.used_at).is_(None),
            col(AccountToken.expires_at) > now(),
        )
        .values(used_at=now())
        .returning(AccountToken)
    )
    return (await uow.session.execute(statement)).scalar_one_or_none()


async def retire_tokens(uow: UnitOfWork, purpose: str, account_id: UUID | None) -> None:
    """Makes older links of the same purpose useless."""
    statement = update(AccountToken).where(
        col(AccountToken.purpose) == purpose,
        col(AccountToken.account_id) == account_id if account_id else col(AccountToken.account_id).is_(None),
        col(AccountToken.used_at).is_(None),
    )
    await uow.session.execute(statement.values(used_at=now()))


async def touch_session(uow: UnitOfWork, session_id: UUID, at: datetime) -> None:
    await uow.session.execute(update(LoginSession).where(col(LoginSession.id) == session_id).values(last_seen_at=at))
