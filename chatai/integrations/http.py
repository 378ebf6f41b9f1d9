"""Connections to one server over aiohttp, which belong to a loop."""

from __future__ import annotations

import asyncio
import os
import ssl
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import certifi

KEPT_SECONDS = 30
"""A connection that was not used for so long is closed."""


class Connections:
    """Those to the server at `address`. They are made in the loop of the first call, anew in another one.

    Args:
        address: Where the server is; what comes after its name does not matter.
        most: Of them at the same time; 0: any number.
        by_proxy: Whether the environment's proxy is used (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY).
    """

    def __init__(self, address: str, *, most: int = 0, by_proxy: bool = False) -> None:
        self._address = address
        self._most = most
        self._by_proxy = by_proxy
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """For calls from a running loop. It keeps no cookies."""
        loop = asyncio.get_running_loop()
        if self._session is None or self._session.closed or self._loop is not loop:
            self._loop = loop
            tls = _tls() if self._address.startswith("https:") else True
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._most, ssl=tls, keepalive_timeout=KEPT_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                proxy=_proxy_for(self._address) if self._by_proxy else None,
            )
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def _tls() -> ssl.SSLContext:
    """Trusts the authorities of SSL_CERT_FILE or SSL_CERT_DIR where one is set, else Mozilla's."""
    file, folder = os.environ.get("SSL_CERT_FILE") or None, os.environ.get("SSL_CERT_DIR") or None
    return ssl.create_default_context(cafile=file or (None if folder else certifi.where()), capath=folder)


def _proxy_for(address: str) -> str | None:
    parts = urlsplit(address)
    if not parts.hostname or proxy_bypass(parts.hostname):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")
