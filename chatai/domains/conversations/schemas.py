"""What conversations take and give, and the events of an answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from chatai.core.i18n import Language
from chatai.domains.models.schemas import Picture

Channel = Literal["web", "telegram", "api", "widget"]
MessageRole = Literal["person", "assistant"]
MessageState = Literal["complete", "streaming", "interrupted", "failed"]


@dataclass(frozen=True, slots=True)
class Question:
    """What a person asks.

    `external_id` is the channel's own name of it: asked again with the same one, it gets the answer that is stored.
    `repeat_of` is an earlier question of the conversation that is to be answered anew; `text` is then not read.
    `revised`: the person changed the question of this `external_id`; its answer is made anew when the words differ.
    `author` is who asks, where several people talk in one conversation. What is attached (a file's text, a quoted or
    forwarded message) is data for the model; pictures are shown to it and not kept.
    `language`: the one that the person chose for answers; none: that of the question.
    """

    text: str = ""
    external_id: str | None = None
    repeat_of: UUID | None = None
    revised: bool = False
    author: str = ""
    attachment_name: str = ""
    attachment_text: str = ""
    pictures: tuple[Picture, ...] = ()
    language: Language | None = None


@dataclass(frozen=True, slots=True)
class ChannelTalk:
    """The conversation that is open under a channel's own name of it; it is begun if there is none."""

    assistant_id: UUID
    channel: Channel
    external_id: str
    person_name: str = ""
    language: Language = "en"


@dataclass(frozen=True, slots=True)
class OpenTalk:
    """A conversation as a question finds it, locked. `last_message_at` is of the message before."""

    id: UUID
    workspace_id: UUID
    assistant_id: UUID
    account_id: UUID | None
    bot_id: UUID | None
    language: str
    last_message_at: datetime


@dataclass(frozen=True, slots=True)
class Said:
    """A message as the prompt needs it."""

    id: UUID
    role: str
    text: str
    state: str = "complete"
    author: str = ""
    attachment_name: str = ""
    attachment_text: str = ""


class Asked(NamedTuple):
    """A question that was just stored, and the empty answer to it."""

    question: Said
    answer_id: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Ending:
    """How an answer ended."""

    text: str
    state: MessageState
    error_code: str
    model: str
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class CitationView:
    """Proof of an answer's [number]: where in which document. Offsets as in `knowledge.schemas.Passage`.

    `document_id` is None when the document was deleted since.
    """

    number: int
    document_id: UUID | None
    document_name: str
    page: int
    page_end: int
    char_start: int
    char_end: int
    quote: str


def citation_path(citation: CitationView) -> str:
    """Where on the pages the passage is shown in its document; empty when the document was deleted."""
    if citation.document_id is None:
        return ""
    end = citation.char_end if citation.page_end == citation.page else -1
    place = urlencode({"page": citation.page, "start": citation.char_start, "end": end})
    return f"/documents/{citation.document_id}?{place}"


@dataclass(frozen=True, slots=True)
class MessageView:
    """One message as people see it."""

    id: UUID
    role: MessageRole
    text: str
    state: MessageState
    error_code: str
    citations: tuple[CitationView, ...]
    created_at: datetime
    reply_to: UUID | None = None
    author: str = ""
    attachment_name: str = ""


@dataclass(frozen=True, slots=True)
class ConversationView:
    """A conversation without its messages."""

    id: UUID
    assistant_id: UUID
    assistant_name: str
    channel: Channel
    title: str
    person_name: str
    created_at: datetime
    last_message_at: datetime


@dataclass(frozen=True, slots=True)
class ConversationSummary:
    """One line of the list of conversations."""

    id: UUID
    assistant_id: UUID
    assistant_name: str
    channel: Channel
    title: str
    person_name: str
    last_message_at: datetime
    message_count: int


@dataclass(frozen=True, slots=True)
class ConversationDetail:
    """A conversation with its messages, the oldest first."""

    view: ConversationView
    messages: tuple[MessageView, ...]


@dataclass(frozen=True, slots=True)
class Started:
    """The question is stored and its answer begins."""

    question_id: UUID
    answer_id: UUID


@dataclass(frozen=True, slots=True)
class Searched:
    """So many passages were found; now the model is asked."""

    passages: int


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer's text (Markdown, with [n] for citations that exist)."""

    text: str


@dataclass(frozen=True, slots=True)
class Completed:
    """The answer is stored. `message` has its whole text and its citations."""

    message: MessageView


@dataclass(frozen=True, slots=True)
class Failed:
    """The answer failed or broke off; `message` has what had arrived. The sentences say what to do."""

    code: str
    sentence_en: str
    sentence_ru: str
    message: MessageView

    def sentence(self, language: Language) -> str:
        return self.sentence_ru if language == "ru" else self.sentence_en


AnswerEvent = Started | Searched | TextDelta | Completed | Failed
