"""Requests that generate: from the checked question to the last byte of its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from wizard.demo import client, ollama_fields, openai_fields, to_openai
from wizard.demo.asked import Question
from wizard.demo.asking import question
from wizard.demo.client import Reply
from wizard.demo.errors import UpstreamFailed, UpstreamRefused
from wizard.demo.exchange import EVENTS, JSON, NDJSON, Exchange
from wizard.demo.service import Service
from wizard.demo.values import Dialect, Limits, Upstream, Work

PROGRESS_HEADER = "x-oneclick-progress"
Reader = Callable[[Mapping[str, Any], Limits], Work]


async def generate(service: Service, exchange: Exchange) -> None:
    """``POST /api/generate``"""
    await _answer(service, exchange, ollama_fields.generate)


async def chat(service: Service, exchange: Exchange) -> None:
    """``POST /api/chat``"""
    await _answer(service, exchange, ollama_fields.chat)


async def chat_completions(service: Service, exchange: Exchange) -> None:
    """``POST /v1/chat/completions``"""
    await _answer(service, exchange, openai_fields.chat)


async def completions(service: Service, exchange: Exchange) -> None:
    """``POST /v1/completions``"""
    await _answer(service, exchange, openai_fields.completion)


async def _answer(service: Service, exchange: Exchange, read: Reader) -> None:
    address = service.caller(exchange)
    async with service.limiter.stream(address):
        exchange.extra |= (await service.limiter.admit(address)).headers
        document = await exchange.json(service.limits.body_bytes)
        work = read(document, service.limits)
        service.dispatcher.having(work.model)
        run = _Run(service, exchange, work)
        await exchange.held(_in_time(run), run.content_type, service.limits.heartbeat)


async def _in_time(run: _Run) -> None:
    async with run.service.deadline():
        await run.on_any()


class _Run:
    """One request on its way through the queue and the upstreams."""

    def __init__(self, service: Service, exchange: Exchange, work: Work) -> None:
        self.service = service
        self._exchange = exchange
        self._work = work
        self._is_answered = False
        streamed = NDJSON if work.dialect is Dialect.OLLAMA else EVENTS
        self.content_type = streamed if work.stream else JSON
        self._tells_places = (
            work.dialect is Dialect.OLLAMA and work.stream and PROGRESS_HEADER in exchange.headers
        )

    async def on_any(self) -> None:
        """Ask one upstream after the other until one answers. Never twice once it has begun."""
        dispatcher, work = self.service.dispatcher, self._work
        failed: dict[str, UpstreamFailed] = {}
        while True:
            async with dispatcher.place(work.model, work.dialect, failed, self._told) as upstream:
                try:
                    await self._ask(upstream)
                    return
                except UpstreamFailed as error:
                    dispatcher.health.failed(upstream, error)
                    if self._is_answered:
                        raise
                    failed[upstream.name] = error

    async def _told(self, place: int) -> None:
        """Say where in the queue the request is; 0 when its turn has come."""
        if place and not self._exchange.begun:
            self._exchange.extra["X-Queue-Place"] = str(place)
        if self._tells_places:
            await self._send(orjson.dumps({"queue": {"place": place}}) + b"\n")

    async def _ask(self, upstream: Upstream) -> None:
        if self._work.is_load and not upstream.speaks(Dialect.OLLAMA):
            await self._exchange.answer(to_openai.loaded(self._work, self._work.model))
            return
        lengths = self.service.lengths
        asked = lengths.named(upstream, question(self._work, upstream))
        try:
            await self._put(upstream, asked)
        except UpstreamRefused as error:
            if not lengths.has_learnt(upstream, asked, error):
                raise error.about(self._work.model, asked.body["model"]) from None
            await self._ask(upstream)

    async def _put(self, upstream: Upstream, asked: Question) -> None:
        session = self.service.session
        async with client.opened(session, upstream, "POST", asked.path, asked.body) as reply:
            await (self._stream if self._work.stream else self._whole)(reply, asked)
        self.service.dispatcher.health.answered(upstream)

    async def _stream(self, reply: Reply, asked: Question) -> None:
        stream, chunks = asked.stream(), 0
        try:
            async for chunk in reply.chunks():
                chunks += 1
                if data := stream.feed(chunk):
                    self._is_answered = True
                    await self._send(data)
            last = stream.close()
            await self._begin()
            await self._exchange.end(last)
        finally:
            # A stream that was left early never says its tokens: each chunk is about one.
            self.service.spent(self._exchange, self._work, stream.tokens or chunks)

    async def _whole(self, reply: Reply, asked: Question) -> None:
        document, tokens = asked.whole(await reply.whole())
        self.service.spent(self._exchange, self._work, tokens)
        await self._exchange.answer(document)

    async def _send(self, data: bytes) -> None:
        await self._begin()
        await self._exchange.write(data)

    async def _begin(self) -> None:
        if not self._exchange.begun:
            await self._exchange.begin(self.content_type)
