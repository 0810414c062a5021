"""The runtime killed, its engine killed or out of memory, too many and lost clients, the end."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import socket
import stat
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.faults.outcomes import (
    SOON,
    Watch,
    answers,
    bare,
    chat,
    cut_cable,
    eventually,
    is_alive,
    tell,
)
from tests.inference import endpoint as endpoints
from tests.inference.endpoint import Endpoint

DIALECTS = pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
BOTH = ("/api/chat", "/v1/chat/completions")
IMPATIENT = "tests.faults.impatient"
CROWD = 500


@contextmanager
def taken_as(handler: signal.Handlers, number: int) -> Iterator[None]:
    """How a signal is taken here, and by what is started meanwhile: not as who runs the tests
    has it, which under nohup ignores SIGHUP."""
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


def _in_flight(endpoint: Endpoint) -> int:
    with endpoint.client() as http:
        return int(http.get("/status").json()["in_flight"])


@DIALECTS
def test_killed_in_mid_stream(models: Path, tmp_path: Path, path: str) -> None:
    with endpoints.running_on_stand_in(tmp_path, models) as endpoint, endpoint.client() as http:
        (engine,) = endpoint.children()
        with http.stream("POST", path, json=chat("drip 600")) as answer:
            lines = answer.iter_lines()
            assert "word" in next(lines)
            watch = Watch()
            endpoint.process.kill()
            with pytest.raises(httpx.RemoteProtocolError) as seen:
                list(lines)
        endpoint.process.wait()
        eventually(lambda: not is_alive(engine))
    with endpoints.running_on_stand_in(tmp_path, models) as again:
        assert answers(again)
        tell(f"kill -9 of the runtime in mid-stream, {path}", str(seen.value), watch)


def test_killed_while_it_loads(models: Path, tmp_path: Path) -> None:
    loading = endpoints.running_on_stand_in(tmp_path, models, wait=False, start="endless")
    with loading as endpoint, endpoint.client() as http:
        endpoints.wait_ready(endpoint, "/healthz")
        eventually(lambda: http.get("/status").json()["phase"] == "loading")
        eventually(lambda: len(endpoint.children()) == 1)
        (engine,) = endpoint.children()
        watch = Watch()
        endpoint.process.kill()
        endpoint.process.wait()
        with pytest.raises(httpx.TransportError) as seen:
            http.post("/api/chat", json=chat("drip 1"))
        eventually(lambda: not is_alive(engine))
    with endpoints.running_on_stand_in(tmp_path, models) as again:
        assert answers(again)
        tell("kill -9 of the runtime while it loads", str(seen.value), watch)


def test_the_end_while_it_loads(models: Path, tmp_path: Path) -> None:
    loading = endpoints.running_on_stand_in(tmp_path, models, wait=False, start="endless")
    with loading as endpoint, endpoint.client() as http:
        endpoints.wait_ready(endpoint, "/healthz")
        eventually(lambda: http.get("/status").json()["phase"] == "loading")
        eventually(lambda: len(endpoint.children()) == 1)
        (engine,) = endpoint.children()
        watch = Watch()
        endpoint.process.terminate()
        assert endpoint.process.wait(SOON) == 0
        assert not is_alive(engine)
        tell("SIGTERM while it loads", "no connection, exit code 0", watch)


@DIALECTS
def test_the_engine_killed_in_mid_stream(models: Path, tmp_path: Path, path: str) -> None:
    with endpoints.running_on_stand_in(tmp_path, models) as endpoint, endpoint.client() as http:
        with http.stream("POST", path, json=chat("drip 600")) as answer:
            lines = answer.iter_lines()
            assert "word" in next(lines)
            watch = Watch()
            (engine,) = endpoint.children()
            os.kill(engine, signal.SIGKILL)
            last = [line for line in lines if line][-1]
        error = json.loads(last.removeprefix("data: "))["error"]
        sentence = error if isinstance(error, str) else error["message"]
        assert "stopped" in sentence
        assert "try once more" in sentence
        eventually(lambda: answers(endpoint))
        tell(f"kill -9 of the engine in mid-stream, {path}", sentence, watch)
        assert http.get("/status").json()["restarts"] == 1


@pytest.mark.parametrize("path", ["/api/generate", "/v1/completions"])
def test_a_request_beyond_the_engines_memory(models: Path, tmp_path: Path, path: str) -> None:
    """The real engine, its address space bounded to what it has and 16 MiB."""
    ask = {"model": "tiny", "prompt": "Hi", "stream": False, "max_tokens": 3}
    with endpoints.running(tmp_path, "--model", str(models / "tiny.gguf")) as endpoint:
        (engine,) = endpoint.children()
        most = _address_space(engine) + (16 << 20)
        with endpoint.client() as http:
            assert http.post(path, json=ask).status_code == 200
            resource.prlimit(engine, resource.RLIMIT_AS, (most, most))
            answer = http.post(path, json={**ask, "prompt": "x" * (20 << 20)})
            watch = Watch()
            error = answer.json()["error"]
            sentence = error if isinstance(error, str) else error["message"]
            assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
            # llama.cpp says so, or ends: which one depends on the place that asks for memory.
            assert "too little memory" in sentence or "started again" in sentence
            eventually(lambda: http.post(path, json=ask).status_code == 200)
            tell(f"out of memory in the engine, {path}", f"503: {sentence}", watch)


def _address_space(pid: int) -> int:
    pages = Path(f"/proc/{pid}/statm").read_text().split()[0]
    return int(pages) * resource.getpagesize()


def test_no_memory_for_the_model(models: Path, tmp_path: Path) -> None:
    """The real engine under ``ulimit -v``: told on every way, and the server stays to tell it."""
    engine = tmp_path / "engine"
    run = f'exec "{sys.executable}" -m inference.engine.xllamacpp_child "$@"'
    engine.write_text(f"#!/bin/sh\nulimit -v 150000\n{run}\n")
    engine.chmod(engine.stat().st_mode | stat.S_IXUSR)
    flags = ("--model", str(models / "tiny.gguf"), "--engine-binary", str(engine))
    watch = Watch()
    with (
        endpoints.running(tmp_path, *flags, wait=False) as endpoint,
        endpoint.client() as http,
    ):
        endpoints.wait_ready(endpoint, "/healthz")
        eventually(lambda: http.get("/status").json()["phase"] == "failed")
        told = http.get("/status").json()["message"]
        assert "could not load the model" in told
        answer = http.post("/api/chat", json=chat("Hi"))
        assert answer.status_code >= 500
        assert "could not load the model" in answer.json()["error"]
        tell("no memory for the model", told, watch)


def test_the_engine_killed_while_it_loads(models: Path, tmp_path: Path) -> None:
    """As the kernel does where the memory of a container is used up."""
    loading = endpoints.running_on_stand_in(tmp_path, models, wait=False, start="endless")
    with loading as endpoint, endpoint.client() as http:
        endpoints.wait_ready(endpoint, "/healthz")
        eventually(lambda: http.get("/status").json()["phase"] == "loading")
        eventually(lambda: len(endpoint.children()) == 1)
        watch = Watch()
        os.kill(endpoint.children()[0], signal.SIGKILL)
        eventually(lambda: http.get("/status").json()["phase"] == "failed")
        told = http.get("/status").json()["message"]
        assert "ended by signal 9" in told
        assert "too little memory: give it more" in told
        tell("kill -9 of the engine while it loads", told, watch)


def test_five_hundred_at_once(models: Path, tmp_path: Path) -> None:
    flags = ("--slots", "4", "--max-queue", "64")
    with endpoints.running_on_stand_in(tmp_path, models, *flags) as endpoint:
        watch = Watch()
        body = json.dumps(chat("drip 1")).encode()
        crowd = [
            bare(endpoint.url, BOTH[number % 2], body, key=endpoint.key) for number in range(CROWD)
        ]
        counts = Counter(map(_status, crowd))
        assert set(counts) <= {200, 503}
        assert counts[200] >= 68
        assert answers(endpoint)
        eventually(lambda: _in_flight(endpoint) == 0)
        tell("500 connections at once, runtime", f"{dict(counts)}", watch)


def _status(sock: socket.socket) -> int:
    """The status of a whole answer; each is an answer or a refusal with a time to come back."""
    with sock, sock.makefile("rb") as answer:
        raw = answer.read().decode()
    if raw.startswith("HTTP/1.1 200"):
        assert "[DONE]" in raw or '"done":true' in raw
        return 200
    assert "retry-after:" in raw.lower()
    assert "busy" in raw
    return int(raw.split(" ", 2)[1])


def test_five_hundred_silent_connections(models: Path, tmp_path: Path) -> None:
    with endpoints.running_on_stand_in(tmp_path, models) as endpoint:
        silent = [bare(endpoint.url, "/api/chat", b"") for _ in range(CROWD)]
        watch = Watch()
        assert answers(endpoint)
        tell("500 silent connections, runtime", "nothing", watch)
        for sock in silent:
            sock.close()


def test_more_connections_than_files(models: Path, tmp_path: Path) -> None:
    """New ones wait, the log stays short, and all is well when some have gone."""
    with endpoints.running_on_stand_in(tmp_path, models) as endpoint:
        soft, hard = resource.prlimit(endpoint.process.pid, resource.RLIMIT_NOFILE)
        assert soft == hard
        resource.prlimit(endpoint.process.pid, resource.RLIMIT_NOFILE, (48, hard))
        silent = [bare(endpoint.url, "/api/chat", b"") for _ in range(80)]
        eventually(lambda: "ulimit -n" in endpoint.logged())
        time.sleep(2.5)
        watch = Watch()
        for sock in silent:
            sock.close()
        eventually(lambda: answers(endpoint))
        assert endpoint.logged().count("ulimit -n") == 1
        assert endpoint.log.stat().st_size < 100_000
        tell("more connections than files, runtime", "new ones wait", watch)


@DIALECTS
def test_a_client_whose_cable_is_cut(models: Path, tmp_path: Path, path: str) -> None:
    flags = ("--slots", "1", "--max-queue", "0")
    with endpoints.running_on_stand_in(tmp_path, models, *flags, module=IMPATIENT) as endpoint:
        body = json.dumps(chat("drip 100000")).encode()
        sock = bare(endpoint.url, path, body, key=endpoint.key)
        assert sock.recv(64).startswith(b"HTTP/1.1 200")
        watch = Watch()
        cut_cable(sock)
        eventually(lambda: _in_flight(endpoint) == 0)
        eventually(lambda: answers(endpoint))
        tell(f"half-open socket, patience of 1 s, {path}", "the slot is free again", watch)
        sock.close()


@DIALECTS
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_end_while_an_answer_is_longer_than_the_grace_time(
    models: Path, tmp_path: Path, path: str, number: int
) -> None:
    flag = ("--grace-time", "1s")
    with (
        taken_as(signal.SIG_DFL, number),
        endpoints.running_on_stand_in(tmp_path, models, *flag) as endpoint,
        endpoint.client() as http,
        http.stream("POST", path, json=chat("drip 600")) as answer,
    ):
        lines = answer.iter_lines()
        assert "word" in next(lines)
        watch = Watch()
        endpoint.process.send_signal(number)
        last = [line for line in lines if line][-1]
        error = json.loads(last.removeprefix("data: "))["error"]
        sentence = error if isinstance(error, str) else error["message"]
        assert "The server stopped" in sentence
        assert endpoint.process.wait(SOON) == 0
        name = signal.Signals(number).name
        tell(f"{name}, a stream beyond a grace time of 1 s, {path}", sentence, watch)


def test_a_terminal_that_goes_is_not_minded_under_nohup(models: Path, tmp_path: Path) -> None:
    with (
        taken_as(signal.SIG_IGN, signal.SIGHUP),
        endpoints.running_on_stand_in(tmp_path, models) as endpoint,
        endpoint.client() as http,
    ):
        endpoint.process.send_signal(signal.SIGHUP)
        assert http.get("/health").status_code == 200
        told = Path(f"/proc/{endpoint.process.pid}/status").read_text()
        (mask,) = re.findall(r"^SigIgn:\s*(\w+)", told, re.MULTILINE)
        assert int(mask, 16) & 1 << signal.SIGHUP - 1


@DIALECTS
def test_the_end_while_a_whole_answer_is_awaited(models: Path, tmp_path: Path, path: str) -> None:
    with endpoints.running_on_stand_in(tmp_path, models, "--grace-time", "1s") as endpoint:
        answers: list[httpx.Response] = []

        def ask() -> None:
            with endpoint.client() as http:
                answers.append(http.post(path, json=chat("wait 600", stream=False)))

        asking = threading.Thread(target=ask)
        asking.start()
        eventually(lambda: _in_flight(endpoint) == 1)
        endpoint.process.send_signal(signal.SIGTERM)
        asking.join(SOON)
        assert endpoint.process.wait(SOON) == 0
    (answer,) = answers
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    assert "The server stopped" in str(answer.json()["error"])
