"""Speech over the real protocol: what comes back, and what each failure means."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chatai.core.settings import Settings
from chatai.domains.models.errors import SpeechAway, SpeechRefused
from chatai.integrations.openai.speech import OpenAISpeech
from tests.fakes.openai import FakeOpenAI, Plan


@pytest.fixture
async def fake() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI() as running:
        yield running


@pytest.fixture
async def speech(settings: Settings, fake: FakeOpenAI) -> AsyncIterator[OpenAISpeech]:
    values = {"transcription_model": "whisper-1", "transcription_base_url": fake.url, "model_timeout_seconds": 1.0}
    made = OpenAISpeech(settings.model_copy(update=values))
    yield made
    await made.close()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "recording"
    path.write_bytes("OggS SAY: Когда вы открыты?".encode())
    return path


async def test_a_recording_becomes_text(speech: OpenAISpeech, fake: FakeOpenAI, recording: Path) -> None:
    transcript = await speech.transcribe(recording, "voice.oga")
    assert (transcript.text, transcript.model) == ("Когда вы открыты?", "whisper-1")
    assert fake.requests[-1].body["file"].startswith("recording.ogg")


async def test_silence_is_an_empty_text(speech: OpenAISpeech, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"OggS")
    assert (await speech.transcribe(tmp_path / "a", "a.mp3")).text == ""


@pytest.mark.parametrize(
    ("plan", "error", "asked"),
    [
        (Plan(status=500), SpeechAway, 2),
        (Plan(status=429), SpeechAway, 2),
        (Plan(status=401), SpeechRefused, 1),
        (Plan(status=404), SpeechRefused, 1),
    ],
)
async def test_failures_are_told_apart(
    speech: OpenAISpeech, fake: FakeOpenAI, recording: Path, plan: Plan, error: type[Exception], asked: int
) -> None:
    fake.plan = plan
    with pytest.raises(error):
        await speech.transcribe(recording, "voice.ogg")
    assert len(fake.requests) == asked


async def test_an_unknown_format_and_an_endpoint_that_is_gone(
    speech: OpenAISpeech, fake: FakeOpenAI, recording: Path
) -> None:
    with pytest.raises(SpeechRefused):
        await speech.transcribe(recording, "voice.exe")
    await fake.stop()
    with pytest.raises(SpeechAway):
        await speech.transcribe(recording, "voice.ogg")
