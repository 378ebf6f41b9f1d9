"""How long a text is for an embedding model, in its tokens.

A model on this machine counts by its own tokenizer. An endpoint's is not here (tokenizers fetch their vocabularies when
they are used), so its tokens are estimated from the kinds of characters.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from chatai.core.settings import get_settings
from chatai.domains.knowledge.errors import EmbeddingsAway, EmbeddingsRefused
from chatai.domains.knowledge.ports import embedder
from chatai.domains.knowledge.schemas import ReadPage

log = structlog.get_logger(__name__)

# Characters of one token under cl100k_base, the vocabulary of OpenAI's text-embedding-3, which takes more tokens for
# Russian than newer ones. A word has one at least, and a part of one counts as one. Over the 240 paragraphs of XQuAD
# the sum is 4 % above the true one in Russian and 12 % in English; for the worst paragraph it is 18 % below.
_KINDS = re.compile(r"([а-яё]+)|([a-z]+)|(\d+)|([^\W\d_])|[^\s]", re.IGNORECASE)
_CYRILLIC, _LATIN, _DIGIT, _OTHER_LETTER = 1 / 2, 1 / 7, 1 / 1.16, 1.5
ESTIMATE_SHARE = 0.8  # of a model's limit that a text may take by an estimate, so that none goes over it
CHARACTERS_A_TOKEN = 3  # where there is no embedding model: between Russian and English
WORDS_AT_ONCE = 5_000
NO_LIMIT = 1_000_000


def estimated(text: str) -> int:
    """Tokens of a text, at least one a word."""
    return sum(_estimated_word(word) for word in text.split())


def estimated_room(limit: int) -> int:
    """How many estimated tokens a text may have where the model takes so many true ones."""
    return int(limit * ESTIMATE_SHARE)


def _estimated_word(word: str) -> int:
    tokens = 0.0
    for found in _KINDS.finditer(word):
        length = found.end() - found.start()
        match found.lastindex:
            case 1:
                tokens += length * _CYRILLIC
            case 2:
                tokens += max(1.0, length * _LATIN)
            case 3:
                tokens += max(1.0, length * _DIGIT)
            case 4:
                tokens += _OTHER_LETTER
            case _:
                tokens += 1.0
    return math.ceil(tokens)


@dataclass(frozen=True)
class Ruler:
    """Measures texts for one embedding model.

    Attributes:
        capacity: Tokens that a chunk's text may have.
        room: Tokens that the model takes of one text: the chunk's, and its heading's.
        words: Tokens of each word of the document. A text has those of its words: hardly a token goes over a space.
        by_characters: No model is there, so its tokens do not count.
    """

    capacity: int
    room: int = NO_LIMIT
    words: Mapping[str, int] = field(default_factory=dict)
    by_characters: bool = False

    def size(self, text: str) -> int:
        if self.by_characters:
            return math.ceil(len(text) / CHARACTERS_A_TOKEN)
        known = self.words
        return sum(known[word] if word in known else _estimated_word(word) for word in text.split())

    def capacity_under(self, headings: Iterable[str]) -> int:
        """What is left for the text when the longest of these headings stands before it, but half the room at least."""
        taken = max((self.size(heading) + 1 for heading in headings if heading), default=0)
        return max(1, min(self.capacity, max(self.room - taken, self.room // 2)))


def by_characters(capacity: int) -> Ruler:
    return Ruler(capacity, by_characters=True)


async def ruler_for(pages: Sequence[ReadPage]) -> Ruler:
    """The ruler for a document, by the embedding model that is set. Where that is away, its tokens are estimated."""
    settings = get_settings()
    model = embedder.optional
    if model is None:
        return by_characters(settings.chunk_tokens)
    words = sorted({word for page in pages for word in _words(page)})
    counts: dict[str, int] = {}
    room = NO_LIMIT
    try:
        for start in range(0, max(len(words), 1), WORDS_AT_ONCE):
            group = words[start : start + WORDS_AT_ONCE]
            measured = await model.measure(group)
            counts.update(zip(group, measured.tokens, strict=True))
            room = measured.room
    except (EmbeddingsAway, EmbeddingsRefused) as error:
        log.warning("tokens_estimated", model=model.model, error=type(error).__name__)
        room = estimated_room(settings.embedding_max_tokens)
        return Ruler(min(settings.chunk_tokens, room), room)
    return Ruler(min(settings.chunk_tokens, room), room, counts)


def _words(page: ReadPage) -> Iterable[str]:
    yield from page.text.split()
    for heading in page.headings:
        yield from heading.title.split()
    for table in page.tables:
        yield from table.header.split()
