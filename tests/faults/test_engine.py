"""An engine that hangs, one that never comes back, and one that nobody noticed had ended."""

from __future__ import annotations

import functools
import itertools
import json
import os
import resource
import signal
from pathlib import Path

import httpx
import pytest

from tests.faults.outcomes import SOON, Watch, answers, chat, eventually, is_alive, tell
from tests.inference import endpoint as endpoints

BOTH = ("/api/chat", "/v1/chat/completions")
DIALECTS = pytest.mark.parametrize("path", BOTH)
IMPATIENT = "tests.faults.impatient"
NO_CARD = '#!/bin/sh\necho "error: no CUDA-capable device is detected" >&2\nexit 1\n'


@DIALECTS
def test_an_engine_that_hangs(models: Path, tmp_path: Path, path: str) -> None:
    """It lives, takes connections, and computes nothing: a deadlock, or a card that stalls."""
    flag = ("--request-timeout", "4s")
    with (
        endpoints.running_on_stand_in(tmp_path, models, *flag, module=IMPATIENT) as endpoint,
        endpoint.client() as http,
        http.stream("POST", path, json=chat("drip 600")) as answer,
    ):
        lines = answer.iter_lines()
        assert "word" in next(lines)
        (hung,) = endpoint.children()
        watch = Watch()
        os.kill(hung, signal.SIGSTOP)
        last = [line for line in lines if line][-1]
        error = json.loads(last.removeprefix("data: "))["error"]
        sentence = error if isinstance(error, str) else error["message"]
        assert "longer than this server allows" in sentence
        eventually(lambda: not is_alive(hung))
        eventually(lambda: answers(endpoint))
        assert "has said nothing for 4 s" in endpoint.logged()
        assert http.get("/status").json()["restarts"] == 1
        tell(f"an engine that hangs, patience of 4 s, {path}", sentence, watch)


@DIALECTS
def test_a_card_that_is_lost(models: Path, tmp_path: Path, path: str) -> None:
    """What served cannot be started again: the server ends, and its next start says why."""
    with (
        endpoints.running_on_stand_in(tmp_path, models, module=IMPATIENT) as endpoint,
        endpoint.client() as http,
        http.stream("POST", path, json=chat("drip 600")) as answer,
    ):
        lines = answer.iter_lines()
        assert "word" in next(lines)
        watch = Watch()
        (tmp_path / "llama-server").write_text(NO_CARD)
        os.kill(endpoint.children()[0], signal.SIGKILL)
        last = [line for line in lines if line][-1]
        assert "stopped" in last
        assert endpoint.process.wait(SOON) == 9
        assert "no CUDA-capable device" in endpoint.logged()
        tell(f"a card that is lost, {path}", "exit code 9", watch)


def test_a_question_to_an_engine_that_just_ended(models: Path, tmp_path: Path) -> None:
    """Whether or not its end was noticed yet, the next one answers."""
    with (
        endpoints.running_on_stand_in(tmp_path, models, module=IMPATIENT) as endpoint,
        endpoint.client() as http,
    ):
        for path in BOTH * 3:
            (engine,) = endpoint.children()
            os.kill(engine, signal.SIGKILL)
            while is_alive(engine):
                pass  # no longer than that: the runtime is not to know it yet
            assert http.post(path, json=chat("drip 1")).status_code == 200


@DIALECTS
def test_no_file_left_for_the_engines_connection(models: Path, tmp_path: Path, path: str) -> None:
    with (
        endpoints.running_on_stand_in(tmp_path, models) as endpoint,
        endpoint.client() as http,
    ):
        assert http.get("/healthz").status_code == 200
        limit = functools.partial(resource.prlimit, endpoint.process.pid, resource.RLIMIT_NOFILE)

        def asked() -> httpx.Response:
            limit((_lowest_free(endpoint.process.pid), 4096))
            return http.post(path, json=chat("drip 1"))

        # A connection of before may still have had its number.
        eventually(lambda: asked().status_code == 503)
        answer = asked()
        assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
        assert "as many connections open as it may" in str(answer.json()["error"])
        assert http.get("/health").status_code == 200
        limit((4096, 4096))
        assert http.post(path, json=chat("drip 1")).status_code == 200
        tell(f"no file left for a connection to the engine, {path}", answer.text, Watch())


def _lowest_free(pid: int) -> int:
    """The number that the next file of a process gets."""
    taken = {int(path.name) for path in Path(f"/proc/{pid}/fd").iterdir()}
    return next(number for number in itertools.count() if number not in taken)
