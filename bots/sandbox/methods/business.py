"""Methods about business accounts that the bot is connected to."""

from __future__ import annotations

from bots.sandbox.errors import bad_request
from bots.sandbox.methods.registry import Call, method
from bots.sandbox.state import Wire


@method("getBusinessConnection")
async def get_business_connection(call: Call) -> Wire:
    account = call.bot.business.get(call.parameters.text("business_connection_id"))
    if account is None:
        raise bad_request("BUSINESS_CONNECTION_INVALID")
    return account.wire()


@method("deleteBusinessMessages")
async def delete_business_messages(call: Call) -> bool:
    """Only what the bot has sent, which the sandbox's owners always allow."""
    account, numbers = call.business(), call.parameters.structure("message_ids", "message identifiers")
    if account is None:
        raise bad_request("BUSINESS_CONNECTION_INVALID")
    if not isinstance(numbers, list) or not numbers:
        raise bad_request("message identifiers are not specified")
    for chat in account.chats.values():
        for number in numbers:
            if "sender_business_bot" in chat.messages.get(number, {}):
                del chat.messages[number]
                call.show("deleted", chat_id=chat.id, message_id=number)
    return True
