"""The sandbox's reference names every route and every method that exists, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from bots.sandbox.methods import METHODS
from bots.sandbox.server import create_app

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "sandbox.md").read_text()


def test_every_route_is_described() -> None:
    described = set(re.findall(r"^\| `([A-Z]+) (/sandbox/\S+)` \|", PAGE, re.MULTILINE))
    existing = set()
    for route in create_app().router.routes():
        path = route.resource.canonical if route.resource else ""
        if path.startswith("/sandbox/") and route.method != "HEAD":
            for step in ("block", "unblock") if "{step}" in path else ("",):
                existing.add((route.method, path.replace("{step}", step)))
    assert described == existing


def test_every_method_is_named() -> None:
    listed = re.search(r"- Methods: (.+?)\. Any other", PAGE, re.DOTALL)
    assert listed
    named = {name.lower() for name in re.findall(r"\b[a-z]+[A-Z]\w+|\bclose\b", listed[1])}
    assert named == set(METHODS)
