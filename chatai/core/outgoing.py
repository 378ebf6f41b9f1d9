"""The one way to fetch an address that a person named: nothing inside this network can be reached through it.

An address is looked up once a hop, every answer of the look-up is checked, and the connection goes to the very address
that was checked, so a name that changes its mind between look-up and connection gains nothing (DNS rebinding). Each
redirect is a new address and is checked as one. Size, time, ports and types are limited. No proxy of the environment
is used: it would look names up by itself.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import zlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from chatai.core.errors import ChatAIError, Invalid, Unavailable

MAX_URL_CHARS = 2_000
MAX_REDIRECTS = 5
PORTS = {80, 443, 8080, 8443}
USER_AGENT = "ChatAI/1.0 (documents)"
# Addresses whose low bits hold an IPv4 address, which is what is really reached (RFC 6052, RFC 3056, RFC 4291).
_CARRIERS = tuple(
    (ipaddress.IPv6Network(network), shift) for network, shift in (("64:ff9b::/96", 0), ("2002::/16", 80), ("::/96", 0))
)


class AddressRefused(Invalid):
    """It is not fetched, and never will be as it is. The subclasses say why."""

    code = "address_refused"
    en = "This address cannot be fetched."
    ru = "По этому адресу ничего получить нельзя."


class BadAddress(AddressRefused):
    code = "bad_address"
    en = "This is not an address of a web page. It should begin with https:// or http://."
    ru = "Это не адрес веб-страницы. Он должен начинаться с https:// или http://."


class ForbiddenAddress(AddressRefused):
    code = "forbidden_address"
    en = "This address leads into the server's own network, where pages are not fetched from."
    ru = "Этот адрес ведёт во внутреннюю сеть сервера, страницы оттуда не загружаются."


class AddressNotFound(AddressRefused):
    """The site says that there is nothing, or that it is not for everybody. `status`: HTTP's."""

    code = "address_not_found"
    en = "The site does not give this page away (HTTP {status}). Check the address, and that it opens without a log-in."
    ru = "Сайт не отдаёт эту страницу (HTTP {status}). Проверьте адрес и что она открывается без входа."


class WrongType(AddressRefused):
    """`media_type`: what the site says it is."""

    code = "wrong_type"
    en = "At this address there is no page or document that can be read ({media_type})."
    ru = "По этому адресу нет страницы или документа, который можно прочитать ({media_type})."


class TooMuch(AddressRefused):
    """`limit_mb`: the limit that was passed."""

    code = "too_much"
    en = "There is more than {limit_mb} MB at this address."
    ru = "По этому адресу больше {limit_mb} МБ."


class SiteAway(Unavailable):
    """Worth another try."""

    code = "site_away"
    en = "The site does not answer at the moment. Try again later."
    ru = "Сайт сейчас не отвечает. Попробуйте позже."


@dataclass(frozen=True, slots=True)
class Policy:
    """What may be fetched. `trusted`: `host` or `host:port` names that may lie in this network, and on any port."""

    max_bytes: int = 20 * 1024 * 1024
    seconds: float = 30.0
    types: frozenset[str] = frozenset({"text/html", "application/xhtml+xml"})
    trusted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was at an address. `url`: where it was found in the end; `charset`: as the site says, or ""."""

    url: str
    media_type: str
    charset: str
    body: bytes = field(repr=False)
    etag: str = ""
    last_modified: str = ""


def clean_url(text: str) -> str:
    """The address in the one spelling by which it is known: no fragment, no user, lower-case host in ASCII.

    Raises:
        BadAddress: It is none of http or https.
    """
    text = text.strip()
    if len(text) > MAX_URL_CHARS or any(character.isspace() or ord(character) < 32 for character in text):
        raise BadAddress
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
        if parts.scheme.lower() not in {"http", "https"} or not host or parts.username or parts.password:
            raise BadAddress
        name = host if ":" in host else host.rstrip(".").encode("idna").decode("ascii").lower()
    except ValueError:
        raise BadAddress from None
    scheme = parts.scheme.lower()
    place = f"[{name}]" if ":" in name else name
    if port and port != {"http": 80, "https": 443}[scheme]:
        place = f"{place}:{port}"
    return urlunsplit((scheme, place, parts.path or "/", parts.query, ""))


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet: not private, loopback, link-local, multicast or reserved."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        for network, shift in _CARRIERS:
            if ip in network and not is_public(str(ipaddress.IPv4Address((int(ip) >> shift) & 0xFFFFFFFF))):
                return False
        if ip.teredo is not None and not is_public(str(ip.teredo[1])):
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and not ip.is_unspecified


class _Guard(AbstractResolver):
    """Looks names up, and refuses when any of the answers lies in this network."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if not _is_trusted(self._policy, host, port) and not all(is_public(answer["host"]) for answer in found):
            raise ForbiddenAddress
        return found

    async def close(self) -> None:
        await self._resolver.close()


def _is_trusted(policy: Policy, host: str, port: int) -> bool:
    return bool({host, f"{host}:{port}"} & policy.trusted)


def _check(policy: Policy, url: str) -> None:
    """Raises: ForbiddenAddress, for what no look-up would see: a number in place of a name, an unusual port."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or {"http": 80, "https": 443}[parts.scheme]
    if _is_trusted(policy, host, port):
        return
    if port not in PORTS:
        raise ForbiddenAddress
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # Spellings of an IPv4 address that the system's look-up understands, but `ipaddress` does not: 127.1, 0x7f.1
        if host.rpartition(".")[2][:1].isdigit() or host.startswith("0x"):
            raise ForbiddenAddress from None
        return
    if not is_public(host):
        raise ForbiddenAddress


@asynccontextmanager
async def open_session(policy: Policy) -> AsyncIterator[aiohttp.ClientSession]:
    """A session for `fetch`, so that several pages of one site share a connection. Keeps no cookies."""
    connector = aiohttp.TCPConnector(resolver=_Guard(policy), use_dns_cache=False, limit_per_host=2)
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip, deflate", "Accept-Language": "ru, en;q=0.8"},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=15),
    ) as session:
        yield session


async def fetch(session: aiohttp.ClientSession, policy: Policy, url: str) -> Fetched:
    """What is at an address that a person named.

    Raises:
        AddressRefused: It will not be fetched, now or later; the subclass says why.
        SiteAway: It may be, later.
    """
    url = clean_url(url)
    try:
        async with asyncio.timeout(policy.seconds):
            for _ in range(MAX_REDIRECTS + 1):
                _check(policy, url)
                async with session.get(url, allow_redirects=False) as response:
                    target = response.headers.get("Location")
                    if response.status in {301, 302, 303, 307, 308} and target:
                        url = clean_url(urljoin(url, target))
                        continue
                    return await _take(response, policy, url)
    except TimeoutError:
        raise SiteAway from None
    except ChatAIError:
        raise
    except (aiohttp.ClientError, OSError, ValueError) as error:
        refusal = _refusal_in(error)
        raise (refusal or SiteAway()) from None
    raise AddressNotFound(status=310)  # it redirects in a circle


def _refusal_in(error: BaseException) -> ForbiddenAddress | None:
    """The guard's refusal, which the connector wraps in errors of its own."""
    seen: Any = error
    while seen is not None:
        if isinstance(seen, ForbiddenAddress):
            return seen
        seen = getattr(seen, "os_error", None) or seen.__cause__ or seen.__context__
    return None


async def _take(response: aiohttp.ClientResponse, policy: Policy, url: str) -> Fetched:
    if response.status == 429 or response.status >= 500:
        raise SiteAway
    if response.status != 200:
        raise AddressNotFound(status=response.status)
    media_type = response.content_type.lower()
    if media_type not in policy.types:
        raise WrongType(media_type=media_type[:60])
    limit = TooMuch(limit_mb=max(1, policy.max_bytes // (1024 * 1024)))
    if (response.content_length or 0) > policy.max_bytes:
        raise limit
    body = bytearray()
    async for piece in _unpacked(
        response.content.iter_chunked(64 * 1024), response.headers.get("Content-Encoding", "")
    ):
        body += piece
        if len(body) > policy.max_bytes:
            raise limit
    headers = response.headers
    return Fetched(
        url,
        media_type,
        (response.charset or "").lower(),
        bytes(body),
        headers.get("ETag", "")[:200],
        headers.get("Last-Modified", "")[:100],
    )


async def _unpacked(pieces: AsyncIterator[bytes], encoding: str) -> AsyncIterator[bytes]:
    """The body unpacked bit by bit: a page of a few kilobytes may be a bomb of gigabytes."""
    match encoding.strip().lower():
        case "" | "identity":
            async for piece in pieces:
                yield piece
            return
        case "gzip" | "x-gzip":
            unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
        case "deflate":
            unpacker = zlib.decompressobj()
        case _:
            raise SiteAway
    try:
        async for piece in pieces:
            waiting = piece
            while waiting:
                yield unpacker.decompress(waiting, 256 * 1024)
                waiting = unpacker.unconsumed_tail
        yield unpacker.flush()
    except zlib.error:
        raise SiteAway from None


def trusted_names(names: Iterable[str]) -> frozenset[str]:
    """Names of a setting as `Policy.trusted` wants them."""
    return frozenset(name.strip().lower() for name in names if name.strip())
