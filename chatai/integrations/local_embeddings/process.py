"""A local embedding model in a child process: loaded when it is first asked, gone when it has been idle for a while.

The child keeps native code that works on people's texts, and the memory of the model, out of the process that asks.
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
import os
import sys
from array import array
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import structlog

from chatai.domains.knowledge.errors import EmbeddingsAway, EmbeddingsRefused
from chatai.domains.knowledge.ports import Measured, Purpose
from chatai.integrations.local_embeddings.location import LocalModel
from chatai.integrations.reader.surroundings import PROJECT_ROOT, child_environment

log = structlog.get_logger(__name__)

LOAD_SECONDS = 60.0
ANSWER_SECONDS = 120.0  # for `AT_ONCE` texts; a child that takes longer hangs
LEAVE_SECONDS = 3.0
AT_ONCE = 8  # texts of one question to the child
MAX_LINE_BYTES = 16 * 1024 * 1024
TRIES = 2  # a child that was killed, by want of memory say, is started anew once
MEASURED_SHARE = 0.98  # of the limit: a text may have a token or two more than its words
NICE = {"query": 0, "passage": 10}  # somebody waits for a query


class ModelProcess:
    """One child with a model. Questions wait for each other in order."""

    def __init__(self, model: LocalModel, purpose: Purpose, idle_seconds: float) -> None:
        self._model = model
        self._purpose = purpose
        self._idle_seconds = idle_seconds
        self._turn = asyncio.Lock()
        self._process: Process | None = None
        self._about: dict[str, Any] = {}
        self._number = 0
        self._starting: asyncio.Task[Process] | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int | None:
        """The child's, while there is one."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def about(self) -> dict[str, Any]:
        """`dimension`, `limit` and `overhead` of the model. Raises as `ask`."""
        if not self._about:
            async with self._turn:
                await self._running()
                self._rest()
        return self._about

    async def ask(self, **question: Any) -> dict[str, Any]:
        """The child's answer to one question.

        Raises:
            EmbeddingsAway: The child died or hung; another is started when it is asked again.
            EmbeddingsRefused: The model can't be loaded, or can't embed this.
        """
        async with self._turn:
            try:
                for left in reversed(range(TRIES)):
                    try:
                        return await self._asked(question)
                    except EmbeddingsAway:
                        if not left:
                            raise
            finally:
                self._rest()
        raise EmbeddingsAway

    async def _asked(self, question: dict[str, Any]) -> dict[str, Any]:
        process = await self._running()
        self._number += 1
        number = self._number
        assert process.stdin is not None  # noqa: S101 - it was started with a pipe
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                process.stdin.write(json.dumps({"id": number, **question}).encode() + b"\n")
                await process.stdin.drain()
                answer = await self._line(process)
                while answer.get("id") != number:  # to a question whose asker did not wait
                    answer = await self._line(process)
        except (TimeoutError, ConnectionError, ValueError) as error:
            log.warning("embedding_process_lost", model=self._model.label, error=type(error).__name__)
            with suppress(ProcessLookupError):
                process.kill()
            await self._end()
            raise EmbeddingsAway from None
        if "failed" in answer:
            log.warning("not_embedded", model=self._model.label, error=answer["failed"])
            raise EmbeddingsRefused
        return answer

    async def _line(self, process: Process) -> dict[str, Any]:
        """Raises: ConnectionError: The child has ended."""
        assert process.stdout is not None  # noqa: S101 - it was started with a pipe
        line = await process.stdout.readline()
        if not line:
            raise ConnectionError
        found: dict[str, Any] = json.loads(line)
        return found

    async def _running(self) -> Process:
        """The child, started if need be. The start goes on when whoever asked first does not wait for it."""
        if self._idle:
            self._idle.cancel()
        if self.pid and self._process:
            return self._process
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._start())
        return await asyncio.shield(self._starting)

    async def _start(self) -> Process:
        threads = max(1, (os.cpu_count() or 1) // 2)
        environment = {**child_environment(), "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "passive"}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # the current folder is no place to import from
            "-m",
            "chatai.integrations.local_embeddings.child",
            str(self._model.weights),
            str(self._model.folder or ""),
            str(threads),
            str(NICE[self._purpose]),
            stdin=PIPE,
            stdout=PIPE,
            limit=MAX_LINE_BYTES,
            env=environment,
            cwd=PROJECT_ROOT,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(LOAD_SECONDS):
                about = await self._line(process)
        except (TimeoutError, ConnectionError, ValueError):
            about = {"failed": "it did not start"}
        except BaseException:
            process.kill()
            raise
        if "failed" in about:
            log.error("embedding_model_not_loaded", model=self._model.label, error=about["failed"])
            await _ended(process)
            raise EmbeddingsRefused
        self._process, self._about = process, about
        return process

    def _rest(self) -> None:
        if self._idle:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(self._idle_seconds, self._leave)

    def _leave(self) -> None:
        if not self._turn.locked():
            task = asyncio.get_running_loop().create_task(self.close())
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        """Ends the child. The next question starts another."""
        async with self._turn:
            if self._idle:
                self._idle.cancel()
            if self._starting is not None and self._starting.cancel():
                with suppress(asyncio.CancelledError, EmbeddingsRefused):
                    await self._starting
            await self._end()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await _ended(process)


async def _ended(process: Process) -> None:
    """The child is gone when this returns: by itself when it has nothing left to read, or else killed."""
    try:
        async with asyncio.timeout(LEAVE_SECONDS):
            await process.communicate()  # closes its standard input
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


class LocalEmbedder:
    """Fulfils `chatai.domains.knowledge.ports.Embedder`.

    Queries and passages have a child each, so that a question never waits behind a document; as a rule a process needs
    but one of them.
    """

    def __init__(self, model: LocalModel, *, idle_seconds: float) -> None:
        self.located = model
        self._children: dict[Purpose, ModelProcess] = {
            "query": ModelProcess(model, "query", idle_seconds),
            "passage": ModelProcess(model, "passage", idle_seconds),
        }

    @property
    def model(self) -> str:
        return self.located.label

    def pids(self) -> dict[Purpose, int]:
        """The children that there are at the moment."""
        return {purpose: child.pid for purpose, child in self._children.items() if child.pid}

    async def embed(self, texts: Sequence[str], purpose: Purpose, *, model: str | None = None) -> list[list[float]]:
        if model not in (None, self.model):
            raise EmbeddingsRefused
        vectors: list[list[float]] = []
        for start in range(0, len(texts), AT_ONCE):
            group = list(texts[start : start + AT_ONCE])
            answer = await self._children[purpose].ask(texts=group, query=purpose == "query")
            vectors += [_numbers(written) for written in answer["vectors"]]
        if len(vectors) != len(texts) or not all(math.isfinite(sum(vector)) for vector in vectors):
            log.warning("embedding answer makes no sense", model=self.model)
            raise EmbeddingsRefused
        return vectors

    async def measure(self, texts: Sequence[str]) -> Measured:
        child = self._children["passage"]
        about = await child.about()
        answer = await child.ask(count=list(texts))
        room = int(int(about["limit"]) * MEASURED_SHARE) - int(about["overhead"])
        return Measured([int(count) for count in answer["counts"]], max(1, room))

    async def close(self) -> None:
        for child in self._children.values():
            await child.close()


def _numbers(written: str) -> list[float]:
    values = array("f")
    values.frombytes(base64.b64decode(written))
    if sys.byteorder == "big":
        values.byteswap()
    return values.tolist()
