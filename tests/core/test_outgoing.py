"""Fetching what people name: nothing of this network, nothing endless."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from chatai.core import outgoing
from chatai.core.errors import ChatAIError
from chatai.core.outgoing import Fetched, Policy, clean_url, is_public

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def site(handler: Handler) -> AsyncIterator[int]:
    """A site on the loopback address that answers every path; its port."""
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    listener = web.TCPSite(runner, "127.0.0.1", 0)
    await listener.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def get(url: str, policy: Policy) -> Fetched:
    async with outgoing.open_session(policy) as session:
        return await outgoing.fetch(session, policy, url)


def trusting(port: int, **limits: object) -> Policy:
    return Policy(trusted=frozenset({f"127.0.0.1:{port}"}), **limits)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1"),
        *("64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1", "fe80::1%eth0", "not an address", "2001:db8::1"),
    ],
)
def test_addresses_of_this_network_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_addresses_of_the_internet_are(address: str) -> None:
    assert is_public(address)


def test_one_address_has_one_spelling() -> None:
    assert clean_url(" HTTPS://Example.ORG:443/a?b=c#d ") == "https://example.org/a?b=c"
    assert clean_url("http://пример.рф") == "http://xn--e1afmkfd.xn--p1ai/"


@pytest.mark.parametrize(
    "text",
    [
        *("", "example.org", "ftp://example.org/", "file:///etc/passwd", "http://", "http://me:secret@example.org/"),
        *("http://exa mple.org/", "http://example.org:99999/", "javascript:alert(1)", "http://a" + "b" * 3000),
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(outgoing.BadAddress):
        clean_url(text)


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1/", "http://localhost/", "http://127.1/", "http://2130706433/", "http://0x7f.1/"),
        *("http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://169.254.169.254/latest/meta-data/"),
        *("http://1.1.1.1:22/", "http://1.1.1.1:6379/", "http://10.0.0.1/"),
    ],
)
async def test_nothing_of_this_network_is_fetched(url: str) -> None:
    with pytest.raises(outgoing.ForbiddenAddress):
        await get(url, Policy())


async def test_a_page_is_fetched_with_what_is_known_of_it() -> None:
    async def page(request: web.Request) -> web.Response:
        assert "Cookie" not in request.headers
        headers = {"ETag": '"7"', "Set-Cookie": "a=b"}
        return web.Response(text="<p>Привет</p>", content_type="text/html", charset="utf-8", headers=headers)

    async with site(page) as port:
        found = await get(f"http://127.0.0.1:{port}/a#b", trusting(port))
    assert (found.media_type, found.charset, found.etag) == ("text/html", "utf-8", '"7"')
    assert found.body.decode() == "<p>Привет</p>"
    assert found.url == f"http://127.0.0.1:{port}/a"


async def test_a_redirect_into_this_network_is_not_followed() -> None:
    reached = False

    async def inside(_request: web.Request) -> web.Response:
        nonlocal reached
        reached = True
        return web.Response(text="secret", content_type="text/html")

    async with site(inside) as secret:

        async def lead(_request: web.Request) -> web.Response:
            raise web.HTTPFound(f"http://localhost:{secret}/")

        async with site(lead) as port:
            with pytest.raises(outgoing.ForbiddenAddress):
                await get(f"http://127.0.0.1:{port}/", trusting(port))
    assert not reached


async def test_a_circle_of_redirects_ends() -> None:
    async def circle(request: web.Request) -> web.Response:
        raise web.HTTPFound(request.path)

    async with site(circle) as port:
        with pytest.raises(outgoing.AddressNotFound):
            await get(f"http://127.0.0.1:{port}/", trusting(port))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((status, outgoing.AddressNotFound) for status in (401, 403, 404, 410)),
        *((status, outgoing.SiteAway) for status in (429, 500, 503)),
    ],
)
async def test_what_the_site_says_no_to(status: int, error: type[ChatAIError]) -> None:
    async def no(_request: web.Request) -> web.Response:
        return web.Response(status=status)

    async with site(no) as port:
        with pytest.raises(error):
            await get(f"http://127.0.0.1:{port}/", trusting(port))


async def test_other_types_and_too_much_are_refused() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        match request.path:
            case "/image":
                return web.Response(body=b"\x89PNG", content_type="image/png")
            case "/declared":
                return web.Response(body=b"x" * 5000, content_type="text/html")
            case "/bomb":
                headers = {"Content-Type": "text/html", "Content-Encoding": "gzip"}
                return web.Response(body=gzip.compress(b"\0" * 50_000_000), headers=headers)
        stream = web.StreamResponse(headers={"Content-Type": "text/html"})
        await stream.prepare(request)
        while True:  # until the client hangs up
            await stream.write(b"x" * 4096)

    async with site(answer) as port:
        policy = trusting(port, max_bytes=4096)
        with pytest.raises(outgoing.WrongType):
            await get(f"http://127.0.0.1:{port}/image", policy)
        for path in ("declared", "bomb", "endless"):
            with pytest.raises(outgoing.TooMuch):
                await get(f"http://127.0.0.1:{port}/{path}", policy)


async def test_a_silent_site_is_away() -> None:
    released = asyncio.Event()

    async def silent(_request: web.Request) -> web.Response:
        await released.wait()
        return web.Response()

    async with site(silent) as port:
        with pytest.raises(outgoing.SiteAway):
            await get(f"http://127.0.0.1:{port}/", trusting(port, seconds=0.2))
        released.set()


async def test_a_name_is_judged_by_every_address_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    async def two_faced(*_args: object) -> list[dict[str, object]]:
        return [{"host": "1.1.1.1", "port": 80}, {"host": "127.0.0.1", "port": 80}]

    monkeypatch.setattr(outgoing.ThreadedResolver, "resolve", two_faced)
    with pytest.raises(outgoing.ForbiddenAddress):
        await get("http://two-faced.example/", Policy())
