"""Composition root: pages, API and what stands around them, as one ASGI application."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import reflex as rx

from chatai.core.settings import get_settings
from chatai.web.shared.middleware import PageMiddleware, may_connect

settings = get_settings()


def index() -> rx.Component:
    return rx.el.main(rx.el.h1("ChatAI"))


app = rx.App(
    api_transformer=[
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
app.sio.eio.cors_allowed_origins = functools.partial(may_connect, allowed=settings.cors_origins)

app.add_page(index, route="/", title="ChatAI")
