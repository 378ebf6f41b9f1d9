"""Registering, logging in and out, confirming, resetting, and who a session cookie speaks for."""

from __future__ import annotations

from datetime import timedelta
from email.utils import parseaddr
from uuid import UUID

from chatai.core.actor import Actor, Role
from chatai.core.clock import now
from chatai.core.crypto import digest, new_token
from chatai.core.database import Database, UnitOfWork
from chatai.core.errors import NotFound, Unauthenticated
from chatai.core.i18n import Language, language_of
from chatai.core.ids import new_id
from chatai.core.settings import Settings, get_settings
from chatai.domains.accounts import repository
from chatai.domains.accounts.errors import (
    AccountDisabled,
    AlreadySetUp,
    InvalidCredentials,
    InvalidEmail,
    InvalidName,
    InvalidToken,
    NotConfirmed,
    WrongPassword,
)
from chatai.domains.accounts.mails import MailPurpose, render
from chatai.domains.accounts.models import Account, AccountToken, LoginSession
from chatai.domains.accounts.passwords import check_strength, hash_password, verify_password
from chatai.domains.accounts.ports import mailer
from chatai.domains.accounts.schemas import AccountView, Client, LogIn, Recipient, Registration, SessionView
from chatai.domains.accounts.tokens import SessionClaims, decode, encode
from chatai.domains.audit import service as audit
from chatai.domains.workspaces import service as workspaces

TOKEN_LIFE = {"confirm": timedelta(days=3), "reset": timedelta(hours=1), "setup": timedelta(days=7)}
SEEN_EVERY = timedelta(minutes=5)


def clean_email(text: str) -> str:
    """The address in lower case. Raises: InvalidEmail: if it can't be one (RFC 5321 sizes, one @, a dot after it)."""
    email = text.strip().lower()
    local, _, domain = email.rpartition("@")
    if (
        not 0 < len(local) <= 64
        or len(email) > 254
        or "." not in domain.strip(".")
        or any(character.isspace() or ord(character) < 32 or character in ',;<>"()[]\\' for character in email)
        or "@" in local
        or parseaddr(email)[1] != email
    ):
        raise InvalidEmail
    return email


def clean_name(text: str) -> str:
    """The name in one line. Raises: InvalidName: if it is empty or longer than 100 characters."""
    name = " ".join("".join(c for c in text if c.isprintable() or c.isspace()).split())
    if not 1 <= len(name) <= 100:
        raise InvalidName
    return name


async def register(uow: UnitOfWork, registration: Registration) -> Account | None:
    """Makes an account with its workspace and mails the link that confirms it.

    With the first-admin link's token the account is confirmed at once and rules the installation. For an address
    that has an account already nothing is made and its owner gets a mail: nobody learns who is registered here.

    Returns:
        The account, or None where the address was known.

    Raises:
        InvalidEmail, InvalidName, WeakPassword, AlreadySetUp, InvalidToken
    """
    email, name = clean_email(registration.email), clean_name(registration.name)
    check_strength(registration.password)
    password_hash = await hash_password(registration.password)
    first_admin = bool(registration.setup_token)
    if first_admin:
        await repository.lock_set_up(uow)
        if await repository.has_admin(uow):
            raise AlreadySetUp
        if await repository.use_token(uow, digest(registration.setup_token), "setup") is None:
            raise InvalidToken
    known = await repository.find_by_email(uow, email)
    if known is not None and first_admin:
        # Whoever can read the console owns the machine; the link lets them take over their own earlier registration.
        known.password_hash, known.name = password_hash, name
        known.role, known.confirmed_at = Role.ADMIN, known.confirmed_at or now()
        await repository.revoke_sessions(uow, known.id)
        await audit.record(uow, None, "installation:admin:create", known.id)
        return known
    if known is not None:
        await _queue_mail(uow, known.id, "known")
        return None
    account = Account(
        email=email,
        name=name,
        password_hash=password_hash,
        language=registration.language,
        role=Role.ADMIN if first_admin else Role.USER,
        confirmed_at=now() if first_admin else None,
    )
    uow.session.add(account)
    await uow.session.flush()
    await workspaces.create_workspace(uow, account.id, name)
    await audit.record(uow, None, "installation:admin:create" if first_admin else "account:account:create", account.id)
    if not first_admin:
        await _queue_mail(uow, account.id, "confirm")
    return account


async def create_admin(uow: UnitOfWork, registration: Registration) -> Account:
    """Makes a confirmed administrator, or makes one of an existing account, from the command line."""
    email, name = clean_email(registration.email), clean_name(registration.name)
    check_strength(registration.password)
    account = await repository.find_by_email(uow, email)
    if account is None:
        account = Account(email=email, name=name, password_hash="", language=registration.language)
        uow.session.add(account)
        await uow.session.flush()
        await workspaces.create_workspace(uow, account.id, name)
    account.password_hash = await hash_password(registration.password)
    account.role, account.confirmed_at, account.disabled_at = Role.ADMIN, account.confirmed_at or now(), None
    await repository.revoke_sessions(uow, account.id)
    await audit.record(uow, None, "installation:admin:create", account.id)
    return account


async def setup_link(uow: UnitOfWork, page_url: str) -> str | None:
    """A link that makes the first administrator, or None where there is one. Older such links stop working."""
    if await repository.has_admin(uow):
        return None
    await repository.retire_tokens(uow, "setup", None)
    return f"{page_url}/register?setup={await _new_token(uow, 'setup', None)}"


async def log_in(uow: UnitOfWork, email: str, password: str, client: Client, settings: Settings) -> LogIn:
    """Checks the password and opens a log-in.

    Raises:
        InvalidCredentials, AccountDisabled
        NotConfirmed: The edge then commits nothing of this but calls `resend_confirmation`.
    """
    account = await repository.find_by_email(uow, email.strip().lower())
    if not await verify_password(account.password_hash if account else None, password) or account is None:
        raise InvalidCredentials
    if account.disabled_at:
        raise AccountDisabled
    if not account.confirmed_at:
        raise NotConfirmed
    return await open_session(uow, account, client, settings)


async def open_session(uow: UnitOfWork, account: Account, client: Client, settings: Settings) -> LogIn:
    """Opens a log-in for an account that has proven itself."""
    started = now()
    expires = started + timedelta(minutes=settings.access_token_expire_minutes)
    session_id = new_id()
    home = await _home(uow, account.id)
    uow.session.add(
        LoginSession(
            id=session_id,
            account_id=account.id,
            workspace_id=home,
            expires_at=expires,
            user_agent=client.user_agent[:300],
            address=client.address[:45],
        )
    )
    actor = Actor(kind="person", workspace_id=home, account_id=account.id)
    await audit.record(uow, actor, "account:session:create", session_id, address=client.address)
    token = encode(settings, SessionClaims(session_id, account.id), started, expires)
    return LogIn(token=token, expires_at=expires, account_id=account.id, language=language_of(account.language))


async def _home(uow: UnitOfWork, account_id: UUID) -> UUID:
    """The workspace that the account lands in, entered for the rest of the transaction."""
    if uow.workspace_id is None:
        await uow.set_account(account_id)
    home = await workspaces.home_of(uow, account_id)
    if home is None:
        raise AccountDisabled
    await uow.enter(home, account_id)
    return home


async def note_failed_log_in(uow: UnitOfWork, email: str, client: Client) -> None:
    """Records a failed log-in, in a transaction of its own. The address is kept as a digest."""
    await audit.record(
        uow, None, "account:session:refuse", address=client.address, email_digest=digest(email.strip().lower())[:16]
    )


async def resend_confirmation(uow: UnitOfWork, email: str) -> None:
    """Mails a new confirmation link, if the account is there and waits for one."""
    account = await repository.find_by_email(uow, email.strip().lower())
    if account and not account.confirmed_at:
        await _queue_mail(uow, account.id, "confirm")


async def authenticate(database: Database, cookie: str | None) -> Actor | None:
    """Who the session cookie speaks for, asked of the database each time; None for nobody."""
    claims = decode(get_settings(), cookie) if cookie else None
    if claims is None:
        return None
    async with database.person(claims.account_id) as uow:
        found = await repository.session_with_account(uow, claims.session_id)
        if found is None or found[1].id != claims.account_id:
            return None
        session, account = found
        workspace_id = session.workspace_id
        role = await workspaces.role_of(uow, account.id, workspace_id) if workspace_id else None
        if workspace_id is None or role is None:
            return None
        if now() - session.last_seen_at > SEEN_EVERY:
            await repository.touch_session(uow, session.id, now())
        return Actor(
            kind="person",
            workspace_id=workspace_id,
            role=role,
            installation_role=Role(account.role),
            account_id=account.id,
            session_id=session.id,
            language=language_of(account.language),
        )


async def confirm(uow: UnitOfWork, token: str) -> Account:
    """Confirms the address that the link was mailed to. Raises: InvalidToken."""
    account = await _account_of_token(uow, token, "confirm")
    account.confirmed_at = account.confirmed_at or now()
    await audit.record(uow, None, "account:email:confirm", account.id)
    return account


async def request_reset(uow: UnitOfWork, email: str) -> None:
    """Mails a link to set a new password, if there is such an account. Nobody learns whether there is."""
    account = await repository.find_by_email(uow, clean_email(email))
    if account and not account.disabled_at:
        await _queue_mail(uow, account.id, "reset")
        await audit.record(uow, None, "account:password:request", account.id)


async def reset_password(uow: UnitOfWork, token: str, password: str) -> Account:
    """Sets a new password by the mailed link and ends every log-in. Raises: InvalidToken, WeakPassword."""
    check_strength(password)
    account = await _account_of_token(uow, token, "reset")
    account.password_hash = await hash_password(password)
    account.confirmed_at = account.confirmed_at or now()  # the link came by mail: the address is theirs
    await repository.revoke_sessions(uow, account.id)
    await audit.record(uow, None, "account:password:reset", account.id)
    return account


async def change_password(uow: UnitOfWork, actor: Actor, current: str, fresh: str) -> None:
    """Sets a new password and ends the person's other log-ins. Raises: WrongPassword, WeakPassword."""
    account = await _own_account(uow, actor)
    check_strength(fresh)
    if not await verify_password(account.password_hash, current):
        raise WrongPassword
    account.password_hash = await hash_password(fresh)
    await repository.revoke_sessions(uow, account.id, but=actor.session_id)
    await audit.record(uow, actor, "account:password:change", account.id)


async def get_account(uow: UnitOfWork, actor: Actor) -> AccountView:
    account = await _own_account(uow, actor)
    return AccountView(
        id=account.id,
        email=account.email,
        name=account.name,
        role=Role(account.role),
        language=language_of(account.language),
        workspace_name=await workspaces.name_of(uow, actor.workspace_id),
        workspace_role=actor.role,
        created_at=account.created_at,
    )


async def update_profile(uow: UnitOfWork, actor: Actor, *, name: str, language: Language) -> None:
    account = await _own_account(uow, actor)
    account.name, account.language = clean_name(name), language


async def list_sessions(uow: UnitOfWork, actor: Actor) -> list[SessionView]:
    """The person's own log-ins that still count, the last used first."""
    account = await _own_account(uow, actor)
    return [
        SessionView(
            id=session.id,
            user_agent=session.user_agent,
            address=session.address,
            created_at=session.created_at,
            last_seen_at=session.last_seen_at,
            is_current=session.id == actor.session_id,
        )
        for session in await repository.live_sessions(uow, account.id)
    ]


async def log_out(uow: UnitOfWork, actor: Actor) -> None:
    """Ends the log-in that the actor came with."""
    if actor.session_id:
        await revoke_session(uow, actor, actor.session_id)


async def revoke_session(uow: UnitOfWork, actor: Actor, session_id: UUID) -> None:
    """Ends one of the person's own log-ins. Raises: NotFound."""
    account = await _own_account(uow, actor)
    if not await repository.revoke_sessions(uow, account.id, only=session_id):
        raise NotFound
    await audit.record(uow, actor, "account:session:revoke", session_id)


async def log_out_elsewhere(uow: UnitOfWork, actor: Actor) -> int:
    """Ends the person's other log-ins. Returns how many."""
    account = await _own_account(uow, actor)
    ended = await repository.revoke_sessions(uow, account.id, but=actor.session_id)
    await audit.record(uow, actor, "account:session:revoke_others", account.id, ended=ended)
    return ended


async def send_mail(uow: UnitOfWork, account_id: UUID, purpose: MailPurpose, page_url: str) -> None:
    """Makes the link and sends the mail: the work of a job, so that no link lies in the queue."""
    account = await repository.get(uow, account_id)
    if account is None or (purpose == "confirm" and account.confirmed_at):
        return
    if purpose == "known":
        link = f"{page_url}/login"
    else:
        await repository.retire_tokens(uow, purpose, account.id)
        path = "confirm" if purpose == "confirm" else "reset"
        link = f"{page_url}/{path}?token={await _new_token(uow, purpose, account.id)}"
    subject, text = render(purpose, language_of(account.language), name=account.name, link=link)
    await mailer().send(account.email, subject, text)


async def recipient(uow: UnitOfWork, account_id: UUID) -> Recipient | None:
    """How to write to a person; None for one who is gone, disabled, or has not confirmed the address."""
    account = await repository.get(uow, account_id)
    if account is None or account.disabled_at or not account.confirmed_at:
        return None
    return Recipient(account.email, account.name, language_of(account.language))


async def write_to(person: Recipient, subject: str, text: str) -> None:
    """Sends a mail that another domain has to say, outside any unit of work. Raises: Unavailable: worth another try."""
    await mailer().send(person.email, " ".join(subject.split()), text)


async def _queue_mail(uow: UnitOfWork, account_id: UUID, purpose: MailPurpose) -> None:
    lock = f"mail:{purpose}:{account_id}"
    await uow.enqueue("send_account_mail", queueing_lock=lock, account_id=account_id, purpose=purpose)


async def _new_token(uow: UnitOfWork, purpose: str, account_id: UUID | None) -> str:
    token = new_token()
    uow.session.add(
        AccountToken(
            account_id=account_id,
            purpose=purpose,
            token_digest=digest(token),
            expires_at=now() + TOKEN_LIFE[purpose],
        )
    )
    await uow.session.flush()
    return token


async def _account_of_token(uow: UnitOfWork, token: str, purpose: str) -> Account:
    used = await repository.use_token(uow, digest(token), purpose)
    account = await repository.get(uow, used.account_id) if used and used.account_id else None
    if account is None or account.disabled_at:
        raise InvalidToken
    return account


async def _own_account(uow: UnitOfWork, actor: Actor) -> Account:
    account = await repository.get(uow, actor.account_id) if actor.account_id else None
    if account is None:
        raise Unauthenticated
    return account
