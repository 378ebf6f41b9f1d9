"""The Bot API's methods, by lower-case name, in `METHODS`."""

from bots.sandbox.methods import business, files, managed, messages, profile, updates
from bots.sandbox.methods.registry import METHODS, Call, unknown_method

__all__ = ["METHODS", "Call", "business", "files", "managed", "messages", "profile", "unknown_method", "updates"]
