"""Structured logs: JSON lines in `logs/api.log`, readable lines on the console, security events in `logs/audit.log`."""

from __future__ import annotations

import logging
import logging.handlers
import sys
from typing import TYPE_CHECKING

import structlog

from chatai.core.daily_file import SharedDailyFile
from chatai.core.scrubbing import scrub
from chatai.core.settings import Settings

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger


def _scrub_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = scrub(value)
    return event


def configure(process: str, settings: Settings, *, files: bool = True) -> None:
    """Sets up logging for one process. `process` (web, bots, jobs) is written on every line."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _scrub_event,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )

    def formatter(renderer: Processor) -> logging.Formatter:
        return structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.EventRenamer("message"),
                renderer,
            ],
        )

    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    console = logging.StreamHandler(sys.stderr)
    console.setFormatter(
        formatter(structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), event_key="message", pad_event_to=0))
    )
    root.addHandler(console)
    root.setLevel(settings.log_level)
    for noisy in ("httpx", "httpx2", "procrastinate", "alembic.runtime.plugins"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLevelName(settings.log_level)))
    if files:
        json_lines = formatter(structlog.processors.JSONRenderer(ensure_ascii=False))
        root.addHandler(_file(settings, "api.log", json_lines))
        audit = logging.getLogger("audit")
        audit.handlers = [_file(settings, "audit.log", json_lines)]
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(process=process)


def _file(settings: Settings, name: str, formatter: logging.Formatter) -> logging.Handler:
    """A log file that the processes share: each line is one append; at midnight the first to write renames it."""
    settings.logs_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    handler: logging.Handler
    if settings.log_rotation == "daily":
        handler = SharedDailyFile(settings.logs_dir / name, settings.log_retention_days)
    else:
        handler = logging.handlers.WatchedFileHandler(settings.logs_dir / name, encoding="utf-8")
    handler.setFormatter(formatter)
    return handler
