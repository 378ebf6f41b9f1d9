"""Tenants see nothing of each other: asked of the catalogue, of the tables, and of every API route."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from chatai.api.app import create_api
from chatai.core.actor import Actor
from chatai.core.database import Database
from chatai.core.roles import APP_ROLE, SYSTEM_ROLE
from chatai.domains.assistants import service as assistants
from chatai.domains.assistants.schemas import AssistantDraft
from chatai.domains.tables import metadata
from tests.api.conftest import Outbox, api, log_in_as_new, outbox

__all__ = ["api", "outbox"]

# Tables of the whole installation. Everything else must belong to a workspace.
INSTALLATION = {"account", "login_session", "account_token", "bot_manager", "bot_lease"}
PUBLIC_ROUTES = {
    "/health",
    "/metrics/telegram-rate-limit",  # for this machine or with METRICS_TOKEN; has tests of its own
    "/api/auth/login",
    "/api/auth/register",
    "/api/auth/reset-request",
    "/api/auth/reset",
    "/api/auth/logout",  # without a session they only lead to the log-in page
    "/api/auth/logout-everywhere",
}


async def test_every_tenant_table_has_forced_row_security(database: Database) -> None:
    tenant = set(metadata.tables) - INSTALLATION
    assert {name for name in tenant if "workspace_id" not in metadata.tables[name].columns} == {"workspace"}
    statement = text(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        " AND relrowsecurity AND relforcerowsecurity AND NOT relispartition"
    )
    async with database.system() as uow:
        secured = set((await uow.session.execute(statement)).scalars())
        bare = text(
            "SELECT count(*) FROM pg_class WHERE relispartition AND relkind IN ('r', 'p')"
            " AND NOT (relrowsecurity AND relforcerowsecurity)"
        )
        assert (await uow.session.execute(bare)).scalar() == 0
        policies = (
            await uow.session.execute(text("SELECT tablename, roles FROM pg_policies WHERE tablename !~ '_[0-9]+$'"))
        ).all()
    assert secured == tenant
    by_table: dict[str, set[str]] = {}
    for table, roles in policies:
        by_table.setdefault(table, set()).update(roles)
    assert by_table == {name: {APP_ROLE, SYSTEM_ROLE} for name in tenant}


async def test_the_application_owns_nothing_and_bypasses_nothing(database: Database) -> None:
    async with database.person() as uow:
        role = (
            await uow.session.execute(
                text(
                    "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolname FROM pg_roles"
                    " WHERE rolname = current_user"
                )
            )
        ).one()
        owned = (
            await uow.session.execute(text("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole"))
        ).scalar()
    assert tuple(role) == (False, False, False, False, APP_ROLE)
    assert owned == 0


async def test_no_workspace_means_no_rows(database: Database, actor: Actor) -> None:
    async with database.workspace(actor.workspace_id) as uow:
        await assistants.create_assistant(uow, actor, AssistantDraft(name="Helper"))
    for table in sorted(set(metadata.tables) - INSTALLATION):
        async with database.person() as uow:
            assert (await uow.session.execute(text(f"SELECT count(*) FROM {table}"))).scalar() == 0, table


async def test_a_workspace_neither_reads_nor_writes_anothers_rows(
    database: Database, actor: Actor, stranger: Actor
) -> None:
    async with database.workspace(actor.workspace_id) as uow:
        made = await assistants.create_assistant(uow, actor, AssistantDraft(name="Helper"))
    async with database.workspace(stranger.workspace_id, stranger.account_id) as uow:
        assert await assistants.list_assistants(uow, stranger) == []
        for statement in ("UPDATE assistant SET name = 'x'", "DELETE FROM assistant"):
            changed = await uow.session.execute(text(statement + " RETURNING id"))
            assert changed.all() == []
    with pytest.raises(DBAPIError, match="row-level security"):
        async with database.workspace(stranger.workspace_id) as uow:
            values = {"id": uuid4(), "mine": actor.workspace_id, "assistant": made.id}
            await uow.session.execute(
                text(
                    "INSERT INTO assistant_version (id, workspace_id, assistant_id, number, name, description,"
                    " instructions, greeting, model, temperature)"
                    " VALUES (:id, :mine, :assistant, 9, '', '', '', '', '', 0)"
                ),
                values,
            )


async def test_the_audit_record_can_only_grow(database: Database, actor: Actor) -> None:
    async with database.workspace(actor.workspace_id) as uow:
        await assistants.create_assistant(uow, actor, AssistantDraft(name="Helper"))
    for statement in ("DELETE FROM audit_event", "UPDATE audit_event SET action = 'x'"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with database.workspace(actor.workspace_id) as uow:
                await uow.session.execute(text(statement))


def routes() -> list[tuple[str, str]]:
    """Every route of the API with each of its methods, its parameters filled with identifiers of nothing."""
    found = []
    for entry in create_api().routes:
        router = getattr(entry, "original_router", None)
        for route in router.routes if router else [entry]:
            if isinstance(route, APIRoute):
                found += [(method, route.path) for method in sorted(route.methods)]
    return found


async def test_no_route_serves_somebody_without_a_session(api: httpx.AsyncClient, database: Database) -> None:
    walked = routes()
    assert len(walked) >= 10
    before = await counts(database)
    for method, path in walked:
        answer = await api.request(method, fill(path, str(uuid4())))
        if path in PUBLIC_ROUTES:
            assert answer.status_code in {200, 303}, (method, path)
        else:
            assert answer.status_code == 401, (method, path, answer.status_code)
    assert await counts(database) == before


async def test_no_route_serves_another_tenants_things(
    api: httpx.AsyncClient, database: Database, outbox: Outbox, actor: Actor
) -> None:
    async with database.workspace(actor.workspace_id) as uow:
        made = await assistants.create_assistant(uow, actor, AssistantDraft(name="Helper"))
    await log_in_as_new(api, database, outbox, "stranger@example.org")
    before = await counts(database)
    for method, path in routes():
        if "{" in path:
            files = {"files": ("a.txt", b"Text.")} if method == "POST" else None
            answer = await api.request(method, fill(path, str(made.id)), files=files)
            assert answer.status_code in {403, 404}, (method, path, answer.status_code)
    assert await counts(database) == before


def fill(path: str, identifier: str) -> str:
    return "/".join(identifier if part.startswith("{") else part for part in path.split("/"))


async def counts(database: Database) -> dict[str, int]:
    """Rows of each table that people's requests may change; the audit record grows by itself."""
    async with database.system() as uow:
        found = {}
        for name in sorted(set(metadata.tables) - {"audit_event"}):
            found[name] = (await uow.session.execute(text(f"SELECT count(*) FROM {name}"))).scalar_one()
        return found
