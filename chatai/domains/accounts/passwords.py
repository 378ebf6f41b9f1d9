"""Passwords: Argon2id with the parameters of RFC 9106's second recommendation (64 MiB, 3 passes, 4 lanes)."""

from __future__ import annotations

import asyncio
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from chatai.domains.accounts.errors import WeakPassword

MIN_LENGTH, MAX_LENGTH = 10, 200
_COMMON = {"1234567890", "0123456789", "qwertyuiop", "password123", "password1234", "йцукенгшщз", "1q2w3e4r5t"}

_hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
# Each hash takes 64 MiB: a flood of log-ins must not take the memory of everything else.
_at_once = asyncio.Semaphore(4)
# For the edges: `async with password_turn, database.person() as uow`. Who waits for a turn holds no connection
# meanwhile, or a few wrong log-ins would take the database from everybody else.
password_turn = asyncio.Semaphore(4)


@lru_cache(1)
def _decoy() -> str:
    """Verified when the address is unknown, so that the answer takes as long as for a known one.

    Made at the first log-in, of whomever; not by each process that imports this, which takes it a tenth of a second.
    """
    return _hasher.hash("an account that does not exist")


def check_strength(password: str) -> None:
    """Raises: WeakPassword: if it is too short, too long, one letter repeated, or among the first that are tried."""
    lowered = password.strip().lower()
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH or lowered in _COMMON or len(set(lowered)) < 3:
        raise WeakPassword


async def hash_password(password: str) -> str:
    """The Argon2id hash as a PHC string; computed beside the event loop."""
    async with _at_once:
        return await asyncio.to_thread(_hasher.hash, password)


async def verify_password(stored: str | None, password: str) -> bool:
    """Whether the password fits. None stands for an account that does not exist: it takes as long and never fits."""

    def verify() -> bool:
        decoy = _decoy()
        try:
            return _hasher.verify(stored or decoy, password)
        except (VerificationError, InvalidHashError):
            return False

    async with _at_once:
        fits = await asyncio.to_thread(verify)
    return fits and stored is not None
