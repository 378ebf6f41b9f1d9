"""The control API under `/sandbox`: what BotFather and people do, the log of calls, and trouble on demand. JSON."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Any

from aiohttp import web

from bots.sandbox import people
from bots.sandbox.errors import ApiError
from bots.sandbox.faults import Fault
from bots.sandbox.parameters import Parameters, Upload, read_parameters
from bots.sandbox.state import DEFAULT_PERSON, Chat, Sandbox, SandboxBot, Wire

SANDBOX = web.AppKey("sandbox", Sandbox)
SCOPES = ("all_private_chats", "default")  # the narrower list counts
LONGEST_WAIT = 60.0  # seconds
FILE_KINDS = ("document", "photo", "voice", "audio", "video_note")
routes = web.RouteTableDef()


def refuse(status: int, text: str) -> web.HTTPException:
    """An error as the control API and its page show it."""
    classes: dict[int, type[web.HTTPException]] = {404: web.HTTPNotFound, 409: web.HTTPConflict, 403: web.HTTPForbidden}
    chosen = classes.get(status, web.HTTPBadRequest)
    return chosen(text=json.dumps({"error": text}, ensure_ascii=False), content_type="application/json")


def the_bot(request: web.Request) -> SandboxBot:
    number = request.match_info["bot"]
    bot = request.app[SANDBOX].bots.get(int(number)) if number.isdecimal() else None
    if bot is None:
        raise refuse(404, "there is no such bot")
    return bot


def the_chat(bot: SandboxBot, number: int) -> Chat:
    chat = bot.chats.get(number)
    if chat is None:
        raise refuse(404, "there is no such chat")
    return chat


def the_person(sandbox: Sandbox, values: Parameters) -> Wire:
    raw = values.structure("from", "person") or {}
    if isinstance(raw, int):
        raw = {"id": raw}
    if not isinstance(raw, dict) or not isinstance(raw.get("id", 0), int):
        raise refuse(400, "`from` is a person: {id, first_name, username, language_code}")
    return people.person(
        sandbox,
        int(raw.get("id") or DEFAULT_PERSON["id"]),
        str(raw.get("first_name") or ""),
        username=str(raw.get("username") or ""),
        language=str(raw.get("language_code") or ""),
    )


def the_file(values: Parameters) -> tuple[str, Upload | None]:
    """The file that came with a message, and its kind; an empty kind and None where none came."""
    kind = next((kind for kind in FILE_KINDS if kind in values.uploads), "")
    upload = values.uploads.get(kind)
    if upload is not None and not upload.data:
        raise refuse(400, "the file is empty")
    return kind, upload


def bot_view(bot: SandboxBot, *, token: bool = True) -> Wire:
    view = {
        "id": bot.id,
        "name": bot.name,
        "username": bot.username,
        "privacy": bot.privacy,
        "can_manage_bots": bot.can_manage_bots,
        "managed_by": bot.managed_by,
        "description": bot.description,
        "pending_update_count": len(bot.updates),
        "call_count": bot.call_count,
        "polling": bot.poll is not None,
        "webhook": {
            "url": bot.webhook.url,
            "last_error_date": bot.webhook.last_error_date,
            "last_error_message": bot.webhook.last_error_message,
        },
        "commands": next((c for scope in SCOPES for key, c in bot.commands.items() if scope in key), []),
    }
    return {**view, "token": bot.token} if token else view


@routes.get("/sandbox/bots")
async def list_bots(request: web.Request) -> web.Response:
    return web.json_response({"bots": [bot_view(bot) for bot in request.app[SANDBOX].bots.values()]})


@routes.post("/sandbox/bots")
async def create_bot(request: web.Request) -> web.Response:
    values = await read_parameters(request)
    try:
        bot = request.app[SANDBOX].new_bot(
            values.text("name").strip()[:64], username=values.text("username").strip(), token=values.text("token")
        )
    except ValueError as error:
        raise refuse(409, str(error)) from None
    return web.json_response(bot_view(bot), status=201)


@routes.get("/sandbox/bots/{bot}")
async def show_bot(request: web.Request) -> web.Response:
    return web.json_response(bot_view(the_bot(request)))


@routes.patch("/sandbox/bots/{bot}")
async def change_bot(request: web.Request) -> web.Response:
    bot, values = the_bot(request), await read_parameters(request)
    if "privacy" in values.values:
        bot.privacy = values.boolean("privacy")
    if "can_manage_bots" in values.values:
        bot.can_manage_bots = values.boolean("can_manage_bots")
    if values.text("name").strip():
        bot.name = values.text("name").strip()[:64]
    request.app[SANDBOX].on_change()
    return web.json_response(bot_view(bot))


@routes.delete("/sandbox/bots/{bot}")
async def delete_bot(request: web.Request) -> web.Response:
    request.app[SANDBOX].remove_bot(the_bot(request))
    return web.json_response({})


@routes.post("/sandbox/bots/{bot}/revoke")
async def revoke_token(request: web.Request) -> web.Response:
    sandbox, bot = request.app[SANDBOX], the_bot(request)
    token = sandbox.revoke(bot)
    people.tell_manager(sandbox, bot, dict(DEFAULT_PERSON))
    return web.json_response({"token": token})


@routes.post("/sandbox/bots/{bot}/messages")
async def write_message(request: web.Request) -> web.Response:
    """A person writes: `from`, `chat_id` (default: the private chat), `text`, `reply_to`, `quote`, `message_thread_id`,
    as multipart a file named `document`, `photo`, `voice`, `audio` or `video_note`, and `content`: what else belongs in
    the message, in the Bot API's shape. `forward`: the number of a message of the chat that is forwarded instead."""
    sandbox, bot, values = request.app[SANDBOX], the_bot(request), await read_parameters(request)
    author = the_person(sandbox, values)
    number = values.integer("chat_id")
    chat = the_chat(bot, number) if number and number != author["id"] else sandbox.private_chat(bot, author)
    kind, upload = the_file(values)
    try:
        if values.integer("forward"):
            message, update = people.forward(sandbox, bot, author, chat, values.integer("forward"))
            return web.json_response({"message": message, "update_id": update and update["update_id"]}, status=201)
        message, update = people.write(
            sandbox,
            bot,
            author,
            chat,
            content=values.structure("content", "content"),
            quote=values.text("quote"),
            text=values.text("text"),
            reply_to=values.integer("reply_to"),
            topic=values.integer("message_thread_id"),
            kind=kind,
            upload=upload,
        )
    except (people.PersonError, ApiError) as error:
        raise refuse(400, str(error)) from None
    return web.json_response({"message": message, "update_id": update and update["update_id"]}, status=201)


@routes.post("/sandbox/bots/{bot}/edits")
async def edit_message(request: web.Request) -> web.Response:
    sandbox, bot, values = request.app[SANDBOX], the_bot(request), await read_parameters(request)
    chat = the_chat(bot, values.integer("chat_id"))
    try:
        message, update = people.edit(sandbox, bot, chat, values.integer("message_id"), values.text("text"))
    except (people.PersonError, ApiError) as error:
        raise refuse(400, str(error)) from None
    return web.json_response({"message": message, "update_id": update and update["update_id"]})


@routes.post("/sandbox/bots/{bot}/presses")
async def press_button(request: web.Request) -> web.Response:
    sandbox, bot, values = request.app[SANDBOX], the_bot(request), await read_parameters(request)
    chat, author = the_chat(bot, values.integer("chat_id")), the_person(sandbox, values)
    try:
        update = people.press(sandbox, bot, chat, author, values.integer("message_id"), values.text("data"))
    except people.PersonError as error:
        raise refuse(400, str(error)) from None
    query_id = update["callback_query"]["id"] if update else None
    return web.json_response({"update_id": update and update["update_id"], "callback_query_id": query_id})


@routes.post("/sandbox/bots/{bot}/groups")
async def create_group(request: web.Request) -> web.Response:
    sandbox, bot, values = request.app[SANDBOX], the_bot(request), await read_parameters(request)
    title = values.text("title").strip()[:128] or "Group"
    chat = people.new_group(sandbox, bot, title, the_person(sandbox, values), forum=values.boolean("is_forum"))
    return web.json_response(chat.view(), status=201)


@routes.post("/sandbox/bots/{bot}/topics")
async def create_topic(request: web.Request) -> web.Response:
    sandbox, bot, values = request.app[SANDBOX], the_bot(request), await read_parameters(request)
    chat = the_chat(bot, values.integer("chat_id"))
    try:
        name = values.text("name").strip()[:128] or "Topic"
        number = people.new_topic(sandbox, bot, chat, name, the_person(sandbox, values))
    except people.PersonError as error:
        raise refuse(400, str(error)) from None
    return web.json_response({"message_thread_id": number}, status=201)


@routes.post("/sandbox/bots/{bot}/{step:block|unblock}")
async def block_bot(request: web.Request) -> web.Response:
    """`chat_id`: the private chat in which the person blocks the bot, or the group that it is taken out of."""
    sandbox, bot, values = request.app[SANDBOX], the_bot(request), await read_parameters(request)
    chat = the_chat(bot, values.integer("chat_id") or int(the_person(sandbox, values)["id"]))
    author = the_person(sandbox, values) if not chat.private else chat.members.get(chat.id, {"id": chat.id})
    (people.block if request.match_info["step"] == "block" else people.unblock)(sandbox, bot, chat, author)
    return web.json_response(chat.view())


@routes.post("/sandbox/bots/{bot}/updates")
async def queue_updates(request: web.Request) -> web.Response:
    """Updates in Telegram's own shape: `{"updates": [{"message": …}, …]}`. `update_id` and `message_id` may be left
    out; one that is given is kept, so that the same update can be brought twice."""
    sandbox, bot, values = request.app[SANDBOX], the_bot(request), await read_parameters(request)
    raw = values.structure("updates", "updates")
    if not isinstance(raw, list):
        raise refuse(400, "`updates` is a list of updates")
    numbers: list[int | None] = []
    for item in raw:
        kind = next((key for key in item if key != "update_id"), "") if isinstance(item, dict) else ""
        if not kind or not isinstance(item[kind], dict):
            raise refuse(400, "an update is an object with one content, such as `message`")
        content = item[kind]
        chat_wire = content.get("chat")
        if isinstance(chat_wire, dict):
            if not isinstance(chat_wire.get("id"), int) or not isinstance(chat_wire.get("type"), str):
                raise refuse(400, "a chat has an `id` and a `type`")
            chat = bot.chats.get(chat_wire["id"]) or sandbox.add_chat(bot, chat_wire)
            if kind == "message":
                content.setdefault("message_id", sandbox.next_message_id(bot))
                content.setdefault("date", int(time.time()))
                sandbox.keep_message(chat, content)
                sandbox.publish(bot, "message", message=content)
        update = sandbox.queue_update(bot, kind, content, update_id=int(item.get("update_id") or 0))
        numbers.append(update["update_id"] if update else None)
    return web.json_response({"update_ids": numbers}, status=201)


@routes.get("/sandbox/bots/{bot}/calls")
async def list_calls(request: web.Request) -> web.Response:
    """The bot's calls after number `since`, of `method` (comma-separated) if given; `wait` seconds for `count`."""
    bot, query = the_bot(request), Parameters(dict(request.query))
    since, count = query.integer("since"), max(1, query.integer("count", 1))
    wait = min(float(query.integer("wait")), LONGEST_WAIT)
    methods = {name.strip().lower() for name in query.text("method").split(",") if name.strip()}

    def matching() -> list[Wire]:
        return [
            call for call in bot.calls if call["seq"] > since and (not methods or call["method"].lower() in methods)
        ]

    found = matching()
    if wait and len(found) < count:
        changed = asyncio.Event()
        bot.watchers.add(changed)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    while len(found := matching()) < count:
                        await changed.wait()
                        changed.clear()
        finally:
            bot.watchers.discard(changed)
    return web.json_response({"calls": found, "last": bot.call_count})


@routes.get("/sandbox/bots/{bot}/chats")
async def list_chats(request: web.Request) -> web.Response:
    return web.json_response({"chats": [chat.view() for chat in the_bot(request).chats.values()]})


@routes.get("/sandbox/bots/{bot}/chats/{chat}/messages")
async def list_messages(request: web.Request) -> web.Response:
    bot, number = the_bot(request), Parameters(dict(request.match_info)).integer("chat")
    chat = bot.chats.get(number) or Chat(number, {})  # a private chat begins with its first message
    return web.json_response({"messages": list(chat.messages.values()), "drafts": list(chat.drafts.values())})


def _fault(values: Parameters) -> Fault:
    methods = values.structure("methods", "methods") or []
    reset = values.text("reset")
    if not isinstance(methods, list) or reset not in ("", "before", "after"):
        raise refuse(400, "`methods` is a list of names, `reset` is before or after")
    status = values.integer("status")
    if status and not 400 <= status <= 599:
        raise refuse(400, "`status` is an HTTP error, 400 to 599")
    fault = Fault(
        bot_id=values.integer("bot_id") or None,
        methods=frozenset(str(name).lower() for name in methods),
        chat_id=values.integer("chat_id") or None,
        status=status,
        description=values.text("description"),
        retry_after=max(1, values.integer("retry_after", 1)),
        delay_ms=max(0, values.integer("delay_ms")),
        reset=reset,
        remaining=max(1, values.integer("times")) if values.text("times") else None,
    )
    if not (fault.status or fault.delay_ms or fault.reset):
        raise refuse(400, "a fault has at least one of `status`, `delay_ms`, `reset`")
    return fault


@routes.get("/sandbox/faults")
async def list_faults(request: web.Request) -> web.Response:
    return web.json_response({"faults": [fault.wire() for fault in request.app[SANDBOX].faults.planned]})


@routes.post("/sandbox/faults")
async def add_fault(request: web.Request) -> web.Response:
    """Trouble for the next `times` calls (or until removed): `bot_id`, `methods`, `chat_id` say whose; `status` with
    `description` and `retry_after`, `delay_ms`, `reset` say what."""
    fault = request.app[SANDBOX].faults.add(_fault(await read_parameters(request)))
    return web.json_response(fault.wire(), status=201)


@routes.delete("/sandbox/faults")
async def remove_faults(request: web.Request) -> web.Response:
    request.app[SANDBOX].faults.planned.clear()
    return web.json_response({})


@routes.delete("/sandbox/faults/{fault}")
async def remove_fault(request: web.Request) -> web.Response:
    number = Parameters(dict(request.match_info)).integer("fault")
    if not request.app[SANDBOX].faults.remove(number):
        raise refuse(404, "there is no such fault")
    return web.json_response({})


def _limits_view(sandbox: Sandbox) -> dict[str, Any]:
    limits = sandbox.limits
    return {
        "enforced": limits.enforced,
        "per_bot": limits.per_bot,
        "per_chat": limits.per_chat,
        "chat_burst": limits.chat_burst,
        "per_group": limits.per_group,
    }


@routes.get("/sandbox/limits")
async def show_limits(request: web.Request) -> web.Response:
    return web.json_response(_limits_view(request.app[SANDBOX]))


@routes.put("/sandbox/limits")
async def set_limits(request: web.Request) -> web.Response:
    """`enforced`, `per_bot` a second, `per_chat` a second over `chat_burst`, `per_group` a minute."""
    sandbox, values = request.app[SANDBOX], await read_parameters(request)
    limits = sandbox.limits
    if "enforced" in values.values:
        limits.enforced = values.boolean("enforced")
        limits.forget()
    limits.per_bot = max(1, values.integer("per_bot", limits.per_bot))
    limits.per_group = max(1, values.integer("per_group", limits.per_group))
    limits.chat_burst = max(1, values.integer("chat_burst", limits.chat_burst))
    if values.text("per_chat"):
        try:
            limits.per_chat = max(0.01, float(values.text("per_chat")))
        except ValueError:
            raise refuse(400, "`per_chat` is a number of messages a second") from None
    return web.json_response(_limits_view(sandbox))


@routes.post("/sandbox/people")
async def add_person(request: web.Request) -> web.Response:
    values = await read_parameters(request)
    if not values.integer("id"):
        raise refuse(400, "a person has an `id`")
    return web.json_response(the_person(request.app[SANDBOX], Parameters({"from": values.values})), status=201)


@routes.get("/sandbox/people")
async def list_people(request: web.Request) -> web.Response:
    return web.json_response({"people": list(request.app[SANDBOX].people.values())[:500]})
