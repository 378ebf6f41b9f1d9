"""Who calls the API, and from where."""

from __future__ import annotations

from typing import Annotated

from fastapi import Cookie, Depends, Request, Response

from chatai.core.actor import Actor
from chatai.core.database import get_database
from chatai.core.errors import Unauthenticated
from chatai.core.i18n import LANGUAGE_COOKIE, Language, language_of
from chatai.core.settings import Settings, get_settings
from chatai.domains.accounts import service as accounts
from chatai.domains.accounts.schemas import SESSION_COOKIE, Client, LogIn


async def perhaps_actor(chatai_session: Annotated[str | None, Cookie()] = None) -> Actor | None:
    """The person of the session cookie, or None."""
    return await accounts.authenticate(get_database(), chatai_session)


PerhapsActor = Annotated[Actor | None, Depends(perhaps_actor)]


async def current_actor(actor: PerhapsActor) -> Actor:
    """The person of the session cookie. Raises: Unauthenticated."""
    if actor is None:
        raise Unauthenticated
    return actor


CurrentActor = Annotated[Actor, Depends(current_actor)]


def request_language(request: Request) -> Language:
    """The language of the page that the person sees, else the browser's."""
    default = get_settings().default_language
    return language_of(request.cookies.get(LANGUAGE_COOKIE) or request.headers.get("accept-language"), default)


def client_of(request: Request) -> Client:
    """Where the request comes from. Of `X-Forwarded-For` only the entries of our own proxies count."""
    hops = get_settings().trusted_proxy_hops
    forwarded = [part.strip() for part in request.headers.get("x-forwarded-for", "").split(",") if part.strip()]
    peer = request.client.host if request.client else ""
    address = forwarded[-hops] if 0 < hops <= len(forwarded) else peer
    return Client(address=address[:45], user_agent=request.headers.get("user-agent", "")[:300])


def set_session(response: Response, log_in: LogIn, settings: Settings) -> None:
    """Hands the browser its session: readable by no script, sent to no other site."""
    response.set_cookie(
        SESSION_COOKIE,
        log_in.token,
        max_age=settings.access_token_expire_minutes * 60,
        httponly=True,
        secure=settings.page_url.startswith("https://"),
        samesite="lax",
        path="/",
    )


def clear_session(response: Response) -> None:
    response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="lax")
