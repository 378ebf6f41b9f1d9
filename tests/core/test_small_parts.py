"""The small parts that everything stands on."""

from __future__ import annotations

import json
import logging
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog

from chatai.core import errors, i18n
from chatai.core import logging as logs
from chatai.core.actor import Role
from chatai.core.crypto import DecryptionError, Vault
from chatai.core.daily_file import SharedDailyFile
from chatai.core.settings import Settings, SettingsError, kept_secret, load_settings
from chatai.domains import tables  # noqa: F401 - loads every domain's errors with it
from chatai.domains.accounts import service as accounts  # noqa: F401


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("ru", "ru"),
        ("ru-RU,ru;q=0.9,en;q=0.8", "ru"),
        ("en;q=0.5, ru;q=0.7", "ru"),
        ("fr, de", "en"),
        ("", "en"),
        (None, "en"),
        ("ru;q=x, en", "en"),
    ],
)
def test_the_language_is_read_from_headers_and_cookies(header: str | None, expected: str) -> None:
    assert i18n.language_of(header) == expected


def test_every_error_speaks_both_languages() -> None:
    seen: dict[str, type[errors.ChatAIError]] = {}
    for error in errors.all_errors():
        assert error.en, error
        assert any("а" <= letter <= "я" for letter in error.ru.lower()), error
        assert error.code not in seen or seen[error.code] is error, f"{error} has the code of {seen.get(error.code)}"
        seen[error.code] = error
    assert errors.sentence_for("no such code", "en") == errors.ChatAIError.en


def test_roles_form_a_ladder() -> None:
    assert Role.ADMIN.covers(Role.OPERATOR)
    assert Role.OPERATOR.covers(Role.USER)
    assert not Role.USER.covers(Role.OPERATOR)


def test_a_vault_opens_with_old_keys_and_no_others() -> None:
    closed = Vault("old secret").encrypt("123:token")
    assert "token" not in closed
    assert Vault("new secret", "old secret").decrypt(closed) == "123:token"
    with pytest.raises(DecryptionError):
        Vault("new secret").decrypt(closed)


def test_a_kept_secret_stays_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "key"
    first = kept_secret(path)
    assert kept_secret(path) == first
    assert len(first) >= 32
    assert path.stat().st_mode & 0o077 == 0
    assert [entry.name for entry in path.parent.iterdir()] == ["key"]


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({"PORT": "eighty"}, "PORT"),
        ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"PUBLIC_URL": "example.org"}, "PUBLIC_URL"),
        ({"ENVIRONMENT": "production", "CORS_ORIGINS": "*"}, "CORS_ORIGINS"),
        ({"ENVIRONMENT": "production", "ENABLE_CSRF_PROTECTION": "false"}, "ENABLE_CSRF_PROTECTION"),
        ({"ENVIRONMENT": "production", "DATABASE_URL": "postgresql://a@b/c"}, "SECRET_KEY"),
        ({"ENVIRONMENT": "production", "PUBLIC_URL": "http://example.org"}, "PUBLIC_URL"),
    ],
)
def test_a_wrong_setting_is_named(variables: dict[str, str], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(field.upper(), raising=False)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=name) as refused:
        load_settings()
    assert "short" not in str(refused.value)


def test_a_shard_is_a_number_or_that_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings(_env_file=None).shard() == (0, 1)
    assert Settings(_env_file=None, bot_shard="2", bot_shards=4).shard() == (2, 4)
    for host, wanted in [("bots-3", 3), ("chatai-bots-0", 0), ("bots-10", 10)]:  # as a StatefulSet names its pods
        monkeypatch.setattr(socket, "gethostname", lambda host=host: host)
        assert Settings(_env_file=None, bot_shard="auto", bot_shards=11).shard() == (wanted, 11)
    with pytest.raises(ValueError, match="BOT_SHARD must be less than BOT_SHARDS, which is 10"):
        Settings(_env_file=None, bot_shard="auto", bot_shards=10)
    for host in ("laptop", "bots3", "bots-3.example.org", "bots-x"):
        monkeypatch.setattr(socket, "gethostname", lambda host=host: host)
        with pytest.raises(ValueError, match="does not end in a number"):
            Settings(_env_file=None, bot_shard="auto", bot_shards=11)


def test_log_lines_are_json_without_secrets(settings: Settings) -> None:
    before = logging.getLogger().handlers[:]
    logs.configure("web", settings)
    try:
        token = "123456789:AAF" + "x" * 32
        structlog.get_logger("chatai.test").warning("call failed", url=f"https://t.example/bot{token}/getMe")
        logging.getLogger("library").error("key %s was refused", "sk-abcdefghijklmnop1234")
        structlog.get_logger("audit").info("account:session:create", account_id="1")
        text = (settings.logs_dir / "api.log").read_text()
        lines = [json.loads(line) for line in text.splitlines()]
        assert token not in text
        assert "sk-abcdef" not in text
        assert {"message", "level", "timestamp", "process"} <= set(lines[0])
        assert '"account:session:create"' in (settings.logs_dir / "audit.log").read_text()
    finally:
        logging.getLogger().handlers = before
        logging.getLogger("audit").handlers = []
        structlog.reset_defaults()


def test_a_log_file_of_yesterday_is_put_aside_and_old_ones_go(tmp_path: Path) -> None:
    path = tmp_path / "api.log"
    path.write_text("yesterday\n")
    day = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
    os.utime(path, (day, day))
    (tmp_path / "api.log.2026-02-01").write_text("ancient\n")
    handlers = [SharedDailyFile(path, keep_days=7) for _ in range(2)]  # two processes
    record = logging.LogRecord("n", logging.INFO, "", 0, "today", None, None)
    record.created = day + 24 * 3600
    for handler in handlers:
        handler.emit(record)
        handler.close()
    assert path.read_text() == "today\ntoday\n"
    assert (tmp_path / "api.log.2026-03-01").read_text() == "yesterday\n"
    assert not (tmp_path / "api.log.2026-02-01").exists()
