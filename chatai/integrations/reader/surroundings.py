"""What the reading children see of this process: where the code lies and where programs are, no secrets."""

from __future__ import annotations

import os
from pathlib import Path

import chatai

PROJECT_ROOT = Path(chatai.__file__).parent.parent


def child_environment() -> dict[str, str]:
    path = os.environ.get("PATH") or os.defpath
    return {"PATH": path, "PYTHONPATH": str(PROJECT_ROOT), "PYTHONUTF8": "1", "LANG": "C.UTF-8"}
