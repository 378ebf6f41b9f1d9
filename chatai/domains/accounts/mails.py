"""The mails that accounts send. Plain text: it can't be spoofed into something else and needs no pictures."""

from __future__ import annotations

from typing import Literal

from chatai.core.i18n import Language

MailPurpose = Literal["confirm", "reset", "known"]

_TEXTS: dict[MailPurpose, dict[Language, tuple[str, str]]] = {
    "confirm": {
        "en": (
            "Confirm your e-mail address",
            "Hello {name},\n\nplease confirm your address for ChatAI with this link:\n\n{link}\n\n"
            "It works for three days. If you did not register, ignore this mail.\n",
        ),
        "ru": (
            "Подтвердите адрес почты",
            "Здравствуйте, {name}!\n\nПодтвердите свой адрес для ChatAI по этой ссылке:\n\n{link}\n\n"
            "Она действует три дня. Если вы не регистрировались, не обращайте внимания на это письмо.\n",
        ),
    },
    "reset": {
        "en": (
            "Set a new password",
            "Hello {name},\n\nset a new password for ChatAI with this link:\n\n{link}\n\n"
            "It works for one hour. If you did not ask for it, ignore this mail: your password stays as it is.\n",
        ),
        "ru": (
            "Новый пароль",
            "Здравствуйте, {name}!\n\nЗадайте новый пароль для ChatAI по этой ссылке:\n\n{link}\n\n"
            "Она действует один час. Если вы её не запрашивали, не обращайте внимания: пароль останется прежним.\n",
        ),
    },
    "known": {
        "en": (
            "You already have an account",
            "Hello {name},\n\nsomebody, perhaps you, tried to register with this address, "
            "which has an account already. Log in here, or set a new password there:\n\n{link}\n\n"
            "If it was not you, there is nothing to do.\n",
        ),
        "ru": (
            "У вас уже есть учётная запись",
            "Здравствуйте, {name}!\n\nКто-то, возможно вы, пытался зарегистрироваться с этим адресом, "
            "а запись для него уже есть. Войдите здесь или задайте там же новый пароль:\n\n{link}\n\n"
            "Если это были не вы, делать ничего не нужно.\n",
        ),
    },
}


def render(purpose: MailPurpose, language: Language, *, name: str, link: str) -> tuple[str, str]:
    """Subject and text of a mail. A name can't add lines to either."""
    subject, body = _TEXTS[purpose][language]
    return subject, body.format(name=" ".join(name.split()), link=link)
