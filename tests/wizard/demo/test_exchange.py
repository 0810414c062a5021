"""Holding an answer for as long as its client is there, over ASGI itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from wizard.demo import exchange
from wizard.demo.exchange import COMMENT, EVENTS, ClientGone, Exchange

BEAT = 0.01
SCOPE = {"method": "POST", "path": "/v1/chat/completions", "headers": ()}


class Client:
    """The other end: reads until it is told not to, and may leave."""

    def __init__(self) -> None:
        self.leaves = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()
        self.is_stuck = asyncio.Event()
        self.got: list[bytes] = []

    async def receive(self) -> Mapping[str, Any]:
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Mapping[str, Any]) -> None:
        self.got.append(message.get("body", b""))
        if not self.reads.is_set():
            self.is_stuck.set()
        await self.reads.wait()


async def _held(client: Client, work: Any, heartbeat: float = BEAT) -> None:
    held = Exchange(SCOPE, client.receive, client.send)
    await asyncio.wait_for(held.held(work(held), EVENTS, heartbeat), 60)


def test_it_works() -> None:
    client = Client()

    async def work(held: Exchange) -> None:
        await held.begin(EVENTS)
        while COMMENT not in client.got:
            await asyncio.sleep(BEAT)
        await held.end(b"done")

    async def run() -> list[bytes]:
        await _held(client, work)
        return client.got

    got = asyncio.run(run())
    assert got[0] == b""
    assert got[-1] == b"done"
    assert len(got) > 2
    assert set(got[1:-1]) == {COMMENT}


def test_one_that_leaves_in_the_middle_of_a_sign_of_life_ends_the_work() -> None:
    async def run() -> None:
        client = Client()
        client.reads.clear()
        holding = asyncio.create_task(_held(client, _silent))
        await asyncio.wait_for(client.is_stuck.wait(), 60)
        client.leaves.set()
        with pytest.raises(ClientGone):
            await holding

    asyncio.run(run())


@pytest.mark.parametrize("heartbeat", [0.0, BEAT])
def test_one_that_reads_nothing_is_let_go(
    monkeypatch: pytest.MonkeyPatch, heartbeat: float
) -> None:
    monkeypatch.setattr(exchange, "STALL_SECONDS", BEAT * 5)
    monkeypatch.setattr(exchange, "STALL_CHECK_SECONDS", BEAT)

    async def run() -> None:
        client = Client()
        client.reads.clear()
        with pytest.raises(ClientGone):
            await _held(client, _silent if heartbeat else _writing, heartbeat)

    asyncio.run(run())


def test_no_sign_of_life_follows_a_whole_answer() -> None:
    async def work(held: Exchange) -> None:
        await held.answer({})
        await asyncio.sleep(BEAT * 10)

    async def run() -> list[bytes]:
        client = Client()
        await _held(client, work)
        return client.got

    assert asyncio.run(run()) == [b"", b"{}"]


async def _silent(_held: Exchange) -> None:
    await asyncio.Event().wait()


async def _writing(held: Exchange) -> None:
    await held.write(b"something")
