"""A server that speaks OpenAI's protocol: models, chat completions (streamed or not), embeddings, transcriptions.

    async with FakeOpenAI() as fake:                      # in the test's own loop
        AsyncOpenAI(base_url=fake.url, api_key="sk-test")
    with ThreadedFakeOpenAI() as fake: ...                # beside a test that has no loop, or a browser
    python -m tests.fakes.openai --port 9001              # a process of its own

Trouble and scripted answers: set `fake.plan`, or over HTTP `PUT /control` with the fields of `Plan` as JSON
(`DELETE /control` forgets them and the recorded requests, `GET /control` shows both).
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import struct
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

import uvloop
from aiohttp import web

from tests.fakes import language
from tests.fakes.speech import read_recording

DEFAULT_DIMENSIONS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072}
KINDS = {400: "invalid_request_error", 401: "invalid_request_error", 404: "invalid_request_error",
         429: "rate_limit_error"}  # fmt: skip
MESSAGES = {
    401: "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.",
    429: "Rate limit reached for requests",
    500: "The server had an error while processing your request. Sorry about that!",
    503: "The engine is currently overloaded, please try again later",
}
CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded", 404: "model_not_found"}


@dataclass
class Plan:
    """What the server does besides answering well. Times are in seconds.

    Attributes:
        status: Refuse with this HTTP status; `code` and `message` as in OpenAI's error object.
        retry_after: `Retry-After` of a refusal.
        times: How many requests the refusal, cut or hang meets; None: all.
        paths: Only requests whose path ends so are met, such as `embeddings`; empty: all.
        first_token_delay, token_delay: Waits before the first piece of a stream and between pieces.
        cut_after: Break the connection after so many pieces of text.
        hang_after: Send nothing more after so many pieces of text (0: not even the first).
        answers: Texts to answer with, one a request; then the computed ones again.
        always: A text to answer every request with, which spares the computing; `{last}` in it is the question's
            last word.
        keys: What each API key is worth: 200, or the status it is refused with. Keys that are not named are good.
        models: Models that exist; empty: any.
        max_prompt: Characters that the context holds; 0: any number.
    """

    status: int = 0
    code: str = ""
    message: str = ""
    retry_after: float | None = None
    times: int | None = None
    paths: list[str] = field(default_factory=list)
    first_token_delay: float = 0.0
    token_delay: float = 0.0
    cut_after: int | None = None
    hang_after: int | None = None
    answers: list[str] = field(default_factory=list)
    always: str = ""
    keys: dict[str, int] = field(default_factory=dict)
    models: list[str] = field(default_factory=list)
    max_prompt: int = 0


@dataclass
class Recorded:
    """A request as it came. `outcome`: answered, refused, cut, or left (the client went before the end)."""

    path: str
    key: str
    body: dict[str, Any]
    at: float
    outcome: str = "left"
    sent_text: str = ""


class Refusal(Exception):
    def __init__(self, status: int, message: str = "", code: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message or MESSAGES.get(status, "The request is refused")
        self.code = code or CODES.get(status, "")
        self.retry_after = retry_after

    def response(self) -> web.Response:
        kind = KINDS.get(self.status, "server_error")
        error = {"message": self.message, "type": kind, "param": None, "code": self.code or None}
        headers = {} if self.retry_after is None else {"Retry-After": f"{self.retry_after:g}"}
        return web.json_response({"error": error}, status=self.status, headers=headers)


class FakeOpenAI:
    """The server, in the loop it is started in.

    Attributes:
        plan: What it does besides answering well.
        requests: The last requests, oldest first.
    """

    def __init__(self, port: int = 0, host: str = "127.0.0.1") -> None:
        self.host = host
        self.port = port
        self.plan = Plan()
        self.requests: deque[Recorded] = deque(maxlen=2000)
        self._runner: web.AppRunner | None = None
        self._serial = 0

    @property
    def root(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """What a client calls `base_url`."""
        return f"{self.root}/v1"

    async def start(self) -> None:
        """Listens. After `stop` on the same port again, so that "down, then up" can be played."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/v1/models/{model}", self._models)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/embeddings", self._embeddings)
        app.router.add_post("/v1/audio/transcriptions", self._transcriptions)
        app.router.add_route("*", "/control", self._control)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port, reuse_address=True).start()
        self.port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """From now on connections are refused."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stop()

    def chats(self) -> list[Recorded]:
        return [request for request in self.requests if request.path.endswith("/chat/completions")]

    # --- Requests

    async def _control(self, request: web.Request) -> web.Response:
        if request.method == "DELETE":
            self.plan = Plan()
            self.requests.clear()
        elif request.method in {"PUT", "POST"}:
            values = await request.json()
            unknown = values.keys() - {field.name for field in fields(Plan)}
            if unknown:
                return web.json_response({"error": f"unknown: {', '.join(sorted(unknown))}"}, status=400)
            self.plan = Plan(**values)
        return web.json_response({"plan": asdict(self.plan), "requests": [asdict(item) for item in self.requests]})

    async def _record(self, request: web.Request, body: dict[str, Any] | None = None) -> Recorded:
        key = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        if body is None:
            raw = await request.read()
            try:
                body = json.loads(raw) if raw else {}
            except ValueError:
                raise Refusal(400, "We could not parse the JSON body of your request.") from None
        recorded = Recorded(request.path, key, body, time.time())
        self.requests.append(recorded)
        try:
            self._admit(recorded)
        except Refusal:
            recorded.outcome = "refused"
            raise
        return recorded

    def _admit(self, recorded: Recorded) -> None:
        plan = self.plan
        if not recorded.key:
            raise Refusal(401, "You didn't provide an API key.", "invalid_api_key")
        if (worth := plan.keys.get(recorded.key, 200)) != 200:
            raise Refusal(worth, retry_after=plan.retry_after)
        if plan.status and self._meets(recorded):
            raise Refusal(plan.status, plan.message, plan.code, plan.retry_after)
        model = recorded.body.get("model")
        if recorded.body and not isinstance(model, str):
            raise Refusal(400, "you must provide a model parameter")
        if model and plan.models and model not in plan.models:
            raise Refusal(404, f"The model `{model}` does not exist or you do not have access to it.")

    def _meets(self, recorded: Recorded) -> bool:
        """Whether planned trouble meets this request; counts it."""
        plan = self.plan
        if plan.paths and not recorded.path.endswith(tuple(plan.paths)):
            return False
        if plan.times is not None:
            if plan.times <= 0:
                return False
            plan.times -= 1
        return True

    async def _models(self, request: web.Request) -> web.Response:
        try:
            recorded = await self._record(request)
        except Refusal as refusal:
            return refusal.response()
        recorded.outcome = "answered"
        names = self.plan.models or ["gpt-4.1-mini", *DEFAULT_DIMENSIONS]
        models = [{"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "fake"} for name in names]
        if wanted := request.match_info.get("model"):
            found = next((model for model in models if model["id"] == wanted), None)
            return (
                web.json_response(found) if found else Refusal(404, f"The model '{wanted}' does not exist").response()
            )
        return web.json_response({"object": "list", "data": models})

    async def _embeddings(self, request: web.Request) -> web.Response:
        try:
            recorded = await self._record(request)
            body = recorded.body
            given = body.get("input")
            texts = [given] if isinstance(given, str) else given
            if not isinstance(texts, list) or not texts or not all(isinstance(t, str) and t for t in texts):
                raise Refusal(400, "'$.input' is invalid. Please check the API reference.")
            if len(texts) > 2048:
                raise Refusal(400, "'$.input' is too long: at most 2048 items.")
        except Refusal as refusal:
            return refusal.response()
        size = int(body.get("dimensions") or DEFAULT_DIMENSIONS.get(body["model"], 1536))
        data = []
        for index, text in enumerate(texts):
            vector: Any = language.embed(text, size)
            if body.get("encoding_format") == "base64":
                vector = base64.b64encode(struct.pack(f"<{size}f", *vector)).decode()
            data.append({"object": "embedding", "index": index, "embedding": vector})
        used = sum(len(text.split()) for text in texts)
        recorded.outcome = "answered"
        usage = {"prompt_tokens": used, "total_tokens": used}
        return web.json_response({"object": "list", "data": data, "model": body["model"], "usage": usage})

    async def _transcriptions(self, request: web.Request) -> web.Response:
        recording = await read_recording(request)
        try:
            recorded = await self._record(request, recording.fields)
            if complaint := recording.complaint():
                raise Refusal(400, complaint)
        except Refusal as refusal:
            return refusal.response()
        recorded.outcome, recorded.sent_text = "answered", recording.said()
        return web.json_response({"text": recorded.sent_text, "usage": {"type": "duration", "seconds": 1}})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        plan = self.plan
        try:
            recorded = await self._record(request)
            messages = recorded.body.get("messages")
            if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
                raise Refusal(400, "Invalid 'messages': expected a non-empty array of objects.")
            length = sum(len(language.content_text(message.get("content"))) for message in messages)
            if plan.max_prompt and length > plan.max_prompt:
                text = f"This model's maximum context length is {plan.max_prompt} tokens."
                raise Refusal(400, text, "context_length_exceeded")
        except Refusal as refusal:
            return refusal.response()
        text = _scripted(plan, messages) or language.answer(messages)
        pieces = language.tokens(text)
        prompt = sum(len(language.content_text(message.get("content")).split()) for message in messages)
        usage = {
            "prompt_tokens": prompt,
            "completion_tokens": len(pieces),
            "total_tokens": prompt + len(pieces),
        }
        self._serial += 1
        base = {"id": f"chatcmpl-fake{self._serial}", "created": int(time.time()), "model": recorded.body["model"]}
        troubled = (plan.cut_after is not None or plan.hang_after is not None) and self._meets(recorded)
        if recorded.body.get("stream"):
            return await self._stream(request, recorded, base, pieces, usage, troubled)
        await asyncio.sleep(plan.first_token_delay + plan.token_delay * len(pieces))
        if troubled:
            await self._break(request, recorded, plan.hang_after is not None)
        recorded.outcome, recorded.sent_text = "answered", text
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        return web.json_response({**base, "object": "chat.completion", "choices": [choice], "usage": usage})

    async def _stream(
        self,
        request: web.Request,
        recorded: Recorded,
        base: dict[str, Any],
        pieces: list[str],
        usage: dict[str, int],
        troubled: bool,
    ) -> web.StreamResponse:
        plan = self.plan
        with_usage = bool((recorded.body.get("stream_options") or {}).get("include_usage"))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)

        unsent = bytearray()  # what comes without a wait goes out together, as over a fast network

        def say(delta: dict[str, Any] | None, finish: str | None = None) -> None:
            choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}]
            chunk = {**base, "object": "chat.completion.chunk", "choices": choices}
            if with_usage:
                chunk["usage"] = usage if delta is None else None
            unsent.extend(f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode())

        async def send() -> None:
            if unsent:
                await response.write(bytes(unsent))
                unsent.clear()

        for number, piece in enumerate(pieces):
            if troubled and number == (plan.hang_after if plan.hang_after is not None else plan.cut_after):
                await send()
                await self._break(request, recorded, plan.hang_after is not None)
                return response
            if delay := plan.token_delay if number else plan.first_token_delay:
                await send()
                await asyncio.sleep(delay)
            if not number:
                say({"role": "assistant", "content": ""})
            say({"content": piece})
            recorded.sent_text += piece
        say({}, "stop")
        if with_usage:
            say(None)
        unsent.extend(b"data: [DONE]\n\n")
        await send()
        recorded.outcome = "answered"
        await response.write_eof()
        return response

    async def _break(self, request: web.Request, recorded: Recorded, hang: bool) -> None:
        if hang:
            await asyncio.Event().wait()  # until the client goes: the server then cancels this handler
        recorded.outcome = "cut"
        if request.transport:
            request.transport.abort()


def _scripted(plan: Plan, messages: list[dict[str, Any]]) -> str:
    if plan.answers:
        return plan.answers.pop(0)
    words = language.content_text(messages[-1].get("content")).split()
    return plan.always.replace("{last}", words[-1] if words else "")


class ThreadedFakeOpenAI(FakeOpenAI):
    """The same server in a thread of its own, for callers that have no loop or block theirs."""

    def __init__(self, port: int = 0, host: str = "127.0.0.1") -> None:
        super().__init__(port, host)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake-openai", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.start(), self._loop).result(10)
        return self

    def __exit__(self, *_error: object) -> None:
        asyncio.run_coroutine_threadsafe(self.stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


async def _serve(port: int, host: str) -> None:
    async with FakeOpenAI(port, host) as fake:
        print(f"OPENAI_BASE_URL={fake.url}", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="A server that speaks OpenAI's protocol, for tests.")
    parser.add_argument("--port", type=int, default=0, help="0: any free one, printed")
    parser.add_argument("--host", default="127.0.0.1")
    chosen = parser.parse_args()
    try:
        uvloop.run(_serve(chosen.port, chosen.host))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
