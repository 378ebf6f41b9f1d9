"""Embeds what it is asked to. Run as a process of its own, which ends when its standard input does:

    python -m chatai.integrations.local_embeddings.child WEIGHTS FOLDER THREADS NICE

FOLDER is empty for the packaged model. One JSON object a line, answers in the order of the questions:

    {"ready": true, "dimension": 384, "limit": 512, "overhead": 5}       or {"failed": "why"}, and the end
    {"id": 1, "texts": ["…"], "query": false}       → {"id": 1, "vectors": ["base64 of little-endian float32", …]}
    {"id": 2, "count": ["…"]}                       → {"id": 2, "counts": [3]}
    what went wrong                                 → {"id": 1, "failed": "ValueError"}
"""

from __future__ import annotations

import base64
import ctypes
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

PR_SET_NO_NEW_PRIVS = 38


def limit() -> None:
    """The engines work on people's texts in native code: they may write no file and gain no rights."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def main(arguments: list[str]) -> int:
    weights, folder, threads, nice = arguments
    os.nice(int(nice))
    limit()
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # what a library prints is no answer

    def tell(**fields: Any) -> None:
        out.write(json.dumps(fields, ensure_ascii=False) + "\n")

    try:
        from chatai.integrations.local_embeddings.engines import Engine, OnnxFolder, PackagedE5

        engine: Engine
        if folder:
            engine = OnnxFolder(Path(folder), Path(weights), int(threads))
        else:
            engine = PackagedE5(Path(weights), int(threads))
    except Exception as error:
        tell(failed=f"{type(error).__name__}: {error}"[:500])
        return 1
    tell(ready=True, dimension=engine.dimension, limit=engine.limit, overhead=engine.overhead)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            tell(id=asked["id"], **_answer(engine, asked))
        except Exception as error:  # its text may quote the document
            tell(id=asked["id"], failed=type(error).__name__)
    return 0


def _answer(engine: Any, asked: dict[str, Any]) -> dict[str, Any]:
    if "count" in asked:
        return {"counts": engine.count(asked["count"])}
    vectors = engine.embed(asked["texts"], query=asked["query"])
    return {"vectors": [base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii") for vector in vectors]}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
