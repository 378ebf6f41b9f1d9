"""What the bot manager begins before it is there itself."""

import subprocess
import sys

import pytest
import pytest_asyncio

from bots.start import any_bot_is_wanted
from chatai.core.roles import application_url
from chatai.domains.channels import service
from tests.bots.world import open_world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres, template_database, tmp_path_factory, free_port):
    folder = tmp_path_factory.mktemp("start")
    async with open_world(postgres, template_database, folder, free_port(), manager=False) as world:
        yield world


@pytest.mark.asyncio(loop_scope="module")
async def test_processes_are_begun_ahead_only_for_bots_that_are_wanted(world, free_port):
    url = application_url(world.settings)
    assert not any_bot_is_wanted(url)
    known = await service.check_token(world.actor, world.server.sandbox.new_bot("Shop").token)
    async with world.database.workspace(world.actor.workspace_id) as uow:
        bot = await service.add_bot(uow, world.actor, world.assistant_id, known)
    assert any_bot_is_wanted(url)
    async with world.database.system() as uow:
        await uow.run("UPDATE bot SET state = 'revoked'")
    assert not any_bot_is_wanted(url)
    async with world.database.workspace(world.actor.workspace_id) as uow:
        await service.start_bot(uow, world.actor, bot.id)
    assert any_bot_is_wanted(url)
    async with world.database.workspace(world.actor.workspace_id) as uow:
        await service.stop_bot(uow, world.actor, bot.id)
    assert not any_bot_is_wanted(url)
    assert not any_bot_is_wanted(f"postgresql://chatai_app:x@127.0.0.1:{free_port()}/chatai")


def test_what_is_begun_ahead_does_not_wait_for_the_managers_imports():
    program = "import bots.start, sys; print(sorted({'sqlalchemy', 'aiohttp', 'aiogram'} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"
