"""Who may read metrics: this machine itself, and whoever knows `METRICS_TOKEN`.

Behind a proxy of this machine everybody's requests come from it, and not every proxy says for whom it asks. So where
one is to be expected, only the token counts.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from chatai.core.crypto import equal
from chatai.core.settings import Settings

_OF_PROXIES = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}


def is_behind_proxy(settings: Settings) -> bool:
    """Whether others come through a proxy, so that a request from this machine may be anyone's."""
    addresses = (urlsplit(address).hostname for address in (settings.public_url, settings.frontend_url) if address)
    return settings.trusted_proxy_hops > 0 or any(host not in _THIS_MACHINE for host in addresses)


def may_read_metrics(settings: Settings, peer: str, headers: Mapping[str, str]) -> bool:
    """Whether a request may.

    Args:
        settings: With or without a token.
        peer: The address that the connection comes from; empty where it is none.
        headers: The request's, looked up without regard to case. One that a proxy set shows that somebody else asks
            through it, although the connection comes from this machine.
    """
    if settings.metrics_token:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and equal(given.strip(), settings.metrics_token.get_secret_value()):
            return True
    if is_behind_proxy(settings) or any(name in headers for name in _OF_PROXIES):
        return False
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
