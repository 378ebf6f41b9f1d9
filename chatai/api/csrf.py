"""Refuses changes that another site's page asks a person's browser for.

Browsers say where a request comes from: `Sec-Fetch-Site` (https://www.w3.org/TR/fetch-metadata/) and `Origin`. A
request with neither is no browser's; with a session cookie it must carry the token of `/api/csrf-token`.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from chatai.api.auth import CurrentActor, request_language
from chatai.core.crypto import derive_key, digest, equal
from chatai.core.errors import Forbidden
from chatai.core.settings import Settings, get_settings
from chatai.domains.accounts.schemas import SESSION_COOKIE

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
TOKEN_HEADER = "x-csrf-token"  # noqa: S105 - the name of a header

router = APIRouter(tags=["security"])


class CrossSiteRequest(Forbidden):
    code = "cross_site_request"
    en = "This request came from another site and was refused."
    ru = "Этот запрос пришёл с другого сайта и был отклонён."


def token_for(settings: Settings, session_cookie: str) -> str:
    """The token that goes with a session."""
    return digest(derive_key(settings.secret(), "csrf").hex() + session_cookie)


@router.get("/api/csrf-token")
async def csrf_token(request: Request, actor: CurrentActor) -> dict[str, str]:
    """A token for programs that use a person's session: send it as `X-CSRF-Token` with every change."""
    return {"csrf_token": token_for(get_settings(), request.cookies[SESSION_COOKIE])}


class CsrfMiddleware:
    """Guards every unsafe method under the API."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        own = {urlsplit(settings.page_url).netloc, urlsplit(settings.public_url).netloc}
        self._own_hosts = {host for host in own if host}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS and not self._allowed(Headers(scope=scope)):
            language = request_language(Request(scope))
            error = CrossSiteRequest()
            response = JSONResponse({"code": error.code, "message": error.sentence(language)}, error.status)
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _allowed(self, headers: Headers) -> bool:
        if not self._settings.enable_csrf_protection:
            return True
        origin = headers.get("origin", "")
        if origin and origin in self._settings.cors_origins:
            return True
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site in {"same-origin", "none"}
        if origin:
            return urlsplit(origin).netloc in {headers.get("host", ""), *self._own_hosts}
        session = cookie_parser(headers.get("cookie", "")).get(SESSION_COOKIE)
        return session is None or equal(headers.get(TOKEN_HEADER, ""), token_for(self._settings, session))
