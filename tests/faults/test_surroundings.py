"""What a server may find around it: a clock at its beginning, a volume that can only be read, a
log that nobody takes any more, bodies that never come whole."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import httpx2
import pytest

from tests.faults.outcomes import SOON, Watch, answers, chat, eventually, tell
from tests.faults.wall_clock import WallClock
from tests.inference import endpoint as endpoints
from tests.inference.endpoint import KEY, ROOT
from tests.site.live import LiveSite
from tests.standins.ports import free_port
from tests.standins.upstream import Upstream
from tests.standins.weights import Weights
from tests.wizard.demo.sites import demo_site

NAME = "hf.co/user/repo:Q8_0"
QUESTION = {**chat("Hi", NAME, stream=False), "options": {"num_predict": 3}}
PAGES = ("/", "/models/ollama/llama3.1:8b/configure/", "/models/ollama/llama3.1:8b/deploy.yaml")
CROWD = 20


@pytest.fixture
def weights(models: Path) -> Iterator[Weights]:
    with Weights() as servers:
        servers.add_hub("user/repo", {"m-Q8_0.gguf": (models / "tiny.gguf").read_bytes()})
        yield servers


def _hours_since_1970() -> float:
    return (time.time() - 100) / 3600


def test_a_clock_that_begins_at_1970_runtime(
    weights: Weights, tmp_path: Path, clock: WallClock
) -> None:
    """As on a board without a battery, until a time server was asked."""
    clock.jump(hours=-_hours_since_1970())
    environ = weights.environ(**clock.environ)
    with (
        endpoints.running(tmp_path, "--model", NAME, environ=environ) as endpoint,
        endpoint.client() as http,
    ):
        assert http.post("/api/chat", json=QUESTION).json()["created_at"].startswith("1970-")
        watch = Watch()
        clock.jump(hours=0)
        assert http.post("/api/chat", json=QUESTION).json()["created_at"].startswith("2")
        (model,) = http.get("/api/ps").json()["models"]
        assert model["name"] == NAME
        tell("the clock begins at 1970, runtime", "nothing", watch)


def test_a_clock_that_begins_at_1970_site(clock: WallClock) -> None:
    clock.jump(hours=-_hours_since_1970())
    with Upstream() as upstream, demo_site({"ollama": upstream}, **clock.environ) as site:
        assert _all_of(site) == {200}
        watch = Watch()
        clock.jump(hours=0)
        assert _all_of(site) == {200}
        tell("the clock begins at 1970, site", "nothing", watch)


def _all_of(site: LiveSite) -> set[int]:
    """The status of pages, files and an answer, each asked twice."""
    found = [httpx2.get(site.url + page, timeout=60).status_code for page in PAGES * 2]
    question = chat("drip 1", "on-ollama")
    found += [
        httpx2.post(f"{site.url}/api/chat", json=question, timeout=60).status_code for _ in "12"
    ]
    return set(found)


@contextmanager
def _only_to_be_read(folder: Path) -> Iterator[None]:
    """Root may write wherever others may not, but not to what is mounted so."""
    if os.geteuid() != 0:
        folder.chmod(0o555)
        try:
            yield
        finally:
            folder.chmod(0o755)
        return
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_a_volume_that_can_only_be_read(weights: Weights, tmp_path: Path) -> None:
    """What is there is served; what is not cannot be fetched, and that is told."""
    folder, environ = tmp_path / "models", weights.environ()
    folder.mkdir()
    with (
        _only_to_be_read(folder),
        endpoints.running(
            tmp_path, "--model", NAME, wait=False, environ=environ, module="tests.faults.impatient"
        ) as endpoint,
        endpoint.client() as http,
    ):
        endpoints.wait_ready(endpoint, "/healthz")
        eventually(lambda: http.get("/status").json()["phase"] == "failed")
        told = http.get("/status").json()["message"]
        assert str(folder) in told
        assert http.post("/api/chat", json=chat("Hi", NAME)).status_code == 503
    watch = Watch()
    with endpoints.running(tmp_path, "--model", NAME, environ=environ):
        pass
    with (
        _only_to_be_read(folder),
        endpoints.running(tmp_path, "--model", NAME, environ=environ) as endpoint,
        endpoint.client() as http,
    ):
        answer = http.post("/api/chat", json=QUESTION)
        assert answer.status_code == 200
        tell("a volume that can only be read", told.replace(str(tmp_path), ""), watch)


@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "full"])
def test_a_log_that_nobody_takes_any_more(models: Path, tmp_path: Path, is_closed: bool) -> None:
    """As where what it was piped into has ended, or hangs: it is told so when it goes on."""
    with _piped(models, tmp_path) as (process, http):
        assert process.stdout
        assert any(b'"ready"' in line for line in iter(process.stdout.readline, b""))
        if is_closed:
            process.stdout.close()
        watch = Watch()
        for _ in range(150):  # some 180 bytes a line, into a pipe of 16,384
            assert http.get("/api/version").status_code == 200
        assert http.post("/api/chat", json=chat("drip 1")).status_code == 200
        tell("a log that nobody takes any more", "nothing", watch)
        if not is_closed:
            os.read(process.stdout.fileno(), 1 << 16)
            assert http.get("/api/version").status_code == 200
            assert b"lines of the log" in process.stdout.readline()
        process.terminate()
        assert process.wait(SOON) == 0


@contextmanager
def _piped(models: Path, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    """A runtime whose log goes into a small pipe, read without a buffer, and its client."""
    port = free_port()
    flags = ["--port", str(port), "--api-key", KEY, "--model", str(models / "tiny.gguf")]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "inference", "serve", *flags),
            *("--engine-binary", str(endpoints.stand_in_engine(folder))),
        ],
        cwd=ROOT,
        env={**os.environ, "MODELS_DIR": str(folder), "HOST": "127.0.0.1"},
        bufsize=0,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout
    fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 16384)
    address, headers = f"http://127.0.0.1:{port}", {"x-api-key": KEY}
    with process, httpx.Client(base_url=address, headers=headers, timeout=SOON) as http:
        try:
            yield process, http
        finally:
            process.kill()


def _begun(url: str, path: str, key: str = "") -> socket.socket:
    """A POST of which one byte came."""
    host, _, port = url.removeprefix("http://").partition(":")
    sock = socket.create_connection((host, int(port)), SOON)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nx-api-key: {key}\r\nContent-Length: 1000\r\n\r\n"
    sock.sendall(f"{head}{{".encode())
    return sock


def test_bodies_that_never_come_whole_runtime(models: Path, tmp_path: Path) -> None:
    """They take no slot."""
    flags = ("--slots", "1", "--max-queue", "0")
    with (
        endpoints.running_on_stand_in(tmp_path, models, *flags) as endpoint,
        ExitStack() as opened,
    ):
        for _ in range(CROWD):
            opened.enter_context(_begun(endpoint.url, "/api/chat", endpoint.key))
        watch = Watch()
        assert answers(endpoint)
        tell("bodies that never come whole, runtime", "nothing", watch)


def test_the_end_while_a_body_does_not_come_whole(models: Path, tmp_path: Path) -> None:
    """It is not waited for: whoever sends it has nothing to lose yet."""
    long = ("--grace-time", "10m")
    with (
        endpoints.running_on_stand_in(tmp_path, models, *long) as endpoint,
        _begun(endpoint.url, "/api/chat", endpoint.key) as sock,
    ):
        sock.settimeout(SOON)
        assert answers(endpoint)  # on a connection that came later
        watch = Watch()
        endpoint.process.terminate()
        with sock.makefile("rb") as stream:
            answer = stream.read()
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 5" in answer
        assert b"The server stopped before this request was whole." in answer
        assert endpoint.process.wait(SOON) == 0
        tell("SIGTERM with a body that never comes whole", "503", watch)


def test_bodies_that_never_come_whole_site() -> None:
    """They take none of the demo's places, and no page's thread."""
    limits = {"DEMO_STREAMS": "1", "DEMO_QUEUE": "0", "WORKERS": "1"}
    with (
        Upstream() as upstream,
        demo_site({"ollama": upstream}, **limits) as site,
        ExitStack() as opened,
    ):
        for path in ("/api/chat", "/v1/chat/completions", "/api/check", "/check/"):
            for _ in range(CROWD):
                opened.enter_context(_begun(site.url, path))
        watch = Watch()
        assert _all_of(site) == {200}
        tell("bodies that never come whole, site", "nothing", watch)
