"""A small embedding model in ONNX form, written byte by byte (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).

Its one node looks each token's vector up in a table of random numbers, so texts are alike by the words they share.
"""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

FLOAT, INT64 = 1, 7
DIMENSION = 32
WORDS = [
    "a",
    "query",
    "passage",
    ":",
    "насос",
    "вода",
    "цена",
    "возврат",
    "товар",
    "доставка",
    "pump",
    "water",
    "return",
]
LETTERS = "абвгдежзийклмнопрстуфхцчшщъыьэюяabcdefghijklmnopqrstuvwxyz0123456789"


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _tensor_type(name: str, kind: int, sizes: Sequence[str | int]) -> bytes:
    shape = b"".join(_bytes(1, _bytes(2, size) if isinstance(size, str) else _number(1, size)) for size in sizes)
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, kind) + _bytes(2, shape)))


def _look_up(table: Sequence[Sequence[float]]) -> bytes:
    """A model whose `last_hidden_state` holds the table's rows for `input_ids`."""
    numbers = struct.pack(f"<{len(table) * len(table[0])}f", *(value for row in table for value in row))
    weights = (
        _number(1, len(table)) + _number(1, len(table[0])) + _number(2, FLOAT) + _bytes(8, "table") + _bytes(9, numbers)
    )
    node = _bytes(1, "table") + _bytes(1, "input_ids") + _bytes(2, "last_hidden_state") + _bytes(4, "Gather")
    inputs = [_tensor_type(name, INT64, ["batch", "length"]) for name in ("input_ids", "attention_mask")]
    output = _tensor_type("last_hidden_state", FLOAT, ["batch", "length", len(table[0])])
    graph = _bytes(1, node) + _bytes(2, "look up") + _bytes(5, weights)
    graph += b"".join(_bytes(11, entry) for entry in inputs) + _bytes(12, output)
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, 13))


def make_folder(folder: Path, *, limit: int = 64, seed: int = 1, where: str = "model.onnx") -> Path:
    """A folder as sentence-transformers exports it: words whole, all others letter by letter."""
    (folder / where).parent.mkdir(parents=True, exist_ok=True)
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS]
    pieces += [letter for letter in LETTERS if letter not in pieces] + [f"##{letter}" for letter in LETTERS]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    chance = random.Random(seed)
    table = [[chance.gauss(0, 1) for _ in range(DIMENSION)] for _ in pieces]
    table[2] = table[3] = [0.0] * DIMENSION  # what stands around every text tells nothing
    (folder / where).write_bytes(_look_up(table))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": limit}))
    return folder
