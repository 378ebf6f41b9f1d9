"""Every event handler, from Reflex's own registry, called over the real socket by nobody and by another tenant."""

from __future__ import annotations

import inspect
import json
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import reflex as rx
import socketio
from sqlalchemy import select

from chatai.core.actor import Actor
from chatai.core.database import Database
from chatai.core.settings import Settings, get_settings
from chatai.domains.accounts import service as accounts
from chatai.domains.accounts.models import Account, LoginSession
from chatai.domains.accounts.schemas import SESSION_COOKIE, Client
from chatai.domains.assistants import service as assistants
from chatai.domains.assistants.schemas import AssistantDraft
from chatai.domains.channels.models import Bot, BotBusiness
from chatai.domains.conversations.models import Conversation, Message, UnansweredQuestion
from chatai.domains.knowledge import repository
from chatai.domains.knowledge.models import Chunk, Document, KnowledgeIndex, QAPair
from chatai.domains.knowledge.schemas import ChunkDraft, ReadPage
from chatai.web import pages
from chatai.web.shared.guard import GUARDED
from tests.waiting import eventually
from tests.web.conftest import Site

PUBLIC = {"Entry.read_address", "Confirmation.confirm", "Session.choose_language", "Notices.dismiss"}
SECRET = "victim-secret-7f3a"
ACCOUNT = 4242
HYDRATED = '"is_hydrated_rx_state_": true'


def handlers() -> dict[str, tuple[type[rx.State], str, Callable[..., Any]]]:
    """Every handler of our pages by the name that a browser calls it by."""
    assert pages.PAGES  # the pages are imported: their states are registered
    found = {}
    for state in sorted(rx.State.get_substates(), key=lambda one: one.get_full_name()):
        if state.__module__.startswith("chatai.web."):
            for name, handler in state.event_handlers.items():
                if inspect.getmodule(handler.fn) and name != "setvar":
                    found[f"{state.get_full_name()}.{name}"] = (state, name, handler.fn)
    return found


def test_no_handler_goes_round_the_guard() -> None:
    found = handlers()
    assert len(found) > 40
    kinds = {f"{state.__name__}.{name}": getattr(fn, GUARDED, None) for state, name, fn in found.values()}
    assert {name for name, kind in kinds.items() if kind is None} == set()
    assert {name for name, kind in kinds.items() if kind == "public"} == PUBLIC


@pytest.mark.parametrize("caller", ["nobody", "stranger"])
async def test_handlers_change_and_show_nothing_of_others(
    site: Site, settings: Settings, database: Database, actor: Actor, stranger: Actor, owner_url: str, caller: str
) -> None:
    ids = await fill(database, actor)
    cookie = "" if caller == "nobody" else await session_cookie(database, settings, stranger)
    before = snapshot(owner_url, actor, everything=caller == "nobody")
    received = await call_all(site, cookie, ids)
    assert snapshot(owner_url, actor, everything=caller == "nobody") == before
    assert SECRET not in json.dumps(received)
    if caller == "nobody":
        private = [fn for _, _, fn in handlers().values() if getattr(fn, GUARDED) == "private"]
        assert json.dumps(received).count("/login?next=") >= len(private)
    else:
        assert "not yours to see" in json.dumps(received)


async def fill(database: Database, actor: Actor) -> dict[str, str]:
    """One of everything in the victim's workspace; every text holds the secret."""
    common = {"workspace_id": actor.workspace_id}
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        assistant = await assistants.create_assistant(uow, actor, AssistantDraft(name=SECRET, instructions=SECRET))
        document = Document(
            **common,
            assistant_id=assistant.id,
            uploaded_by=actor.account_id,
            name=f"{SECRET}.txt",
            media_type="text/plain",
            size_bytes=1,
            sha256="0" * 64,
            storage_name="x",
            state="failed",
        )
        conversation = Conversation(**common, assistant_id=assistant.id, channel="web", title=SECRET)
        bot = Bot(**common, assistant_id=assistant.id, telegram_id=1, username=SECRET, name=SECRET, token_encrypted="x",
                  webhook_secret="y", desired_state="stopped")  # fmt: skip
        uow.session.add_all([document, conversation, bot])
        await uow.session.flush()
        question = Message(**common, conversation_id=conversation.id, role="person", text=SECRET)
        answer = Message(**common, conversation_id=conversation.id, role="assistant", text=SECRET, reply_to=question.id)
        account = BotBusiness(**common, bot_id=bot.id, connection_id=SECRET, account_id=ACCOUNT, name=SECRET)
        uow.session.add_all([question, answer, account])
        await uow.session.flush()
        unanswered = UnansweredQuestion(
            **common,
            assistant_id=assistant.id,
            conversation_id=conversation.id,
            message_id=answer.id,
            question=SECRET,
            key=SECRET,
            language="en",
            reason="not_told",
        )
        pair = QAPair(**common, assistant_id=assistant.id, document_id=document.id, question=SECRET, answer=SECRET)
        uow.session.add_all([unanswered, pair])
        draft = ChunkDraft(0, 1, 1, 0, len(SECRET), "", SECRET)
        await repository.replace_content(uow, document, [ReadPage(1, SECRET)], [0], [draft])
        chunk_id = (await uow.session.scalars(select(Chunk.id).where(Chunk.document_id == document.id))).one()
        index = await uow.session.get_one(KnowledgeIndex, assistant.id)
        index.embedding_model, index.dimension, index.trouble = SECRET, 2, "x"
        await uow.session.flush()
    async with database.person() as uow:
        account = await uow.session.get_one(Account, actor.account_id)
        await accounts.open_session(uow, account, Client(), get_settings())
        session_id = (await uow.session.scalars(select(LoginSession.id))).one()
    return {
        "assistant_id": str(assistant.id),
        "document_id": str(document.id),
        "conversation_id": str(conversation.id),
        "bot_id": str(bot.id),
        "question_id": str(question.id),
        "pair_id": str(pair.id),
        "chunk_id": str(chunk_id),
        "session_id": str(session_id),
    }


async def session_cookie(database: Database, settings: Settings, actor: Actor) -> str:
    async with database.person() as uow:
        account = await uow.session.get_one(Account, actor.account_id)
        return (await accounts.open_session(uow, account, Client(), settings)).token


def snapshot(owner_url: str, actor: Actor, *, everything: bool) -> dict[str, list[str]]:
    """Every row of the victim's; with `everything`, of the whole installation. Jobs are not looked at."""
    rows: dict[str, list[str]] = {}
    with psycopg.connect(owner_url) as connection:
        tables = connection.execute(
            "SELECT table_name, bool_or(column_name = 'workspace_id') FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name !~ '^(procrastinate|alembic)' GROUP BY 1"
        ).fetchall()
        for table, of_tenant in tables:
            where = "" if everything or not of_tenant else f" WHERE workspace_id = '{actor.workspace_id}'"
            if not everything and not of_tenant:
                where = f" WHERE to_jsonb(t)::text LIKE '%{actor.account_id}%'"
            query = f"SELECT to_jsonb(t)::text FROM {table} t{where} ORDER BY 1"
            rows[table] = [row[0] for row in connection.execute(query)]  # type: ignore[call-overload]
    assert rows["assistant"]
    return rows


def arguments(function: Callable[..., Any], ids: dict[str, str]) -> dict[str, Any]:
    """The most harmful arguments that somebody could guess: the victim's own identifiers."""
    values: dict[str, Any] = {
        "form": {
            "name": "changed",
            "text": "changed",
            "words": "victim",
            "question": "changed?",
            "typed_name": SECRET,
            "token": "1:x",
            "current": "x",
        },
        "key": "shop",
        "language": "en",
        "version": 1,
        "shown": 1,
        "number": str(ACCOUNT),
        "channel": "web",
        "name": "x",
        "search": "x",
        "group": "stopped",
        "column": "memory",
        "forward": True,
        "action": "delete",
        "choice": "copy",
        "update_id": "1",
        "address": "https://site.example/",
        "question": "x",
        "on": False,
        "question_key": SECRET,
        "question_state": "open",
        **ids,
    }
    return {name: values[name] for name in list(inspect.signature(function).parameters)[1:]}


async def call_all(site: Site, cookie: str, ids: dict[str, str]) -> list[Any]:
    """Calls every handler twice, on a page of the victim's, and returns all that came back."""
    received: list[Any] = []
    client = socketio.AsyncClient()
    client.on("event", received.append, namespace="/_event")
    headers = {"Origin": site.url, **({"Cookie": f"{SESSION_COOKIE}={cookie}"} if cookie else {})}
    await client.connect(
        f"{site.url}?token={uuid.uuid4()}",
        headers=headers,
        socketio_path="/_event",
        namespaces=["/_event"],
        transports=["websocket"],
    )
    place = {
        "pathname": "/assistants/[assistant_id]",
        "asPath": f"/assistants/{ids['assistant_id']}?c={ids['conversation_id']}",
        "query": ids,
    }
    last = f"{rx.State.get_full_name()}.set_is_hydrated"

    async def until_hydrated() -> None:
        """Until all that was sent has been handled: a tab's events run one after the other."""
        before = json.dumps(received).count(HYDRATED)
        event = {"name": last, "payload": {"value": True}, "router_data": place}
        await client.emit("event", event, namespace="/_event")
        await eventually(lambda: json.dumps(received).count(HYDRATED) > before, patience=60, pause=0.2)

    try:
        await until_hydrated()  # the first event of a tab brings others of its own
        for _ in range(2):
            for name, (_, _, function) in handlers().items():
                event = {"name": name, "payload": arguments(function, ids), "router_data": place}
                await client.emit("event", event, namespace="/_event")
        await until_hydrated()
        return received
    finally:
        await client.disconnect()
