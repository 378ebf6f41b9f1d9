"""What a model is asked and what it gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture for a model that sees: a JPEG, PNG, GIF or WebP."""

    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PromptMessage:
    """One message of a prompt, in the roles of the chat completions API."""

    role: Literal["system", "user", "assistant"]
    content: str
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a chat model is asked. An empty model stands for the installation's."""

    messages: list[PromptMessage] = field(default_factory=list)
    model: str = ""
    temperature: float = 0.2


@dataclass(frozen=True, slots=True)
class ModelText:
    """The next piece of what the model writes."""

    text: str


@dataclass(frozen=True, slots=True)
class ModelEnd:
    """The model is done. Tokens are as the provider counted them; 0 where it did not say."""

    model: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cut_short: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """One call's use."""

    purpose: Literal["answer", "embedding", "transcription"]
    model: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in a recording; empty where no words could be made out. Tokens as in `ModelEnd`."""

    text: str
    model: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
