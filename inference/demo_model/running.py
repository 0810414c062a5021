"""The demonstration model in an engine of its own, for measuring and for tests."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.demo_model.corpus import HERE
from inference.engine.command import LOOPBACK, EngineConfig, command

MODEL = HERE / "oneclick-demo.gguf"
CONTEXT = 2048
SLOTS = 2
STARTING, PAUSE, ANSWERING = 60.0, 0.1, 120.0


class Failed(Exception):
    """The engine did not start, or answered with an error."""


@dataclass(frozen=True)
class Running:
    """An engine that listens on loopback."""

    port: int

    def ask(self, path: str, payload: Mapping[str, Any] | None = None) -> Any:
        """The JSON that a route answers: a GET, or a POST of ``payload``. Raises Failed."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=ANSWERING)
        body = None if payload is None else json.dumps(payload)
        method = "GET" if payload is None else "POST"
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status != http.HTTPStatus.OK:
            raise Failed(f"{path} answered {answer.status}: {text[:500]!r}")
        return json.loads(text)

    def message(self, messages: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        """The assistant's message at temperature 0."""
        payload = {"messages": messages, "temperature": 0, "max_tokens": 160, **more}
        found: dict[str, Any] = self.ask("/v1/chat/completions", payload)["choices"][0]["message"]
        return found

    def reply(self, question: str, system: str = "", **more: Any) -> str:
        """The answer to one question at temperature 0."""
        start = [{"role": "system", "content": system}] if system else []
        return str(self.message([*start, {"role": "user", "content": question}], **more)["content"])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _ready(running: Running) -> bool:
    try:
        running.ask("/health")
    except (OSError, http.client.HTTPException, Failed):
        return False
    return True


def _await(running: Running, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + STARTING
    while not _ready(running):
        if process.poll() is not None or time.monotonic() > until:
            raise Failed("the engine did not start")
        time.sleep(PAUSE)


@contextmanager
def running(model: Path = MODEL, *, projector: Path | None = None) -> Iterator[Running]:
    """An engine with ``model``, chat and embeddings, ended with the block. Raises Failed."""
    config = EngineConfig(
        name="oneclick-demo",
        model=model,
        context_length=CONTEXT,
        slots=SLOTS,
        projector=projector,
        threads=1,
        embeddings=True,
        pooling="mean",
    )
    started = Running(_free_port())
    process = subprocess.Popen(  # noqa: S603  (an argument list of our own, no shell)
        command(config, started.port, None), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        _await(started, process)
        yield started
    finally:
        process.kill()
        process.wait()
