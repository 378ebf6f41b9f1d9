"""What can go wrong with conversations, in words."""

from chatai.core.errors import Conflict, Invalid, NotFound


class ConversationNotFound(NotFound):
    code = "conversation_not_found"
    en = "This conversation does not exist any more, or it is not yours to see."
    ru = "Этой беседы больше нет, или она вам не доступна."


class MessageNotFound(NotFound):
    code = "message_not_found"
    en = "This message does not exist any more."
    ru = "Этого сообщения больше нет."


class EmptyQuestion(Invalid):
    code = "empty_question"
    en = "Please write a question first."
    ru = "Сначала напишите вопрос."


class TooLongQuestion(Invalid):
    code = "question_too_long"
    en = "A question may have at most {limit} characters; this one has {length}."
    ru = "В вопросе может быть не больше {limit} символов, а здесь их {length}."


class StillAnswering(Conflict):
    code = "still_answering"
    en = "The previous question is still being answered. Please wait for it or stop it."
    ru = "Предыдущий вопрос ещё без ответа. Дождитесь его или остановите."


class Interrupted(Conflict):
    """Not an error of anybody: the person stopped the answer, or their connection went."""

    code = "interrupted"
    en = "The answer was stopped. What had arrived is kept."
    ru = "Ответ остановлен. То, что пришло, сохранено."
