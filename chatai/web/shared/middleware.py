"""What stands around pages and API alike: page addresses without redirects, caching, and the security headers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatai.frontend_pdf import ADDRESS, WORKER

YEAR = 31_536_000
FALLBACK_PAGE = "__spa-fallback.html"
COMMON_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-XSS-Protection": "0",  # the filter that this steered was itself a way in; 0 is what browsers' makers advise
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# What renders PDFs gets their bytes from the page; of itself it loads only its decoders of rare pictures.
WORKER_POLICY = "default-src 'none'; script-src 'self'"
CLOSED_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


class PageMiddleware:
    """Serves page addresses as they are and marks every response.

    Args:
        app: What is wrapped.
        web_dir: Folder of the built pages; its `csp.json` names the pages and the hashes of their inline scripts.
        secure: Whether people reach this installation by https, so that HSTS may be sent.
        trusted_proxies: Number of reverse proxies in front; with any, their `X-Forwarded-Proto` counts too.
    """

    def __init__(self, app: ASGIApp, *, web_dir: Path, secure: bool, trusted_proxies: int) -> None:
        self._app = app
        self._secure = secure
        self._trusted_proxies = trusted_proxies
        self._scripts = _inline_scripts(web_dir / "csp.json")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        if path != "/" and f"{path.strip('/')}/index.html" in self._scripts and not path.endswith("/"):
            # The static server would answer with a redirect to an absolute http address, wrong behind a TLS proxy.
            scope = {**scope, "path": path + "/"}

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._mark(scope, path, MutableHeaders(scope=message), message["status"])
            await send(message)

        await self._app(scope, receive, marked)

    def _mark(self, scope: Scope, path: str, headers: MutableHeaders, status: int) -> None:
        for name, value in COMMON_HEADERS.items():
            headers.setdefault(name, value)
        if self._is_secure(scope):
            headers.setdefault("Strict-Transport-Security", f"max-age={YEAR}; includeSubDomains")
        html = headers.get("content-type", "").startswith("text/html")
        # A 304 replaces headers of the kept copy but has no type to tell a page by: the kept policy must stay.
        if "content-security-policy" not in headers and status != 304:
            worker = path == ADDRESS + WORKER
            headers["Content-Security-Policy"] = (
                self._page_policy(path) if html else WORKER_POLICY if worker else CLOSED_POLICY
            )
        if "cache-control" not in headers:
            named_by_content = path.startswith("/assets/") or b"v=" in scope.get("query_string", b"")
            kept = named_by_content and not html and status in {200, 206, 304}
            headers["Cache-Control"] = f"public, max-age={YEAR}, immutable" if kept else "no-cache"

    def _is_secure(self, scope: Scope) -> bool:
        if self._secure or scope.get("scheme") == "https":
            return True
        return self._trusted_proxies > 0 and Headers(scope=scope).get("x-forwarded-proto", "").startswith("https")

    def _page_policy(self, path: str) -> str:
        page = f"{path.strip('/')}/index.html".lstrip("/")
        scripts = " ".join(["'self'", *self._scripts.get(page, self._scripts.get(FALLBACK_PAGE, []))])
        return "; ".join(
            [
                "default-src 'self'",
                f"script-src {scripts}",
                "style-src 'self' 'unsafe-inline'",  # the style library writes its rules into the page
                "img-src 'self' data:",
                "object-src 'none'",
                "base-uri 'self'",
                "form-action 'self'",
                "frame-ancestors 'none'",
            ]
        )


def _inline_scripts(path: Path) -> dict[str, list[str]]:
    if not path.exists():
        return {}  # compiling, or `reflex run` in development: nothing is served from here
    content: dict[str, list[str]] = json.loads(path.read_text())
    return content


def may_connect(origin: str | None, environ: Mapping[str, str], allowed: tuple[str, ...]) -> bool:
    """Whether a page from this origin may open the event socket: our own pages, and the allowed origins.

    A browser always sends the origin; programs that send none carry no person's cookie by themselves.
    """
    if origin is None:
        return True
    host = urlsplit(origin).netloc
    return origin in allowed or (bool(host) and host == environ.get("HTTP_HOST"))
