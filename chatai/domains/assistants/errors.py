"""What can go wrong with assistants, in words."""

from chatai.core.errors import Invalid, NotFound


class AssistantNotFound(NotFound):
    code = "assistant_not_found"
    en = "This assistant does not exist any more, or it is not yours to see."
    ru = "Этого ассистента больше нет, или он вам не доступен."


class VersionNotFound(NotFound):
    code = "version_not_found"
    en = "This assistant has no such version."
    ru = "Такой версии у ассистента нет."


class InvalidAssistant(Invalid):
    code = "invalid_assistant"
    en = "Please give the assistant a name of 1 to 100 characters."
    ru = "Дайте ассистенту имя длиной от 1 до 100 символов."


class TooLongField(Invalid):
    code = "assistant_field_too_long"
    en = "{field} may have at most {limit} characters."
    ru = "{field}: не больше {limit} символов."


class InvalidTemperature(Invalid):
    code = "invalid_temperature"
    en = "The temperature must lie between 0 and 2."
    ru = "Температура должна быть от 0 до 2."
