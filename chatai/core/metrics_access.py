"""Who may read metrics: this machine itself, and whoever knows `METRICS_TOKEN`."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from chatai.core.crypto import equal
from chatai.core.settings import Settings

_OF_PROXIES = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")


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
    if any(name in headers for name in _OF_PROXIES):
        return False
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
