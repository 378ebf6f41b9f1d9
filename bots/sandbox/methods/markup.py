"""Keyboards and replies of a message that a bot sends."""

from __future__ import annotations

from typing import Any

from bots.sandbox.entities import checked_link
from bots.sandbox.errors import bad_request
from bots.sandbox.methods.registry import Call
from bots.sandbox.state import Chat, Wire

ACTIONS = {
    "url", "callback_data", "web_app", "login_url", "switch_inline_query", "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat", "copy_text", "callback_game", "pay", "disabled",
}  # fmt: skip
OTHER_KEYBOARDS = ("keyboard", "remove_keyboard", "force_reply")


def reply_markup(call: Call) -> tuple[Wire | None, Wire | None]:
    """The inline keyboard, which becomes part of the message, and any other markup, which belongs to the chat.

    Raises:
        ApiError: A keyboard that Telegram would refuse.
    """
    raw = call.parameters.structure("reply_markup", "reply markup")
    if raw is None:
        return None, None
    if not isinstance(raw, dict):
        raise bad_request("object expected as reply markup")
    if "inline_keyboard" in raw:
        rows = raw["inline_keyboard"]
        if not isinstance(rows, list):
            raise bad_request('field "inline_keyboard" of the InlineKeyboardMarkup must be an Array')
        keyboard = [[_button(button) for button in _row(row)] for row in rows]
        keyboard = [row for row in keyboard if row]
        return ({"inline_keyboard": keyboard} if keyboard else None), None
    if any(name in raw for name in OTHER_KEYBOARDS):
        _check_keys(call, raw.get("keyboard") or [])
        return None, raw
    return None, None


def _check_keys(call: Call, rows: Any) -> None:
    """A key that has a bot made is for bots that may manage others, in private chats."""
    keys = [key for row in rows if isinstance(row, list) for key in row if isinstance(key, dict)]
    for asked in (key["request_managed_bot"] for key in keys if "request_managed_bot" in key):
        if not isinstance(asked, dict) or not isinstance(asked.get("request_id"), int):
            raise bad_request('field "request_id" of the KeyboardButtonRequestManagedBot must be an Integer')
        if not call.bot.can_manage_bots:
            raise bad_request("the bot may not manage other bots")


def _row(row: Any) -> list[Any]:
    if not isinstance(row, list):
        raise bad_request('field "inline_keyboard" must be an Array of Arrays')
    return row


def _button(button: Any) -> Wire:
    if not isinstance(button, dict):
        raise bad_request("can't parse inline keyboard button: InlineKeyboardButton must be an Object")
    if not isinstance(button.get("text"), str):
        raise bad_request("can't parse inline keyboard button: Can't find field \"text\"")
    if not button["text"].strip():
        raise bad_request("BUTTON_TEXT_INVALID")
    present = {key: value for key, value in button.items() if value is not None}
    if not ACTIONS & present.keys():
        raise bad_request("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    data = present.get("callback_data")
    if data is not None and not (isinstance(data, str) and 1 <= len(data.encode()) <= 64):
        raise bad_request("BUTTON_DATA_INVALID")
    if "url" in present:
        link = checked_link(str(present["url"]))
        if not link:
            raise bad_request(f"inline keyboard button URL '{present['url']}' is invalid: Wrong HTTP URL")
        present["url"] = link
    return present


def replied_message(call: Call, chat: Chat) -> Wire | None:
    """The message that is answered, as it goes into `reply_to_message`.

    Raises:
        ApiError: There is no such message and the bot did not allow to send without.
    """
    parameters = call.parameters.structure("reply_parameters", "reply parameters")
    if parameters is None:
        message_id = call.parameters.integer("reply_to_message_id")
        lenient = call.parameters.boolean("allow_sending_without_reply")
    elif isinstance(parameters, dict):
        raw_id = parameters.get("message_id")
        message_id = raw_id if isinstance(raw_id, int) else 0
        lenient = parameters.get("allow_sending_without_reply") in (True, "true")
    else:
        raise bad_request("object expected as reply parameters")
    if not message_id:
        return None
    found = chat.messages.get(message_id)
    if found is None:
        if lenient:
            return None
        raise bad_request("message to be replied not found")
    return {key: value for key, value in found.items() if key != "reply_to_message"}


def thread_id(call: Call, chat: Chat, replied: Wire | None) -> int:
    """The topic that the message goes to; 0: none.

    Raises:
        ApiError: The chat has no such topic.
    """
    number = call.parameters.integer("message_thread_id")
    if number and number not in chat.topics:
        raise bad_request("message thread not found")
    if not number and replied and replied.get("is_topic_message"):
        return int(replied["message_thread_id"])
    return number
