"""Keeps other sites' pages away from the control API, and unknown host names away from everything."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from bots.sandbox.errors import ApiError

PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:;"
    " media-src 'self' blob:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def guard(names: frozenset[str]) -> Middleware:
    """A middleware for the page and `/sandbox`; `names` are host names under which the sandbox may be reached.

    A host name that is neither ours nor an address could be another site's that was pointed at this machine.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(("/bot", "/file/")):
            return await handler(request)
        if not _known_host(request.host, names):
            return _forbidden("this host name is not the sandbox's")
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            return _forbidden("requests from other sites are refused")
        foreign = request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}
        followed_link = request.headers.get("Sec-Fetch-Mode") == "navigate" and request.path == "/"
        if foreign and not followed_link:
            return _forbidden("requests from other sites are refused")
        try:
            response = await handler(request)
        except ApiError as error:  # a parameter of the control API that can't be read
            response = web.json_response({"error": error.description}, status=error.code)
        if not response.prepared:
            for name, value in PAGE_HEADERS.items():
                response.headers.setdefault(name, value)
        return response

    return check


def _known_host(host: str, names: frozenset[str]) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    if name in names or name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _forbidden(text: str) -> web.Response:
    return web.json_response({"error": text}, status=403)
