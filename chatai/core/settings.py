"""Every setting of ChatAI, in one typed place.

Values come from the environment, then from `.env` in the current folder, then from the defaults here.
`docs/reference/settings.md` is generated from this module (`make docs`), and a test fails when they differ.
"""

from __future__ import annotations

import re
import secrets
import socket
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from chatai.core.setting_types import Address, DatabaseAddress, Languages, Names, ScannerAddress, SecretKey

PLACEHOLDER_SECRETS = {"your-secret-key-here", "secret", "changeme", "change-me", "test", "password"}


class SettingsError(Exception):
    """A setting is wrong or missing. The message names it, says what is wrong and how to mend it."""


class Settings(BaseSettings):
    """The settings by group. Field names are the variables' names in lower case."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    # --- Application
    environment: Literal["production", "development", "local"] = Field(
        "local", description="`production` refuses insecure settings at start; `development` and `local` are alike."
    )
    data_dir: Path = Field(
        Path("data"), description="The one folder for everything that is kept: database, uploads, logs, secrets."
    )
    frontend_cache_dir: Path | None = Field(
        None, description="Where built pages are kept between starts. Empty: `chatai` in the user's cache folder."
    )
    host: str = Field("127.0.0.1", description="Address that the web process listens on. `0.0.0.0` for all.")
    port: int = Field(8000, ge=1, le=65535, description="Port of the web process (pages and API).")
    bots_port: int = Field(3001, ge=1, le=65535, description="Port of the bot manager's webhook server.")
    web_workers: int = Field(
        1, ge=1, le=64, description="Worker processes of the web process. More than one needs Redis."
    )
    public_url: Address = Field(
        "", description="https address under which the world reaches this installation. Set: bots use webhooks."
    )
    frontend_url: Address = Field(
        "", description="Address of the pages, for links in mail. Empty: `PUBLIC_URL`, or this machine and `PORT`."
    )
    cors_origins: Names = Field(
        (), description="Comma-separated origins that may call the API from a browser, besides the pages themselves."
    )
    default_language: Literal["en", "ru"] = Field("en", description="Language of pages before a person chooses one.")
    trusted_proxy_hops: int = Field(
        0, ge=0, le=10, description="How many reverse proxies stand in front; that many `X-Forwarded-For` hops count."
    )

    # --- Database and Redis
    database_url: DatabaseAddress = Field(
        None, description="PostgreSQL 16+ with pgvector, as the owner of the tables. Empty: the embedded server."
    )
    database_app_url: DatabaseAddress = Field(
        None,
        description="The same database as the application role, which owns nothing. Empty: the role `chatai_app` is "
        "created by `chatai migrate`, with a password derived from `SECRET_KEY`.",
    )
    database_pool_size: int = Field(10, ge=1, le=200, description="Connections that each process may hold.")
    redis_url: SecretStr | None = Field(None, description="Redis 7+ or Valkey. Empty: the embedded Valkey.")

    # --- Security
    secret_key: SecretKey = Field(
        None,
        description="Signs sessions and encrypts stored tokens, at least 32 characters. Empty: one is made and kept "
        "in `DATA_DIR/secrets`. In production with `DATABASE_URL` it must be set.",
    )
    algorithm: Literal["HS256", "HS384", "HS512"] = Field("HS256", description="Algorithm of the session tokens (JWT).")
    access_token_expire_minutes: int = Field(1440, ge=5, le=525600, description="How long a log-in lasts, in minutes.")
    enable_csrf_protection: bool = Field(True, description="Refuse form posts and API changes from other sites.")

    # --- Models
    openai_api_key: SecretStr | None = Field(
        None, description="Key of OpenAI or of the compatible endpoint. Empty: assistants quote the best passages."
    )
    openai_base_url: Address = Field("", description="Address of a compatible endpoint, up to and with `/v1`.")
    openai_model: str = Field("gpt-4.1-mini", description="Chat model of assistants that name none.")
    embedding_model: str = Field(
        "",
        description="Embedding model of the endpoint, or one on this machine: `local:multilingual-e5-small`, or "
        "`local:FOLDER` with a model in ONNX form. Empty: search works on full text alone.",
    )
    embedding_dimensions: int = Field(
        0, ge=0, le=4000, description="Dimensions to ask of the embedding model. 0: the model's own."
    )
    embedding_max_tokens: int = Field(
        512,
        ge=64,
        le=1_000_000,
        description="Most tokens of one text that the endpoint's embedding model takes. A local model knows its own.",
    )
    chunk_tokens: int = Field(
        400,
        ge=40,
        le=8_000,
        description="Longest passage, in tokens of the embedding model, as far as the model's limit allows; without a "
        "model, in thirds of characters. Documents that were read before keep theirs until they are read again.",
    )
    embedding_idle_seconds: int = Field(
        600, ge=1, le=86_400, description="A local embedding model leaves the memory after this many quiet seconds."
    )
    vision_enabled: bool = Field(
        False, description="The chat model sees pictures: those that people send to bots are shown to it."
    )
    transcription_model: str = Field(
        "", description="Model that writes down voice messages to bots, `whisper-1` say. Empty: bots ask to write."
    )
    transcription_base_url: Address = Field(
        "", description="Compatible endpoint for speech, up to and with `/v1`. Empty: `OPENAI_BASE_URL`."
    )
    transcription_api_key: SecretStr | None = Field(
        None, description="Key of the endpoint for speech. Empty: `OPENAI_API_KEY`."
    )
    transcription_max_minutes: int = Field(
        10, ge=1, le=120, description="Longest voice message that is written down, in minutes."
    )
    rerank_url: Address = Field(
        "", description="Whole address of a reranking endpoint, such as `http://host/v1/rerank`. Empty: none."
    )
    rerank_model: str = Field("", description="Model to name to the reranking endpoint.")
    rerank_api_key: SecretStr | None = Field(None, description="Key of the reranking endpoint, if it wants one.")
    ai_token_pool_enabled: bool = Field(
        False, description="Spread model calls over a pool of stored keys. No effect in this release."
    )
    model_timeout_seconds: float = Field(
        60, gt=0, le=600, description="Longest wait for the model's next piece of an answer, in seconds."
    )

    # --- Mail
    smtp_server: str = Field("", description="Mail server. Empty: mails are printed to the console instead of sent.")
    smtp_port: int = Field(587, ge=1, le=65535, description="Port of the mail server. 465 speaks TLS from the start.")
    smtp_username: str = Field("", description="Name at the mail server.")
    smtp_password: SecretStr | None = Field(None, description="Password at the mail server.")
    smtp_from: str = Field("", description="Sender's address. Empty: `SMTP_USERNAME`.")
    smtp_starttls: bool = Field(True, description="Demand STARTTLS on ports other than 465.")

    # --- Documents
    max_upload_mb: int = Field(50, ge=1, le=2048, description="Largest document that is accepted, in MB.")
    workspace_storage_mb: int = Field(
        10_240, ge=0, description="Room for the documents of one workspace, in MB. 0: no limit."
    )
    outgoing_trusted_hosts: Names = Field(
        (),
        description="Hosts of your own network (`host` or `host:port`, comma-separated) from which web pages may be "
        "fetched. All others there are refused.",
    )
    clamav_address: ScannerAddress = Field(
        "",
        description="ClamAV daemon that scans each upload before it is read: `unix:/path` or `host:port`. Empty: none. "
        "Its StreamMaxLength must not be below `MAX_UPLOAD_MB`.",
    )
    parser_timeout_seconds: int = Field(
        300, ge=1, le=3600, description="Longest time that reading a document may take."
    )
    parser_memory_mb: int = Field(1024, ge=128, le=65536, description="Most memory that reading a document may take.")
    ocr_languages: Languages = Field(
        ("rus", "eng"),
        description="Languages in which scanned pages are recognised, by tesseract's names, comma-separated. Needs "
        "`tesseract` and `pdftoppm` on the PATH. `none`: scans are not recognised.",
    )
    ocr_page_seconds: int = Field(60, ge=5, le=600, description="Longest time that recognising one page may take.")
    ocr_document_seconds: int = Field(
        1_800,
        ge=5,
        le=86_400,
        description="Longest time that recognising all scanned pages of one document may take. Pages that are not "
        "reached stay unreadable, and the document says so.",
    )
    unanswered_retention_days: int = Field(
        180, ge=1, le=3650, description="How many days questions are listed that the documents did not answer."
    )

    # --- Telegram
    telegram_api_url: Address = Field(
        "https://api.telegram.org", description="Bot API server: Telegram's, your own, or `chatai sandbox`."
    )
    sandbox_host: str = Field(
        "127.0.0.1", description="Address that `chatai sandbox` listens on. Whoever reaches it controls its bots."
    )
    sandbox_port: int = Field(8081, ge=1, le=65535, description="Port of `chatai sandbox`.")
    bot_idle_seconds: int = Field(300, ge=1, description="A bot's process leaves after this many quiet seconds.")
    bot_memory_mb: int = Field(150, ge=32, description="Most memory of its own that one bot's process may take.")
    max_bots_per_workspace: int = Field(
        10_000, ge=1, le=1_000_000, description="Most bots that one workspace may have connected."
    )
    webhook_check_minutes: int = Field(
        10, ge=1, le=1440, description="How often Telegram is asked how a bot's webhook fares."
    )
    bot_update_retention_days: int = Field(
        7,
        ge=2,
        le=3650,
        description="How many days a bot's settled updates are kept; at least 2, since Telegram may bring one again "
        "for a day.",
    )
    bot_set_aside_retention_days: int = Field(
        30, ge=2, le=3650, description="How many days messages are kept that failed too often to be tried again."
    )
    bot_event_retention_days: int = Field(14, ge=1, le=3650, description="How many days the bots' logs are kept.")
    bot_manager_name: str = Field(
        "",
        pattern=r"^[A-Za-z0-9_-]{0,40}$",
        description="Tells bot managers apart that share one `DATA_DIR`; each also needs a `BOTS_PORT` of its own.",
    )
    bot_shards: int = Field(
        1, ge=1, le=10_000, description="Over how many shards bots are spread, each one for a bot manager of its own."
    )
    bot_shard: str = Field(
        "0",
        pattern=r"^(auto|\d{1,4})$",
        description="Which shard this bot manager prefers, from 0. `auto`: the number at the end of the host's name, "
        "as a StatefulSet gives it.",
    )
    bot_starts_at_once: int = Field(
        8, ge=1, le=256, description="So many bots' processes are forked at once; the others wait for their turn."
    )
    bot_live_most: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="So many bots' processes of this manager live at once: for one more the one that has been idle "
        "longest leaves. 0: as many as three quarters of the memory hold at 8 MB each.",
    )
    bot_answer_processes: int = Field(1, ge=1, le=64, description="Processes that make answers for the bots.")
    telegram_bot_rate: int = Field(
        30, ge=1, le=100_000, description="Most messages and edits of one bot in any second, over all its chats."
    )
    telegram_bot_burst: int = Field(5, ge=1, description="Of these, so many may leave at once; the others are spread.")
    telegram_chat_rate: float = Field(
        1.0, gt=0, le=100_000, description="Messages and edits a second in one chat, in the long run."
    )
    telegram_chat_burst: int = Field(3, ge=1, description="So many may leave at once in a chat that was quiet.")
    telegram_group_rate: int = Field(
        20, ge=1, le=100_000, description="Most messages and edits of one bot in one group in any minute."
    )
    telegram_group_burst: int = Field(5, ge=1, description="Of these, so many may leave at once.")
    telegram_streaming: Literal["auto", "drafts", "edits", "off"] = Field(
        "auto",
        description="How an answer is shown while it is written. `drafts`: as a draft, in private chats, where the Bot "
        "API server offers it; `edits`: by editing a message; `auto`: drafts where they are offered, else edits; "
        "`off`: only when it is complete.",
    )

    business_silence_minutes: int = Field(
        30, ge=0, le=1440, description="After the owner of a business account wrote in a chat, bots are silent there."
    )
    made_bots_per_person: int = Field(
        3, ge=0, le=10_000, description="Bots that one stranger may have made with a bot that takes them. 0: no limit."
    )

    # --- Observability
    metrics_token: SecretStr | None = Field(
        None,
        description="Whoever sends it as `Authorization: Bearer` may read metrics. Without it this machine may; nobody "
        "may where `PUBLIC_URL` or `FRONTEND_URL` is another address or `TRUSTED_PROXY_HOPS` is not 0.",
    )
    prometheus_enabled: bool = Field(True, description="Serve `/metrics`. No effect in this release.")
    metrics_port: int = Field(8001, ge=0, le=65535, description="Port of the metrics. No effect in this release.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged.")
    log_rotation: Literal["daily", "none"] = Field("daily", description="Rotate the log files at midnight, or never.")
    log_retention_days: int = Field(7, ge=1, le=3650, description="How many days rotated log files are kept.")
    health_check_interval: int = Field(30, ge=1, le=3600, description="Seconds between two checks of the components.")

    @model_validator(mode="after")
    def _check_bursts(self) -> Settings:
        for name in ("bot", "group"):
            if getattr(self, f"telegram_{name}_burst") > getattr(self, f"telegram_{name}_rate"):
                raise ValueError(f"TELEGRAM_{name.upper()}_BURST may not be more than TELEGRAM_{name.upper()}_RATE")
        return self

    @model_validator(mode="after")
    def _refuse_insecure_production(self) -> Settings:
        if self.environment != "production":
            return self
        problems = []
        if self.secret_key is None and self.database_url is not None:
            problems.append("SECRET_KEY must be set, the same for every process")
        if self.secret_key and self.secret_key.get_secret_value().lower() in PLACEHOLDER_SECRETS:
            problems.append("SECRET_KEY is a placeholder; make your own")
        if "*" in self.cors_origins:
            problems.append("CORS_ORIGINS may not be *; name the origins")
        if not self.enable_csrf_protection:
            problems.append("ENABLE_CSRF_PROTECTION may not be false")
        if self.public_url and not self.public_url.startswith("https://"):
            problems.append("PUBLIC_URL must start with https://")
        if problems:
            raise ValueError("not safe for ENVIRONMENT=production: " + "; ".join(problems))
        return self

    @model_validator(mode="after")
    def _check_shard(self) -> Settings:
        if self.shard()[0] >= self.bot_shards:
            raise ValueError(f"BOT_SHARD must be less than BOT_SHARDS, which is {self.bot_shards}")
        return self

    def shard(self) -> tuple[int, int]:
        """The bot manager's ordinal, and among how many. Raises: ValueError: `auto`, and the host has no number."""
        if self.bot_shard != "auto":
            return int(self.bot_shard), self.bot_shards
        ordinal = re.search(r"-(\d{1,4})$", socket.gethostname())
        if ordinal is None:
            raise ValueError("BOT_SHARD is auto, but the host's name does not end in a number; set BOT_SHARD to one")
        return int(ordinal[1]), self.bot_shards

    @property
    def page_url(self) -> str:
        """Where people find the pages, without a trailing slash."""
        return self.frontend_url or self.public_url or f"http://localhost:{self.port}"

    @property
    def uploads_dir(self) -> Path:
        """Folder of people's files: `uploads/{account_id}/documents`, `.../avatars`."""
        return self.data_dir.absolute() / "uploads"

    @property
    def logs_dir(self) -> Path:
        return self.data_dir.absolute() / "logs"

    @property
    def run_dir(self) -> Path:
        """Sockets and PID files of the running installation. Nothing in it survives a restart."""
        return self.data_dir.absolute() / "run"

    @property
    def secrets_dir(self) -> Path:
        return self.data_dir.absolute() / "secrets"

    def secret(self) -> str:
        """The secret key: the setting, or the one kept under `DATA_DIR/secrets` (made on first use, mode 0600)."""
        if self.secret_key:
            return self.secret_key.get_secret_value()
        return kept_secret(self.secrets_dir / "secret_key")


def kept_secret(path: Path) -> str:
    """The secret in a file of mode 0600, made on first use. Two processes that ask at once get the same one."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(48))
        try:
            path.hardlink_to(fresh)  # fails if another process was first: then its secret counts
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text().strip()


def load_settings() -> Settings:
    """Reads the settings anew.

    Raises:
        SettingsError: One line for each wrong variable: its name, what is wrong, and the cure.
    """
    try:
        return Settings()
    except ValidationError as error:
        lines = []
        for problem in error.errors(include_input=False, include_url=False):
            name = ".".join(str(part) for part in problem["loc"]).upper()
            text = problem["msg"].removeprefix("Value error, ")
            lines.append(f"{name}: {text}" if name else text)
        raise SettingsError("\n".join(lines)) from None


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return load_settings()
