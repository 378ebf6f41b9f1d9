"""A bot's token, profile and picture, a bot like another one, and bots made with one of ours."""

from __future__ import annotations

import asyncio
import struct

import psycopg
import pytest
from sqlalchemy import text

from bots.sandbox import managing
from bots.sandbox.faults import Fault
from bots.sandbox.state import DEFAULT_PERSON
from chatai.core.actor import Role
from chatai.core.clock import now
from chatai.core.ids import new_id
from chatai.domains.assistants import service as assistants
from chatai.domains.channels import cloning, managed, profile, service, states, tokens, webhooks
from chatai.domains.channels.errors import (
    BadProfile,
    BotNotFound,
    MayNotManageBots,
    NotManaged,
    PhotoRefused,
    ProfileRefused,
    TelegramUnreachable,
    TokenRefused,
    TokenRevoked,
    WrongBot,
)
from chatai.domains.channels.profile import ProfileDraft
from chatai.domains.channels.schemas import WebhookInfo
from chatai.domains.channels.states import StateRow
from chatai.domains.knowledge import repository as knowledge_rows
from chatai.domains.knowledge import service as knowledge
from chatai.domains.knowledge.models import Chunk, Document, DocumentPage
from chatai.domains.knowledge.ports import file_store
from chatai.domains.knowledge.schemas import ChunkDraft, ReadPage
from chatai.integrations.storage import LocalFileStore


def jpeg(width: int = 640, height: int = 640, size: int = 0) -> bytes:
    """A JPEG as far as its frame header."""
    comment = b"\xff\xfe" + struct.pack(">H", 6) + b"text"
    frame = b"\xff\xc0" + struct.pack(">HBHH", 17, 8, height, width) + b"\x03" + b"\0" * 9
    return b"\xff\xd8" + comment + frame + b"\0" * size


async def token_of(database, bot):
    async with database.system() as uow:
        (row,) = await service.list_managed(uow, [bot.id])
    return service.token_of(row)


async def get(database, actor, bot_id):
    async with database.workspace(actor.workspace_id) as uow:
        return await service.get_bot(uow, actor, bot_id)


async def replace(database, actor, bot, token):
    known = await service.check_token(actor, token)
    async with database.workspace(actor.workspace_id) as uow:
        await tokens.replace_token(uow, actor, bot.id, known)


async def test_a_revoked_bot_runs_again_with_its_new_token(database, actor, connect, sandbox):
    there = sandbox.sandbox.new_bot("Shop")
    bot = await connect(there.token)
    old = there.token
    fresh = sandbox.sandbox.revoke(there)
    await states.write(database, [StateRow(bot.id, 0, "revoked", "bot_token_revoked", "Unauthorized")])
    with pytest.raises(TokenRefused):
        await replace(database, actor, bot, old)
    await replace(database, actor, bot, fresh)
    changed = await get(database, actor, bot.id)
    assert (changed.state, changed.state_reason, changed.last_error) == ("starting", "", "")
    assert await token_of(database, bot) == fresh


async def test_another_bots_token_is_refused_in_words(database, actor, connect, sandbox):
    bot = await connect()
    other = sandbox.sandbox.new_bot("Other")
    with pytest.raises(WrongBot) as wrong:
        await replace(database, actor, bot, other.token)
    assert f"@{other.username}" in wrong.value.sentence("ru")
    assert other.token not in wrong.value.sentence("en")
    assert await token_of(database, bot) != other.token


async def test_telegram_shows_what_people_wrote(database, actor, connect, sandbox):
    there = sandbox.sandbox.new_bot("Shop")
    bot = await connect(there.token)
    await profile.change(database, actor, bot.id, ProfileDraft("  Лавка ", "Всё для чая", "Чай"))
    assert (there.name, there.description, there.short_description) == ("Лавка", "Всё для чая", "Чай")
    names = len([call for call in there.calls if call["method"] == "setMyName"])
    await profile.change(database, actor, bot.id, ProfileDraft("Лавка", "Всё для чая и кофе", "Чай"))
    assert len([call for call in there.calls if call["method"] == "setMyName"]) == names  # nothing new to say
    seen = await get(database, actor, bot.id)
    assert (seen.name, seen.description) == ("Лавка", "Всё для чая и кофе")

    there.name, there.description = "Renamed", "In @BotFather"
    found = await profile.look(database, actor, bot.id)
    assert (found.identity.name, found.profile.description) == ("Renamed", "In @BotFather")
    assert (await get(database, actor, bot.id)).name == "Renamed"


@pytest.mark.parametrize(
    "draft", [ProfileDraft(""), ProfileDraft("x" * 65), ProfileDraft("x", "d" * 513), ProfileDraft("x", "", "s" * 121)]
)
async def test_a_profile_beyond_telegrams_limits(database, actor, connect, draft):
    bot = await connect()
    with pytest.raises(BadProfile):
        await profile.change(database, actor, bot.id, draft)


async def test_what_came_through_before_a_refusal_is_kept(database, actor, connect, sandbox):
    there = sandbox.sandbox.new_bot("Shop")
    bot = await connect(there.token)
    sandbox.sandbox.faults.add(
        Fault(methods=frozenset({"setmydescription"}), status=400, description="BAD", remaining=1)
    )
    with pytest.raises(ProfileRefused) as refused:
        await profile.change(database, actor, bot.id, ProfileDraft("Fresh", "Words"))
    assert "BAD" in refused.value.sentence("en")
    seen = await get(database, actor, bot.id)
    assert (seen.name, seen.description) == ("Fresh", "")
    sandbox.sandbox.revoke(there)
    with pytest.raises(TokenRevoked):
        await profile.change(database, actor, bot.id, ProfileDraft("Fresh", "Words"))


async def test_a_picture_is_checked_before_telegram_gets_it(database, actor, connect, sandbox):
    there = sandbox.sandbox.new_bot("Shop")
    bot = await connect(there.token)
    await profile.set_photo(database, actor, bot.id, jpeg())
    assert sandbox.sandbox.files[there.photo].data == jpeg()
    for bad in (b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, jpeg(100, 640), jpeg(size=6_000_000), jpeg()[:12]):
        with pytest.raises(PhotoRefused):
            await profile.set_photo(database, actor, bot.id, bad)
    await profile.remove_photo(database, actor, bot.id)
    assert there.photo == ""


async def test_only_admins_of_the_workspace_tend_a_bot(database, actor, stranger, new_actor, connect):
    bot = await connect()
    operator = await new_actor(workspace_id=actor.workspace_id, role=Role.OPERATOR)
    for who, refusal in ((operator, MayNotManageBots), (stranger, BotNotFound)):
        for action in (
            profile.look(database, who, bot.id),
            profile.change(database, who, bot.id, ProfileDraft("x")),
            profile.set_photo(database, who, bot.id, jpeg()),
            profile.remove_photo(database, who, bot.id),
            tokens.renew_managed_token(database, who, bot.id),
        ):
            with pytest.raises(refusal):
                await action


async def document(database, actor, assistant_id, store, state="ready"):
    """A document with a page, a passage and its file."""
    file = store.new(actor.account_id)
    file.write(b"Open from nine.")
    file.finish()
    store.keep(actor.account_id, file.storage_name)
    common = {"workspace_id": actor.workspace_id}
    async with database.workspace(actor.workspace_id) as uow:
        made = Document(
            **common,
            assistant_id=assistant_id,
            uploaded_by=actor.account_id,
            name="hours.txt",
            media_type="text/plain",
            size_bytes=15,
            sha256="0" * 64,
            storage_name=file.storage_name,
            state=state,
            page_count=1,
            chunk_count=1,
        )
        uow.session.add(made)
        await uow.session.flush()
        if state == "ready":
            chunk = ChunkDraft(0, 1, 1, 0, 15, "", "Open from nine.")
            await knowledge_rows.replace_content(uow, made, [ReadPage(1, "Open from nine.")], [0], [chunk])
    return made


@pytest.fixture
def store(tmp_path):
    files = LocalFileStore(tmp_path / "uploads")
    file_store.bind(files)
    yield files
    file_store.bind(None)


async def test_a_bot_like_another_one_has_its_assistant_and_documents(database, actor, connect, sandbox, store):
    source = await connect()
    original = await document(database, actor, source.assistant_id, store)
    there = sandbox.sandbox.new_bot("Second shop")
    bot = await cloning.clone_bot(database, actor, source.id, there.token, documents=True)
    assert bot.assistant_id != source.assistant_id
    async with database.workspace(actor.workspace_id) as uow:
        copied = await assistants.get_assistant(uow, actor, bot.assistant_id)
        assert (copied.name, copied.instructions, copied.greeting) == ("Second shop", "Be kind.", "Hello!")
        (twin,) = (
            await uow.session.execute(Document.__table__.select().where(Document.assistant_id == copied.id))
        ).all()
        pages = (await uow.session.execute(DocumentPage.__table__.select())).all()
        chunks = (await uow.session.execute(Chunk.__table__.select())).all()
    assert {page.document_id for page in pages} == {original.id, twin.id}
    assert {chunk.assistant_id for chunk in chunks} == {source.assistant_id, bot.assistant_id}
    assert len({str(chunk.search) for chunk in chunks}) == 1
    async with database.workspace(actor.workspace_id) as uow:
        (passage,) = await knowledge.search(uow, bot.assistant_id, "open")
    assert passage.document_id == twin.id
    store.delete(actor.account_id, original.storage_name)
    assert store.path(actor.account_id, twin.storage_name).read_bytes() == b"Open from nine."


async def test_what_was_written_and_what_was_not_fetched_yet_is_copied_too(database, actor, connect, sandbox, store):
    source = await connect()
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        await knowledge.add_pair(uow, actor, source.assistant_id, "When do you open?", "At nine.")
        await knowledge.add_web_pages(uow, actor, source.assistant_id, ["https://example.com/a"])
    bot = await cloning.clone_bot(database, actor, source.id, sandbox.sandbox.new_bot("Two").token, documents=True)
    async with database.workspace(actor.workspace_id) as uow:
        (pair,) = await knowledge.list_pairs(uow, actor, bot.assistant_id)
        assert (pair.question, pair.answer) == ("When do you open?", "At nine.")
        copies = await knowledge.list_documents(uow, actor, bot.assistant_id)
    assert sorted((copy.kind, copy.state, copy.source_url) for copy in copies) == [
        ("answer", "queued", ""),
        ("web_page", "queued", "https://example.com/a"),
    ]
    async with database.system() as uow:
        jobs = text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'ingest_document'")
        assert (await uow.session.execute(jobs)).scalar_one() == 4


async def test_a_document_that_is_being_read_is_read_for_the_copy_too(database, actor, connect, sandbox, store):
    source = await connect()
    await document(database, actor, source.assistant_id, store, "reading")
    await cloning.clone_bot(database, actor, source.id, sandbox.sandbox.new_bot("Two").token, documents=True)
    async with database.system() as uow:
        jobs = text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'ingest_document'")
        assert (await uow.session.execute(jobs)).scalar_one() == 1


async def test_a_copy_that_fails_leaves_nothing(database, actor, stranger, connect, sandbox, store):
    source = await connect()
    await document(database, actor, source.assistant_id, store)
    folder = next((store.root / str(actor.account_id)).iterdir())
    taken = sandbox.sandbox.new_bot("Taken")
    await connect(taken.token, who=stranger)
    before = sorted(folder.iterdir())
    with pytest.raises(Exception, match="in use"):
        await cloning.clone_bot(database, actor, source.id, taken.token, documents=True)
    with pytest.raises(BotNotFound):
        await cloning.clone_bot(database, stranger, source.id, sandbox.sandbox.new_bot("X").token, documents=True)
    assert sorted(folder.iterdir()) == before
    async with database.workspace(actor.workspace_id) as uow:
        assert len(await assistants.list_assistants(uow, actor)) == 1


MAKER = int(DEFAULT_PERSON["id"])


async def manager_bot(database, actor, connect, sandbox, choice):
    there = sandbox.sandbox.new_bot("Agency")
    there.can_manage_bots = True
    view = await connect(there.token)
    async with database.workspace(actor.workspace_id) as uow:
        await service.set_made_bots(uow, actor, view.id, choice)
    return there, view


async def test_a_bot_made_with_ours_is_connected_as_its_owner_chose(database, actor, connect, sandbox, store):
    for choice in ("share", "copy"):
        there, view = await manager_bot(database, actor, connect, sandbox, choice)
        made = managing.make_managed(sandbox.sandbox, there, dict(DEFAULT_PERSON), f"Café {choice}")
        arguments = (database, actor.workspace_id, view.id, made.id, MAKER)
        assert await managed.take_over(*arguments) == ("connected", made.username)
        assert await managed.take_over(*arguments) == ("updated", made.username)
        async with database.workspace(actor.workspace_id) as uow:
            (found,) = [bot for bot in await service.list_bots(uow, actor) if bot.telegram_id == made.id]
        assert found.managed_by == view.id
        assert (found.assistant_id == view.assistant_id) is (choice == "share")

        await tokens.renew_managed_token(database, actor, found.id)
        assert await token_of(database, found) == made.token
        sandbox.sandbox.revoke(made)  # its owner did that
        assert (await managed.take_over(*arguments))[0] == "updated"
        assert await token_of(database, found) == made.token


async def test_nobody_connects_bots_by_our_link_unless_an_admin_wants_it(database, actor, stranger, connect, sandbox):
    there, view = await manager_bot(database, actor, connect, sandbox, "")
    made = managing.make_managed(sandbox.sandbox, there, dict(DEFAULT_PERSON), "Café")
    assert (await managed.take_over(database, actor.workspace_id, view.id, made.id, MAKER))[0] == "unwanted"
    assert (await managed.take_over(database, stranger.workspace_id, view.id, made.id, MAKER))[0] == "unwanted"
    with pytest.raises(NotManaged):
        await tokens.renew_managed_token(database, actor, view.id)


async def test_a_stranger_has_only_so_many_bots_connected(database, actor, connect, sandbox):
    there, view = await manager_bot(database, actor, connect, sandbox, "share")

    async def make(person: int) -> tuple[str, str]:
        made = managing.make_managed(sandbox.sandbox, there, dict(DEFAULT_PERSON), "Café")
        outcome, _ = await managed.take_over(database, actor.workspace_id, view.id, made.id, person)
        return outcome, made.username

    outcomes = [await make(MAKER) for _ in range(4)]
    assert [outcome for outcome, _ in outcomes] == ["connected"] * 3 + ["enough"]
    assert (await make(MAKER + 1))[0] == "connected"
    async with database.workspace(actor.workspace_id) as uow:
        bots = await service.list_bots(uow, actor)
        assert outcomes[3][1] not in {bot.username for bot in bots}
        (first,) = [bot for bot in bots if bot.username == outcomes[0][1]]
        await service.delete_bot(uow, actor, first.id)
    assert (await make(MAKER))[0] == "connected"  # one that is gone leaves room


@pytest.mark.parametrize("choice", ["share", "copy"])
async def test_who_makes_many_bots_at_once_has_no_more_of_them(database, actor, connect, sandbox, store, choice):
    there, view = await manager_bot(database, actor, connect, sandbox, choice)
    made = [managing.make_managed(sandbox.sandbox, there, dict(DEFAULT_PERSON), "Café") for _ in range(8)]
    # Telegram takes its time over each: meanwhile all have been counted once.
    sandbox.sandbox.faults.add(Fault(methods=frozenset({"getmanagedbottoken"}), delay_ms=1000))
    taking = (managed.take_over(database, actor.workspace_id, view.id, bot.id, MAKER) for bot in made)
    outcomes = [outcome for outcome, _ in await asyncio.gather(*taking)]
    assert sorted(outcomes) == ["connected"] * 3 + ["enough"] * 5
    async with database.workspace(actor.workspace_id) as uow:
        assert len(await service.list_bots(uow, actor)) == 4
        assert len(await assistants.list_assistants(uow, actor)) == (1 if choice == "share" else 4)


async def test_what_cannot_be_connected_is_refused_and_what_may_come_is_tried_again(
    database, actor, stranger, connect, sandbox
):
    there, view = await manager_bot(database, actor, connect, sandbox, "share")
    made = managing.make_managed(sandbox.sandbox, there, dict(DEFAULT_PERSON), "Café")
    sandbox.sandbox.faults.add(Fault(methods=frozenset({"getmanagedbottoken"}), status=502, remaining=1))
    with pytest.raises(TelegramUnreachable):
        await managed.take_over(database, actor.workspace_id, view.id, made.id, MAKER)
    await connect(made.token, who=stranger)
    assert (await managed.take_over(database, actor.workspace_id, view.id, made.id, MAKER))[0] == "refused"
    assert (await managed.take_over(database, actor.workspace_id, view.id, 12345, MAKER))[0] == "refused"


def test_the_link_to_make_a_bot() -> None:
    assert managed.invitation("agency_bot", "café bot") == "https://t.me/newbot/agency_bot/caf%C3%A9%20bot"


async def test_when_the_webhook_failed_is_kept_and_what_is_no_news_is_not_written(database, actor, connect, owner_url):
    bot = await connect()
    async with database.system() as uow:
        info = WebhookInfo("https://example.org", 7, "Connection refused", now(), True)
        odd = WebhookInfo("https://example.org", 2**40, "\0\ud800", None, True)
        await webhooks.write(uow, {bot.id: info, new_id(): odd})
    seen = await get(database, actor, bot.id)
    assert (seen.webhook_error, seen.webhook_pending) == ("Connection refused", 7)
    with psycopg.connect(owner_url, autocommit=True) as connection:
        version = "SELECT xmin FROM bot"
        before = connection.execute(version).fetchall()
        await webhooks.write(database.system_statements(), {bot.id: info})  # no news
        assert connection.execute(version).fetchall() == before
        await webhooks.write(database.system_statements(), {bot.id: WebhookInfo(info.url, 0, "", None, True)})
        assert connection.execute(version).fetchall() != before
