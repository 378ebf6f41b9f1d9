"""The few pieces of the pages that need JavaScript of their own. Their code is in `assets/parts/`."""

from __future__ import annotations

from typing import Any

import reflex as rx
from reflex.vars import Var


class Modal(rx.Component):
    """A native modal dialog, open as long as it is on the page.

    It fires `on_dismiss` as well when it goes from the page, when the page's address changes, and when the page is
    loaded anew; unless it `waits` for who left it. So a page's `load` must not close it: that runs after a lost
    connection too, and perhaps after the first click.
    """

    library = "$/public/parts/modal.js"
    tag = "Modal"

    waits: Var[bool]
    on_dismiss: rx.EventHandler[rx.event.no_args_event_spec]


class Prose(rx.Component):
    """Markdown from people or models, without raw HTML and without pictures from elsewhere."""

    library = "$/public/parts/prose.js"
    lib_dependencies: list[str] = ["react-markdown@10.1.0", "remark-gfm@4.0.1"]  # noqa: RUF012  Reflex reads it so
    tag = "Prose"

    text: Var[str]


class Ticker(rx.Component):
    """Fires `on_tick` every `interval` milliseconds while it is on a page that is looked at."""

    library = "$/public/parts/ticker.js"
    tag = "Ticker"

    interval: Var[int]
    on_tick: rx.EventHandler[rx.event.no_args_event_spec]


class Passage(rx.Component):
    """A marked passage that scrolls itself into view, again for each new `place`."""

    library = "$/public/parts/passage.js"
    tag = "Passage"

    place: Var[str]


class PdfPage(rx.Component):
    """A page of the PDF at `url`, with the passage marked on it; its children stand there if it can't be shown.

    `address`: of the document's page. `place` is another one for each page and passage.
    """

    library = "$/public/parts/pdf-page.js"
    tag = "PdfPage"

    engine: Var[str]
    url: Var[str]
    address: Var[str]
    number: Var[int]
    before: Var[str]
    passage: Var[str]
    after: Var[str]
    place: Var[str]
    texts: Var[dict[str, Any]]


class Thread(rx.Component):
    """The turns of a conversation; follows the newest line."""

    library = "$/public/parts/thread.js"
    tag = "Thread"


class Uploader(rx.Component):
    """Sends picked or dropped files to `url`, one after the other, each with its progress."""

    library = "$/public/parts/uploader.js"
    tag = "Uploader"

    url: Var[str]
    accept: Var[str]
    max_mb: Var[int]
    texts: Var[dict[str, Any]]
    on_uploaded: rx.EventHandler[rx.event.no_args_event_spec]


class TableInput(rx.Component):
    """A field for a table as text: pasted, or read from a file that the person picks. `max_bytes` in UTF-8.

    `url`: reads XLSX files, which may be picked then, too. `value`: what stands in it at first.
    """

    library = "$/public/parts/table-input.js"
    tag = "TableInput"

    name: Var[str]
    placeholder: Var[str]
    max_bytes: Var[int]
    texts: Var[dict[str, Any]]
    url: Var[str]
    value: Var[str]


class ToldInput(rx.Component):
    """A required field that takes `told`, also when it comes late, unless somebody has written into it by then."""

    library = "$/public/parts/told-input.js"
    tag = "ToldInput"

    name: Var[str]
    type: Var[str]
    auto_complete: Var[str]
    told: Var[str]


class PlainForm(rx.Component):
    """A form that the browser itself posts, so that the API can answer with an HttpOnly cookie.

    Reflex's own form always takes the submission over.
    """

    tag = "form"
    _is_tag_in_global_scope = True

    action: Var[str]
    method: Var[str]
