"""Kinds of values that several settings have, each with the check that it needs. Errors are the sentence's second half:
the variable's name is put before them."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

MIN_SECRET_LENGTH = 32


def _split_names(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())
    return value


def _split_languages(value: object) -> object:
    if isinstance(value, str):
        names = tuple(part.strip() for part in value.replace("+", ",").split(",") if part.strip())
        if not all(re.fullmatch(r"[A-Za-z_]{2,20}", name) for name in names):
            raise ValueError("must be tesseract's names of languages, as in rus,eng")
        return () if names == ("none",) else names
    return value


def _check_address(value: str) -> str:
    if value and (urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).hostname):
        raise ValueError("must be an address that starts with http:// or https://")
    return value.rstrip("/")


def _check_scanner(value: str) -> str:
    if value and not re.fullmatch(r"unix:/.+|[^:/\s]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}", value):
        raise ValueError("must be unix:/path/of/the.socket or host:port")
    return value


def _check_database(value: SecretStr | None) -> SecretStr | None:
    if value and urlsplit(value.get_secret_value()).scheme.split("+")[0] not in {"postgresql", "postgres"}:
        raise ValueError("must be an address that starts with postgresql://")
    return value


def _check_secret_key(value: SecretStr | None) -> SecretStr | None:
    if value and len(value.get_secret_value()) < MIN_SECRET_LENGTH:
        raise ValueError(
            f"must have at least {MIN_SECRET_LENGTH} characters; make one with: "
            'python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
        )
    return value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_names)]
"""Comma-separated, each without a slash at its end."""

Languages = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_languages)]
"""Tesseract's names of languages, separated by commas or plus signs; `none` for none."""

Address = Annotated[str, AfterValidator(_check_address)]
"""Of http or https, without a slash at its end; or empty."""

ScannerAddress = Annotated[str, AfterValidator(_check_scanner)]
DatabaseAddress = Annotated[SecretStr | None, AfterValidator(_check_database)]
SecretKey = Annotated[SecretStr | None, AfterValidator(_check_secret_key)]
