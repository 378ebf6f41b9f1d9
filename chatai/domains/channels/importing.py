"""Many bots from one table of text: what stands in it, what is wrong with each line, and connecting what is right.

A table is CSV as spreadsheets write it: commas, semicolons or tabs; with a line of column names or without, then the
first column holds tokens and the second assistants. One bad line stops no other.
"""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

from chatai.core.actor import Actor
from chatai.core.database import Database, UnitOfWork
from chatai.core.errors import ChatAIError
from chatai.core.i18n import Language
from chatai.domains.assistants import service as assistants
from chatai.domains.channels import profile, repository, service
from chatai.domains.channels.access import require_manage_bots
from chatai.domains.channels.errors import (
    AmbiguousAssistant,
    BotOfLineIsHere,
    ImportEmpty,
    ImportStopped,
    ImportTooLong,
    ImportWithoutTokens,
    LineBroken,
    NoAssistantGiven,
    NoSuchAssistant,
    NotAToken,
    RepeatedInFile,
    TelegramBusy,
    TelegramUnreachable,
)

MOST_LINES = 1_000
AT_ONCE = 8
TRIES = 4
LONGEST_PAUSE = 30.0  # seconds that a line waits when Telegram asks for it

_COLUMNS = {
    "token": "token",
    "токен": "token",
    "assistant": "assistant",
    "ассистент": "assistant",
    "name": "name",
    "имя": "name",
    "название": "name",
    "description": "description",
    "описание": "description",
    "short_description": "short_description",
    "about": "short_description",
    "краткое описание": "short_description",
}
_ORDER = ("token", "assistant", "name", "description", "short_description")
_TOKEN_ABOUT = re.compile(r"\d{6,12}:[A-Za-z0-9_-]{20,}")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table as it stands there. `number` counts lines of the text from 1."""

    number: int
    values: dict[str, str] = field(repr=False)  # a token is among them
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line that was looked at. `problem`: why it can't be connected; none: it can be tried."""

    number: int
    token: str = field(repr=False)
    assistant_id: UUID | None
    assistant: str
    draft: profile.ProfileDraft
    problem: ChatAIError | None

    @property
    def bot(self) -> str:
        """The bot's number, the part of a token that is no secret."""
        return service.number_of(self.token)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a line. `remark`: it is connected, but its name or description could not be set."""

    line: Line
    bot_id: UUID | None = None
    username: str = ""
    problem: ChatAIError | None = None
    remark: ChatAIError | None = None


def parse(text: str) -> list[Row]:
    """The lines of a table. Raises: ImportEmpty, ImportTooLong, ImportWithoutTokens."""
    records = _records(text.removeprefix("\ufeff"))
    if not records:
        raise ImportEmpty
    delimiter = _delimiter(records[0][1])
    names: Sequence[str] = _ORDER
    first = _cells(records[0][1], delimiter)
    if not any(_TOKEN_ABOUT.search(cell) for cell in first):
        names = [_COLUMNS.get(cell.strip().lower(), "") for cell in first]
        records = records[1:]
        if "token" not in names:
            raise ImportWithoutTokens(columns=", ".join(cell.strip()[:30] for cell in first[:8]) or "–")
    if not records:
        raise ImportEmpty
    if len(records) > MOST_LINES:
        raise ImportTooLong(limit=MOST_LINES, number=len(records))
    rows = []
    for number, record, broken in records:
        cells = [] if broken else _cells(record, delimiter)
        rows.append(Row(number, {name: cell.strip() for name, cell in zip(names, cells, strict=False) if name}, broken))
    return rows


async def plan(uow: UnitOfWork, actor: Actor, rows: Sequence[Row], default: UUID | None) -> list[Line]:
    """Looks at every line without asking Telegram: what is wrong with it, and which assistant it means.

    That a bot is connected in another workspace is told only to who has its token, when Telegram has been asked.

    Args:
        uow: In the workspace.
        actor: Must be allowed to manage bots.
        rows: From `parse`.
        default: The assistant of lines that name none.
    """
    require_manage_bots(actor)
    names = await assistants.names(uow)
    numbers = [int(number) for row in rows if (number := service.number_of(row.values.get("token", "")))]
    here = await repository.find_by_telegram_ids(uow, numbers)
    seen: dict[str, int] = {}
    lines = []
    for row in rows:
        token = row.values.get("token", "")
        assistant_id, problem = _assistant(row.values.get("assistant", ""), names, default)
        draft = profile.ProfileDraft(
            row.values.get("name", ""), row.values.get("description", ""), row.values.get("short_description", "")
        )
        number = service.number_of(token)
        if row.broken:
            problem = LineBroken()
        elif not number:
            problem = NotAToken()
        elif number in seen:
            problem = RepeatedInFile(line=seen[number])
        elif int(number) in here:
            problem = BotOfLineIsHere(username=here[int(number)])
        elif problem is None:
            problem = _check_profile(draft)
        if number:
            seen.setdefault(number, row.number)
        name = names.get(assistant_id, "") if assistant_id else row.values.get("assistant", "")
        lines.append(Line(row.number, token, assistant_id, name, draft, problem))
    return lines


async def run(
    database: Database,
    actor: Actor,
    lines: Sequence[Line],
    told: Callable[[Result], None],
    stopped: Callable[[], bool] = lambda: False,
) -> None:
    """Connects every line without a problem, several at once; each in a unit of work of its own.

    Args:
        database: Whose.
        actor: Must be allowed to manage bots.
        lines: From `plan`.
        told: Called with the result of each line as soon as there is one, in no order.
        stopped: Asked before each line: the rest is then left out, and told so.
    """
    require_manage_bots(actor)
    turn = asyncio.Semaphore(AT_ONCE)

    async def connect(line: Line) -> None:
        async with turn:
            if line.problem is not None:
                told(Result(line, problem=line.problem))
            elif stopped():
                told(Result(line, problem=ImportStopped()))
            else:
                told(await _connect(database, actor, line))

    await asyncio.gather(*(connect(line) for line in lines))


def report(results: Sequence[Result], language: Language) -> str:
    """What became of each line as CSV for a spreadsheet, without tokens."""
    heads = {
        "en": ("line", "bot", "username", "assistant", "result", "reason"),
        "ru": ("строка", "бот", "имя пользователя", "ассистент", "итог", "причина"),
    }
    words = {"en": ("connected", "not connected"), "ru": ("подключён", "не подключён")}
    output = io.StringIO()
    writer = csv.writer(output)
    writer.writerow(heads[language])
    for result in sorted(results, key=lambda one: one.line.number):
        reason = result.problem or result.remark
        cells = (
            result.line.number,
            result.line.bot,
            result.username,
            result.line.assistant,
            words[language][result.bot_id is None],
            reason.sentence(language) if reason else "",
        )
        writer.writerow([_harmless(str(cell)) for cell in cells])
    return "\ufeff" + output.getvalue()


async def _connect(database: Database, actor: Actor, line: Line) -> Result:
    if line.assistant_id is None:
        return Result(line, problem=NoAssistantGiven())
    try:
        known = await _check_patiently(actor, line.token)
        async with database.workspace(actor.workspace_id, actor.account_id) as uow:
            bot = await service.add_bot(uow, actor, line.assistant_id, known)
    except ChatAIError as problem:
        return Result(line, problem=problem)
    remark: ChatAIError | None = None
    if line.draft.name or line.draft.description or line.draft.short_description:
        try:
            draft = line.draft if line.draft.name else profile.ProfileDraft(bot.name, *_texts(line.draft))
            await profile.change(database, actor, bot.id, draft)
        except ChatAIError as problem:
            remark = problem
    return Result(line, bot.id, bot.username, remark=remark)


async def _check_patiently(actor: Actor, token: str) -> service.KnownToken:
    """Asks Telegram again when it is away for a moment or asks to wait."""
    for attempt in range(TRIES - 1):
        try:
            return await service.check_token(actor, token)
        except TelegramBusy as busy:
            await asyncio.sleep(min(float(str(busy.fields["seconds"])), LONGEST_PAUSE))
        except TelegramUnreachable:
            await asyncio.sleep(0.5 * 2**attempt)
    return await service.check_token(actor, token)


def _texts(draft: profile.ProfileDraft) -> tuple[str, str]:
    return draft.description, draft.short_description


def _check_profile(draft: profile.ProfileDraft) -> ChatAIError | None:
    try:
        profile.clean(draft if draft.name else profile.ProfileDraft("-", *_texts(draft)))
    except ChatAIError as problem:
        return problem
    return None


def _assistant(given: str, names: dict[UUID, str], default: UUID | None) -> tuple[UUID | None, ChatAIError | None]:
    """The assistant that a line means, by identifier or by name."""
    if not given:
        return (default, None) if default in names else (None, NoAssistantGiven())
    with suppress(ValueError):
        if (identifier := UUID(given)) in names:
            return identifier, None
    called = [key for key, name in names.items() if name.casefold() == given.casefold()]
    if len(called) == 1:
        return called[0], None
    shown = given[:100]
    return None, AmbiguousAssistant(name=shown) if called else NoSuchAssistant(name=shown)


def _records(text: str) -> list[tuple[int, str, bool]]:
    """Line number, record and whether it is broken. A quoted cell may span lines; one that is never closed spoils its
    own line alone: the next line that holds a token begins a new record."""
    found: list[tuple[int, str, bool]] = []
    begun: list[str] = []
    start = quotes = 0
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate(lines, start=1):
        if begun and _TOKEN_ABOUT.match(line.lstrip(' "')):
            found.append((start, "\n".join(begun), True))
            begun = []
        if not begun:
            if not line.strip(" \t,;"):
                continue
            start, quotes = number, 0
        begun.append(line)
        quotes += line.count('"')
        if quotes % 2 == 0:
            found.append((start, "\n".join(begun), False))
            begun = []
    if begun:
        found.append((start, "\n".join(begun), True))
    return found


def _delimiter(line: str) -> str:
    """The sign that stands most often outside of quotes."""
    bare = re.sub(r'"[^"]*"', "", line)
    return max(",;\t", key=bare.count)


def _cells(record: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(record), delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:  # a cell beyond all bounds
        return []


def _harmless(cell: str) -> str:
    """A spreadsheet must not take somebody's text for a formula."""
    return f"'{cell}" if cell[:1] in "=+-@\t" and cell else cell
