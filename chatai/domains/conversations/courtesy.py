"""Greetings, thanks and the like: said to the assistant, but no question to its documents.

Only whole phrases of a closed list count, so that nothing is taken for small talk that may be a question. It is what
can be known without a model; with one the model itself says whether the documents were asked and did not tell.
"""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"\w+")

_GREETINGS = (
    r"здравствуй(?:те)?|здрасьте|привет(?:ик|ствую)?|салют|алло|хай|хелло|"
    r"добр(?:ый|ое|ого|ой) (?:день|дня|утро|утра|вечер|вечера|ночи|времени суток)|доброго|"
    r"hello(?: there)?|hi(?: there)?|hey(?: there)?|greetings|good (?:morning|afternoon|evening|day)"
)
_THANKS = (
    r"(?:большое |огромное )?спасибо(?: (?:вам|большое|огромное|за (?:помощь|ответ|информацию)))*|спс|"
    r"благодарю(?: вас)?|пожалуйста|"
    r"(?:ok |okay )?(?:many )?(?:thanks|thank you|thx|ty)(?: (?:so much|very much|a lot|for (?:the |your )?help))*|"
    r"please"
)
_OTHERS = (
    r"пока|до свидания|до встречи|всего (?:доброго|хорошего)|(?:хорошего|удачного) дня|спокойной ночи|"
    r"да|нет|ага|угу|ок|окей|ладно|ясно|понятно|понял|поняла|хорошо|отлично|супер|здорово|класс|как дела|"
    r"bye|goodbye|see you|have a (?:nice|good|great) day|good night|"
    r"yes|no|yep|nope|sure|ok|okay|fine|great|cool|perfect|nice|awesome|i see|got it|understood|how are you"
)
# Atomic and possessive: a text of ten thousand "спасибо большое" must not be tried in every division.
_COURTESY = re.compile(rf"(?>(?:{_GREETINGS}|{_THANKS}|{_OTHERS})(?: |$))*+")
_BEGINNING = re.compile(rf"^(?>(?:{_GREETINGS}) )++")
_END = re.compile(rf"(?> (?:{_THANKS}))++$")


def is_courtesy(text: str) -> bool:
    """Whether there is nothing in a message but courtesy: no word at all, or only those of the list."""
    return _COURTESY.fullmatch(_plain(text)) is not None


def normalised(question: str) -> str:
    """What makes two questions the same one: their words, whatever the case, the signs and the courtesy around them."""
    plain = _plain(question)
    return _END.sub("", _BEGINNING.sub("", plain)) or plain


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(unicodedata.normalize("NFKC", text).lower().replace("ё", "е")))
