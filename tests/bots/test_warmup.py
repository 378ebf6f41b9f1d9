"""The zygote's warm-up: every example is answered."""

from bots import warmup
from bots.session import Session, build_session


def test_every_example_is_served_without_a_fault():
    assert warmup.warm_up(build_session(), rounds=2) == []


def test_an_example_that_fails_is_told_and_keeps_nobody_from_serving(monkeypatch):
    broken = {"message": {"message_id": 1, "chat": {"id": 5, "type": "private"}}}
    monkeypatch.setattr(warmup, "EXAMPLES", [broken, *warmup.EXAMPLES[:1]])
    assert warmup.warm_up(build_session(), rounds=1) == ["done: not an update that we understand"]


def test_what_a_worker_calls_while_an_answer_grows_is_walked(monkeypatch):
    called, make_request = set(), Session.make_request

    async def noted(self, bot, method, timeout=None):  # noqa: ASYNC109 - aiogram's signature
        called.add(method.__api_method__)
        return await make_request(self, bot, method, timeout)

    monkeypatch.setattr(Session, "make_request", noted)
    assert warmup.warm_up(build_session(), rounds=1) == []
    assert {"sendMessage", "sendMessageDraft", "editMessageText", "deleteMessage", "sendChatAction"} <= called
