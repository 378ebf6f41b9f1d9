"""Page addresses, caching and security headers, around an application of a few routes."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from chatai.frontend_pdf import ADDRESS, WORKER
from chatai.web.shared.middleware import PageMiddleware, may_connect


async def api(request: Request) -> Response:
    headers = {"Content-Security-Policy": "default-src 'self'", "Cache-Control": "no-store"}
    return JSONResponse({"host": request.headers["host"]}, headers=headers if "own" in request.query_params else None)


@pytest.fixture
def web_dir(tmp_path: Path) -> Path:
    client = tmp_path / "client"
    for name in ("index.html", "login/index.html", "assets/app-abc.js", "logo.svg", "404.html", ADDRESS[1:] + WORKER):
        path = client / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "csp.json").write_text(
        json.dumps(
            {"index.html": ["'sha256-i'"], "login/index.html": ["'sha256-l'"], "__spa-fallback.html": ["'sha256-f'"]}
        )
    )
    return tmp_path


def client(web_dir: Path, *, secure: bool = False, proxies: int = 0) -> httpx.AsyncClient:
    app = Starlette(
        routes=[
            Route("/api/x", api),
            Route("/api/text", lambda _: PlainTextResponse("x")),
            Mount("/", StaticFiles(directory=web_dir / "client", html=True)),
        ]
    )
    wrapped = PageMiddleware(app, web_dir=web_dir, secure=secure, trusted_proxies=proxies)
    return httpx.AsyncClient(transport=httpx.ASGITransport(wrapped), base_url="http://chat.example")


async def test_pages_answer_at_their_address_without_a_redirect(web_dir: Path) -> None:
    async with client(web_dir) as http:
        answer = await http.get("/login")
        assert (answer.status_code, answer.text) == (200, "login/index.html")
        assert "'sha256-l'" in answer.headers["content-security-policy"]
        assert "unsafe-eval" not in answer.headers["content-security-policy"]
        assert "'sha256-i'" in (await http.get("/")).headers["content-security-policy"]
        lost = await http.get("/nowhere")
        assert lost.status_code == 404
        assert "'sha256-f'" in lost.headers["content-security-policy"]


async def test_only_what_is_named_by_content_is_kept(web_dir: Path) -> None:
    async with client(web_dir) as http:
        assert "immutable" in (await http.get("/assets/app-abc.js")).headers["cache-control"]
        assert "immutable" in (await http.get("/logo.svg?v=1")).headers["cache-control"]
        for path in ("/", "/login", "/logo.svg", "/api/x", "/assets/gone.js"):
            assert (await http.get(path)).headers["cache-control"] == "no-cache", path
        assert (await http.get("/api/x?own")).headers["cache-control"] == "no-store"


async def test_every_answer_carries_the_security_headers(web_dir: Path) -> None:
    async with client(web_dir) as http:
        for path in ("/", "/login", "/assets/app-abc.js", "/api/x", "/nowhere"):
            headers = (await http.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
            assert "content-security-policy" in headers
            assert "strict-transport-security" not in headers
        assert (await http.get("/api/x")).headers["content-security-policy"].startswith("default-src 'none'")
        assert (await http.get("/api/x?own")).headers["content-security-policy"] == "default-src 'self'"


async def test_what_renders_pdfs_may_load_scripts_of_ours_and_nothing_else(web_dir: Path) -> None:
    async with client(web_dir) as http:
        headers = (await http.get(ADDRESS + WORKER)).headers
        assert headers["content-security-policy"] == "default-src 'none'; script-src 'self'"
        assert "javascript" in headers["content-type"]
        assert "immutable" in headers["cache-control"]


async def test_a_kept_page_keeps_its_policy(web_dir: Path) -> None:
    async with client(web_dir) as http:
        tag = (await http.get("/login")).headers["etag"]
        again = await http.get("/login", headers={"if-none-match": tag})
        assert again.status_code == 304
        assert "content-security-policy" not in again.headers


async def test_https_is_insisted_on_where_it_is_there(web_dir: Path) -> None:
    async with client(web_dir, secure=True) as http:
        assert "strict-transport-security" in (await http.get("/")).headers
    forwarded = {"x-forwarded-proto": "https"}
    async with client(web_dir, proxies=1) as http:
        assert "strict-transport-security" in (await http.get("/", headers=forwarded)).headers
    async with client(web_dir) as http:  # anybody can send that header where no proxy is trusted
        assert "strict-transport-security" not in (await http.get("/", headers=forwarded)).headers


def test_the_event_socket_opens_for_our_own_pages_only() -> None:
    here = {"HTTP_HOST": "chat.example:8000"}
    assert may_connect("http://chat.example:8000", here, ())
    assert may_connect("https://partner.example", here, ("https://partner.example",))
    assert may_connect(None, here, ())
    assert not may_connect("http://chat.example", here, ())
    assert not may_connect("https://evil.example", here, ("https://partner.example",))
    assert not may_connect("null", {}, ())
