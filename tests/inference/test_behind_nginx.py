"""A proxy that cuts a connection after five silent seconds: Akash's ingress does after sixty."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import ollama
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from tests.inference import endpoint as endpoints
from tests.inference.endpoint import Endpoint
from tests.judge.client import HERE
from tests.standins.ports import free_port

CUT_AFTER = 5
# Longer than the proxy's patience, before the first word.
SILENCE: list[ChatCompletionMessageParam] = [{"role": "user", "content": "wait 8"}]
SAID = "word word "
PATHS = ("/api/chat", "/v1/chat/completions")
CONFIGURATION = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass {upstream};
            proxy_http_version 1.1;
            proxy_read_timeout {cut_after}s;
        }}
    }}
}}
"""


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """``proxied(url)`` is the address of an nginx in front of it."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert program, "No nginx here: make test installs it."
    running: list[subprocess.Popen[bytes]] = []

    def start(upstream: str) -> str:
        port = free_port()
        file = tmp_path / "nginx.conf"
        file.write_text(
            CONFIGURATION.format(folder=tmp_path, port=port, upstream=upstream, cut_after=CUT_AFTER)
        )
        told = ["-e", f"{tmp_path}/error.log", "-p", str(tmp_path), "-c", str(file)]
        running.append(subprocess.Popen([program, *told], stderr=subprocess.DEVNULL))
        url = f"http://127.0.0.1:{port}"
        _wait_for(url)
        return url

    yield start
    for process in running:
        process.terminate()
        process.wait(60)


def _wait_for(url: str) -> None:
    ends = time.monotonic() + 60
    while True:
        try:
            httpx.get(f"{url}/healthz", timeout=5)
            return
        except httpx.TransportError:
            assert time.monotonic() < ends, "nginx did not start"
            time.sleep(0.05)


@pytest.fixture
def beating(models: Path, tmp_path: Path) -> Iterator[Endpoint]:
    flags = ("--heartbeat", "500ms", "--slots", "8")
    with endpoints.running_on_stand_in(tmp_path, models, *flags) as endpoint:
        yield endpoint


@pytest.fixture
def silent(models: Path, tmp_path: Path) -> Iterator[Endpoint]:
    flags = ("--heartbeat", "0", "--slots", "8")
    with endpoints.running_on_stand_in(tmp_path, models, *flags) as endpoint:
        yield endpoint


def _ollama(url: str, key: str) -> str:
    client = ollama.Client(url, headers={"Authorization": f"Bearer {key}"})
    return client.chat("tiny", SILENCE).message.content or ""


def _ollama_streams(url: str, key: str) -> str:
    client = ollama.Client(url, headers={"Authorization": f"Bearer {key}"})
    parts = client.chat("tiny", SILENCE, stream=True)
    return "".join(part.message.content or "" for part in parts)


def _openai(url: str, key: str) -> str:
    with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as client:
        whole = client.chat.completions.create(model="tiny", messages=SILENCE)
        return whole.choices[0].message.content or ""


def _openai_streams(url: str, key: str) -> str:
    with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as client:
        parts = client.chat.completions.create(model="tiny", messages=SILENCE, stream=True)
        return "".join(part.choices[0].delta.content or "" for part in parts)


def _javascript(url: str, key: str) -> str:
    chat = {"model": "tiny", "messages": SILENCE}
    asked = json.dumps({"url": url, "key": key, "calls": [("chat", {**chat, "stream": True})]})
    command = ["node", "ollama.mjs", asked]
    done = subprocess.run(command, cwd=HERE, capture_output=True, timeout=60, check=True)
    (told,) = json.loads(done.stdout)
    return "".join(part["message"]["content"] for part in told.get("answer", ()))


CLIENTS = (_ollama, _ollama_streams, _openai, _openai_streams, _javascript)


def test_it_works(beating: Endpoint, proxied: Callable[[str], str]) -> None:
    """Every client gets its answer through the proxy, however long the silence."""
    url = proxied(beating.url)
    with ThreadPoolExecutor(len(CLIENTS)) as pool:
        said = list(pool.map(lambda client: client(url, beating.key), CLIENTS))
    assert said == [SAID] * len(CLIENTS)


def test_without_signs_of_life_the_proxy_cuts(
    silent: Endpoint, proxied: Callable[[str], str]
) -> None:
    url = proxied(silent.url)

    def status(path: str, *, stream: bool) -> int:
        body = {"model": "tiny", "messages": SILENCE, "stream": stream}
        return httpx.post(url + path, json=body, headers=silent.headers, timeout=30).status_code

    asked = [(path, stream) for path in PATHS for stream in (True, False)]
    with ThreadPoolExecutor(len(asked)) as pool:
        found = list(pool.map(lambda each: status(each[0], stream=each[1]), asked))
    assert found == [504] * len(asked)
