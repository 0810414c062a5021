"""Slots are handed out side by side, in the order of asking, and never twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import takewhile
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from inference.engine.slots import Request, Slots, request, shared

CHAT = "/v1/chat/completions"


@asynccontextmanager
async def _taking(slots: Slots, *requests: Request) -> AsyncIterator[list[int | None]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(slots.taken(each)) for each in requests]


async def _settled() -> None:
    """Let every other task go on until it waits: each of them takes a few steps at most."""
    for _ in range(100):
        await asyncio.sleep(0)


def test_it_works() -> None:
    async def run() -> None:
        slots = Slots(4)
        async with _taking(slots, Request(b"a"), Request(b"b")) as found:
            assert found == [0, 1]

    asyncio.run(run())


def test_a_hole_between_busy_slots_is_filled_first() -> None:
    async def run() -> None:
        slots = Slots(8)
        async with AsyncExitStack() as others:
            for name in (b"a", b"b"):
                await others.enter_async_context(slots.taken(Request(name)))
            async with slots.taken(Request(b"c")):
                assert await others.enter_async_context(slots.taken(Request(b"d"))) == 3
            async with slots.taken(Request(b"e")) as found:
                assert found == 2

    asyncio.run(run())


def test_a_conversation_finds_its_slot_again() -> None:
    async def run() -> None:
        slots = Slots(4)
        async with _taking(slots, Request(b"one: hello"), Request(b"two: hello")):
            pass
        async with _taking(slots, Request(b"two: hello, and again")) as found:
            assert found == [1]

    asyncio.run(run())


def test_a_long_conversation_leaves_the_others_for_its_own_slot() -> None:
    async def run() -> None:
        slots, agent = Slots(8, run=5), b"x" * 3000
        async with _taking(slots, Request(b"a"), Request(b"b"), Request(b"c"), Request(agent)):
            pass
        async with _taking(slots, Request(b"a"), Request(agent + b"more")) as found:
            assert found == [0, 3]
        async with _taking(slots, Request(b"a"), Request(b"c: short")) as found:
            assert found == [0, 1]

    asyncio.run(run())


def test_a_short_answer_is_no_reason_to_leave_the_own_slot() -> None:
    """A hole between busy slots is worth as much as tokens are computed in it."""

    async def run(answer: int) -> list[int | None]:
        slots, chat = Slots(4), b"x" * 1500
        async with _taking(slots, Request(b"a"), Request(b"b"), Request(b"c"), Request(chat)):
            pass
        async with AsyncExitStack() as others:
            await others.enter_async_context(slots.taken(Request(b"a")))
            async with slots.taken(Request(b"b")):
                await others.enter_async_context(slots.taken(Request(b"c")))
            async with _taking(slots, Request(chat + b"more", answer=answer)) as found:
                return found

    assert asyncio.run(run(32)) == [3]
    assert asyncio.run(run(200)) == [1]


def test_a_new_conversation_gets_the_slot_that_rested_longest() -> None:
    async def run() -> None:
        slots, found = Slots(3), []
        for name in (b"a", b"b", b"c", b"d"):
            async with _taking(slots, Request(name)) as taken:
                found += taken
        assert found == [0, 1, 2, 0]

    asyncio.run(run())


def test_who_asks_first_is_served_first() -> None:
    order: list[int] = []

    async def ask(slots: Slots, number: int) -> None:
        async with slots.taken(Request(width=2 if number == 0 else 1)):
            order.append(number)

    async def run() -> None:
        slots = Slots(2)
        async with slots.taken(Request()):
            asking = [asyncio.create_task(ask(slots, number)) for number in range(3)]
            await _settled()
            assert order == []
        await asyncio.gather(*asking)

    asyncio.run(run())
    assert order == [0, 1, 2]


def test_who_leaves_while_waiting_lets_the_next_one_in() -> None:
    async def run() -> None:
        slots = Slots(1)
        async with slots.taken(Request()):
            first, second = (
                asyncio.create_task(_taking(slots, Request()).__aenter__()) for _ in range(2)
            )
            await _settled()
            first.cancel()
            await _settled()
            assert first.cancelled()
            assert not second.done()
        assert await asyncio.wait_for(second, 60) == [0]

    asyncio.run(run())


def test_no_slot_is_named_while_the_engine_places_somebody() -> None:
    """A request that names a slot waits for it, even where others are free."""

    async def run() -> None:
        slots = Slots(4)
        async with _taking(slots, Request(placeable=False), Request(), Request(width=2)) as found:
            assert found == [None, None, None]
        async with _taking(slots, Request()) as found:
            assert found == [0]

    asyncio.run(run())


def test_more_answers_than_slots_get_all_there_are() -> None:
    async def run() -> None:
        async with _taking(Slots(2), Request(width=9)) as found:
            assert found == [None]

    asyncio.run(run())


@given(st.integers(1, 6), st.randoms(use_true_random=False))
def test_no_slot_is_held_twice_and_all_come_back(number: int, draw: random.Random) -> None:
    """Callers of every kind, some of which leave before they are served."""
    slots = Slots(number)
    busy: set[int] = set()
    held = 0

    async def call(wanted: Request, rests: int) -> None:
        nonlocal held
        width = min(wanted.width, number)
        async with slots.taken(wanted) as slot:
            assert slot not in busy
            held += width
            assert held <= number
            busy.update(() if slot is None else (slot,))
            try:
                for _ in range(rests):
                    await asyncio.sleep(0)
            finally:
                held -= width
                busy.discard(-1 if slot is None else slot)

    async def run() -> None:
        calls = []
        for _ in range(30):
            wanted = Request(draw.randbytes(2), draw.choice((1, 1, 1, 2, 9)), draw.random() < 0.9)
            calls.append(asyncio.create_task(call(wanted, draw.randrange(4))))
            if draw.random() < 0.3:
                await asyncio.sleep(0)
            if draw.random() < 0.2:
                draw.choice(calls).cancel()
        done = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 60)
        assert {type(each) for each in done} <= {type(None), asyncio.CancelledError}
        async with _taking(slots, *[Request()] * number) as found:
            assert sorted(slot for slot in found if slot is not None) == list(range(number))

    asyncio.run(run())


def test_what_a_request_wants() -> None:
    cases: list[tuple[str, dict[str, Any], tuple[int, bool]]] = [
        (CHAT, {"messages": []}, (1, True)),
        (CHAT, {"messages": [], "n": 3}, (3, True)),
        (CHAT, {"messages": [], "n": 3.0}, (3, True)),
        (CHAT, {"messages": [], "n": "three"}, (1, True)),
        (CHAT, {"messages": [], "id_slot": 2}, (1, False)),
        ("/v1/messages", {"messages": []}, (1, False)),
        ("/completion", {"prompt": "a"}, (1, True)),
        ("/completion", {"prompt": [1, 2, "a"]}, (1, True)),
        ("/completion", {"prompt": ["a", "b"], "n_cmpl": 2}, (4, True)),
        ("/completion", {"prompt": []}, (1, True)),
    ]
    for path, payload, (width, placeable) in cases:
        found = request(path, payload)
        assert found
        assert (found.width, found.placeable) == (width, placeable)
    assert request("/v1/embeddings", {"input": "a"}) is None


def test_how_long_an_answer_is_taken_to_be() -> None:
    cases: list[tuple[dict[str, Any], int]] = [
        ({}, 200),
        ({"max_tokens": 32}, 32),
        ({"max_completion_tokens": 8, "max_tokens": None}, 8),
        ({"n_predict": -1}, 200),
        ({"max_output_tokens": 100_000}, 200),
        ({"max_tokens": "many"}, 200),
    ]
    for payload, answer in cases:
        found = request(CHAT, {"messages": [], **payload})
        assert found
        assert found.answer == answer


@given(st.binary(), st.binary(), st.binary())
def test_what_two_texts_share(beginning: bytes, one: bytes, other: bytes) -> None:
    texts = (beginning + one, beginning + other)
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(*texts, strict=False))
    assert shared(*texts) == len(list(pairs))
