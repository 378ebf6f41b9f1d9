"""A model that writes speech down, behind OpenAI's transcriptions API
(https://platform.openai.com/docs/api-reference/audio/createTranscription)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import structlog

from chatai.core.settings import Settings
from chatai.domains.models.errors import SpeechAway, SpeechRefused
from chatai.domains.models.schemas import Transcript
from chatai.integrations.openai.library import explained, make_client

_log = structlog.get_logger(__name__)

TRIES = 2
# Telegram's names for formats that the API knows under another one.
_SUFFIXES = {".oga": ".ogg", ".opus": ".ogg", ".mov": ".mp4"}


class OpenAISpeech:
    """Fulfils `chatai.domains.models.ports.Transcriber`."""

    def __init__(self, settings: Settings) -> None:
        self._client = make_client(
            settings.model_copy(
                update={
                    "openai_base_url": settings.transcription_base_url or settings.openai_base_url,
                    "openai_api_key": settings.transcription_api_key or settings.openai_api_key,
                }
            )
        )
        self._model = settings.transcription_model

    async def transcribe(self, path: Path, name: str) -> Transcript:
        """Tried again once when the endpoint is away or busy: a recording is not quickly spoken again."""
        for tried in range(1, TRIES + 1):
            try:
                return await self._once(path, name)
            except SpeechAway:
                if tried == TRIES:
                    raise
        raise AssertionError("the last try either gives or raises")

    async def _once(self, path: Path, name: str) -> Transcript:
        suffix = Path(name).suffix.lower()
        try:
            with path.open("rb") as recording:
                result: Any = await self._client.audio.transcriptions.create(
                    file=(f"recording{_SUFFIXES.get(suffix, suffix)}", recording),
                    model=self._model,
                    response_format="json",
                )
        except Exception as error:
            meaning = explained(error)
            if meaning is None:
                raise
            _log.warning("transcription failed", model=self._model, error=type(error).__name__, detail=str(error)[:300])
            raise (SpeechRefused if meaning.code == "model_refused" else SpeechAway)() from None
        text, usage = getattr(result, "text", None), getattr(result, "usage", None)
        if not isinstance(text, str):  # of an answer that is none the library says nothing
            _log.warning("a transcription makes no sense", model=self._model)
            raise SpeechAway
        return Transcript(
            text=text.replace("\0", "").strip(),
            model=self._model,
            prompt_tokens=int(getattr(usage, "input_tokens", 0) or 0),
            completion_tokens=int(getattr(usage, "output_tokens", 0) or 0),
        )

    async def close(self) -> None:
        await self._client.close()
