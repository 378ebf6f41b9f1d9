"""Composition root: pages, API and what stands around them, as one ASGI application."""

from __future__ import annotations

import functools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import reflex as rx

from chatai import wiring
from chatai.api.app import create_api
from chatai.core import logging
from chatai.core.database import get_database
from chatai.core.settings import get_settings
from chatai.web.missing import error_boundary
from chatai.web.pages import add_pages
from chatai.web.shared.guard import OwnTab, note_fault
from chatai.web.shared.middleware import PageMiddleware, may_connect

settings = get_settings()
logging.configure("web", settings)
wiring.bind(settings)


@asynccontextmanager
async def connections() -> AsyncIterator[None]:
    """Closes what the process holds open when it ends."""
    yield
    await wiring.close()
    await get_database().close()


app = rx.App(
    stylesheets=[
        f"/styles/{name}.css"
        for name in ("tokens", "base", "controls", "surfaces", "layout", "chat", "bots", "document", "answers")
    ],
    reset_style=False,
    html_lang=settings.default_language,
    head_components=[
        rx.el.link(rel="icon", href="/favicon.svg", type="image/svg+xml"),
        rx.el.meta(name="theme-color", content="#1b6a57"),
        rx.el.script(src="/boot.js"),
    ],
    # Reflex's own overlay says in English that the connection is gone; our pages' frame says it.
    app_wraps={(55, "ErrorBoundary"): lambda _stateful: error_boundary()},
    toaster=None,
    backend_exception_handler=note_fault,  # Reflex's own would have the browser evaluate a script
    api_transformer=[
        create_api(),
        functools.partial(
            PageMiddleware,
            web_dir=Path(os.environ.get("REFLEX_WEB_WORKDIR", ".web")),
            secure=settings.page_url.startswith("https://"),
            trusted_proxies=settings.trusted_proxy_hops,
        ),
    ],
)
if app.sio is None:
    raise RuntimeError("Reflex made no event server")
# Reflex would take a list only; any host name and port that serves our own pages must do.
app.sio.eio.cors_allowed_origins = functools.partial(
    may_connect, allowed=(settings.page_url, settings.public_url, *settings.cors_origins)
)

app.add_middleware(OwnTab())
app.register_lifespan_task(connections)
add_pages(app)
