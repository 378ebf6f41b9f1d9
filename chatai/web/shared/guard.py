"""Who may do what on the pages. Every event handler goes through `handler`; a test walks Reflex's registry for others.

A browser can call any handler by name with any arguments, whatever its page shows. So each one looks the session up
anew, opens its own unit of work in that person's workspace, and lets row security and the services decide the rest.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, get_type_hints
from urllib.parse import quote
from uuid import UUID

import reflex as rx
import structlog
from redis.exceptions import RedisError
from reflex.event import Event
from reflex.middleware import Middleware
from reflex.state import BaseState
from reflex_base.utils.exceptions import LockExpiredError
from starlette.requests import cookie_parser

from chatai.core.actor import Actor
from chatai.core.database import DatabaseAway, UnitOfWork, get_database
from chatai.core.errors import ChatAIError, NotFound
from chatai.core.i18n import LANGUAGE_COOKIE, Language, language_of
from chatai.domains.accounts.schemas import SESSION_COOKIE
from chatai.domains.accounts.service import authenticate
from chatai.web.shared.i18n import Preferences

GUARDED = "__chatai_guarded__"
HYDRATING = {f"{rx.State.get_full_name()}.{name}" for name in ("hydrate", "hydrate_and_load")}

log = structlog.get_logger(__name__)


class Notices(rx.State):
    """The one notice at the foot of the page: what has happened, or why it has not."""

    text: str = ""
    kind: str = ""
    shown: int = 0

    def _show(self, text: str, kind: str = "") -> None:  # without the underscore it would be an event handler
        self.text, self.kind = text, kind
        self.shown += 1

    @rx.event
    def dismiss(self, shown: int) -> None:
        """Takes the notice away, unless another one has taken its place meanwhile."""
        if shown == self.shown:
            self.text = ""


setattr(Notices.dismiss.fn, GUARDED, "public")  # touches nothing but this browser's own notice


class Tab(rx.State):
    """Whose data the tab's states hold: an account's identifier, or nothing."""

    _owner: str = ""


class OwnTab(Middleware):
    """Empties a tab's states before they are sent to somebody other than who filled them.

    Reflex keeps them on the server and sends them whole when the tab loads a page, whoever is there by then.
    """

    async def preprocess(self, app: rx.App, state: Any, event: Event) -> None:
        if event.name not in HYDRATING:
            return
        try:
            actor = await _actor(cookie_of(state, SESSION_COOKIE))
        except DatabaseAway:  # the page's own handlers say so; until then it shows nothing of anybody
            actor = None
        owner = str(actor.account_id) if actor else ""
        tab = await state.get_state(Tab)
        if tab._owner != owner:
            await forget(state)
            tab._owner = owner


async def forget(state: Any) -> None:
    """Empties everything that pages have shown: the next person at this browser must not get it."""
    for kind in shown_states():
        (await state.get_state(kind)).reset()


def shown_states() -> list[type[BaseState]]:
    """The states of the pages, without what belongs to the browser itself (its language)."""
    return [
        kind
        for kind in rx.State.get_substates()
        if kind.__module__.startswith("chatai.web.") and kind not in {Preferences, Tab}
    ]


def unit(actor: Actor) -> AbstractAsyncContextManager[UnitOfWork]:
    """A unit of work in the actor's workspace; its end is the commit."""
    return get_database().workspace(actor.workspace_id, actor.account_id)


def cookie_of(state: rx.State, name: str) -> str:
    """A cookie that the browser sent when it opened its socket, or an empty string."""
    # As the API reads them: SimpleCookie would stop at another application's cookie that is not by the book.
    return cookie_parser(state.router.headers.cookie).get(name, "")


def place_of(state: rx.State) -> str:
    """The address of the page that the tab shows now. What ran in the background may find another one at its end."""
    return str(state.router.url.path)


def route_id(state: rx.State, name: str) -> UUID:
    """The identifier in the page's address. Raises: NotFound: if it is none."""
    return identifier(str(getattr(state, name)))


def identifier(text: str) -> UUID:
    """An identifier that the browser sent. Raises: NotFound: if it is none."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None


def put(state: rx.State, /, **values: Any) -> None:
    """Sets variables of a state, but only those that differ: what is set is sent to the browser."""
    for name, value in values.items():
        if getattr(state, name) != value:
            setattr(state, name, value)


async def language_for(state: rx.State) -> Language:
    """The language that the browser shows at the moment."""
    preferences = await state.get_state(Preferences)
    return language_of(preferences.language, language_of(cookie_of(state, LANGUAGE_COOKIE)))


async def tell(state: rx.State, text: str, kind: str = "") -> None:
    """Shows a notice. `kind` is empty or `bad`."""
    notices = await state.get_state(Notices)
    notices._show(text, kind)


async def tell_failure(state: rx.State, failure: ChatAIError) -> None:
    """Shows an error as a notice: where it would be shown in place, there is nothing any more."""
    await tell(state, failure.sentence(await language_for(state)), "bad")


def handler(
    function: Callable[..., Awaitable[Any]] | None = None,
    *,
    public: bool = False,
    background: bool = False,
    error: str = "",
) -> Any:
    """Makes an event handler of an async method `(self, actor, …)`.

    Args:
        function: The method. It gets the actor as its second argument; the browser never sends that one.
        public: May be called without a log-in; the actor is then None. For pages that show what anybody may see.
        background: Runs beside other events; the method changes state inside `async with self`.
        error: Name of the state variable that shows an expected error in place. Empty, or where the page was left
            meanwhile: the notice shows it.
    """
    if function is None:
        return functools.partial(handler, public=public, background=background, error=error)

    @functools.wraps(function)
    async def guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
        place = "" if background else None
        try:
            if background:
                async with self:
                    place, cookie = place_of(self), cookie_of(self, SESSION_COOKIE)
            else:
                cookie = cookie_of(self, SESSION_COOKIE)
            actor = await _actor(cookie)
            if actor is None and not public:
                return await _to_login(self, background)
            return await function(self, actor, *args, **kwargs)
        except ChatAIError as failure:
            await _report(self, failure, error, place)
        except Exception:
            log.exception("page_event_failed", handler=function.__qualname__)
            await _report(self, ChatAIError(), error, place)
        return None

    parameters = list(inspect.signature(function).parameters.values())
    hints = get_type_hints(function)
    guarded.__signature__ = inspect.Signature([parameters[0], *parameters[2:]])  # type: ignore[attr-defined]  # for Reflex
    guarded.__annotations__ = {item.name: hints[item.name] for item in parameters[2:]}
    del guarded.__wrapped__  # or Reflex would read the inner signature
    setattr(guarded, GUARDED, "public" if public else "private")
    return rx.event(guarded, background=background or None)


def note_fault(exception: Exception) -> None:
    """Logs what no handler could catch: mostly that Redis, where the tabs' states are kept, is away for a moment."""
    if isinstance(exception, RedisError | LockExpiredError):
        log.warning("page_event_lost", error=type(exception).__name__)
    else:
        log.error("page_event_failed", exc_info=exception)


async def _actor(cookie: str) -> Actor | None:
    return await authenticate(get_database(), cookie) if cookie else None


async def _to_login(state: Any, background: bool) -> Any:
    if background:
        async with state:
            place = state.router.url.path
            await forget(state)
    else:
        place = state.router.url.path
        await forget(state)
    return rx.redirect(f"/login?next={quote(place or '/')}")


async def _report(state: Any, failure: ChatAIError, error: str, place: str | None) -> None:
    """`place`: the page from which it was begun in the background; none where nothing ran in the background."""
    if place is None:
        await _show(state, failure, error)
    else:
        async with state:
            await _show(state, failure, error if place_of(state) == place else "")


async def _show(state: Any, failure: ChatAIError, error: str) -> None:
    if error:
        setattr(state, error, failure.sentence(await language_for(state)))
    else:
        await tell_failure(state, failure)
