"""A model that writes speech down, behind OpenAI's transcriptions API
(https://platform.openai.com/docs/api-reference/audio/createTranscription)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import structlog

from chatai.core.settings import Settings
from chatai.domains.models.errors import SpeechAway, SpeechRefused
from chatai.domains.models.schemas import Transcript
from chatai.integrations.openai.client import Endpoint, explained

_log = structlog.get_logger(__name__)

TRIES = 2
# Telegram's names for formats that the API knows under another one.
_SUFFIXES = {".oga": ".ogg", ".opus": ".ogg", ".mov": ".mp4"}


class OpenAISpeech:
    """Fulfils `chatai.domains.models.ports.Transcriber`."""

    def __init__(self, settings: Settings) -> None:
        self._endpoint = Endpoint(
            settings.transcription_base_url or settings.openai_base_url,
            settings.transcription_api_key or settings.openai_api_key,
            settings.model_timeout_seconds,
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
                form = aiohttp.FormData({"model": self._model, "response_format": "json"})
                form.add_field("file", recording, filename=f"recording{_SUFFIXES.get(suffix, suffix)}")
                answer = await self._endpoint.ask("audio/transcriptions", form)
        except Exception as error:
            meaning = explained(error)
            if meaning is None:
                raise
            _log.warning("transcription failed", model=self._model, error=type(error).__name__, detail=str(error)[:300])
            raise (SpeechRefused if meaning.code == "model_refused" else SpeechAway)() from None
        usage: Any = answer.get("usage")
        used = usage if isinstance(usage, dict) else {}
        return Transcript(
            text=str(answer.get("text") or "").replace("\0", "").strip(),
            model=self._model,
            prompt_tokens=int(used.get("input_tokens") or 0),
            completion_tokens=int(used.get("output_tokens") or 0),
        )

    async def close(self) -> None:
        await self._endpoint.close()
