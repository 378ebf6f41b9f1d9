"""How fast search is, and how much it finds of what looking at everything would find, at 200,000 and 1,000,000 chunks.

    python -m scripts.bench_search [--chunks N ...] [--workspaces N] [--dimension N] [--questions N] [--xquad FOLDER]
                                   [--home FOLDER]

Texts go through the product's own storing of chunks; vectors are made inside PostgreSQL (sums of random ones, so that
a document's chunks are near each other) and indexed by the product. Questions are some words of a chunk and a vector
near the chunk's. Every search runs as the application's role in a workspace, under row security. Recall@10 is the share
of the ten best passages of an exhaustive search (all postings, all vectors) that the ordinary one finds too.
With `--home` the data stay in the folder, and a run that finds them there only asks. A million chunks of 384 dimensions
need about 10 GB of disk.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import psycopg
from sqlalchemy import text

from chatai import migrate
from chatai.core.database import Database
from chatai.core.ids import new_id
from chatai.core.settings import Settings
from chatai.domains import tables  # noqa: F401 - every table, so that foreign keys resolve
from chatai.domains.assistants.models import Assistant
from chatai.domains.knowledge import postings, repository, vectors
from chatai.domains.knowledge.models import Document
from chatai.domains.knowledge.query import NORMAL, Effort
from chatai.domains.knowledge.schemas import ChunkDraft
from chatai.domains.knowledge.searching import QueryVector, search
from chatai.domains.workspaces.models import Workspace
from chatai.engines import EmbeddedPostgres
from scripts.bench_retrieval import find_data
from scripts.bench_search_data import Words, sizes

MODEL = "synthetic"
POOL = 20_000
DEPTH = 10
LOADERS = 2
EXACT = Effort(postings=10**9, candidates=1_000, exact=True)
CLASSES = ((1, 100), (100, 1_000), (1_000, 5_000), (5_000, 20_000), (20_000, 10**9))
SERVER = {"shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "30min", "wal_compression": "on"}

_MAKE_POOL = """
CREATE UNLOGGED TABLE pool AS SELECT n, (
    SELECT array_agg((random() + random() + random() - 1.5)::real) FROM generate_series(1, {dimension}) WHERE n > 0
)::halfvec({dimension}) AS vector FROM generate_series(1, {pool}) AS n;
CREATE UNIQUE INDEX ON pool (n);
GRANT SELECT ON pool TO PUBLIC;
"""
_PICK = "(SELECT vector FROM pool WHERE n = 1 + (hashtextextended({seed}, {salt}) & 65535) % {pool})"
_MAKE_VECTORS = """
INSERT INTO chunk_vector (workspace_id, assistant_id, model, content, embedding)
SELECT workspace_id, assistant_id, :model, content, {document} + {document} + {one} + {other} FROM chunk
WHERE assistant_id = :assistant_id ON CONFLICT DO NOTHING
"""
_ASK = """
SELECT chunk.text, (vector.embedding + {one})::text AS vector
FROM chunk JOIN chunk_vector vector USING (workspace_id, assistant_id, content)
WHERE chunk.assistant_id = :assistant_id AND number = :number
"""
_SIZES = """
SELECT relname, pg_total_relation_size(oid) FROM pg_class
WHERE relname IN ('chunk', 'chunk_posting') OR relname ~ '^chunk_vector_[0-9]+$'
"""


@dataclass(frozen=True)
class Place:
    workspace_id: UUID
    assistant_id: UUID
    chunks: int


@dataclass
class Figures:
    """Of one class of workspaces. Times are seconds of a whole search, as an answer makes it."""

    places: int = 0
    recall: dict[str, list[float]] = field(default_factory=lambda: {"both": [], "text": [], "vector": []})
    times: dict[str, list[float]] = field(default_factory=lambda: {"both": [], "text": [], "vector": []})


def pick(seed: str, salt: int) -> str:
    return _PICK.format(seed=seed, salt=salt, pool=POOL)


async def fill(database: Database, words: Words, number: int, chunks: int) -> Place:
    """A workspace with one assistant that knows so many chunks."""
    workspace_id, assistant_id = new_id(), new_id()
    async with database.system() as uow:
        uow.session.add(Workspace(id=workspace_id, name=f"W{number}"))
        await uow.session.flush()
        uow.session.add(Assistant(id=assistant_id, workspace_id=workspace_id, name="A"))
    for place, texts in enumerate(words.documents(number, chunks)):
        document = Document(
            workspace_id=workspace_id, assistant_id=assistant_id, uploaded_by=new_id(), name=f"{place}.txt",
            media_type="text/plain", size_bytes=0, sha256=f"{number}.{place}", storage_name="", state="ready",
        )  # fmt: skip
        drafts = [ChunkDraft(ordinal, 1, 1, 0, len(piece), "", piece) for ordinal, piece in enumerate(texts)]
        async with database.workspace(workspace_id) as uow:
            uow.session.add(document)
            await uow.session.flush()
            await repository.replace_content(uow, document, [], [], drafts)
        merged = True
        while merged:
            async with database.workspace(workspace_id) as uow:
                merged = await postings.merge(uow, workspace_id, assistant_id)
    return Place(workspace_id, assistant_id, chunks)


async def embed(database: Database, place: Place) -> None:
    statement = _MAKE_VECTORS.format(
        document=pick("document_id::text", 1), one=pick("content::text", 2), other=pick("content::text", 3)
    )
    async with database.workspace(place.workspace_id) as uow:
        await uow.session.execute(text(statement), {"assistant_id": place.assistant_id, "model": MODEL})
        index = await postings.locked(uow, place.workspace_id, place.assistant_id)
        await vectors.serve(uow, index, MODEL)


async def load(database: Database, words: Words, counts: list[int]) -> list[Place]:
    """Every workspace, largest first, with what storing and indexing took."""
    waiting = list(enumerate(counts))
    places: list[Place] = []

    async def loader() -> None:
        while waiting:
            number, chunks = waiting.pop(0)
            places.append(await fill(database, words, number, chunks))
            say(f"{sum(place.chunks for place in places):>9,} chunks stored")

    began = time.perf_counter()
    await asyncio.gather(*(loader() for _ in range(LOADERS)))
    stored = time.perf_counter()
    for place in places:
        await embed(database, place)
    say(f"{sum(p.chunks for p in places):,} vectors made and indexed")
    embedded = time.perf_counter()
    total = sum(counts)
    print(f"Storing and indexing the text: {stored - began:.0f} s, {total / (stored - began):.0f} chunks/s.")
    print(f"Making and indexing the vectors: {embedded - stored:.0f} s.", flush=True)
    return places


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


async def question(database: Database, place: Place, dice: random.Random) -> tuple[str, QueryVector]:
    values = {"assistant_id": place.assistant_id, "number": dice.randint(1, place.chunks)}
    async with database.workspace(place.workspace_id) as uow:
        row = (
            await uow.session.execute(text(_ASK.format(one=pick("content::text", dice.getrandbits(30)))), values)
        ).one()
    words = row.text.split()
    vector = [float(value) for value in row.vector.strip("[]").split(",")]
    return " ".join(dice.sample(words, dice.randint(4, 9))), QueryVector(MODEL, vector)


async def ask(
    database: Database, place: Place, query: str, vector: QueryVector | None, effort: Effort
) -> tuple[list[UUID], float]:
    statements = database.statements(place.workspace_id)  # as an answer searches
    began = time.perf_counter()
    found = await search(statements, place.assistant_id, query, vector=vector, limit=DEPTH, effort=effort)
    return [passage.chunk_id for passage in found], time.perf_counter() - began


async def measure(database: Database, places: list[Place], questions: int) -> dict[tuple[int, int], Figures]:
    """Asks so many questions in each class, spread over its workspaces."""
    dice = random.Random(7)
    results: dict[tuple[int, int], Figures] = {}
    plan = []
    for span in CLASSES:
        members = [place for place in places if span[0] <= place.chunks < span[1]]
        if members:
            results[span] = Figures(len(members))
            for turn in range(questions):
                place = members[turn % len(members)]
                plan.append((span, place, *await question(database, place, dice)))
    dice.shuffle(plan)
    for span, place, query, vector in plan:
        for legs, words, near in (("both", query, vector), ("text", query, None), ("vector", "и", vector)):
            exact, _ = await ask(database, place, words, near, EXACT)
            found, _ = await ask(database, place, words, near, NORMAL)
            results[span].recall[legs].append(len(set(exact) & set(found)) / len(exact) if exact else 1.0)
    say("recall measured")
    dice.shuffle(plan)
    for span, place, query, vector in plan:
        for legs, words, near in (("both", query, vector), ("text", query, None), ("vector", "и", vector)):
            results[span].times[legs].append((await ask(database, place, words, near, NORMAL))[1])
    _, place, query, vector = plan[0]
    other = next(other for other in places if other.workspace_id != place.workspace_id)
    stranger = Place(other.workspace_id, place.assistant_id, 0)
    for words, near in ((query, None), (query, vector)):  # row security holds inside the search
        if (await ask(database, stranger, words, near, NORMAL))[0]:
            raise SystemExit("Another workspace's passages were found.")
    return results


def table(results: dict[tuple[int, int], Figures]) -> list[str]:
    lines = [
        "| chunks of a workspace | workspaces | recall@10 both / text / vectors | both p50 / p95 ms | text p50 / p95 ms"
        " | vectors p50 / p95 ms |",
        "|---|---|---|---|---|---|",
    ]
    for (low, high), figures in results.items():
        name = f"{low:,} to {high:,}" if high < 10**9 else f"{low:,} and more"
        recall = " / ".join(f"{statistics.fmean(values):.3f}" for values in figures.recall.values())
        times = " | ".join(_times(values) for values in figures.times.values())
        lines.append(f"| {name} | {figures.places} | {recall} | {times} |")
    everything = [value for figures in results.values() for value in figures.times["both"]]
    recall_of_all = [value for figures in results.values() for value in figures.recall["both"]]
    lines.append(f"| all | | {statistics.fmean(recall_of_all):.3f} | {_times(everything)} | | |")
    return lines


def _times(values: list[float]) -> str:
    return f"{statistics.median(values) * 1000:.1f} / {statistics.quantiles(values, n=20)[-1] * 1000:.1f}"


async def stored_places(database: Database) -> list[Place]:
    """What an earlier run has left."""
    async with database.system() as uow:
        statement = text(
            "SELECT workspace_id, assistant_id, chunks FROM knowledge_index WHERE embedding_model = :model"
        )
        rows = (await uow.session.execute(statement, {"model": MODEL})).all()
    return [Place(*row) for row in rows]


async def run(url: str, owner_url: str, counts: list[int], xquad: Path, dimension: int, questions: int) -> None:
    database = Database(url, pool_size=LOADERS)
    try:
        places = await stored_places(database)
        if not places:
            with psycopg.connect(owner_url, autocommit=True) as owner:
                owner.execute(_MAKE_POOL.format(dimension=dimension, pool=POOL))
            places = await load(database, Words(xquad), counts)
            with psycopg.connect(owner_url, autocommit=True) as owner:
                owner.execute("VACUUM ANALYZE")
        with psycopg.connect(owner_url, autocommit=True) as owner:
            found = owner.execute(_SIZES).fetchall()
        parts = {"chunk": 0, "chunk_posting": 0, "chunk_vector": 0}
        for name, size in found:
            parts[name if name in parts else "chunk_vector"] += size
        print("On disk: " + ", ".join(f"{name} {size / 2**20:,.0f} MB" for name, size in parts.items()) + ".\n")
        print("\n".join(table(await measure(database, places, questions))), flush=True)
    finally:
        await database.close()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--chunks", type=int, nargs="+", default=[200_000, 1_000_000])
    arguments.add_argument("--workspaces", type=int, default=200)
    arguments.add_argument("--dimension", type=int, default=384)
    arguments.add_argument("--questions", type=int, default=100, help="of each class of sizes")
    arguments.add_argument("--xquad", help="folder with corpus.LANG.jsonl")
    arguments.add_argument("--home", type=Path, help="folder where the data stay; with one number of chunks")
    given = arguments.parse_args()
    xquad = find_data(given.xquad)
    for chunks in given.chunks:
        home = given.home or Path(tempfile.mkdtemp(prefix="chatai-bench-"))
        server = EmbeddedPostgres(
            home / "postgres", home / "run", home / "secrets", home / "postgres.log", options=SERVER
        )
        server.start()
        try:
            settings = Settings(_env_file=None, secret_key="only-for-this-benchmark-" + "x" * 20)
            owner_url = server.owner_url("chatai")
            migrate.run(settings, owner_url)
            counts = sizes(chunks, given.workspaces)
            print(
                f"\n## {sum(counts):,} chunks in {len(counts)} workspaces, {given.dimension} dimensions\n", flush=True
            )
            url = migrate.application_url(settings, owner_url)
            asyncio.run(run(url, owner_url, counts, xquad, given.dimension, given.questions))
        finally:
            server.stop(at_once=given.home is None)
            if given.home is None:
                shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
