"""`chatai doctor`: one line for each thing that ChatAI needs, and the cure where it is missing."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import psycopg

from chatai import migrate
from chatai.core import cgroup, landlock
from chatai.core.metrics_access import is_behind_proxy
from chatai.core.settings import Settings, SettingsError
from chatai.domains.knowledge.errors import EmbeddingsAway, EmbeddingsRefused
from chatai.engines import EngineError
from chatai.engines.postgres import check_cpu
from chatai.engines.valkey import find_binary
from chatai.launcher.checks import LaunchError, check_port, running
from chatai.launcher.engines import embedded_postgres, embedded_valkey
from chatai.launcher.service import HttpHealth

LEAST_FREE_BYTES = 1024**3
PATIENCE = 10.0  # seconds for one answer over the network


@dataclass(frozen=True)
class Finding:
    """What one check found. `cure` is empty where all is well."""

    subject: str
    text: str
    cure: str = ""


async def examine(settings: Settings) -> bool:
    """Runs all checks and prints a line each. True if nothing needs a cure."""
    well = True
    async for finding in findings(settings):
        well = well and not finding.cure
        print(f"{'!!' if finding.cure else 'ok'}  {finding.subject:<10} {finding.text}{_cure(finding)}")
    return well


def _cure(finding: Finding) -> str:
    return f" → {finding.cure}" if finding.cure else ""


async def findings(settings: Settings) -> AsyncIterator[Finding]:
    """The checks, one after the other."""
    yield Finding("settings", f"read and valid, ENVIRONMENT={settings.environment}")
    checks: tuple[Callable[[Settings], Awaitable[Finding]], ...] = (
        _folder,
        _processor,
        _database,
        _redis,
        _pages,
        _scans,
        _model,
        _embeddings,
        _telegram,
        _landlock,
        _memory,
        _metrics,
    )
    for check in checks:
        yield await check(settings)
    for name, port in (("PORT", settings.port), ("BOTS_PORT", settings.bots_port)):
        yield await _port(settings, name, port)


async def _folder(settings: Settings) -> Finding:
    folder = settings.data_dir.absolute()
    place = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            free = shutil.disk_usage(place).free
    except OSError as error:
        return Finding("folder", f"{place} can't be written ({error.strerror})", "make it writable, or set DATA_DIR")
    text = f"{folder}, {free / 1024**3:.0f} GB free"
    return Finding("folder", text, "make room on that disk" if free < LEAST_FREE_BYTES else "")


async def _processor(settings: Settings) -> Finding:
    if settings.database_url:
        return Finding("processor", "not asked, the database is elsewhere")
    try:
        check_cpu()
    except EngineError as error:
        return Finding("processor", "no AVX2", str(error))
    return Finding("processor", "fit for the embedded PostgreSQL")


async def _database(settings: Settings) -> Finding:
    if settings.database_url:
        owner_url = migrate.libpq_url(settings.database_url.get_secret_value())
        place = f"at {urlsplit(owner_url).hostname or 'its socket'}"
    elif running(settings):
        server = embedded_postgres(settings)
        server.attach()
        owner_url, place = server.owner_url(), "embedded"
    else:
        made = (settings.data_dir / "postgres").exists()
        return Finding("database", "embedded, not running" if made else "embedded, made at the first `chatai up`")
    try:
        async with await psycopg.AsyncConnection.connect(owner_url, connect_timeout=5) as connection:
            version = connection.info.server_version // 10000
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[-1]
        return Finding("database", f"{place}, can't be reached: {reason}", "check DATABASE_URL and the server")
    found = await asyncio.to_thread(migrate.current, migrate.application_url(settings, owner_url))
    text = f"PostgreSQL {version} {place}, revision {found or 'none'} of {migrate.head()}"
    return Finding("database", text, "" if found == migrate.head() else "run: chatai migrate")


async def _redis(settings: Settings) -> Finding:
    if settings.redis_url:
        from redis import RedisError
        from redis.asyncio import Redis

        client = Redis.from_url(settings.redis_url.get_secret_value(), socket_connect_timeout=5, socket_timeout=5)
        try:
            server = await client.info("server")
        except (RedisError, OSError) as error:
            cause = f"{type(error).__name__}: {error}"
            return Finding("redis", f"can't be reached ({cause})", "check REDIS_URL and the server")
        finally:
            await client.aclose()
        name = server.get("server_name", "redis")
        return Finding("redis", f"{name} {server.get(f'{name}_version', '?')}")
    binary = find_binary()
    if binary is None:
        return Finding("redis", "none: slower, one web worker", "install ChatAI's requirements anew, or set REDIS_URL")
    if not running(settings):
        return Finding("redis", "embedded Valkey, not running")
    server = embedded_valkey(settings)
    server.attach()
    answers = await asyncio.to_thread(server.probe)
    return Finding("redis", "embedded Valkey", "" if answers else "it does not answer: start `chatai up` again")


async def _pages(settings: Settings) -> Finding:
    from chatai import frontend

    built = await asyncio.to_thread(frontend.find_built, settings)
    if built is None:
        return Finding("pages", "not built yet; `chatai up` builds them")
    return Finding("pages", f"built, in {built.folder}")


async def _scans(settings: Settings) -> Finding:
    from chatai.integrations.reader.recognition import installed_languages

    if not settings.ocr_languages:
        return Finding("scans", "not recognised: OCR_LANGUAGES is none")
    missing = [program for program in ("tesseract", "pdftoppm") if shutil.which(program) is None]
    if missing:
        # Not a fault: most documents have text. So it is told, without a cure that would turn the whole check red.
        return Finding("scans", f"not recognised, {' and '.join(missing)} not installed (tesseract-ocr, poppler-utils)")
    absent = set(settings.ocr_languages) - await asyncio.to_thread(installed_languages)
    cure = f"install tesseract's data for {', '.join(sorted(absent))}, or set OCR_LANGUAGES" if absent else ""
    return Finding("scans", f"recognised in {', '.join(settings.ocr_languages)}", cure)


async def _model(settings: Settings) -> Finding:
    if settings.openai_api_key is None and not settings.openai_base_url:
        return Finding("model", "none set: assistants quote the best passages")
    address = settings.openai_base_url or "https://api.openai.com/v1"
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else "none"  # as the answers send it
    status = await _get(f"{address}/models", {"Authorization": f"Bearer {key}"})
    if isinstance(status, str):
        return Finding("model", f"{address} can't be reached ({status})", "check OPENAI_BASE_URL and the network")
    if status in {401, 403}:
        return Finding("model", f"{address} refuses the key ({status})", "check OPENAI_API_KEY")
    cure = "" if status < 500 else "the endpoint has trouble; ask its owner"
    return Finding("model", f"{address} answers ({status}), chat model {settings.openai_model}", cure)


async def _embeddings(settings: Settings) -> Finding:
    """A local model is loaded and asked; an endpoint's is not, since that costs money."""
    from chatai.integrations.local_embeddings.location import is_local, locate
    from chatai.integrations.local_embeddings.process import LocalEmbedder

    name = settings.embedding_model
    if not is_local(name):
        return Finding(
            "embeddings", f"model {name} of the endpoint" if name else "none set: search works on words alone"
        )
    try:
        model = LocalEmbedder(locate(name), idle_seconds=60)
        try:
            (vector,) = await model.embed(["насос"], "query")
        finally:
            await model.close()
    except SettingsError as error:
        return Finding("embeddings", "the local model is not there", str(error))
    except (EmbeddingsAway, EmbeddingsRefused):
        return Finding("embeddings", f"{name} can't be loaded; its error is logged above", "export or install it anew")
    return Finding("embeddings", f"{model.model}, {len(vector)} dimensions, on this machine")


async def _telegram(settings: Settings) -> Finding:
    status = await _get(settings.telegram_api_url, {})
    if isinstance(status, str):
        text = f"{settings.telegram_api_url} can't be reached ({status})"
        return Finding("telegram", text, "bots need it: check TELEGRAM_API_URL and the network")
    return Finding("telegram", f"{settings.telegram_api_url} answers")


async def _landlock(_settings: Settings) -> Finding:
    known = landlock.version()
    if known:
        return Finding("bots", f"their processes are kept from this account's files by Landlock (version {known})")
    # Not a fault: nothing on an older kernel or another system mends it.
    return Finding("bots", "no Landlock in the kernel: a bot's process that is taken over reads what this account can")


async def _memory(settings: Settings) -> Finding:
    """How the memory of bots' processes is limited: by the manager that runs, or by one that would be started here."""
    means = {"cgroup": "a cgroup each", "process": "RLIMIT_DATA and a look once a minute"}
    running_by = await _limits_of_manager(settings)
    if running_by in means:
        return Finding("memory", f"bots' processes are limited by {means[running_by]}")
    try:
        folder = cgroup.find_delegated()
    except cgroup.NotDelegated as why:
        # Not a fault: they are limited, only later and by other means.
        return Finding("memory", f"bots' processes started from here: limited by {means['process']}; {why}")
    return Finding("memory", f"bots' processes started from here: limited by {means['cgroup']}, below {folder}")


async def _limits_of_manager(settings: Settings) -> str:
    """What the bot manager of this machine says; empty where none answers."""
    import httpx

    try:
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            told = (await client.get(f"http://127.0.0.1:{settings.bots_port}/status")).json()
            return str(told["memory_limits"])
    except (httpx.HTTPError, ValueError, LookupError, TypeError):
        return ""


async def _metrics(settings: Settings) -> Finding:
    proxied = is_behind_proxy(settings)
    if settings.metrics_token:
        return Finding("metrics", f"open to whoever has METRICS_TOKEN{'' if proxied else ', and to this machine'}")
    if proxied:
        return Finding("metrics", "closed: behind a proxy they need METRICS_TOKEN, which is not set")
    return Finding("metrics", "open to this machine only")


async def _get(address: str, headers: dict[str, str]) -> int | str:
    """The status that an address answers with, or in words why there is none."""
    import httpx

    try:
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            return (await client.get(address, headers=headers)).status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return type(error).__name__


async def _port(settings: Settings, name: str, port: int) -> Finding:
    if running(settings):
        host = settings.host if name == "PORT" else "127.0.0.1"
        well = await HttpHealth(host, port).alive()
        return Finding(
            name, f"{port}, {'answers' if well else 'silent'}", "" if well else "see the lines of `chatai up`"
        )
    try:
        check_port(name, settings.host, port)
    except LaunchError as error:
        return Finding(name, "not free", str(error))
    return Finding(name, f"{port}, free")
