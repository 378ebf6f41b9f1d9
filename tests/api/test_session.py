"""Registering, confirming, logging in and out, as a browser does it."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import text

from chatai.api.session import neighbourhood
from chatai.core.database import Database
from chatai.core.settings import Settings
from chatai.domains.accounts import passwords
from chatai.domains.accounts import service as accounts
from chatai.domains.accounts.schemas import SESSION_COOKIE
from chatai.web.entry import own_page
from tests.api.conftest import Outbox, log_in_as_new, work_off
from tests.waiting import eventually

PASSWORD = "a long enough password"


def place(answer: httpx.Response) -> tuple[str, dict[str, str]]:
    """Where a form's answer leads: path and query."""
    assert answer.status_code == 303, answer.text
    parts = urlsplit(answer.headers["location"])
    return parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}


async def register(api: httpx.AsyncClient, email: str = "alex@example.org", **more: str) -> httpx.Response:
    form = {"name": "Alex", "email": email, "password": PASSWORD} | more
    return await api.post("/api/auth/register", data=form)


async def test_register_confirm_log_in_and_out(api: httpx.AsyncClient, database: Database, outbox: Outbox) -> None:
    assert place(await register(api)) == ("/confirm", {"email": "alex@example.org"})
    assert (
        place(await api.post("/api/auth/login", data={"email": "alex@example.org", "password": PASSWORD}))[1]["error"]
        == "not_confirmed"
    )
    await work_off(database)
    assert outbox.mails[-1][0] == "alex@example.org"
    path, _, token = outbox.link().partition("?token=")
    assert path == "confirm"
    async with database.person() as uow:
        await accounts.confirm(uow, token)
    answer = await api.post(
        "/api/auth/login", data={"email": " Alex@Example.org ", "password": PASSWORD, "next": "/account"}
    )
    assert place(answer) == ("/account", {})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert (await api.get("/api/csrf-token")).status_code == 200
    session = api.cookies[SESSION_COOKIE]
    assert place(await api.post("/api/auth/logout")) == ("/login", {})
    assert await accounts.authenticate(database, session) is None
    assert place(await api.post("/api/auth/logout")) == ("/login", {})  # a page that was left open


async def test_the_first_admin_link_works_once(api: httpx.AsyncClient, database: Database) -> None:
    async with database.person() as uow:
        older = await accounts.setup_link(uow, "http://localhost")
        link = await accounts.setup_link(uow, "http://localhost")
    assert older
    assert link
    assert place(await register(api, setup=older.split("setup=")[1]))[1]["error"] == "invalid_token"
    assert place(await register(api, setup=link.split("setup=")[1])) == ("/", {})
    actor = await accounts.authenticate(database, api.cookies[SESSION_COOKIE])
    assert actor
    assert actor.installation_role == "admin"
    assert (
        place(await register(api, "other@example.org", setup=link.split("setup=")[1]))[1]["error"] == "already_set_up"
    )
    async with database.person() as uow:
        assert await accounts.setup_link(uow, "http://localhost") is None


async def test_a_form_sent_before_its_scripts_ran_still_knows_its_link(
    api: httpx.AsyncClient, database: Database
) -> None:
    async with database.person() as uow:
        link = await accounts.setup_link(uow, str(api.base_url).rstrip("/"))
    assert link
    form = {"name": "Alex", "email": "alex@example.org", "password": PASSWORD}
    foreign = link.replace("localhost", "evil.example")
    assert place(await api.post("/api/auth/register", data=form, headers={"referer": foreign}))[0] == "/confirm"
    form["email"] = "admin@example.org"
    assert place(await api.post("/api/auth/register", data=form, headers={"referer": link})) == ("/", {})


async def test_nobody_learns_who_is_registered(api: httpx.AsyncClient, database: Database, outbox: Outbox) -> None:
    first = await register(api)
    second = await register(api)
    assert first.headers["location"] == second.headers["location"]
    await work_off(database)
    assert {mail[1] for mail in outbox.mails} == {"Confirm your e-mail address", "You already have an account"}
    known = await api.post("/api/auth/reset-request", data={"email": "alex@example.org"})
    unknown = await api.post("/api/auth/reset-request", data={"email": "nobody@example.org"})
    assert place(known) == place(unknown) == ("/reset", {"done": "sent"})
    wrong = await api.post("/api/auth/login", data={"email": "alex@example.org", "password": "wrong password"})
    nobody = await api.post("/api/auth/login", data={"email": "nobody@example.org", "password": "wrong password"})
    assert place(wrong)[1]["error"] == place(nobody)[1]["error"] == "invalid_credentials"


async def test_a_reset_ends_every_session(api: httpx.AsyncClient, database: Database, outbox: Outbox) -> None:
    await log_in_as_new(api, database, outbox, "alex@example.org")
    session = api.cookies[SESSION_COOKIE]
    await api.post("/api/auth/reset-request", data={"email": "alex@example.org"})
    await work_off(database)
    token = outbox.link().split("token=")[1]
    weak = await api.post("/api/auth/reset", data={"token": token, "password": "1234567890"})
    assert place(weak) == ("/reset", {"error": "weak_password", "token": token})
    fresh = {"token": token, "password": "another long password"}
    assert place(await api.post("/api/auth/reset", data=fresh)) == ("/login", {"done": "reset"})
    assert place(await api.post("/api/auth/reset", data=fresh))[1]["error"] == "invalid_token"
    assert await accounts.authenticate(database, session) is None


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("email", "not an address", "invalid_email"),
        ("email", "a@b", "invalid_email"),
        ("email", "a@example.org\nBcc: b@example.org", "invalid_email"),
        ("name", "   ", "invalid_name"),
        ("password", "short", "weak_password"),
    ],
)
async def test_bad_input_says_what_is_wrong(api: httpx.AsyncClient, field: str, value: str, code: str) -> None:
    form = {"name": "Alex", "email": "alex@example.org", "password": PASSWORD} | {field: value}
    answer = await api.post("/api/auth/register", data=form)
    assert place(answer)[1]["error"] == code
    assert PASSWORD not in answer.headers["location"]


async def test_guessing_is_slowed_and_recorded(api: httpx.AsyncClient, database: Database) -> None:
    form = {"email": "alex@example.org", "password": "a wrong password"}
    codes = [place(await api.post("/api/auth/login", data=form))[1]["error"] for _ in range(11)]
    assert codes == ["invalid_credentials"] * 10 + ["too_many_attempts"]
    async with database.system() as uow:
        rows = (await uow.session.execute(text("SELECT action, detail FROM audit_event"))).all()
    refused = [row for row in rows if row.action == "account:session:refuse"]
    assert len(refused) == 10
    assert "alex@example.org" not in str(refused)


async def test_the_next_page_is_never_another_site(api: httpx.AsyncClient, database: Database, outbox: Outbox) -> None:
    await log_in_as_new(api, database, outbox, "alex@example.org")
    for bad in ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        form = {"email": "alex@example.org", "password": PASSWORD, "next": bad}
        assert place(await api.post("/api/auth/login", data=form)) == ("/", {})


async def test_those_who_wait_to_log_in_keep_nobody_else_waiting(
    api: httpx.AsyncClient, database: Database, outbox: Outbox, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await log_in_as_new(api, database, outbox, "alex@example.org")
    slow, checking = asyncio.Event(), 0

    async def verify(stored: str | None, password: str) -> bool:
        nonlocal checking
        checking += 1
        await slow.wait()
        return await passwords.verify_password(stored, password)

    monkeypatch.setattr(accounts, "verify_password", verify)
    forms = [
        {"email": f"{number}@example.org", "password": "wrong password"}
        for number in range(settings.database_pool_size + 2)
    ]
    attempts = [asyncio.create_task(api.post("/api/auth/login", data=form)) for form in forms]
    await eventually(lambda: checking >= 4)
    assert (await api.get("/api/csrf-token")).status_code == 200
    slow.set()
    assert {place(answer)[1]["error"] for answer in await asyncio.gather(*attempts)} == {"invalid_credentials"}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("", "", True),
    ],
)
def test_all_addresses_of_one_ipv6_network_share_a_limit(one: str, other: str, same: bool) -> None:
    assert (neighbourhood(one) == neighbourhood(other)) == same


@pytest.mark.parametrize(
    "address", ["//evil.example", "/\\evil.example", "/\t/evil.example", "https://evil.example", ""]
)
def test_only_our_own_pages_come_next(address: str) -> None:
    assert own_page(address) == "/"
    assert own_page("/account?x=1") == "/account?x=1"


async def test_another_sites_page_changes_nothing(api: httpx.AsyncClient, database: Database, outbox: Outbox) -> None:
    await log_in_as_new(api, database, outbox, "alex@example.org")
    for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}):
        answer = await api.post("/api/auth/logout", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")
    session = api.cookies[SESSION_COOKIE]
    transport = api._transport
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as program:
        program.cookies.set(SESSION_COOKIE, session)
        assert (await program.post("/api/auth/logout", headers={"origin": "http://evil.example"})).status_code == 403
        assert (await program.post("/api/auth/logout")).status_code == 403
        token = (await program.get("/api/csrf-token")).json()["csrf_token"]
        assert (await program.post("/api/auth/logout", headers={"x-csrf-token": token})).status_code == 303


async def test_errors_speak_the_callers_language(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/csrf-token", headers={"accept-language": "ru"})
    assert (answer.status_code, answer.json()) == (401, {"code": "unauthenticated", "message": "Сначала войдите."})


async def test_health_names_every_component(api: httpx.AsyncClient) -> None:
    body = (await api.get("/health")).json()
    assert body["status"] == "healthy"
    assert isinstance(body["timestamp"], float)
    assert {name: part["status"] for name, part in body["components"].items()} == {
        "database": "healthy",
        "redis": "healthy",
        "ai_token_manager": "not_configured",
        "jobs": "healthy",
    }
