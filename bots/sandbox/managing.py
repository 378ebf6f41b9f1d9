"""What a person does with a bot that manages others: makes one for it, through its link or its button."""

from __future__ import annotations

from aiohttp import web

from bots.sandbox import people
from bots.sandbox.control import SANDBOX, bot_view, refuse, the_bot, the_person
from bots.sandbox.parameters import read_parameters
from bots.sandbox.state import Sandbox, SandboxBot, Wire

routes = web.RouteTableDef()


def make_managed(sandbox: Sandbox, manager: SandboxBot, owner: Wire, name: str, username: str = "") -> SandboxBot:
    """A person makes a bot for the manager, which is told twice: by the update `managed_bot`, and by a message in their
    chat.

    Raises:
        PersonError: The manager may not manage bots.
    """
    if not manager.can_manage_bots:
        raise people.PersonError("this bot may not manage others: turn can_manage_bots on first")
    made = sandbox.new_bot(name, username=username)
    made.managed_by = manager.id
    sandbox.queue_update(manager, "managed_bot", {"user": owner, "bot": made.user()})
    people.announce(
        sandbox, manager, sandbox.private_chat(manager, owner), owner, managed_bot_created={"bot": made.user()}
    )
    sandbox.on_change()
    return made


@routes.post("/sandbox/bots/{bot}/managed")
async def create_managed_bot(request: web.Request) -> web.Response:
    """A person makes a bot for this one: `name`, `username`, `from`."""
    sandbox, manager, values = request.app[SANDBOX], the_bot(request), await read_parameters(request)
    owner = the_person(sandbox, values)
    try:
        made = make_managed(sandbox, manager, owner, values.text("name").strip()[:64], values.text("username").strip())
    except people.PersonError as error:
        raise refuse(400, str(error)) from None
    return web.json_response(bot_view(made), status=201)
