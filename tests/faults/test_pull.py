"""The runtime killed while it pulls, a full disk, and a registry that lies."""

from __future__ import annotations

import hashlib
import os
import re
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults.impatient import PIECE
from tests.faults.outcomes import SOON, Watch, chat, eventually, tell
from tests.faults.wall_clock import WallClock
from tests.inference import endpoint as endpoints
from tests.inference.endpoint import Endpoint
from tests.standins.server import Reply, redirect, text
from tests.standins.weights import Weights, all_is_well

NAME = "hf.co/user/repo:Q8_0"
IMPATIENT = "tests.faults.impatient"
SIZE = 8 << 20
CAP_SYS_ADMIN = 21


def _may_mount() -> bool:
    """Root of a container may not."""
    found = re.search(r"^CapEff:\s*(\w+)$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return bool(found and int(found[1], 16) >> CAP_SYS_ADMIN & 1)


FULL = ("file size limit", "disk") if _may_mount() else ("file size limit",)


@pytest.fixture
def data(models: Path) -> bytes:
    """A model that answers, made long by bytes that no tensor has."""
    real = (models / "tiny.gguf").read_bytes()
    return real + hashlib.shake_128(b"tail").digest(SIZE - len(real))


@pytest.fixture
def weights(data: bytes) -> Iterator[Weights]:
    with Weights() as servers:
        servers.add_hub("user/repo", {"m-Q8_0.gguf": data})
        yield servers


def _start(weights: Weights, folder: Path, **others: str) -> AbstractContextManager[Endpoint]:
    """The runtime, with ``others`` in its environment."""
    told = ("--model", NAME)
    environ = weights.environ(**others)
    return endpoints.running(folder, *told, wait=False, environ=environ, module=IMPATIENT)


def _serves(weights: Weights, folder: Path, data: bytes) -> int:
    """Start once more and get an answer; the bytes that had to be fetched for it."""
    before = weights.sent
    with _start(weights, folder) as again, again.client() as http:
        endpoints.wait_ready(again)
        answer = http.post("/api/chat", json=chat("Hi", NAME, stream=False))
        assert answer.status_code == 200
    digest = hashlib.sha256(data).hexdigest()
    assert (folder / "models" / "blobs" / f"sha256-{digest}").read_bytes() == data
    return weights.sent - before


@contextmanager
def _until_half_is_sent(
    weights: Weights, folder: Path, do: Callable[[Endpoint], None]
) -> Iterator[Endpoint]:
    """The runtime; something is done to it when half of the file went out, before more goes."""
    doing, is_done, started = threading.Lock(), threading.Event(), Future[Endpoint]()

    def watch(_count: int) -> None:
        with doing:
            if weights.sent >= SIZE // 2 and not is_done.is_set():
                do(started.result(SOON))
                is_done.set()

    weights.on_bytes = watch
    with _start(weights, folder) as endpoint:
        started.set_result(endpoint)
        yield endpoint


def test_killed_while_it_pulls(weights: Weights, tmp_path: Path, data: bytes) -> None:
    with _until_half_is_sent(weights, tmp_path, lambda it: it.process.kill()) as endpoint:
        assert endpoint.process.wait(SOON) == -9
        watch = Watch()
        with pytest.raises(httpx.ConnectError) as seen:
            httpx.get(endpoint.url)
    kept = _noted(tmp_path)
    _no_longer_sent(weights)
    fetched = _serves(weights, tmp_path, data)
    assert kept > 0
    assert fetched <= SIZE - kept
    tell(f"kill -9 while it pulls, {SIZE - fetched} of {SIZE} bytes kept", str(seen.value), watch)


def test_the_end_while_it_pulls(weights: Weights, tmp_path: Path, data: bytes) -> None:
    def end(endpoint: Endpoint) -> None:
        endpoint.process.terminate()
        endpoint.process.wait(SOON)

    with _until_half_is_sent(weights, tmp_path, end) as endpoint:
        assert endpoint.process.wait(SOON) == 0
        watch = Watch()
    kept = _noted(tmp_path)
    _no_longer_sent(weights)
    fetched = _serves(weights, tmp_path, data)
    assert 0 < kept <= SIZE - fetched
    tell(f"SIGTERM while it pulls, {kept} bytes kept", "no connection", watch)


def test_two_on_one_volume_of_which_the_first_is_killed(
    weights: Weights, tmp_path: Path, data: bytes
) -> None:
    """The second waits for the first, and goes on where that was."""

    def stop(first: Endpoint) -> None:
        first.process.send_signal(signal.SIGSTOP)

    with _until_half_is_sent(weights, tmp_path, stop) as first:
        eventually(lambda: weights.sent >= SIZE // 2)
        with _start(weights, tmp_path) as second, second.client() as http:
            endpoints.wait_ready(second, "/healthz")
            eventually(lambda: "waiting for another" in _stage(http))
            watch = Watch()
            first.process.kill()
            endpoints.wait_ready(second)
            answer = http.post("/api/chat", json=chat("Hi", NAME, stream=False))
            assert answer.status_code == 200
    assert weights.sent < SIZE * 3 // 2
    tell("two on one volume, the first of them killed", "the second goes on", watch)


def _no_longer_sent(weights: Weights) -> None:
    """What goes out to one that has ended is counted until its connections are closed."""
    eventually(lambda: weights.cdn.count_open() == 0)


def _stage(http: httpx.Client) -> str:
    (entry,) = http.get("/status").json()["models"]
    return str((entry["progress"] or {}).get("stage"))


def _noted(folder: Path) -> int:
    """Bytes of whole pieces that were confirmed."""
    (journal,) = (folder / "models" / "blobs").glob("*.journal")
    return sum(line.startswith("[") for line in journal.read_text().split("\n")[:-1]) * PIECE


@pytest.fixture(params=FULL)
def fill(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[int], None]]:
    """Leaves the process that is named no room to write; on a disk of its own where that may be."""
    if request.param == "file size limit":
        yield _limit_files
        return
    folder = tmp_path / "models"
    folder.mkdir()
    _mount(folder, "size=64m")
    try:
        yield lambda _pid: _mount(folder, f"remount,size={SIZE * 3 // 4}")
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def _limit_files(pid: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (SIZE * 3 // 4, SIZE * 3 // 4))


def _mount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], check=True)


def test_a_disk_that_gets_full(
    weights: Weights, tmp_path: Path, data: bytes, fill: Callable[[int], None]
) -> None:
    filling = _until_half_is_sent(weights, tmp_path, lambda it: fill(it.process.pid))
    with filling as endpoint, endpoint.client() as http:
        endpoints.wait_ready(endpoint, "/healthz")
        eventually(lambda: http.get("/status").json()["phase"] == "failed")
        told = http.get("/status").json()["message"]
        assert "is full" in told or "File too large" in told
        answer = http.post("/api/chat", json=chat("Hi", NAME))
        assert answer.status_code == 503
        kept = _noted(tmp_path)
    if (tmp_path / "models").is_mount():
        _mount(tmp_path / "models", "remount,size=64m")
    watch = Watch()
    _no_longer_sent(weights)
    fetched = _serves(weights, tmp_path, data)
    assert 0 < kept <= SIZE - fetched
    tell(f"a full disk, {kept} bytes kept", told.replace(str(tmp_path), ""), watch)


def _break(fault: str, weights: Weights, digest: str, data: bytes) -> None:
    page = text("<html>Sign in</html>", content_type="text/html")
    match fault:
        case "a flipped byte":
            weights.serve(digest, data[:-1] + bytes([data[-1] ^ 1]))
        case "a truncated file":
            weights.serve(digest, data[:-99])
        case "an oversized file":
            weights.serve(digest, data + bytes(99))
        case "a Content-Length that lies":
            weights.cdn.fail(digest, Reply(200, data[:999], claimed=SIZE))
        case "a registry that stalls":
            weights.hub.hang("/api/")
        case "files that stall":
            weights.cdn.hang(digest)
        case "a host whose name is not known":
            weights.cdn.fail(digest, redirect("http://cdn.invalid/"))
        case "redirects in a circle":
            weights.cdn.fail(digest, redirect(f"/{digest}"))
        case "a page for JSON":
            weights.hub.fail("/api/", page)
        case "a page for the file":
            weights.cdn.fail(digest, page)


# What is told, and the exit code where the server ends so that its container starts again.
WRONG = {
    "a flipped byte": ("thrown away", None),
    "a truncated file": ("bytes", 6),
    "an oversized file": ("bytes", 6),
    "a Content-Length that lies": ("attempts", 6),
    "a registry that stalls": ("attempts", 6),
    "files that stall": ("attempts", 6),
    "a host whose name is not known": ("attempts", 6),
    "redirects in a circle": ("more than 5 times", 6),
    "a page for JSON": ("not JSON", 6),
    "a page for the file": ("a web page instead", 6),
}


@pytest.mark.parametrize("fault", WRONG)
def test_what_arrives_is_wrong(weights: Weights, tmp_path: Path, data: bytes, fault: str) -> None:
    """Wrong bytes stay and are told; what a new start may cure ends with a code of its own."""
    words, code = WRONG[fault]
    digest = hashlib.sha256(data).hexdigest()
    _break(fault, weights, digest, data)
    impatience = {"STALL_SECONDS": "0.3"} if "stall" in fault else {}
    # Where no name server answers, the C library is not to wait for it as long as it would.
    impatience |= {"RES_OPTIONS": "timeout:1 attempts:1"}
    with _start(weights, tmp_path, **impatience) as endpoint:
        if code is None:
            _is_told_by_http(endpoint, words)
        else:
            assert endpoint.process.wait(SOON) == code
        eventually(lambda: words in endpoint.logged())
    assert not (tmp_path / "models" / "blobs" / f"sha256-{digest}").exists()
    for server in (weights.hub, weights.cdn):
        server.heal()
    weights.serve(digest, data)
    watch = Watch()
    _serves(weights, tmp_path, data)
    tell(fault, f"{words}; exit code {code}", watch)


def _is_told_by_http(endpoint: Endpoint, words: str) -> None:
    endpoints.wait_ready(endpoint, "/healthz")
    with endpoint.client() as http:
        eventually(lambda: http.get("/status").json()["phase"] == "failed")
        assert words in http.get("/status").json()["message"]
        for path in ("/api/chat", "/v1/chat/completions"):
            answer = http.post(path, json=chat("Hi", NAME))
            assert answer.status_code == 503
            assert words in str(answer.json()["error"])


def test_a_file_that_is_cut_under_its_engine(weights: Weights, tmp_path: Path, data: bytes) -> None:
    """The engine reads it where it lies, dies of it and cannot be had again; a new start fetches it
    anew."""
    with _start(weights, tmp_path) as endpoint:
        endpoints.wait_ready(endpoint)
        digest = hashlib.sha256(data).hexdigest()
        os.truncate(tmp_path / "models" / "blobs" / f"sha256-{digest}", 4096)
        watch = Watch()
        os.kill(endpoint.children()[0], signal.SIGBUS)
        assert endpoint.process.wait(SOON) == 9
        assert "could not load the model" in endpoint.logged()
    assert _serves(weights, tmp_path, data) == SIZE
    tell("a file that is cut under its engine", "exit code 9, then fetched anew", watch)


def test_a_file_that_changes_under_a_resumed_pull(
    weights: Weights, tmp_path: Path, data: bytes
) -> None:
    with _until_half_is_sent(weights, tmp_path, lambda it: it.process.kill()) as endpoint:
        endpoint.process.wait(SOON)
    weights.on_bytes = all_is_well
    weights.etags[hashlib.sha256(data).hexdigest()] = '"another version"'
    watch = Watch()
    fetched = _serves(weights, tmp_path, data)
    assert fetched >= SIZE
    tell("a file that changes under a resumed pull", "fetched anew, and right", watch)


@pytest.mark.parametrize("hours", [3, -3])
def test_a_clock_that_jumps_while_it_pulls(
    weights: Weights, tmp_path: Path, clock: WallClock, hours: int
) -> None:
    """No line is cut as too slow; speed and time left stay of this world."""
    weights.on_bytes = lambda _count: time.sleep(0.2)
    seen: list[dict[str, Any]] = []
    with _start(weights, tmp_path, **clock.environ) as endpoint, endpoint.client() as http:
        endpoints.wait_ready(endpoint, "/healthz")
        eventually(lambda: weights.sent > SIZE // 4)
        watch = Watch()

        def is_here() -> bool:
            (entry,) = http.get("/status").json()["models"]
            seen.extend([entry["progress"]] if entry["progress"] else [])
            return http.get("/health").status_code == 200

        assert not is_here()
        clock.jump(hours=hours)
        eventually(is_here)
        assert "trying again" not in endpoint.logged()
    assert weights.sent == SIZE
    assert max(told["bytes_per_second"] for told in seen) in range(1, 10**9)
    assert all(told["seconds_left"] is None or 0 <= told["seconds_left"] < 600 for told in seen)
    tell(f"the clock jumps by {hours} h while it pulls", "nothing", watch)
