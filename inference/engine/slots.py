"""Which slot each request gets: next to the busy ones, where its beginning is known.

llama.cpp computes the busy slots of a step together only where their numbers
follow one another (``llama_batch_allocr::split_equal``; caches of their own for
each slot, and every recurrent state). llama-server takes the slot that rested
longest, so that busy ones end up scattered, and a step of five of sixteen slots
reads the weights three or four times. So the choice is made here, and weighs that
against a conversation's own slot, where its beginning need not be read again.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeGuard

import orjson

# Bytes of a request's beginning that are remembered, to find a conversation's slot again:
# more than the instructions and tools that all conversations of an agent begin with.
REMEMBERED = 1 << 18
# Bytes of a prompt that are read in the time that one more run of busy slots costs for each
# token of an answer, which is that of reading the weights once more. Meanwhile a card reads
# about 20 tokens of a prompt (by its arithmetic and its bandwidth), a processor two or three;
# a token is four bytes.
RUN_ON_CARD = 20 * 4
RUN_ON_PROCESSOR = 10
# Tokens of an answer whose length nobody told, and the most that one is taken to have.
USUAL_ANSWER = 200
_COMPARED = 1 << 12
# What a model reads first, as the dialects name it.
_BEGINNING = ("tools", "system", "instructions", "messages", "prompt", "input", "input_prefix")
# Routes that generate and hand ``id_slot`` on. What Anthropic's route is turned
# into has no such field (``server_chat_convert_anthropic_to_oai``).
_PLACEABLE = frozenset(
    (
        "/completion",
        "/completions",
        "/v1/completions",
        "/chat/completions",
        "/v1/chat/completions",
        "/responses",
        "/v1/responses",
        "/infill",
    )
)
_GENERATING = _PLACEABLE | {"/v1/messages"}
# How many tokens an answer may have, as the dialects name it.
_LENGTH = ("max_tokens", "max_completion_tokens", "max_output_tokens", "n_predict")


@dataclass(frozen=True)
class Request:
    """What a slot is wanted for.

    ``beginning`` is the start of what the model reads, ``width`` the number of
    slots that it takes at once, ``answer`` the tokens that are expected of it.
    One that is not ``placeable`` gets the slots that the engine chooses.
    """

    beginning: bytes = b""
    width: int = 1
    answer: int = USUAL_ANSWER
    placeable: bool = True


@dataclass(eq=False)
class _Turn:
    request: Request
    width: int
    is_admitted: bool = False
    slot: int | None = None
    admitted: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Slots:
    """The slots of one child, handed out in the order of asking.

    ``run`` is what one more run of busy slots costs, in bytes of a prompt for each token of
    an answer.
    """

    def __init__(self, number: int, run: int = RUN_ON_PROCESSOR) -> None:
        self._number = number
        self._run = run
        self._busy: set[int] = set()
        # Slots of running requests that the engine placed: where is not known.
        self._unplaced = 0
        self._held = [b""] * number
        self._last_used = [0] * number
        self._clock = count(1)
        self._waiting: deque[_Turn] = deque()

    @asynccontextmanager
    async def taken(self, request: Request) -> AsyncIterator[int | None]:
        """Hold a slot while the block runs: its number, or None where the engine is to choose."""
        turn = _Turn(request, min(request.width, self._number))
        self._waiting.append(turn)
        self._admit()
        try:
            await turn.admitted
            yield turn.slot
        finally:
            self._leave(turn)
            self._admit()

    def _admit(self) -> None:
        """Let the first ones in, as many as there is room for."""
        while self._waiting and self._free >= self._waiting[0].width:
            turn = self._waiting.popleft()
            turn.is_admitted = True
            self._place(turn)
            if not turn.admitted.done():
                turn.admitted.set_result(None)

    @property
    def _free(self) -> int:
        return self._number - len(self._busy) - self._unplaced

    def _place(self, turn: _Turn) -> None:
        """Choose a slot. While there are slots whose place is not known, none is chosen: a
        request that names a busy one would wait for it."""
        if not turn.request.placeable or turn.width > 1 or self._unplaced:
            self._unplaced += turn.width
            return
        turn.slot = self._best(turn.request)
        self._busy.add(turn.slot)
        self._held[turn.slot] = turn.request.beginning

    def _leave(self, turn: _Turn) -> None:
        if not turn.is_admitted:
            self._waiting.remove(turn)
        elif turn.slot is None:
            self._unplaced -= turn.width
        else:
            self._busy.remove(turn.slot)
            self._last_used[turn.slot] = next(self._clock)

    def _best(self, request: Request) -> int:
        """Beside busy ones, or where so much of the beginning is that this is worth more; among
        equals the one that rested longest."""
        free = (slot for slot in range(self._number) if slot not in self._busy)
        return max(free, key=lambda slot: (self._worth(slot, request), -self._last_used[slot]))

    def _worth(self, slot: int, request: Request) -> int:
        """Bytes of a prompt that need not be read, or whose reading lasts as long."""
        neighbours = (slot - 1 in self._busy) + (slot + 1 in self._busy)
        return neighbours * self._run * request.answer + shared(self._held[slot], request.beginning)


def request(path: str, payload: Mapping[str, Any]) -> Request | None:
    """What a request to the engine wants of its slots; None for one that generates nothing."""
    if path not in _GENERATING:
        return None
    width = _prompts(payload.get("prompt")) * answers_each(payload)
    placeable = path in _PLACEABLE and payload.get("id_slot") is None
    beginning = b"".join(orjson.dumps(payload[key]) for key in _BEGINNING if key in payload)
    return Request(beginning[:REMEMBERED], width, _answer(payload), placeable)


def answers_each(payload: Mapping[str, Any]) -> int:
    """How many answers a request wants to each of its prompts; llama.cpp takes 2.0 for two."""
    number = payload.get("n_cmpl", payload.get("n"))
    return int(number) if isinstance(number, int | float) and number >= 1 else 1


def shared(one: bytes, other: bytes) -> int:
    """How many bytes two texts have in common at their beginning."""
    shorter = min(len(one), len(other))
    starts = range(0, shorter, _COMPARED)
    differing = (at for at in starts if one[at : at + _COMPARED] != other[at : at + _COMPARED])
    start = next(differing, None)
    if start is None:
        return shorter
    ends = range(start + 1, min(start + _COMPARED, shorter) + 1)
    return start + bisect_left(ends, True, key=lambda end: one[start:end] != other[start:end])


def _answer(payload: Mapping[str, Any]) -> int:
    """Tokens that the answer is expected to have: as many as usual, or as may be."""
    told = (payload.get(name) for name in _LENGTH)
    return min([USUAL_ANSWER, *(length for length in told if _is_count(length))])


def _prompts(prompt: Any) -> int:
    """How many prompts there are: a list with a number in it is the tokens of one."""
    if not isinstance(prompt, list) or any(isinstance(part, int) for part in prompt):
        return 1
    return max(1, len(prompt))


def _is_count(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and value > 0
