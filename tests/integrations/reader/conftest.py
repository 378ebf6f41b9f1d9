from __future__ import annotations

import pytest

from chatai.integrations.reader.process import ChildReader


@pytest.fixture
def reader() -> ChildReader:
    return ChildReader(timeout_seconds=60, memory_mb=1024)
