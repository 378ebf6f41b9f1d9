"""The sandbox as a web server: the Bot API, the control API and the page.

async with SandboxServer() as server:      # in a test: any free port
    bot = server.sandbox.new_bot("Shop")
    Bot(bot.token, session=AiohttpSession(api=TelegramAPIServer.from_base(server.url)))
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web

from bots.sandbox import business, control, downloads, live, load, managing
from bots.sandbox.calls import Calls
from bots.sandbox.control import SANDBOX
from bots.sandbox.errors import ApiError, unauthorized
from bots.sandbox.guard import guard
from bots.sandbox.keep import Keeper
from bots.sandbox.parameters import LARGEST_BODY, Parameters, read_parameters
from bots.sandbox.state import TOKEN, Options, Sandbox, SandboxBot
from bots.sandbox.webhooks import READ_TIMEOUT, Courier

STATIC = Path(__file__).parent / "static"
CALLS = web.AppKey("calls", Calls)
JSON = {"Content-Type": "application/json"}


def create_app(
    options: Options | None = None, *, sandbox: Sandbox | None = None, names: frozenset[str] = frozenset()
) -> web.Application:
    """The whole server as an aiohttp application. Run it with `handler_cancellation=True`, or a poll whose client
    went away would count as a rival of the next one. `names`: host names for the page besides addresses."""
    app = web.Application(client_max_size=LARGEST_BODY, middlewares=[guard(names)])
    app[SANDBOX] = sandbox or Sandbox(options)
    app[CALLS] = Calls(app[SANDBOX])
    app.router.add_post("/bot{token}/{method}", handle_call)
    app.router.add_get("/bot{token}/{method}", handle_call)
    app.router.add_routes(load.routes)
    app.router.add_routes(control.routes)
    app.router.add_routes(managing.routes)
    app.router.add_routes(business.routes)
    app.router.add_routes(live.routes)
    app.router.add_routes(downloads.routes)
    app.router.add_get("/", show_page)
    app.router.add_static("/static", STATIC)
    app.cleanup_ctx.append(_run)
    return app


async def _run(app: web.Application) -> AsyncIterator[None]:
    """Lets the couriers go for as long as the server runs, and keeps the state if there is a file for it."""
    sandbox, calls = app[SANDBOX], app[CALLS]
    keeper = Keeper(sandbox, sandbox.options.keep_path) if sandbox.options.keep_path else None
    if keeper:
        keeper.start()
    timeout = aiohttp.ClientTimeout(total=READ_TIMEOUT, sock_connect=10)
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout)

    def start_courier(bot: SandboxBot) -> None:
        bot.courier = Courier(bot, session, calls.perform, sandbox.options.redelivery_delay)
        bot.courier.start()

    sandbox.start_courier = start_courier
    for bot in sandbox.bots.values():
        if bot.webhook.url:
            start_courier(bot)
    yield
    for bot in sandbox.bots.values():
        sandbox.end_poll(bot, "Unauthorized")
        if bot.courier:
            bot.courier.stop()
    await session.close()
    if keeper:
        keeper.write()


async def handle_call(request: web.Request) -> web.StreamResponse:
    app = request.app
    token, method = request.match_info["token"], request.match_info["method"]
    try:
        bot = app[SANDBOX].bot_of(token)
        if bot is None:
            raise unauthorized() if TOKEN.fullmatch(token) else ApiError(404, "Not Found")
        parameters = await read_parameters(request)
    except web.HTTPRequestEntityTooLarge:
        return _refusal(ApiError(413, "Request Entity Too Large"))
    except ApiError as error:
        return _refusal(error)
    answer = await app[CALLS].perform(bot, method, parameters)
    if answer.broken:
        return _reset(request)
    return web.Response(status=answer.status, body=answer.body, headers=JSON)


def _refusal(error: ApiError) -> web.Response:
    return web.json_response(error.body(), status=error.code)


def _reset(request: web.Request) -> web.StreamResponse:
    """Breaks the connection with RST: the client sees neither an answer nor an orderly end."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()


async def show_page(_request: web.Request) -> web.StreamResponse:
    return web.FileResponse(STATIC / "index.html")


class SandboxServer:
    """A running sandbox, for `async with`. Port 0 takes any free one.

    Attributes:
        sandbox: The state, for looking and acting from the same process.
        url: Where it listens, without a trailing slash.
    """

    def __init__(
        self,
        options: Options | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        names: frozenset[str] = frozenset(),
    ) -> None:
        self.sandbox = Sandbox(options)
        self.host = host
        self.port = port
        self._runner = web.AppRunner(
            create_app(sandbox=self.sandbox, names=names),
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=2,
        )

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        try:
            site = web.TCPSite(self._runner, self.host, self.port, backlog=1024)
            await site.start()
        except OSError:
            await self._runner.cleanup()
            raise
        self.port = int(self._runner.addresses[0][1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def perform(self, bot: SandboxBot, method: str, **values: object) -> int:
        """One call without HTTP, as if the bot had made it; gives back the status."""
        return (await self._runner.app[CALLS].perform(bot, method, Parameters(dict(values)))).status

    async def wait_for_calls(
        self, bot: SandboxBot, method: str, count: int = 1, *, within: float = 10.0
    ) -> list[dict[str, object]]:
        """The bot's calls of a method, once there are so many; waits `within` seconds.

        Raises:
            TimeoutError: They did not come.
        """
        changed = asyncio.Event()
        bot.watchers.add(changed)
        try:
            async with asyncio.timeout(within):
                while True:
                    found = [call for call in bot.calls if call["method"].lower() == method.lower()]
                    if len(found) >= count:
                        return found
                    await changed.wait()
                    changed.clear()
        finally:
            bot.watchers.discard(changed)
