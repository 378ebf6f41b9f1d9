"""A model small enough to predict: answers that quote the given passages, vectors that put alike texts near."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from functools import lru_cache
from typing import Any

WORD = re.compile(r"[^\W_]+")
SENTENCE = re.compile(r"[^.!?…\n]+[.!?…]*")
PASSAGE = re.compile(r"^\s*\[(\d+)\]\s*", re.MULTILINE)
QUESTION = "\n\nQuestion:\n"
ENDINGS = {
    "ru": re.compile(
        r"(?:иями|ями|ами|ого|его|ому|ему|ыми|ими|ться|тся|ешь|ете|ите|ают|яют|ует|уют|ает|яет|ать|ять|ить|еть|ение|ения"
        r"|ению|ением|ость|ости|ая|яя|ое|ее|ые|ие|ый|ий|ой|ей|ом|ем|ым|им|ах|ях|ов|ев|ам|ям|ую|юю|ия|ии|ию|ла|ло|ли"
        r"|а|я|о|е|ы|и|у|ю|ь|л|т)$"
    ),
    "en": re.compile(r"(?:ations?|ingly|ings?|edly|ed|ies|ness|ment|ly|es|s|e|y)$"),
}
COMMON = frozenset(
    WORD.findall(
        "и в во не что он на я с со как а то все она так его но да ты к у же вы за бы по ее мне было вот от о из ему"
        " ли ни быть был для мы их чем была без под где если это при или какой какая какие сколько когда кто"
        " the a an of to in is are was and or for on with by at from as it this that be what which who when where how"
        " do does did i you we they he she can will"
    )
)


def stem(word: str) -> str:
    """A word without its ending: enough to join the forms of one word in Russian and English."""
    word = word.lower().replace("ё", "е")
    if len(word) <= 3 or word.isdecimal():
        return word
    cut = ENDINGS["ru" if "а" <= word[0] <= "я" else "en"].sub("", word)
    return cut if len(cut) >= 3 else word


def stems(text: str) -> list[str]:
    return [stem(word) for word in WORD.findall(text) if word.lower() not in COMMON]


@lru_cache(maxsize=100_000)
def _place(feature: str) -> tuple[int, float]:
    digest = hashlib.blake2b(feature.encode(), digest_size=8).digest()
    return int.from_bytes(digest[:7], "big"), 1.0 if digest[7] & 1 else -1.0


def embed(text: str, dimensions: int) -> list[float]:
    """A vector of length 1: hashed stems, and a little of their three-letter parts, so that typing errors stay near."""
    vector = [0.0] * dimensions
    for word, count in Counter(stems(text)).items():
        weight = 1 + math.log(count)
        features = [(word, weight)]
        if len(word) > 4:
            features += [(f"#{word[i : i + 3]}", weight * 0.25) for i in range(len(word) - 2)]
        for feature, strength in features:
            place, sign = _place(feature)
            vector[place % dimensions] += sign * strength
    length = math.sqrt(sum(value * value for value in vector))
    if not length:
        return [1.0, *vector[1:]]
    return [value / length for value in vector]


def content_text(content: Any) -> str:
    """The text of a message's content, which is a string or a list of parts."""
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


def passages_of(text: str, *, question_follows: bool) -> dict[int, str]:
    """The numbered passages of a prompt: `[1] …` at the beginning of a line, each up to the next one. When a question
    follows them, the last passage ends at `Question:`, or else at the first blank line."""
    marks = list(PASSAGE.finditer(text))
    found = {}
    for mark, following in zip(marks, [*marks[1:], None], strict=False):
        body = text[mark.end() : following.start() if following else len(text)]
        if following is None and question_follows:
            body = body.rsplit(QUESTION, 1)[0] if QUESTION in body else body.split("\n\n", 1)[0]
        found[int(mark[1])] = body.strip()
    return found


def answer(messages: list[dict[str, Any]]) -> str:
    """Quotes the sentence that shares most words with the question, with the number of its passage; says so when
    none does, or repeats the question when no passages were given."""
    people = [content_text(message.get("content")) for message in messages if message.get("role") == "user"]
    last = people[-1] if people else ""
    passages: dict[int, str] = {}
    for message in messages:
        if (role := message.get("role")) != "assistant":  # an earlier answer's markers are no passages
            passages.update(passages_of(content_text(message.get("content")), question_follows=role == "user"))
    if QUESTION in last:
        question = last.rsplit(QUESTION, 1)[1]
    else:
        question = last.strip().rsplit("\n\n", 1)[-1] if PASSAGE.search(last) else last
    russian = bool(re.search("[а-яё]", question.lower()))
    if not passages:
        return f"Вы написали: {question}" if russian else f"You wrote: {question}"
    asked = set(stems(question))
    best, number, quote = 0.0, 0, ""
    for index, passage in passages.items():
        whole = len(asked & set(stems(passage)))
        for sentence in SENTENCE.findall(passage):
            words = set(stems(sentence))
            score = len(asked & words) + whole / 100 - len(words) / 10_000
            if len(asked & words) and score > best:
                best, number, quote = score, index, " ".join(sentence.split())
    if not number:
        return "В документах об этом не сказано." if russian else "The documents do not say."
    return f"В документах сказано: «{quote}» [{number}]" if russian else f"The documents say: “{quote}” [{number}]"


def tokens(text: str) -> list[str]:
    """The pieces in which an answer is streamed: words with the space before them. Joined they are the text."""
    return re.findall(r"\s*\S+|\s+$", text)
