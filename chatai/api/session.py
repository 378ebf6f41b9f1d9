"""The forms of the entry pages: log in, register, reset, log out.

Each is a plain form post that ends in a redirect to a page (303). What went wrong goes back to the form's page as
`?error=code`; a password never does.
"""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Annotated
from urllib.parse import parse_qs, urlencode, urlsplit

import structlog
from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from chatai.api.auth import PerhapsActor, clear_session, client_of, request_language, set_session
from chatai.core.database import get_database
from chatai.core.errors import ChatAIError
from chatai.core.rate_limits import allow
from chatai.core.settings import get_settings
from chatai.domains.accounts import service as accounts
from chatai.domains.accounts.errors import InvalidCredentials, NotConfirmed, TooManyAttempts
from chatai.domains.accounts.passwords import password_turn
from chatai.domains.accounts.schemas import Client, Registration

_log = structlog.get_logger(__name__)

router = APIRouter(prefix="/api/auth", tags=["session"], include_in_schema=False)

PER_ADDRESS = "30/5 minutes"
PER_EMAIL = "10/5 minutes"

Field = Annotated[str, Form(max_length=2_000)]


def _to(path: str, **query: str) -> RedirectResponse:
    given = {name: value for name, value in query.items() if value}
    return RedirectResponse(f"{path}?{urlencode(given)}" if given else path, status_code=303)


def _of_page(request: Request, name: str, posted: str) -> str:
    """What the form posted, or else what stands in the address of its page.

    The pages copy a link's token into their form by script; a form that is sent before that still counts.
    """
    page = urlsplit(request.headers.get("referer", ""))
    if posted or page.netloc != request.headers.get("host"):
        return posted
    return parse_qs(page.query).get(name, [""])[0]


def _inside(path: str) -> str:
    """Only a path on our own pages: never another site."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() else "/"


def neighbourhood(address: str) -> str:
    """What counts as one address: of IPv6 the first 64 bits, since whoever has one address there has them all."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(IPv6Network((parsed, 64), strict=False))
    return address


async def _limit(client: Client, email: str) -> None:
    """Raises: TooManyAttempts."""
    by_address = await allow(PER_ADDRESS, "entry", neighbourhood(client.address))
    by_email = not email or await allow(PER_EMAIL, "entry-email", email.strip().lower())
    if not (by_address and by_email):
        _log.warning("too many attempts", address=client.address)
        raise TooManyAttempts


@router.post("/login")
async def log_in(request: Request, email: Field = "", password: Field = "", next: Field = "/") -> Response:
    """Opens a session and goes on to the page that was asked for."""
    settings, database, client = get_settings(), get_database(), client_of(request)
    try:
        await _limit(client, email)
        async with password_turn, database.person() as uow:
            opened = await accounts.log_in(uow, email, password, client, settings)
    except ChatAIError as error:
        if isinstance(error, InvalidCredentials):
            async with database.person() as uow:
                await accounts.note_failed_log_in(uow, email, client)
        if isinstance(error, NotConfirmed):
            async with database.person() as uow:
                await accounts.resend_confirmation(uow, email)
        return _to("/login", error=error.code, email=email, next=_inside(next) if next != "/" else "")
    response = _to(_inside(next))
    set_session(response, opened, settings)
    return response


@router.post("/register")
async def register(
    request: Request, name: Field = "", email: Field = "", password: Field = "", setup: Field = ""
) -> Response:
    """Makes an account. With the first-admin link's token the person is logged in at once."""
    settings, database, client = get_settings(), get_database(), client_of(request)
    setup = _of_page(request, "setup", setup)
    registration = Registration(email, name, password, request_language(request), setup)
    try:
        await _limit(client, email)
        async with password_turn, database.person() as uow:
            account = await accounts.register(uow, registration)
            opened = await accounts.open_session(uow, account, client, settings) if account and setup else None
    except ChatAIError as error:
        return _to("/register", error=error.code, email=email, setup=setup)
    if opened is None:
        return _to("/confirm", email=email)
    response = _to("/")
    set_session(response, opened, settings)
    return response


@router.post("/reset-request")
async def request_reset(request: Request, email: Field = "") -> Response:
    """Mails a link to set a new password. Says the same whether or not there is such an account."""
    try:
        await _limit(client_of(request), email)
        async with get_database().person() as uow:
            await accounts.request_reset(uow, email)
    except ChatAIError as error:
        return _to("/reset", error=error.code, email=email)
    return _to("/reset", done="sent")


@router.post("/reset")
async def reset(request: Request, token: Field = "", password: Field = "") -> Response:
    """Sets the new password by the mailed link."""
    token = _of_page(request, "token", token)
    try:
        await _limit(client_of(request), "")
        async with password_turn, get_database().person() as uow:
            await accounts.reset_password(uow, token, password)
    except ChatAIError as error:
        return _to("/reset", error=error.code, token=token)
    return _to("/login", done="reset")


@router.post("/logout")
async def log_out(actor: PerhapsActor) -> Response:
    """Ends this session. Without one, or with one that has ended by itself, there is nothing to end."""
    if actor is not None:
        async with get_database().workspace(actor.workspace_id, actor.account_id) as uow:
            await accounts.log_out(uow, actor)
    return _logged_out()


@router.post("/logout-everywhere")
async def log_out_everywhere(actor: PerhapsActor) -> Response:
    """Ends every session of the person, this one included."""
    if actor is not None:
        async with get_database().workspace(actor.workspace_id, actor.account_id) as uow:
            await accounts.log_out_elsewhere(uow, actor)
            await accounts.log_out(uow, actor)
    return _logged_out()


def _logged_out() -> Response:
    response = _to("/login")
    clear_session(response)
    return response
