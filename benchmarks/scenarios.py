"""What callers ask: short and long questions, a shared beginning, chats of several turns,
and questions that come and go.

Every text is made of words without a meaning, drawn from a seed. Servers that are compared
get the same words, each in an order of its own: as many tokens, and none finds another's
in its cache.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from string import ascii_lowercase

from benchmarks.load import Chat

SHORT, LONG, PREFIX, TURN = 12, 350, 250, 60


@dataclass(frozen=True)
class Scenario:
    """A kind of load: how many streams it is tried with, and the tokens of each answer."""

    meaning: str
    streams: tuple[int, ...]
    tokens: int
    chats: Callable[[random.Random, int], tuple[Chat, ...]]

    def draw(self, seed: str, streams: int, order: str) -> tuple[Chat, ...]:
        """The chats of one run: the words are the seed's, the ``order`` sets how they follow."""
        chats = self.chats(random.Random(seed), streams)
        return tuple(_ordered(chat, order) for chat in chats)


def _ordered(chat: Chat, order: str) -> Chat:
    """The same text always comes out the same, so that what chats share stays shared."""
    turns = tuple(_shuffled(text, order) for text in chat.turns)
    return replace(chat, turns=turns, system=_shuffled(chat.system, order))


def _shuffled(text: str, order: str) -> str:
    words = text.split()
    random.Random(f"{order} {text}").shuffle(words)
    return " ".join(words)


def _words(draw: random.Random, count: int) -> str:
    return " ".join("".join(draw.choices(ascii_lowercase, k=4)) for _ in range(count))


def _short(draw: random.Random, streams: int) -> tuple[Chat, ...]:
    return tuple(Chat((_words(draw, SHORT),), seed=number) for number in range(streams))


def _long(draw: random.Random, streams: int) -> tuple[Chat, ...]:
    return tuple(Chat((_words(draw, LONG),), seed=number) for number in range(streams))


def _shared(draw: random.Random, streams: int) -> tuple[Chat, ...]:
    """A first caller with the shared system prompt, then the others with it too."""
    system = _words(draw, PREFIX)
    return tuple(
        Chat((_words(draw, SHORT), _words(draw, SHORT)), system, seed) for seed in range(streams)
    )


def _turns(draw: random.Random, streams: int) -> tuple[Chat, ...]:
    return tuple(
        Chat(tuple(_words(draw, TURN) for _ in range(4)), _words(draw, TURN), seed)
        for seed in range(streams)
    )


def _going(draw: random.Random, streams: int) -> tuple[Chat, ...]:
    """Answers of different lengths end one by one, and leave slots between busy ones."""
    return tuple(
        Chat(
            tuple(_words(draw, SHORT) for _ in range(4)),
            seed=number,
            tokens=draw.randint(16, 96),
            apart=True,
        )
        for number in range(streams)
    )


def _edits(draw: random.Random, streams: int) -> tuple[Chat, ...]:
    return tuple(_editing(draw) for _ in range(streams))


def _talks(draw: random.Random, streams: int) -> tuple[Chat, ...]:
    return tuple(_talking(draw) for _ in range(streams))


def _mixed(draw: random.Random, streams: int) -> tuple[Chat, ...]:
    return tuple(_talking(draw) if number % 2 else _editing(draw) for number in range(streams))


def _editing(draw: random.Random) -> Chat:
    """On a model of circles: each answer is the former one."""
    return Chat(_three(draw), seed=draw.randrange(1 << 30), again=True)


def _talking(draw: random.Random) -> Chat:
    """On the same model: nothing comes again."""
    return Chat(_three(draw), seed=draw.randrange(1 << 30), by_chance=True)


def _three(draw: random.Random) -> tuple[str, ...]:
    return tuple(_words(draw, SHORT) for _ in range(3))


SCENARIOS = {
    "edits": Scenario(
        "chats of three turns, each answer of 192 tokens the former one again",
        (1, 4, 16),
        192,
        _edits,
    ),
    "talks": Scenario(
        "chats of three turns, answers of 192 tokens that never repeat", (1, 4, 16), 192, _talks
    ),
    "mixed": Scenario("half of each kind of those", (4, 16), 192, _mixed),
    "circles": Scenario("short questions, answers of 384 tokens", (1, 4, 16), 384, _short),
    "short": Scenario("short questions, 64 tokens each answer", (1, 4, 8, 16, 32), 64, _short),
    "long": Scenario("questions of about 900 tokens, answers of 32", (1, 4), 32, _long),
    "shared": Scenario(
        "a system prompt of about 650 tokens that all share, two short turns each",
        (4, 8),
        32,
        _shared,
    ),
    "going": Scenario(
        "callers that come and go: four questions each, in conversations of their own, answers "
        "of 16 to 96 tokens",
        (5, 8, 12),
        64,
        _going,
    ),
    "turns": Scenario("chats of four turns, each of about 200 tokens", (1, 4), 32, _turns),
}
