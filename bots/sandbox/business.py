"""Business accounts: an owner connects the bot, customers and the owner write to each other, and the bot is told."""

from __future__ import annotations

import secrets
import time

from aiohttp import web

from bots.sandbox.control import SANDBOX, refuse, the_bot, the_file, the_person
from bots.sandbox.methods.files import attachment
from bots.sandbox.parameters import Parameters, read_parameters
from bots.sandbox.people import PersonError
from bots.sandbox.state import Business, Chat, Sandbox, SandboxBot, Wire

routes = web.RouteTableDef()


def connect(
    sandbox: Sandbox, bot: SandboxBot, owner: Wire, *, can_reply: bool = True, enabled: bool = True
) -> Business:
    """An owner connects the bot to the account, disconnects it, or changes what it may. The bot is told."""
    account = next((known for known in bot.business.values() if known.owner["id"] == owner["id"]), None)
    if account is None:
        account = Business(secrets.token_urlsafe(16), owner, int(time.time()))
        bot.business[account.id] = account
    account.can_reply, account.enabled = can_reply, enabled
    sandbox.queue_update(bot, "business_connection", account.wire())
    sandbox.publish(bot, "chats")
    sandbox.on_change()
    return account


def write(
    sandbox: Sandbox,
    bot: SandboxBot,
    account: Business,
    customer: Wire,
    text: str,
    /,
    *,
    by_owner: bool = False,
    **more: object,
) -> Wire:
    """A customer writes to the account, or its owner to the customer; `more`: further fields of the message, as the Bot
    API has them; with a file the text is its caption. Raises: PersonError."""
    if not (text.strip() or more):
        raise PersonError("the message is empty")
    chat = account.chats.get(customer["id"])
    if chat is None:
        wire = {"id": customer["id"], "type": "private", "first_name": customer["first_name"]}
        chat = account.chats[customer["id"]] = Chat(customer["id"], wire)
        sandbox.on_change()
    message: Wire = {
        "business_connection_id": account.id,
        "message_id": sandbox.next_message_id(bot),
        "from": account.owner if by_owner else customer,
        "chat": chat.wire,
        "date": int(time.time()),
        **more,
    }
    if text.strip():
        message["caption" if more.keys() - {"is_from_offline"} else "text"] = text.strip()
    sandbox.keep_message(chat, message)
    sandbox.publish(bot, "message", connection=account.id, message=message)
    if account.enabled:
        sandbox.queue_update(bot, "business_message", message)
    return message


def edit(sandbox: Sandbox, bot: SandboxBot, account: Business, chat: Chat, message_id: int, text: str) -> Wire:
    """Whoever wrote a message changes it. Raises: PersonError."""
    old = chat.messages.get(message_id)
    if old is None or "sender_business_bot" in old or not text.strip():
        raise PersonError("only a person's own message can be edited, and not to nothing")
    key = "caption" if "caption" in old else "text"
    fresh = {**old, key: text.strip(), "edit_date": int(time.time())}
    chat.messages[message_id] = fresh
    sandbox.publish(bot, "edited", connection=account.id, message=fresh)
    if account.enabled:
        sandbox.queue_update(bot, "edited_business_message", fresh)
    return fresh


def delete(sandbox: Sandbox, bot: SandboxBot, account: Business, chat: Chat, message_id: int) -> None:
    """A message is deleted, for both sides. Raises: PersonError."""
    if chat.messages.pop(message_id, None) is None:
        raise PersonError("there is no such message")
    sandbox.publish(bot, "deleted", connection=account.id, chat_id=chat.id, message_id=message_id)
    if account.enabled:
        gone = {"business_connection_id": account.id, "chat": chat.wire, "message_ids": [message_id]}
        sandbox.queue_update(bot, "deleted_business_messages", gone)


def _account(request: web.Request) -> tuple[Sandbox, SandboxBot, Business]:
    bot = the_bot(request)
    account = bot.business.get(request.match_info["connection"])
    if account is None:
        raise refuse(404, "there is no such connection")
    return request.app[SANDBOX], bot, account


def _chat(account: Business, values: Parameters) -> Chat:
    chat = account.chats.get(values.integer("chat_id"))
    if chat is None:
        raise refuse(404, "there is no such chat")
    return chat


@routes.post("/sandbox/bots/{bot}/business")
async def connect_account(request: web.Request) -> web.Response:
    """The owner `from` connects the bot, or changes `can_reply` and `enabled`, both true unless given."""
    sandbox, bot, values = request.app[SANDBOX], the_bot(request), await read_parameters(request)
    may, enabled = (name not in values.values or values.boolean(name) for name in ("can_reply", "enabled"))
    account = connect(sandbox, bot, the_person(sandbox, values), can_reply=may, enabled=enabled)
    return web.json_response(account.wire(), status=201)


@routes.get("/sandbox/bots/{bot}/business")
async def list_accounts(request: web.Request) -> web.Response:
    """The connected accounts, with their chats."""
    accounts = the_bot(request).business.values()
    views = [{**one.wire(), "chats": [chat.view() for chat in one.chats.values()]} for one in accounts]
    return web.json_response({"accounts": views})


@routes.post("/sandbox/bots/{bot}/business/{connection}/messages")
async def write_to_account(request: web.Request) -> web.Response:
    """The customer `from` writes `text`; or, with `by_owner`, the owner does to that customer. A file and `content` as
    in the bot's own chats."""
    sandbox, bot, account = _account(request)
    values = await read_parameters(request)
    customer, by_owner = the_person(sandbox, values), values.boolean("by_owner")
    kind, upload = the_file(values)
    more = values.structure("content", "content") or {}
    if not isinstance(more, dict):
        raise refuse(400, "`content` is an object with parts of a message")
    if upload is not None:
        more |= attachment(sandbox, kind, upload)
    try:
        message = write(sandbox, bot, account, customer, values.text("text"), **{**more, "by_owner": by_owner})
    except PersonError as error:
        raise refuse(400, str(error)) from None
    return web.json_response(message, status=201)


@routes.post("/sandbox/bots/{bot}/business/{connection}/edits")
async def edit_at_account(request: web.Request) -> web.Response:
    """`message_id` in the chat `chat_id` is changed to `text`."""
    sandbox, bot, account = _account(request)
    values = await read_parameters(request)
    chat = _chat(account, values)
    try:
        message = edit(sandbox, bot, account, chat, values.integer("message_id"), values.text("text"))
    except PersonError as error:
        raise refuse(400, str(error)) from None
    return web.json_response(message)


@routes.post("/sandbox/bots/{bot}/business/{connection}/deletions")
async def delete_at_account(request: web.Request) -> web.Response:
    """`message_id` in the chat `chat_id` is deleted."""
    sandbox, bot, account = _account(request)
    values = await read_parameters(request)
    try:
        delete(sandbox, bot, account, _chat(account, values), values.integer("message_id"))
    except PersonError as error:
        raise refuse(400, str(error)) from None
    return web.json_response({})


@routes.get("/sandbox/bots/{bot}/business/{connection}/messages")
async def list_messages_of_account(request: web.Request) -> web.Response:
    """Those of the chat `chat_id`."""
    _, _, account = _account(request)
    number = Parameters(dict(request.query)).integer("chat_id")
    chat = account.chats.get(number) or Chat(number, {})  # it begins with its first message
    return web.json_response({"messages": list(chat.messages.values()), "drafts": list(chat.drafts.values())})
