"""Encryption of stored tokens, and digests of those that people carry.

Keys are derived from the secret key with HKDF (RFC 5869), a different one for each purpose; tokens are Fernet
(AES-128-CBC with HMAC-SHA256). Several secrets may be given: the first encrypts, all decrypt (rotation).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class DecryptionError(Exception):
    """The text was encrypted with another secret key, or it was damaged."""


def derive_key(secret: str, purpose: str) -> bytes:
    """32 bytes for one purpose, always the same for the same secret."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"chatai/{purpose}".encode()).derive(secret.encode())


class Vault:
    """Encrypts and decrypts short texts under the secret key."""

    def __init__(self, *secret_keys: str) -> None:
        self._fernet = MultiFernet(
            [Fernet(base64.urlsafe_b64encode(derive_key(secret, "vault"))) for secret in secret_keys]
        )

    def encrypt(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, token: str) -> str:
        """Raises: DecryptionError: if no key fits."""
        try:
            return self._fernet.decrypt(token.encode()).decode()
        except InvalidToken:
            raise DecryptionError("the stored secret can't be decrypted with this SECRET_KEY") from None


def new_token() -> str:
    """A random token for links and secrets: 256 bits, URL-safe."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """SHA-256 of a random token in hex: what is stored of it. Not for passwords."""
    return hashlib.sha256(token.encode()).hexdigest()


def equal(left: str, right: str) -> bool:
    """Compares in constant time. What came over the network may hold lone surrogates, which stand for stray bytes."""
    return hmac.compare_digest(left.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass"))
