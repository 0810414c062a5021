"""The site with a worker, Redis or its tiny model killed, lost clients, a crowd, and the end."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import httpx2
import pytest
import redis

from tests.faults.outcomes import (
    SOON,
    Watch,
    bare,
    chat,
    children,
    cut_cable,
    eventually,
    is_alive,
    tell,
)
from tests.site.live import LiveSite
from tests.site.redis_server import redis_server
from tests.standins.ports import free_port
from tests.standins.upstream import Upstream
from tests.wizard.demo.sites import OPEN, demo_site

PAGE = "/models/ollama/llama3.1:8b/configure/"
BOTH = ("/api/chat", "/v1/chat/completions")
DIALECTS = pytest.mark.parametrize("path", BOTH)
MODEL = "on-ollama"
CROWD = 500


def _answers(site: LiveSite, model: str = MODEL) -> bool:
    try:
        answer = httpx2.post(f"{site.url}/api/chat", json=chat("Hi", model), timeout=SOON)
    except httpx2.TransportError:
        return False
    return answer.status_code == 200 and '"error"' not in answer.text


def _asking(site: LiveSite, path: str, prompt: str) -> AbstractContextManager[httpx2.Response]:
    """The answer as it comes in."""
    return httpx2.stream("POST", site.url + path, json=chat(prompt, MODEL), timeout=SOON)


def _pages(site: LiveSite) -> bool:
    try:
        return httpx2.get(f"{site.url}{PAGE}", timeout=SOON).status_code == 200
    except httpx2.TransportError:
        return False


@DIALECTS
def test_workers_killed_in_mid_stream(path: str) -> None:
    """Both of them, since the kernel says not which one has the stream."""
    with Upstream() as upstream, demo_site({"ollama": upstream}, WORKERS="2") as site:
        eventually(lambda: len(children(site.process.pid)) == 2)
        with _asking(site, path, "endless") as answer:
            lines = answer.iter_lines()
            assert next(lines)
            watch = Watch()
            first, second = children(site.process.pid)
            os.kill(first, signal.SIGKILL)
            eventually(lambda: _pages(site))
            os.kill(second, signal.SIGKILL)
            with pytest.raises(httpx2.RemoteProtocolError) as seen:
                list(lines)
        eventually(lambda: _answers(site))
        tell(f"kill -9 of gunicorn's workers in mid-stream, {path}", str(seen.value), watch)
        eventually(lambda: upstream.open == 0)
        eventually(lambda: len(children(site.process.pid)) == 2)


def _has_its_cache(site: LiveSite) -> bool:
    return bool(httpx2.get(f"{site.url}/healthz", timeout=SOON).json()["cache"])


def test_a_cache_folder_that_cannot_be_used() -> None:
    """A file is put in its place: root may write wherever others may not."""
    with Upstream() as upstream, demo_site({"ollama": upstream}) as site:
        assert _pages(site)
        shutil.rmtree(site.cache_dir)
        site.cache_dir.touch()
        assert _pages(site)
        assert _answers(site)
        assert not _has_its_cache(site)
        site.cache_dir.unlink()
        watch = Watch()
        eventually(lambda: _has_its_cache(site))
        tell("the cache's folder cannot be used", "nothing", watch)


def _redis(url: str) -> int:
    """The process id of a Redis server."""
    with redis.Redis.from_url(url) as client:
        return int(client.info()["process_id"])


def test_redis_killed_in_mid_stream(tmp_path: Path) -> None:
    port = free_port()
    with (
        Upstream() as upstream,
        redis_server(port, tmp_path) as url,
        demo_site({"ollama": upstream}, CACHE_URL=url) as site,
    ):
        assert _pages(site)
        with _asking(site, "/api/chat", "drip 100") as answer:
            lines = answer.iter_lines()
            assert next(lines)
            watch = Watch()
            os.kill(_redis(url), signal.SIGKILL)
            assert _pages(site)
            assert _answers(site)
            tell("kill -9 of Redis in mid-stream", "nothing", watch)
            assert json.loads([line for line in lines if line][-1])["done"] is True


def test_redis_that_hangs(tmp_path: Path) -> None:
    """It takes connections, and says nothing."""
    port = free_port()
    with (
        Upstream() as upstream,
        redis_server(port, tmp_path) as url,
        demo_site({"ollama": upstream}, CACHE_URL=url) as site,
    ):
        assert _pages(site)
        server = _redis(url)
        os.kill(server, signal.SIGSTOP)
        watch = Watch()
        assert _pages(site)
        assert _answers(site)
        tell("Redis that hangs", "a page and an answer, later", watch)
        assert not _has_its_cache(site)
        os.kill(server, signal.SIGCONT)
        eventually(lambda: _has_its_cache(site))


def test_the_tiny_model_comes_back_whatever_part_of_it_is_killed() -> None:
    with LiveSite(DEMO_EMBEDDED="1", **OPEN) as site:
        eventually(lambda: _answers(site, "oneclick-demo"))
        for number, place in enumerate(("engine", "runtime", "keeper")):
            watch = Watch()
            os.kill(_chain(site)[-1 - number], signal.SIGKILL)
            assert httpx2.get(f"{site.url}/healthz", timeout=SOON).status_code == 200
            eventually(lambda: len(_chain(site)) == 3 and _answers(site, "oneclick-demo"))
            tell(f"kill -9 of the tiny model's {place}", "503 until it is back", watch)
        family = _chain(site)
    eventually(lambda: not any(map(is_alive, family)))


def _chain(site: LiveSite) -> list[int]:
    """The keeper, the runtime, its engine, as far as they run."""
    for pid in children(site.process.pid):
        if b"wizard.demo.embedded" in _command(pid):
            found = [pid]
            while below := children(found[-1]):
                found.append(below[0])
            return found
    return []


def _command(pid: int) -> bytes:
    """What a process was started with; nothing, where it has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def test_five_hundred_at_once() -> None:
    with Upstream() as upstream, demo_site({"ollama": upstream}) as site:
        watch = Watch()
        body = json.dumps(chat("drip 3", MODEL)).encode()
        crowd = [bare(site.url, BOTH[number % 2], body) for number in range(CROWD)]
        counts = Counter(map(_status, crowd))
        assert counts == {200: CROWD}
        assert _pages(site)
        tell("500 connections at once, site", f"{dict(counts)}", watch)
        eventually(lambda: upstream.open == 0)


def _status(sock: socket.socket) -> int:
    with sock, sock.makefile("rb") as answer:
        raw = answer.read().decode()
    assert "[DONE]" in raw or '"done":true' in raw
    return int(raw.split(" ", 2)[1])


def test_more_connections_than_files() -> None:
    with Upstream() as upstream, demo_site({"ollama": upstream}, WORKERS="1") as site:
        assert _answers(site)
        (worker,) = children(site.process.pid)
        soft, hard = resource.prlimit(worker, resource.RLIMIT_NOFILE)
        assert soft == hard
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (48, hard))
        silent = [bare(site.url, "/api/chat", b"") for _ in range(80)]
        eventually(lambda: "ulimit -n" in site.log.read_text())
        time.sleep(2.5)
        watch = Watch()
        for sock in silent:
            sock.close()
        eventually(lambda: _answers(site))
        assert site.log.read_text().count("ulimit -n") == 1
        assert site.log.stat().st_size < 100_000
        tell("more connections than files, site", "new ones wait", watch)


@DIALECTS
def test_a_client_whose_cable_is_cut(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LiveSite, "config", "tests/faults/impatient_gunicorn.py")
    with (
        Upstream() as upstream,
        demo_site({"ollama": upstream}, DEMO_STREAMS="1", DEMO_QUEUE="0") as site,
    ):
        sock = bare(site.url, path, json.dumps(chat("endless", MODEL)).encode())
        assert sock.recv(64).startswith(b"HTTP/1.1 200")
        watch = Watch()
        cut_cable(sock)
        eventually(lambda: upstream.open == 0)
        eventually(lambda: _answers(site))
        tell(f"half-open socket, patience of 1 s, site, {path}", "the place is free again", watch)
        sock.close()


@DIALECTS
def test_the_end_with_a_stream_open(path: str) -> None:
    with Upstream() as upstream, demo_site({"ollama": upstream}) as site:
        with _asking(site, path, "drip 100") as answer:
            lines = answer.iter_lines()
            assert next(lines)
            watch = Watch()
            site.process.send_signal(signal.SIGTERM)
            last = [line for line in lines if line][-1]
        assert last == "data: [DONE]" or json.loads(last)["done"] is True
        assert site.process.wait(SOON) == 0
        tell(f"SIGTERM with a stream open, site, {path}", "the whole answer", watch)


SHORT_GRACE = {"GUNICORN_CMD_ARGS": "--graceful-timeout 4"}


@DIALECTS
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_with_a_stream_beyond_the_grace_time(path: str, number: int) -> None:
    with Upstream() as upstream, demo_site({"ollama": upstream}, **SHORT_GRACE) as site:
        with _asking(site, path, "endless") as answer:
            lines = answer.iter_lines()
            assert next(lines)
            watch = Watch()
            site.process.send_signal(number)
            last = [line for line in lines if line][-1]
        told = json.loads(last.removeprefix("data: "))["error"]
        sentence = told if path == "/api/chat" else told["message"]
        assert sentence == "the site stopped before this answer was whole: ask once more"
        assert site.process.wait(SOON) == 0
        name = signal.Signals(number).name
        tell(f"{name}, a stream beyond the site's grace time, {path}", sentence, watch)
        eventually(lambda: upstream.open == 0)


@DIALECTS
def test_the_end_while_a_single_answer_is_waited_for(path: str) -> None:
    with Upstream() as upstream, demo_site({"ollama": upstream}, **SHORT_GRACE) as site:
        question = chat("silent", MODEL, stream=False)
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(httpx2.post, site.url + path, json=question, timeout=SOON)
            eventually(lambda: upstream.open == 1)
            site.process.send_signal(signal.SIGTERM)
            answer = waiting.result()
        assert answer.status_code == 503
        assert "the site stopped" in answer.text
        assert int(answer.headers["Retry-After"]) > 0
        assert site.process.wait(SOON) == 0


def test_the_end_with_an_idle_connection_kept() -> None:
    with LiveSite() as site, httpx2.Client() as http:
        assert http.get(f"{site.url}/healthz", timeout=SOON).status_code == 200
        watch = Watch()
        site.process.send_signal(signal.SIGTERM)
        assert site.process.wait(SOON) == 0
        tell("SIGTERM with an idle connection, site", "nothing", watch)
