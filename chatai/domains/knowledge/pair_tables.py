"""Questions and answers as tables: what a table would do, and doing it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from chatai.core.actor import Actor
from chatai.core.clock import now
from chatai.core.database import UnitOfWork
from chatai.domains.assistants import service as assistants
from chatai.domains.audit import service as audit
from chatai.domains.knowledge.access import require_keeper
from chatai.domains.knowledge.errors import BadPair, BadTable, DuplicatePair, PairNotFound
from chatai.domains.knowledge.models import Document, QAPair
from chatai.domains.knowledge.pairs import checked, digest_of, document_of, list_pairs
from chatai.domains.knowledge.queueing import enqueue_named
from chatai.domains.knowledge.schemas import PairView

MOST_ROWS = 5_000
MOST_COLUMNS = 20  # of a row: all rows are made as wide as the widest, which must not be 100,000 cells
DELIMITERS = "\t;,"
TOGETHER = 200  # rows that are stored by one statement
HEAD_ROWS = 50  # by which the delimiter is told
_QUESTION_COLUMNS = {"question", "questions", "вопрос", "вопросы", "q"}
_ANSWER_COLUMNS = {"answer", "answers", "ответ", "ответы", "a"}


@dataclass(frozen=True, slots=True)
class PairLine:
    """What becomes of one row. `number`: from 1, the header and empty rows counted; `refusal`: an error's code."""

    number: int
    question: str
    answer: str
    outcome: Literal["add", "change", "keep", "refuse"]
    refusal: str = ""
    before: PairView | None = None


@dataclass(frozen=True, slots=True)
class ImportedPairs:
    """What became of a table's rows. `refused`: row number, as of `PairLine`, → code of the reason."""

    added: int
    changed: int
    refused: dict[int, str]


async def plan_pairs(
    uow: UnitOfWork, actor: Actor, assistant_id: UUID, rows: Sequence[Sequence[str]]
) -> list[PairLine]:
    """What importing a table would do, row by row. Nothing is changed.

    Args:
        uow: In the assistant's workspace.
        actor: Must be allowed to tend knowledge.
        assistant_id: Whose.
        rows: The table's first two columns hold question and answer, unless its first row names others.

    Raises:
        BadTable: It is empty or too long.
        Forbidden, AssistantNotFound
    """
    require_keeper(actor)
    await assistants.get_assistant(uow, actor, assistant_id)
    there = {digest_of(pair.question): pair for pair in await list_pairs(uow, actor, assistant_id)}
    lines: list[PairLine] = []
    seen: set[str] = set()
    for number, question, answer in _cells(rows):
        try:
            kept, written = checked(question, answer)
        except BadPair as error:
            lines.append(PairLine(number, question, answer, "refuse", error.code))
            continue
        digest = digest_of(kept)
        before = there.get(digest)
        if digest in seen:
            lines.append(PairLine(number, kept, written, "refuse", DuplicatePair.code))
        elif before is None:
            lines.append(PairLine(number, kept, written, "add"))
        else:
            outcome: Literal["keep", "change"] = "keep" if before.answer == written else "change"
            lines.append(PairLine(number, kept, written, outcome, before=before))
        seen.add(digest)
    return lines


async def import_pairs(
    uow: UnitOfWork, actor: Actor, assistant_id: UUID, rows: Sequence[Sequence[str]]
) -> ImportedPairs:
    """Adds the pairs of a table; a question that is there gets the new answer. A bad row is left out, and named.

    Arguments and errors as of `plan_pairs`.
    """
    lines = await plan_pairs(uow, actor, assistant_id, rows)
    refused = {line.number: line.refusal for line in lines if line.outcome == "refuse"}
    await assistants.keep(uow, assistant_id)
    changing = [line for line in lines if line.outcome == "change"]
    changed = await _locked(uow, changing)
    refused |= dict.fromkeys({line.number for line in changing} - {line.number for line in changed}, PairNotFound.code)
    # In one order for all tables: of two that bring the same questions, one waits for the other, and not each for each.
    fresh = sorted((line for line in lines if line.outcome == "add"), key=lambda line: digest_of(line.question))
    added: set[int] = set()
    for start in range(0, len(fresh), TOGETHER):
        added |= await _add(uow, actor, assistant_id, fresh[start : start + TOGETHER])
    refused |= {line.number: DuplicatePair.code for line in fresh if line.number not in added}  # somebody was quicker
    for start in range(0, len(changed), TOGETHER):
        await _change(uow, actor, changed[start : start + TOGETHER])
    await audit.record(
        uow, actor, "knowledge:pair:import", assistant_id, added=len(added), changed=len(changed), refused=len(refused)
    )
    return ImportedPairs(len(added), len(changed), refused)


async def _add(uow: UnitOfWork, actor: Actor, assistant_id: UUID, lines: Sequence[PairLine]) -> set[int]:
    """Adds many pairs at once; the numbers of those that were not there."""
    documents = {line.number: document_of(actor, assistant_id, line.question, line.answer) for line in lines}
    statement = (
        insert(Document)
        .values([document.model_dump() for document in documents.values()])
        .on_conflict_do_nothing(index_elements=["assistant_id", "sha256"])
        .returning(col(Document.id))
    )
    made = set((await uow.session.execute(statement)).scalars())
    new = [line for line in lines if documents[line.number].id in made]
    uow.session.add_all(
        QAPair(
            workspace_id=actor.workspace_id,
            assistant_id=assistant_id,
            document_id=documents[line.number].id,
            question=line.question,
            answer=line.answer,
        )
        for line in new
    )
    await uow.session.flush()
    for line in new:
        await enqueue_named(uow, actor.workspace_id, documents[line.number].id)
    return {line.number for line in new}


async def _locked(uow: UnitOfWork, lines: Sequence[PairLine]) -> list[PairLine]:
    """The lines whose pairs still have these questions, and have them until the transaction ends.

    The documents are locked before the pairs, as by whoever changes or deletes one, and all at once in the order of
    their identifiers: so nobody waits for somebody who waits for them.
    """
    if not lines:
        return []
    statement = (
        select(col(Document.id), col(Document.sha256))
        .where(col(Document.id).in_([line.before.document_id for line in lines if line.before]))
        .order_by(col(Document.id))
        .with_for_update()
    )
    held = {row[0]: row[1] for row in (await uow.session.execute(statement)).all()}
    return [line for line in lines if line.before and held.get(line.before.document_id) == digest_of(line.question)]


async def _change(uow: UnitOfWork, actor: Actor, lines: Sequence[PairLine]) -> None:
    """Gives many pairs, whose documents are locked, other words. Their questions are the same, but for case and
    spaces."""
    values = [{"id": line.before.id, "question": line.question, "answer": line.answer} for line in lines if line.before]
    await uow.session.execute(update(QAPair), values)
    found = await uow.session.execute(
        update(Document)
        .where(col(Document.id).in_([line.before.document_id for line in lines if line.before]))
        .values(state="queued", updated_at=now())
        .returning(col(Document.id))
        .execution_options(synchronize_session=False)
    )
    for document_id in found.scalars().all():
        await enqueue_named(uow, actor.workspace_id, document_id)


def _cells(rows: Sequence[Sequence[str]]) -> list[tuple[int, str, str]]:
    """Number, question and answer of each row that holds anything, the header left out. Raises: BadTable."""
    filled = [(number, row) for number, row in enumerate(rows, start=1) if any(cell.strip() for cell in row)]
    names = [cell.strip().lower() for cell in filled[0][1]] if filled else []
    question_at = next((index for index, name in enumerate(names) if name in _QUESTION_COLUMNS), None)
    answer_at = next((index for index, name in enumerate(names) if name in _ANSWER_COLUMNS), None)
    if question_at is not None and answer_at is not None:
        filled = filled[1:]
    else:
        question_at, answer_at = 0, 1
    if not filled or len(filled) > MOST_ROWS:
        raise BadTable(most=MOST_ROWS)
    return [
        (number, row[question_at] if question_at < len(row) else "", row[answer_at] if answer_at < len(row) else "")
        for number, row in filled
    ]


def table_of(data: bytes) -> list[list[str]]:
    """Rows of a CSV file as spreadsheets write it: UTF-8 or cp1251, comma, semicolon or tab. Raises: BadTable."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1251", "replace")
    try:
        # Commas stand in answers, too: what separates cells makes rows of one length.
        delimiter = max(DELIMITERS, key=lambda sign: _evenness(_rows(text, sign, HEAD_ROWS)))
        return _rows(text, delimiter, MOST_ROWS + 2)
    except csv.Error as error:
        raise BadTable(most=MOST_ROWS) from error


def _rows(text: str, delimiter: str, most: int) -> list[list[str]]:
    read = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return [row[:MOST_COLUMNS] for row in islice(read, most)]


def _evenness(rows: Sequence[Sequence[str]]) -> float:
    """The share of rows, empty ones aside, that have as many cells as the first, if it has more than one."""
    lengths = [len(row) for row in rows if row]
    return sum(length == lengths[0] for length in lengths) / len(lengths) if lengths and lengths[0] > 1 else 0.0


def text_of(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a table that `table_of` reads back, each with as many cells as the longest."""
    width = max((len(row) for row in rows), default=0)
    out = io.StringIO()
    # Tabs stand in hardly any cell, so that the separator is told from the text even when commas are many.
    writer = csv.writer(out, delimiter="\t", lineterminator="\n")
    writer.writerows([*(cell.replace("\t", " ") for cell in row), *[""] * (width - len(row))] for row in rows)
    return out.getvalue()
