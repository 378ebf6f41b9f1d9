"""What a bot says of itself, its commands, and what it may know of a chat."""

from __future__ import annotations

import json
import re

from bots.sandbox.errors import bad_request
from bots.sandbox.methods.registry import Call, find_chat, method
from bots.sandbox.state import Wire

COMMAND = re.compile(r"/?([a-z0-9_]{1,32})")
LIMITS = {"name": 64, "description": 512, "short_description": 120}


@method("getMe")
async def get_me(call: Call) -> Wire:
    return {
        **call.bot.user(),
        "can_join_groups": True,
        "can_read_all_group_messages": not call.bot.privacy,
        "supports_inline_queries": False,
        "can_connect_to_business": True,
        "has_main_web_app": False,
        "has_topics_enabled": False,
        "can_manage_bots": call.bot.can_manage_bots,
    }


def _set_text(call: Call, what: str) -> bool:
    text, language = call.parameters.text(what), call.parameters.text("language_code")
    if len(text) > LIMITS[what]:
        raise bad_request(f"BOT_{'TITLE' if what == 'name' else what.upper()}_INVALID")
    if language:
        if text:
            call.bot.names[f"{what}:{language}"] = text
        else:
            call.bot.names.pop(f"{what}:{language}", None)
    elif what != "name" or text:
        setattr(call.bot, what, text)
    call.sandbox.on_change()
    call.sandbox.publish(call.bot, "profile")
    return True


def _get_text(call: Call, what: str) -> Wire:
    language = call.parameters.text("language_code")
    return {what: call.bot.names.get(f"{what}:{language}") or getattr(call.bot, what)}


@method("setMyName")
async def set_my_name(call: Call) -> bool:
    return _set_text(call, "name")


@method("getMyName")
async def get_my_name(call: Call) -> Wire:
    return _get_text(call, "name")


@method("setMyDescription")
async def set_my_description(call: Call) -> bool:
    return _set_text(call, "description")


@method("getMyDescription")
async def get_my_description(call: Call) -> Wire:
    return _get_text(call, "description")


@method("setMyShortDescription")
async def set_my_short_description(call: Call) -> bool:
    return _set_text(call, "short_description")


@method("getMyShortDescription")
async def get_my_short_description(call: Call) -> Wire:
    return _get_text(call, "short_description")


@method("setMyProfilePhoto")
async def set_my_profile_photo(call: Call) -> bool:
    """A static photo only: the sandbox plays no videos."""
    raw = call.parameters.structure("photo", "InputProfilePhoto")
    if not isinstance(raw, dict) or raw.get("type") not in ("static", "animated"):
        raise bad_request("can't parse InputProfilePhoto: expected an Object")
    name = str(raw.get("photo") or "")
    upload = call.parameters.uploads.get(name.removeprefix("attach://")) if name.startswith("attach://") else None
    if upload is None:
        raise bad_request("profile photo must be uploaded as a file")
    if not upload.data.startswith(b"\xff\xd8"):
        raise bad_request("IMAGE_PROCESS_FAILED")
    stored = call.sandbox.keep_file("photo.jpg", "image/jpeg", upload.data, "profile_photos")
    call.bot.photo = stored.file_id
    call.sandbox.publish(call.bot, "profile")
    return True


@method("removeMyProfilePhoto")
async def remove_my_profile_photo(call: Call) -> bool:
    call.bot.photo = ""
    call.sandbox.publish(call.bot, "profile")
    return True


def _commands_key(call: Call) -> str:
    scope = call.parameters.structure("scope", "BotCommandScope") or {"type": "default"}
    if not isinstance(scope, dict) or not scope.get("type"):
        raise bad_request("can't parse BotCommandScope: expected an Object")
    return json.dumps([scope, call.parameters.text("language_code")], sort_keys=True)


@method("setMyCommands")
async def set_my_commands(call: Call) -> bool:
    raw = call.parameters.structure("commands", "commands")
    if not isinstance(raw, list):
        raise bad_request("expected an Array of BotCommand")
    if len(raw) > 100:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    commands = []
    for item in raw:
        name = COMMAND.fullmatch(str(item.get("command", ""))) if isinstance(item, dict) else None
        if name is None:
            raise bad_request("BOT_COMMAND_INVALID")
        text = str(item.get("description", ""))
        if not 1 <= len(text) <= 256:
            raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
        commands.append({"command": name[1], "description": text})
    key = _commands_key(call)
    if commands:
        call.bot.commands[key] = commands
    else:
        call.bot.commands.pop(key, None)
    call.sandbox.on_change()
    call.sandbox.publish(call.bot, "profile")
    return True


@method("getMyCommands")
async def get_my_commands(call: Call) -> list[Wire]:
    return call.bot.commands.get(_commands_key(call), [])


@method("deleteMyCommands")
async def delete_my_commands(call: Call) -> bool:
    call.bot.commands.pop(_commands_key(call), None)
    call.sandbox.on_change()
    call.sandbox.publish(call.bot, "profile")
    return True


@method("getChat")
async def get_chat(call: Call) -> Wire:
    chat = find_chat(call.bot, call.parameters.text("chat_id"))
    return {
        **chat.wire,
        "accent_color_id": abs(chat.id) % 7,
        "max_reaction_count": 11,
        "accepted_gift_types": {
            "unlimited_gifts": False,
            "limited_gifts": False,
            "unique_gifts": False,
            "premium_subscription": False,
            "gifts_from_channels": False,
        },
    }


@method("getChatMember")
async def get_chat_member(call: Call) -> Wire:
    chat = find_chat(call.bot, call.parameters.text("chat_id"))
    number = call.parameters.integer("user_id")
    if number == call.bot.id:
        return {"status": "left" if chat.closed else "member", "user": call.bot.user()}
    if number not in chat.members:
        raise bad_request("PARTICIPANT_ID_INVALID")
    founder = not chat.private and number == next(iter(chat.members))
    if founder:
        return {"status": "creator", "user": chat.members[number], "is_anonymous": False}
    return {"status": "member", "user": chat.members[number]}


@method("getChatMemberCount")
async def get_chat_member_count(call: Call) -> int:
    return len(find_chat(call.bot, call.parameters.text("chat_id")).members) + 1


@method("leaveChat")
async def leave_chat(call: Call) -> bool:
    chat = find_chat(call.bot, call.parameters.text("chat_id"))
    if chat.private:
        raise bad_request("chat member status can't be changed in private chats")
    chat.closed = f"bot is not a member of the {chat.wire['type']} chat"
    call.sandbox.on_change()
    return True
