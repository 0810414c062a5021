"""The caller's side of a measurement, in a process of its own: streams, and nothing else.

    python -m benchmarks.load < plan.json > answers.json

A plan names a server, a route and the chats that are held at the same time.
Sockets are read by hand, so that a token costs the caller a few microseconds
and the cores are left to what is measured.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

PATHS = {"openai": "/v1/chat/completions", "ollama": "/api/chat"}
_TOKEN = re.compile(rb'"content": ?"(?!")')
LONGEST_SILENCE = 300.0
# A temperature at which all are equal, however far one of them is ahead.
AT_RANDOM = 10_000.0


@dataclass(frozen=True)
class Chat:
    """One chat: what its user says, turn by turn, after an optional system prompt.

    ``tokens`` is the length of its answers, 0 for the plan's. ``apart`` makes
    each turn a conversation of its own. Each turn has a seed of its own too, unless
    ``again`` wants the same, with which a model of circles says the former answer again;
    ``by_chance`` takes it out of them, to any of the forty likeliest tokens.
    """

    turns: tuple[str, ...]
    system: str = ""
    seed: int = 1
    tokens: int = 0
    apart: bool = False
    again: bool = False
    by_chance: bool = False


@dataclass(frozen=True)
class Plan:
    """What to ask: ``chats`` at once on ``port`` of this machine, ``tokens`` in each answer."""

    dialect: str
    port: int
    chats: tuple[Chat, ...]
    tokens: int
    model: str = "random"


@dataclass
class Reply:
    """One answer: its text, and when it began and each of its tokens came (monotonic clock)."""

    turn: int
    began: float
    arrivals: list[float] = field(default_factory=list)
    text: str = ""

    @property
    def first(self) -> float:
        """Seconds to the first token."""
        return self.arrivals[0] - self.began

    @property
    def gaps(self) -> list[float]:
        """Seconds between one token and the next."""
        return [
            later - sooner for sooner, later in zip(self.arrivals, self.arrivals[1:], strict=False)
        ]


def run(plan: Plan) -> list[Reply]:
    """Hold the chats in a process of its own; answers every reply."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=json.dumps(asdict(plan)).encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    return [Reply(**reply) for reply in json.loads(done.stdout)]


class _Talk:
    """A chat under way."""

    def __init__(self, plan: Plan, chat: Chat) -> None:
        self._plan, self._chat = plan, chat
        self._left = list(chat.turns)
        self._messages = self._first()
        self._received: list[bytes] = []
        self.replies: list[Reply] = []
        self.socket = socket.socket()

    def _first(self) -> list[dict[str, str]]:
        system = self._chat.system
        return [{"role": "system", "content": system}] if system else []

    def ask(self) -> None:
        """Send the next turn on a connection of its own: llama-server keeps none."""
        self._messages.append({"role": "user", "content": self._left.pop(0)})
        self._received = []
        self.socket = socket.create_connection(("127.0.0.1", self._plan.port))
        self.replies.append(Reply(len(self.replies), time.monotonic()))
        turn = 0 if self._chat.again else len(self.replies) - 1
        self.socket.sendall(_request(self._plan, self._messages, self._chat, turn))
        self.socket.setblocking(False)

    def read(self) -> bool:
        """Take what has come; answers whether the reply has ended."""
        data = self.socket.recv(1 << 16)
        now = time.monotonic()
        if not data:
            self._end()
            return True
        self._received.append(data)
        self.replies[-1].arrivals += [now] * len(_TOKEN.findall(data))
        return False

    @property
    def is_over(self) -> bool:
        return not self._left

    def _end(self) -> None:
        self.socket.close()
        whole = b"".join(self._received)
        if b" 200 " not in whole[:20] or not self.replies[-1].arrivals:
            sys.exit(f"unexpected answer: {whole[:500]!r}")
        self.replies[-1].text = _text(whole)
        if self._chat.apart:
            self._messages = self._first()
            return
        self._messages.append({"role": "assistant", "content": self.replies[-1].text})


def _request(plan: Plan, messages: Sequence[dict[str, str]], chat: Chat, turn: int) -> bytes:
    tokens = chat.tokens or plan.tokens
    heat, share = (AT_RANDOM, 1.0) if chat.by_chance else (0.8, 0.9)
    sampling = {"temperature": heat, "top_p": share, "top_k": 40, "min_p": 0.0}
    sampling["seed"] = chat.seed + turn
    document: dict[str, Any] = {"model": plan.model, "messages": messages, "stream": True}
    if plan.dialect == "ollama":
        document["options"] = {**sampling, "num_predict": tokens}
    else:
        document |= {**sampling, "max_tokens": tokens}
    body = json.dumps(document).encode()
    return (
        f"POST {PATHS[plan.dialect]} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def _text(answer: bytes) -> str:
    """The answer's text, put together from its lines."""
    lines = (line.removeprefix(b"data: ") for line in answer.split(b"\n"))
    events = [json.loads(line) for line in lines if line.startswith(b"{") and b"content" in line]
    return "".join(_delta(event).get("content") or "" for event in events)


def _delta(event: dict[str, Any]) -> dict[str, Any]:
    if "message" in event:
        return dict(event["message"])
    return dict(event["choices"][0]["delta"]) if event.get("choices") else {}


def _hold(plan: Plan) -> list[Reply]:
    """Hold all chats at once, each turn by turn."""
    talks = [_Talk(plan, chat) for chat in plan.chats]
    with selectors.DefaultSelector() as selector:
        for talk in talks:
            talk.ask()
            selector.register(talk.socket, selectors.EVENT_READ, talk)
        while selector.get_map():
            ready = selector.select(LONGEST_SILENCE)
            if not ready:
                sys.exit(f"nothing came for {LONGEST_SILENCE:.0f} s")
            for key, _ in ready:
                _go_on(selector, key.data)
    return [reply for talk in talks for reply in talk.replies]


def _go_on(selector: selectors.BaseSelector, talk: _Talk) -> None:
    old = talk.socket
    if not talk.read():
        return
    selector.unregister(old)
    if not talk.is_over:
        talk.ask()
        selector.register(talk.socket, selectors.EVENT_READ, talk)


def main() -> None:
    """Read a plan, print the replies."""
    told = json.load(sys.stdin)
    chats = tuple(Chat(**chat) for chat in told.pop("chats"))
    replies = _hold(Plan(**told, chats=chats))
    json.dump([asdict(reply) for reply in replies], sys.stdout)


if __name__ == "__main__":
    main()
