"""A model's server that does what its prompt says, in Ollama's and in OpenAI's words.

    drip 5        a word every 20 ms, five times
    endless       a word every 50 ms, until somebody hangs up
    flood         64 KiB at a time, as fast as they are taken
    silent        nothing at all, until somebody hangs up
    die           two words, then the connection is gone
    fail          two words, then an error in the stream
    fail at once  nothing but an error in the stream
    refuse        400 with a sentence
    break         500 with a sentence
    call          a call of a tool
    think         thoughts before the answer
    nothing       an answer without a word
    hold drip 5   nothing until ``let_go()``, then as the rest says
    drip 5 hold   five words, and no end until ``let_go()``

Anything else is answered with ``You said: …``. ``failing`` is a status that
every request gets instead; ``open`` counts the answers under way, ``flooded``
the pieces of floods that were taken.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import web

STAMP = "2026-11-23T08:00:00.000000Z"
WORD_BYTES = 64 << 10
CALL = {"name": "weather", "arguments": {"city": "Paris"}}
FIGURES = {
    "total_duration": 4_000_000,
    "load_duration": 1_000_000,
    "prompt_eval_count": 7,
    "prompt_eval_duration": 1_000_000,
    "eval_count": 3,
    "eval_duration": 2_000_000,
}
# As https://api.openai.com/v1/chat/completions answers for gpt-5 and o-series models.
WANTS_NEW_NAME = {
    "message": "Unsupported parameter: 'max_tokens' is not supported with this model. "
    "Use 'max_completion_tokens' instead.",
    "type": "invalid_request_error",
    "param": "max_tokens",
    "code": "unsupported_parameter",
}
DETAILS = {
    "parent_model": "",
    "format": "gguf",
    "family": "llama",
    "families": ["llama"],
    "parameter_size": "4K",
    "quantization_level": "Q4_0",
}
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str]


class Upstream:
    """`with Upstream() as upstream: …`, served by a thread of its own."""

    def __init__(self, model: str = "standin") -> None:
        self.model = model
        self.failing = 0
        self.is_newest = False
        self.open = 0
        self.most_open = 0
        self.flooded = 0
        self.requests: list[Asked] = []
        self._let_go = asyncio.Semaphore(0)
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def asked(self, path: str) -> list[dict[str, Any]]:
        """The bodies that came in on a path."""
        return [request.body for request in self.requests if request.path == path]

    def let_go(self) -> None:
        """Let one answer go on that is held, or that will be."""
        self._loop.call_soon_threadsafe(self._let_go.release)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(60)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        runner = web.AppRunner(
            self._application(), handler_cancellation=True, access_log=None, shutdown_timeout=0.1
        )
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
        self._loop.run_until_complete(site.start())
        self._port = runner.addresses[0][1]
        self._started.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())

    def _application(self) -> web.Application:
        app = web.Application(client_max_size=64 << 20, middlewares=[self._around])
        app.router.add_get("/readyz", _fine)
        app.router.add_get("/health", _fine)
        app.router.add_get("/api/version", _fine)
        app.router.add_get("/v1/models", _fine)
        app.router.add_get("/api/tags", self._tags)
        app.router.add_post("/api/show", self._show)
        app.router.add_post("/api/generate", self._ollama)
        app.router.add_post("/api/chat", self._ollama)
        app.router.add_post("/v1/chat/completions", self._openai)
        app.router.add_post("/v1/completions", self._openai)
        return app

    @web.middleware
    async def _around(self, request: web.Request, handler: Any) -> web.StreamResponse:
        body = orjson.loads(await request.read() or b"{}")
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append(Asked(request.path, body, headers))
        if self.failing:
            return web.json_response(
                {"error": "the stand-in was told to fail"}, status=self.failing
            )
        self.open += request.method == "POST"
        self.most_open = max(self.most_open, self.open)
        try:
            answer: web.StreamResponse = await handler(request)
            return answer
        except ConnectionResetError:
            # Somebody hung up while more was written: that is what tests want to see.
            raise asyncio.CancelledError from None
        finally:
            self.open -= request.method == "POST"

    async def _tags(self, _request: web.Request) -> web.Response:
        known = {"name": self.model, "model": self.model, "modified_at": STAMP, "size": 4_000}
        more = {"digest": "ab" * 32, "details": DETAILS, "capabilities": ["completion", "tools"]}
        return web.json_response({"models": [{**known, **more}]})

    async def _show(self, request: web.Request) -> web.Response:
        body = await request.json()
        told = {"modelfile": f"FROM {body['model']}", "model_info": {}, "details": DETAILS}
        return web.json_response({**told, "capabilities": ["completion"], "secret": "not yours"})

    async def _ollama(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        is_chat = request.path == "/api/chat"
        prompt = body.get("prompt", "")
        if is_chat and body["messages"]:
            prompt = body["messages"][-1]["content"]
        answer = _OllamaAnswer(body["model"], is_chat=is_chat)
        if prompt == "break":
            return web.json_response({"error": "it broke at this"}, status=500)
        if prompt == "refuse":
            return web.json_response({"error": f'"{body["model"]}" does not like this'}, status=400)
        if not body["stream"]:
            if prompt.startswith("hold "):
                await self._let_go.acquire()
            text = "".join([word async for word in _words(prompt.removeprefix("hold "))])
            return web.json_response(answer.last(text, prompt))
        return await self._streamed(request, prompt, answer, "application/x-ndjson")

    async def _openai(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        is_chat = request.path == "/v1/chat/completions"
        prompt = _openai_prompt(body) if is_chat else body["prompt"]
        usage = bool(body.get("stream_options", {}).get("include_usage"))
        answer = _OpenaiAnswer(body["model"], is_chat=is_chat, usage=usage)
        if prompt == "refuse":
            error = {"message": f"{body['model']} does not like this", "type": "BadRequestError"}
            return web.json_response({"error": {**error, "param": None, "code": 400}}, status=400)
        if self.is_newest and is_chat and "max_tokens" in body:
            return web.json_response({"error": WANTS_NEW_NAME}, status=400)
        if not body["stream"]:
            text = "".join([word async for word in _words(prompt)])
            return web.json_response(answer.whole(text, prompt))
        return await self._streamed(request, prompt, answer, "text/event-stream")

    async def _streamed(
        self, request: web.Request, prompt: str, answer: _OllamaAnswer | _OpenaiAnswer, kind: str
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": kind})
        if prompt == "silent":
            await asyncio.Event().wait()
        await response.prepare(request)
        if prompt.startswith("hold "):
            await self._let_go.acquire()
            prompt = prompt.removeprefix("hold ")
        if prompt == "fail at once":
            await response.write(answer.failure())
            return response
        for part in answer.first(prompt):
            await response.write(part)
        async for word in _words(prompt.removesuffix(" hold")):
            await response.write(answer.word(word))
            self.flooded += prompt == "flood"
        if prompt.endswith(" hold"):
            await self._let_go.acquire()
        if prompt == "die":
            assert request.transport
            request.transport.abort()
            return response
        if prompt == "fail":
            await response.write(answer.failure())
            return response
        for part in answer.end(prompt):
            await response.write(part)
        return response


class _OllamaAnswer:
    """Ollama's lines."""

    def __init__(self, model: str, *, is_chat: bool) -> None:
        self._head = {"model": model, "created_at": STAMP}
        self._is_chat = is_chat

    def first(self, prompt: str) -> list[bytes]:
        call = {"id": "call_1", "function": {"index": 0, **CALL}}
        more: dict[str, Any] = {"call": {"tool_calls": [call]}, "think": {"thinking": "hmm"}}
        if prompt not in more:
            return []
        return [_line({**self._head, **self._told("", **more[prompt]), "done": False})]

    def word(self, text: str) -> bytes:
        return _line({**self._head, **self._told(text), "done": False})

    def end(self, _prompt: str) -> list[bytes]:
        return [_line(self.last("", ""))]

    def failure(self) -> bytes:
        return _line({"error": "the model ran out of luck"})

    def last(self, text: str, prompt: str) -> dict[str, Any]:
        more = {"tool_calls": [{"function": CALL}]} if prompt == "call" else {}
        told = self._told(text, **more)
        context = {} if self._is_chat else {"context": [1, 2, 3]}
        return {**self._head, **told, "done": True, "done_reason": "stop", **context, **FIGURES}

    def _told(self, text: str, **more: Any) -> dict[str, Any]:
        message = {"role": "assistant", "content": text, **more}
        return {"message": message} if self._is_chat else {"response": text, **more}


class _OpenaiAnswer:
    """OpenAI's events, as vLLM sends them."""

    def __init__(self, model: str, *, is_chat: bool, usage: bool) -> None:
        self._model = model
        self._is_chat = is_chat
        self._usage = usage

    def first(self, prompt: str) -> list[bytes]:
        found = [self._event({"delta": {"role": "assistant", "content": ""}})]
        if prompt == "think":
            found.append(self._event({"delta": {"reasoning": "hmm"}}))
        if prompt == "call":
            start = {"index": 0, "id": "call-1", "type": "function"}
            pieces = [
                {**start, "function": {"name": "weather", "arguments": ""}},
                {"index": 0, "function": {"arguments": '{"city": '}},
                {"index": 0, "function": {"arguments": '"Paris"}'}},
            ]
            found += [self._event({"delta": {"tool_calls": [piece]}}) for piece in pieces]
        return found if self._is_chat else []

    def word(self, text: str) -> bytes:
        return self._event({"delta": {"content": text}} if self._is_chat else {"text": text})

    def end(self, prompt: str) -> list[bytes]:
        empty: dict[str, Any] = {"delta": {}} if self._is_chat else {"text": ""}
        finish = "tool_calls" if prompt == "call" else "stop"
        last = [self._event({**empty, "finish_reason": finish})]
        if self._usage:
            last.append(_sse({**self._head(".chunk"), "choices": [], "usage": USAGE}))
        return [*last, b"data: [DONE]\n\n"]

    def failure(self) -> bytes:
        error = {"message": "the model ran out of luck", "type": "InternalServerError"}
        return _sse({"error": {**error, "param": None, "code": 500}}) + b"data: [DONE]\n\n"

    def whole(self, text: str, prompt: str) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if prompt == "call":
            told = {"name": "weather", "arguments": '{"city": "Paris"}'}
            message["tool_calls"] = [{"id": "call-1", "type": "function", "function": told}]
        if prompt == "think":
            message["reasoning"] = "hmm"
        choice = {"message": message} if self._is_chat else {"text": text}
        choices = [{"index": 0, "finish_reason": "stop", **choice}]
        return {**self._head(), "choices": choices, "usage": USAGE}

    def _event(self, choice: dict[str, Any]) -> bytes:
        whole = {"index": 0, "logprobs": None, "finish_reason": None, **choice}
        return _sse({**self._head(".chunk"), "choices": [whole]})

    def _head(self, part: str = "") -> dict[str, Any]:
        kind = f"chat.completion{part}" if self._is_chat else "text_completion"
        return {"id": "cmpl-1", "object": kind, "created": 1_795_000_000, "model": self._model}


async def _words(prompt: str) -> AsyncIterator[str]:
    kind, _, amount = prompt.partition(" ")
    if kind == "silent":
        await asyncio.Event().wait()
    if kind in ("drip", "endless"):
        for number in range(int(amount)) if amount else itertools.count():
            await asyncio.sleep(0.02 if kind == "drip" else 0.05)
            yield f"word{number} "
        return
    while kind == "flood":
        yield "x" * WORD_BYTES
    for word in ("You ", "said: ", prompt) if kind not in ("call", "nothing") else ():
        yield word


def _openai_prompt(body: dict[str, Any]) -> str:
    content = body["messages"][-1]["content"]
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def _line(document: dict[str, Any]) -> bytes:
    return orjson.dumps(document) + b"\n"


def _sse(document: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(document) + b"\n\n"


async def _fine(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok", "version": "0.33.0", "data": []})
