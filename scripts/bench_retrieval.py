"""How well search finds the paragraph that answers a question, on XQuAD in Russian and English.

    python -m scripts.bench_retrieval [FOLDER] [--misses N]

FOLDER holds `corpus.LANG.jsonl` and `questions.LANG.dev.jsonl`; without it, `shared/data/xquad` beside the project or
above it. Each paragraph is one chunk, as in the BM25 baseline that the figures stand beside. The product's own `search`
is measured, on an embedded PostgreSQL of its own: the text leg alone, the vector leg alone and both together. Vectors
are those of EMBEDDING_MODEL in the environment, or else of the local model, where `make local-model` has installed it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from chatai import migrate
from chatai.core.actor import Actor, Role
from chatai.core.database import Database
from chatai.core.ids import new_id
from chatai.core.settings import Settings, SettingsError
from chatai.domains import tables  # noqa: F401 - every table, so that foreign keys resolve
from chatai.domains.accounts.models import Account
from chatai.domains.assistants import service as assistants
from chatai.domains.assistants.schemas import AssistantDraft
from chatai.domains.knowledge import repository, service
from chatai.domains.knowledge.models import Document
from chatai.domains.knowledge.ports import embedder
from chatai.domains.knowledge.schemas import ChunkDraft, ReadPage
from chatai.domains.workspaces.models import Workspace, WorkspaceMember
from chatai.engines import EmbeddedPostgres
from chatai.integrations.embedders import Embedders

LANGUAGES = ("ru", "en")
DEPTH = 10
LOCAL_MODEL = "local:multilingual-e5-small"
STOP_WORD = "и"  # a query without words: only its vector counts
# Snowball stems, ё folded, k1 1.5, b 0.75, by the library bm25s on the same paragraphs and questions.
BASELINE = {"ru": (0.889, 0.969, 0.926, 0.940), "en": (0.923, 0.982, 0.951, 0.961)}


@dataclass(frozen=True)
class Figures:
    """Means over the questions; the times are milliseconds of a whole search."""

    hit_1: float
    hit_5: float
    mrr: float
    ndcg: float
    median_ms: float
    p95_ms: float


def figures(ranks: list[int | None], times: list[float]) -> Figures:
    """From the right paragraph's rank for each question (from 1; None: not among the first `DEPTH`)."""
    return Figures(
        hit_1=statistics.fmean(rank == 1 for rank in ranks),
        hit_5=statistics.fmean(rank is not None and rank <= 5 for rank in ranks),
        mrr=statistics.fmean(1 / rank if rank else 0.0 for rank in ranks),
        ndcg=statistics.fmean(1 / math.log2(rank + 1) if rank else 0.0 for rank in ranks),
        median_ms=statistics.median(times) * 1000,
        p95_ms=statistics.quantiles(times, n=20)[-1] * 1000,
    )


def find_data(given: str | None) -> Path:
    candidates = [Path(given)] if given else []
    candidates += [parent / "shared" / "data" / "xquad" for parent in Path(__file__).resolve().parents]
    for folder in candidates:
        if (folder / "corpus.ru.jsonl").is_file():
            return folder
    raise SystemExit("No XQuAD data found; name the folder that holds corpus.ru.jsonl.")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


async def make_workspace(database: Database) -> Actor:
    account_id, workspace_id = new_id(), new_id()
    async with database.system() as uow:
        uow.session.add(Account(id=account_id, email="bench@example.org", name="Bench", password_hash="!"))  # noqa: S106 - no password fits
        uow.session.add(Workspace(id=workspace_id, name="Bench"))
        await uow.session.flush()
        uow.session.add(WorkspaceMember(workspace_id=workspace_id, account_id=account_id, role=Role.ADMIN))
    return Actor("person", workspace_id, Role.ADMIN, Role.USER, account_id)


async def fill(database: Database, actor: Actor, name: str, paragraphs: list[str]) -> UUID:
    """An assistant that knows the paragraphs, one chunk and one page each."""
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        assistant = await assistants.create_assistant(uow, actor, AssistantDraft(name=name))
        document = Document(
            workspace_id=actor.workspace_id, assistant_id=assistant.id, uploaded_by=new_id(), name=name,
            media_type="text/plain", size_bytes=0, sha256=name, storage_name=name, state="ready",
        )  # fmt: skip
        uow.session.add(document)
        await uow.session.flush()
        pages = [ReadPage(number, text) for number, text in enumerate(paragraphs, start=1)]
        chunks = [
            ChunkDraft(number - 1, number, number, 0, len(text), "", text)
            for number, text in enumerate(paragraphs, start=1)
        ]
        await repository.replace_content(uow, document, pages, [0] * len(pages), chunks)
    return assistant.id


async def measure(database: Database, folder: Path, language: str, misses: int) -> dict[str, Figures]:
    """By leg."""
    corpus = lines(folder / f"corpus.{language}.jsonl")
    page_of = {paragraph["id"]: number for number, paragraph in enumerate(corpus, start=1)}
    actor = await make_workspace(database) if language == LANGUAGES[0] else await _same_actor(database)
    assistant_id = await fill(database, actor, language, [paragraph["text"] for paragraph in corpus])
    questions = lines(folder / f"questions.{language}.dev.jsonl")
    legs = {"text": (True, False)}
    if embedder.optional:
        legs |= {"vectors": (False, True), "both": (True, True)}
        await service.tend(database, actor.workspace_id, assistant_id)
    vectors = [await service.embed_query(row["question"]) for row in questions]
    if embedder.optional and None in vectors:
        raise SystemExit(f"{vectors.count(None)} questions could not be embedded in time.")
    results = {}
    for leg, (by_words, by_vectors) in legs.items():
        ranks: list[int | None] = []
        times: list[float] = []
        for question, vector in zip(questions, vectors, strict=True):
            words, near = question["question"] if by_words else STOP_WORD, vector if by_vectors else None
            async with database.workspace(actor.workspace_id, actor.account_id) as uow:
                began = time.perf_counter()
                passages = await service.search(uow, assistant_id, words, limit=DEPTH, vector=near)
                times.append(time.perf_counter() - began)
            found = [passage.page for passage in passages]
            right = page_of[question["paragraph"]]
            ranks.append(found.index(right) + 1 if right in found else None)
            if ranks[-1] != 1 and misses > 0:
                misses -= 1
                print(f"  {language} {leg} rank {ranks[-1]}: {question['question']}")
        results[leg] = figures(ranks, times)
    return results


async def _same_actor(database: Database) -> Actor:
    from sqlmodel import select

    async with database.system() as uow:
        member = (await uow.session.execute(select(WorkspaceMember))).scalar_one()
    return Actor("person", member.workspace_id, Role.ADMIN, Role.USER, member.account_id)


def models() -> Embedders | None:
    """The embedding model that is set, or the local one; None where there is none, and why is said."""
    environment = Settings(_env_file=None)
    try:
        return Embedders(environment.model_copy(update={"embedding_model": environment.embedding_model or LOCAL_MODEL}))
    except SettingsError as error:
        print(f"The text leg alone is measured, for want of an embedding model. {error}\n")
        return None


async def run(url: str, folder: Path, misses: int) -> None:
    model = models()
    embedder.bind(model)
    if model:
        print(f"Embedding model: {model.model}\n")
    database = Database(url, pool_size=1)
    print("| language | leg | hit@1 | hit@5 | MRR@10 | nDCG@10 | p50 ms | p95 ms |")
    print("|---|---|---|---|---|---|---|---|")
    try:
        for language in LANGUAGES:
            for leg, ours in (await measure(database, folder, language, misses)).items():
                print(
                    f"| {language} | {leg} | {ours.hit_1:.3f} | {ours.hit_5:.3f} | {ours.mrr:.3f} | {ours.ndcg:.3f}"
                    f" | {ours.median_ms:.1f} | {ours.p95_ms:.1f} |"
                )
            print(
                f"| {language} | BM25 baseline | "
                + " | ".join(f"{value:.3f}" for value in BASELINE[language])
                + " | | |"
            )
    finally:
        await database.close()
        if model:
            await model.close()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", nargs="?")
    arguments.add_argument("--misses", type=int, default=0, help="show so many questions that were not answered first")
    given = arguments.parse_args()
    folder = find_data(given.folder)
    home = Path(tempfile.mkdtemp(prefix="chatai-bench-"))
    server = EmbeddedPostgres(home / "postgres", home / "run", home / "secrets", home / "postgres.log")
    server.start()
    try:
        settings = Settings(_env_file=None, secret_key="only-for-this-benchmark-" + "x" * 20)
        owner_url = server.owner_url("chatai")
        migrate.run(settings, owner_url)
        asyncio.run(run(migrate.application_url(settings, owner_url), folder, given.misses))
    finally:
        server.stop(at_once=True)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
