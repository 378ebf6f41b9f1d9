"""What the product needs of a language model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

from chatai.core.ports import Port
from chatai.domains.models.schemas import ModelEnd, ModelText, Prompt, Transcript


class LanguageModel(Protocol):
    """Writes an answer piece by piece; the last event is `ModelEnd`."""

    def stream(self, prompt: Prompt) -> AsyncIterator[ModelText | ModelEnd]:
        """Raises: ModelAway, ModelSlow, ModelCut, ModelRefused, ModelBusy."""
        ...


# Nothing bound: no model is configured, and answers quote the documents.
language_model: Port[LanguageModel] = Port("language model")


class Transcriber(Protocol):
    """Writes down what is said in a recording."""

    async def transcribe(self, path: Path, name: str) -> Transcript:
        """`name` tells the format by its ending. Raises: SpeechAway, SpeechRefused."""
        ...


# Nothing bound: recordings are not understood.
transcriber: Port[Transcriber] = Port("transcriber")
