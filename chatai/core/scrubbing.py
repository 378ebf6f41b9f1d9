"""Texts without secrets. Imports next to nothing: the bots' processes, which know no settings, need it too."""

from __future__ import annotations

import re

# Bot tokens and API keys in messages of libraries (a URL in an exception, say) never reach a log.
_SECRETS = re.compile(r"\d{6,12}:[A-Za-z0-9_-]{35}|\bsk-[A-Za-z0-9_-]{16,}|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)")


def scrub(text: str) -> str:
    """The text without bot tokens, API keys and passwords in addresses."""
    return _SECRETS.sub("[secret]", text)
