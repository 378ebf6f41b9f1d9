"""Sending, editing, deleting and forwarding messages."""

from __future__ import annotations

import time
from typing import Any

from bots.sandbox.entities import TEXT_LIMIT, Formatted, utf16_length
from bots.sandbox.errors import bad_request
from bots.sandbox.methods.markup import replied_message, reply_markup, thread_id
from bots.sandbox.methods.registry import Call, find_chat, method
from bots.sandbox.state import Chat, Wire

CHAT_ACTIONS = {
    "typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice", "upload_document",
    "choose_sticker", "find_location", "record_video_note", "upload_video_note",
}  # fmt: skip
NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same"
    " as a current content and reply markup of the message"
)
OLD_CALLBACK = "query is too old and response timeout expired or query ID is invalid"
CALLBACK_LIFE = 900.0  # seconds in which a press can be answered
CONTENT = ("text", "entities", "caption", "caption_entities", "document", "photo", "voice", "audio", "video_note")


def checked_text(formatted: Formatted) -> Formatted:
    if not formatted.text:
        raise bad_request("message text is empty")
    if utf16_length(formatted.text) > TEXT_LIMIT:
        raise bad_request("message is too long")
    return formatted


def send(call: Call, chat: Chat, content: Wire) -> Wire:
    """Puts a message of the bot into the chat and shows it to whoever watches."""
    replied = replied_message(call, chat)
    inline, other = reply_markup(call)
    topic = thread_id(call, chat, replied)
    bot = call.bot
    message: Wire = {
        "message_id": call.sandbox.next_message_id(bot),
        "from": bot.user(),
        "chat": chat.wire,
        "date": int(time.time()),
    }
    if (account := call.business()) is not None:
        message |= {"from": account.owner, "sender_business_bot": bot.user(), "business_connection_id": account.id}
    if topic:
        message["message_thread_id"] = topic
        message["is_topic_message"] = True
    if replied:
        message["reply_to_message"] = replied
    message.update(content)
    if inline:
        message["reply_markup"] = inline
    if call.parameters.boolean("protect_content"):
        message["has_protected_content"] = True
    call.sandbox.keep_message(chat, message)
    if chat.drafts:
        chat.drafts.clear()
    call.show("message", message=message, keyboard=other)
    return message


@method("sendMessage")
async def send_message(call: Call) -> Wire:
    chat = call.chat()
    formatted = checked_text(call.parameters.formatted("text", "entities"))
    content: Wire = {"text": formatted.text}
    if formatted.entities:
        content["entities"] = formatted.entities
    preview = call.parameters.structure("link_preview_options", "link preview options")
    if isinstance(preview, dict):
        content["link_preview_options"] = preview
    return send(call, chat, content)


@method("sendMessageDraft")
async def send_message_draft(call: Call) -> bool:
    """Shows a text that is still being written; gone after 30 seconds or with the next message."""
    chat = call.chat()
    if not chat.private:
        raise bad_request("TEXTDRAFT_PEER_INVALID")
    draft_id = call.parameters.integer("draft_id")
    if not draft_id:
        raise bad_request("RANDOM_ID_INVALID")
    formatted = call.parameters.formatted("text", "entities")
    if utf16_length(formatted.text) > TEXT_LIMIT:
        raise bad_request("message is too long")
    draft: Wire = {"draft_id": draft_id, "text": formatted.text, "date": int(time.time())}
    if formatted.entities:
        draft["entities"] = formatted.entities
    chat.drafts[draft_id] = draft
    call.show("draft", chat_id=chat.id, draft=draft)
    return True


def own_message(call: Call, chat: Chat, missing: str, foreign: str) -> Wire:
    message = chat.messages.get(call.parameters.integer("message_id"))
    if message is None:
        raise bad_request(missing)
    author: Wire = message.get("sender_business_bot") or message["from"]
    if author["id"] != call.bot.id:
        raise bad_request(foreign)
    return message


def edited(call: Call, message: Wire, content: Wire, dropped: tuple[str, ...] = ()) -> Wire:
    """The message with new content and keyboard; refused when nothing changes, as Telegram does."""
    inline, _ = reply_markup(call)
    fresh = {key: value for key, value in message.items() if key not in dropped and key != "reply_markup"}
    fresh.update(content)
    if inline:
        fresh["reply_markup"] = inline
    watched = (*CONTENT, "reply_markup")
    if all(fresh.get(key) == message.get(key) for key in watched):
        raise bad_request(NOT_MODIFIED)
    fresh["edit_date"] = int(time.time())
    account = call.business()
    chats = call.bot.chats if account is None else account.chats
    chats[message["chat"]["id"]].messages[fresh["message_id"]] = fresh
    call.show("edited", message=fresh)
    return fresh


def _check_not_inline(call: Call) -> None:
    if call.parameters.text("inline_message_id"):
        raise bad_request("MESSAGE_ID_INVALID")  # the sandbox has no inline mode, so there is no such message
    if not call.parameters.text("chat_id"):
        raise bad_request("message identifier is not specified")


@method("editMessageText")
async def edit_message_text(call: Call) -> Wire:
    _check_not_inline(call)
    chat = call.chat()
    formatted = checked_text(call.parameters.formatted("text", "entities"))
    message = own_message(call, chat, "message to edit not found", "message can't be edited")
    if "text" not in message:
        raise bad_request("there is no text in the message to edit")
    content: Wire = {"text": formatted.text}
    if formatted.entities:
        content["entities"] = formatted.entities
    return edited(call, message, content, ("entities",))


@method("editMessageReplyMarkup")
async def edit_message_reply_markup(call: Call) -> Wire:
    _check_not_inline(call)
    chat = call.chat()
    message = own_message(call, chat, "message to edit not found", "message can't be edited")
    return edited(call, message, {})


def _delete(call: Call, chat: Chat, message_id: int) -> bool:
    if chat.messages.pop(message_id, None) is None:
        return False
    call.show("deleted", chat_id=chat.id, message_id=message_id)
    return True


@method("deleteMessage")
async def delete_message(call: Call) -> bool:
    if not _delete(call, call.chat(), call.parameters.integer("message_id")):
        raise bad_request("message to delete not found")
    return True


@method("deleteMessages")
async def delete_messages(call: Call) -> bool:
    chat = call.chat()
    numbers = call.parameters.structure("message_ids", "message identifiers")
    if not isinstance(numbers, list) or not numbers or len(numbers) > 100:
        raise bad_request("message identifiers are not specified")
    for number in numbers:
        _delete(call, chat, int(number) if str(number).isdecimal() else 0)
    return True


@method("sendChatAction")
async def send_chat_action(call: Call) -> bool:
    chat = call.chat()
    action = call.parameters.text("action").lower()
    if action not in CHAT_ACTIONS:
        raise bad_request("wrong parameter action in request")
    call.show("action", chat_id=chat.id, action=action)
    return True


@method("answerCallbackQuery")
async def answer_callback_query(call: Call) -> bool:
    number = call.parameters.text("callback_query_id")
    asked_at = call.bot.callbacks.pop(number, None)
    if asked_at is None or time.monotonic() - asked_at > CALLBACK_LIFE:
        raise bad_request(OLD_CALLBACK)
    text = call.parameters.text("text")
    if utf16_length(text) > 200:
        raise bad_request("MESSAGE_TOO_LONG")
    alert = call.parameters.boolean("show_alert")
    call.sandbox.publish(call.bot, "callback_answer", callback_query_id=number, text=text, show_alert=alert)
    return True


def _source(call: Call) -> Wire:
    source = find_chat(call.bot, call.parameters.text("from_chat_id"))
    message = source.messages.get(call.parameters.integer("message_id"))
    if message is None:
        raise bad_request("message to forward not found")
    return message


@method("forwardMessage")
async def forward_message(call: Call) -> Wire:
    chat = call.chat()
    original = _source(call)
    content = {key: original[key] for key in CONTENT if key in original}
    origin = {"type": "user", "sender_user": original["from"], "date": original["date"]}
    content["forward_origin"] = original.get("forward_origin", origin)
    return send(call, chat, content)


@method("copyMessage")
async def copy_message(call: Call) -> dict[str, Any]:
    chat = call.chat()
    original = _source(call)
    content = {key: original[key] for key in CONTENT if key in original}
    return {"message_id": send(call, chat, content)["message_id"]}


@method("setMessageReaction")
async def set_message_reaction(call: Call) -> bool:
    chat = call.chat()
    message_id = call.parameters.integer("message_id")
    if message_id not in chat.messages:
        raise bad_request("message to react not found")
    reaction = call.parameters.structure("reaction", "reaction") or []
    call.show("reaction", chat_id=chat.id, message_id=message_id, reaction=reaction)
    return True
