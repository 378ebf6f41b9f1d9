"""What can go wrong with models, in words. Each says what the person can do about it."""

from chatai.core.errors import Unavailable


class ModelAway(Unavailable):
    code = "model_away"
    en = "The language model cannot be reached at the moment. Your question is kept; please try again."
    ru = "Языковая модель сейчас недоступна. Ваш вопрос сохранён, попробуйте ещё раз."


class ModelSlow(Unavailable):
    code = "model_slow"
    en = "The language model took too long to answer. Your question is kept; please try again."
    ru = "Языковая модель слишком долго не отвечала. Ваш вопрос сохранён, попробуйте ещё раз."


class ModelCut(Unavailable):
    code = "model_cut"
    en = "The answer broke off in the middle. What had arrived is kept; please try again."
    ru = "Ответ оборвался на середине. То, что пришло, сохранено, попробуйте ещё раз."


class ModelRefused(Unavailable):
    """Wrong key, unknown model, or a request that the endpoint does not accept. The log says which."""

    code = "model_refused"
    en = "The language model refused the request. Please tell your administrator to check the key and the model's name."
    ru = "Языковая модель отклонила запрос. Попросите администратора проверить ключ и название модели."


class ModelBusy(Unavailable):
    code = "model_busy"
    en = "The language model is overloaded or its quota is used up. Please try again in a minute."
    ru = "Языковая модель перегружена, или её квота исчерпана. Попробуйте через минуту."


class SpeechAway(Unavailable):
    code = "speech_away"
    en = "The speech could not be written down at the moment. Please send it again a little later, or write."
    ru = "Сейчас не получается записать речь текстом. Пришлите чуть позже ещё раз или напишите."


class SpeechRefused(Unavailable):
    """Wrong key, unknown model, or a recording that the endpoint does not take. The log says which."""

    code = "speech_refused"
    en = "This recording could not be written down. Please write your question."
    ru = "Эту запись не получилось превратить в текст. Пожалуйста, напишите вопрос."
