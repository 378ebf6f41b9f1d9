"""Metrics are for this machine and for whoever knows the token."""

import pytest
from starlette.datastructures import Headers

from chatai.core.metrics_access import may_read_metrics
from chatai.core.settings import Settings

TOKEN = "a-token-for-prometheus"


@pytest.mark.parametrize(
    ("token", "peer", "headers", "allowed"),
    [
        (None, "127.0.0.1", {}, True),
        (None, "::1", {}, True),
        (None, "::ffff:127.0.0.1", {}, True),
        (None, "10.0.0.7", {}, False),
        (None, "", {}, False),
        (None, "unix", {}, False),
        (None, "127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, False),
        (None, "127.0.0.1", {"Forwarded": "for=127.0.0.1"}, False),
        (None, "10.0.0.7", {"Authorization": "Bearer "}, False),
        (TOKEN, "10.0.0.7", {"Authorization": f"Bearer {TOKEN}"}, True),
        (TOKEN, "127.0.0.1", {"Authorization": f"bearer {TOKEN}", "Via": "proxy"}, True),
        (TOKEN, "10.0.0.7", {"Authorization": f"Basic {TOKEN}"}, False),
        (TOKEN, "10.0.0.7", {"Authorization": f"Bearer {TOKEN}x"}, False),
        (TOKEN, "10.0.0.7", {"Authorization": "Bearer \udcff"}, False),
    ],
)
def test_who_may_read(token, peer, headers, allowed):
    settings = Settings(_env_file=None, metrics_token=token)
    values = Headers({name: value for name, value in headers.items() if value.isascii()})
    found = values if len(values) == len(headers) else {name.lower(): value for name, value in headers.items()}
    assert may_read_metrics(settings, peer, found) is allowed


@pytest.mark.parametrize(
    ("values", "open_here"),
    [
        ({}, True),
        ({"public_url": "http://localhost:8000", "frontend_url": "http://[::1]:3000"}, True),
        ({"public_url": "https://chat.example.com"}, False),
        ({"frontend_url": "https://chat.example.com"}, False),
        ({"trusted_proxy_hops": 1}, False),
    ],
)
def test_behind_a_proxy_only_the_token_counts(values, open_here):
    settings = Settings(_env_file=None, metrics_token=TOKEN, **values)
    assert may_read_metrics(settings, "127.0.0.1", Headers({})) is open_here
    assert may_read_metrics(settings, "127.0.0.1", Headers({"Authorization": f"Bearer {TOKEN}"}))
