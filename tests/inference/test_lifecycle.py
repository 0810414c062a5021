"""The server's life on the stand-in engine: silence, cancelling, crashes, limits, start and end."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import ollama
import openai
import pytest

from tests.faults.outcomes import SOON, bare, eventually, is_alive
from tests.inference import endpoint as endpoints
from tests.inference.endpoint import Endpoint
from tests.standins.gate import Gate


def _chat(prompt: str, **fields: object) -> dict[str, object]:
    return {"model": "tiny", "messages": [{"role": "user", "content": prompt}], **fields}


def _cancelled(endpoint: Endpoint) -> int:
    with endpoint.client() as http:
        text = http.get("/metrics").text
    lines = [line for line in text.splitlines() if line.startswith("oneclick_cancelled_total ")]
    return int(lines[0].split()[1])


def _in_flight(endpoint: Endpoint) -> int:
    with endpoint.client() as http:
        return int(http.get("/status").json()["in_flight"])


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


def _in_silence(endpoint: Endpoint, gate: Gate, path: str, **fields: object) -> bytes:
    """The answer of an engine that says nothing until the caller has heard something."""
    gate.close()
    body = _chat(gate.prompt, **fields)
    with endpoint.client() as http, http.stream("POST", path, json=body) as answer:
        parts = answer.iter_raw()
        first = next(parts)
        gate.open()
        return first + b"".join(parts)


def test_every_address_of_both_kinds(models: Path, tmp_path: Path) -> None:
    with endpoints.running_on_stand_in(tmp_path, models, "--host", "::") as endpoint:
        port = endpoint.url.rpartition(":")[2]
        for host in ("127.0.0.1", "[::1]"):
            assert httpx.get(f"http://{host}:{port}/healthz").status_code == 200
        assert f"listening on http://[::]:{port}" in endpoint.logged()


def test_a_silent_whole_answer_shows_signs_of_life(on_stand_in: Endpoint, gate: Gate) -> None:
    """How many is up to how busy the machine is."""
    whole = _in_silence(on_stand_in, gate, "/api/chat", stream=False)
    passed = _in_silence(on_stand_in, gate, "/v1/chat/completions")
    assert whole.startswith(b" ")
    assert json.loads(whole)["message"]["content"] == "word word "
    assert passed.startswith(b" ")
    assert json.loads(passed)["choices"][0]["message"]["content"] == "word word "


def test_a_quick_answer_shows_none(http: httpx.Client) -> None:
    """The time between two signs is a quarter of a minute here."""
    quick = http.post("/api/chat", json=_chat("Hi", stream=False, options={"num_predict": 1}))
    assert quick.content.startswith(b"{")
    assert "Content-Length" in quick.headers


def test_a_silent_stream_shows_signs_of_life(on_stand_in: Endpoint, gate: Gate) -> None:
    lines = _in_silence(on_stand_in, gate, "/api/chat").decode().splitlines()
    events = _in_silence(on_stand_in, gate, "/v1/chat/completions", stream=True)
    assert lines[0].startswith(" ")
    assert json.loads(lines[0])["message"]["content"] == "word "
    assert events.startswith(b": \n\n")
    assert events.endswith(b"data: [DONE]\n\n")


def test_clients_take_the_signs_of_life(on_stand_in: Endpoint) -> None:
    client = ollama.Client(on_stand_in.url, headers=on_stand_in.headers)
    messages = [{"role": "user", "content": "wait 1"}]
    assert client.chat("tiny", messages).message.content == "word word "
    parts = client.chat("tiny", messages, stream=True)
    assert "".join(part.message.content or "" for part in parts) == "word word "
    with openai.OpenAI(base_url=f"{on_stand_in.url}/v1", api_key=on_stand_in.key) as other:
        asked: list[openai.types.chat.ChatCompletionMessageParam]
        asked = [{"role": "user", "content": "wait 1"}]
        whole = other.chat.completions.create(model="tiny", messages=asked)
        assert whole.choices[0].message.content == "word word "
        stream = other.chat.completions.create(model="tiny", messages=asked, stream=True)
        said = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
        assert said == "word word "


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_cancels_its_answer(
    on_stand_in: Endpoint, path: str, stream: bool
) -> None:
    before = _cancelled(on_stand_in)
    body = json.dumps(_chat("wait 600", stream=stream)).encode()
    with bare(on_stand_in.url, path, body, key=on_stand_in.key):
        eventually(lambda: _in_flight(on_stand_in) == 1)
    eventually(lambda: _in_flight(on_stand_in) == 0)
    eventually(lambda: _cancelled(on_stand_in) == before + 1)
    assert "Traceback" not in on_stand_in.logged()


def _generated(endpoint: Endpoint) -> int:
    with endpoint.client() as http:
        told = http.get("/metrics").text
    found = re.search(r'^oneclick_tokens_total{.*kind="generated"} (\d+)$', told, re.MULTILINE)
    return int(found[1]) if found else 0


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
def test_what_was_written_for_a_client_that_went_is_counted(
    on_stand_in: Endpoint, path: str
) -> None:
    before, read = _generated(on_stand_in), 0
    with (
        on_stand_in.client() as http,
        http.stream("POST", path, json=_chat("drip 600", stream=True)) as answer,
    ):
        for line in answer.iter_lines():
            read += "word" in line
            if read == 3:
                break
    eventually(lambda: _generated(on_stand_in) >= before + 3)


def _restarts(endpoint: Endpoint) -> int:
    with endpoint.client() as http:
        return int(http.get("/status").json()["restarts"])


def test_a_crash_ends_a_stream_with_an_error_and_the_engine_comes_back(
    on_stand_in: Endpoint,
) -> None:
    before = _restarts(on_stand_in)
    with on_stand_in.client() as http:
        *_, last = http.post("/api/chat", json=_chat("crash")).text.splitlines()
        assert "stopped" in json.loads(last)["error"]
        eventually(lambda: _restarts(on_stand_in) == before + 1)
        endpoints.wait_ready(on_stand_in)
        events = http.post("/v1/chat/completions", json=_chat("crash", stream=True)).text
        error = json.loads(events.strip().split("\n\n")[-1].removeprefix("data: "))
        assert "stopped" in error["error"]["message"]
        eventually(lambda: _restarts(on_stand_in) == before + 2)
        endpoints.wait_ready(on_stand_in)
        assert http.post("/api/chat", json=_chat("drip 1")).status_code == 200
        assert f"engine_restarts_total {before + 2}" in http.get("/metrics").text


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
def test_a_crash_before_the_first_word_is_a_503(
    models: Path, tmp_path: Path, gate: Gate, path: str
) -> None:
    with (
        endpoints.running_on_stand_in(tmp_path, models, "--heartbeat", "0") as endpoint,
        endpoint.client() as http,
        ThreadPoolExecutor(1) as pool,
    ):
        asking = pool.submit(http.post, path, json=_chat(gate.prompt, stream=False))
        eventually(lambda: gate.was_asked)
        for child in endpoint.children():
            os.kill(child, signal.SIGKILL)
        answer = asking.result(SOON)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "stopped" in str(answer.json()["error"])


def test_an_error_in_mid_stream_is_the_last_line(on_stand_in: Endpoint) -> None:
    with on_stand_in.client() as http:
        *words, last = http.post("/api/chat", json=_chat("fail")).text.splitlines()
    assert len(words) == 2
    assert json.loads(last) == {"error": "the graph could not be computed"}


def test_calls_of_tools_are_told_whole(on_stand_in: Endpoint) -> None:
    expected = [
        {
            "id": "id-0",
            "function": {"index": 0, "name": "weather", "arguments": {"place": "Paris"}},
        },
        {"id": "id-1", "function": {"index": 1, "name": "time", "arguments": {}}},
    ]
    with on_stand_in.client() as http:
        lines = http.post("/api/chat", json=_chat("call")).text.splitlines()
        whole = http.post("/api/chat", json=_chat("call", stream=False)).json()
    told = [json.loads(line)["message"].get("tool_calls") for line in lines]
    assert [calls for calls in told if calls] == [expected]
    assert whole["message"]["tool_calls"] == expected
    assert whole["done_reason"] == "stop"
    calls = ollama.ChatResponse(**whole).message.tool_calls or []
    assert [call.function.name for call in calls] == ["weather", "time"]


def test_a_full_queue_is_a_503(models: Path, tmp_path: Path) -> None:
    flags = ("--slots", "1", "--max-queue", "0")
    with (
        endpoints.running_on_stand_in(tmp_path, models, *flags) as endpoint,
        endpoint.client() as http,
        endpoint.client() as other,
    ):
        with other.stream("POST", "/api/chat", json=_chat("drip 600")) as running:
            lines = running.iter_lines()
            next(lines)
            for path in ("/api/chat", "/v1/chat/completions"):
                answer = http.post(path, json=_chat("drip 1"))
                assert answer.status_code == 503
                assert answer.headers["Retry-After"]
        eventually(lambda: _in_flight(endpoint) == 0)
        assert http.post("/api/chat", json=_chat("drip 1")).status_code == 200


def test_an_answer_has_a_deadline(models: Path, tmp_path: Path) -> None:
    with (
        endpoints.running_on_stand_in(tmp_path, models, "--request-timeout", "1s") as endpoint,
        endpoint.client() as http,
    ):
        whole = http.post("/api/chat", json=_chat("wait 60", stream=False))
        assert whole.status_code == 504
        *_, last = http.post("/api/chat", json=_chat("drip 600")).text.splitlines()
        assert "longer than this server allows" in json.loads(last)["error"]
        passed = http.post("/v1/chat/completions", json=_chat("drip 600", stream=True)).text
        assert "longer than this server allows" in passed


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
def test_running_answers_are_finished_before_the_end(
    models: Path, tmp_path: Path, path: str
) -> None:
    with (
        endpoints.running_on_stand_in(tmp_path, models) as endpoint,
        endpoint.client() as http,
        http.stream("POST", path, json=_chat("drip 10", stream=True)) as running,
    ):
        lines = running.iter_lines()
        next(lines)
        endpoint.process.send_signal(signal.SIGTERM)
        eventually(lambda: _is_refused(endpoint))
        last = [line for line in lines if line][-1]
        assert last == "data: [DONE]" or json.loads(last)["done"] is True
        assert endpoint.process.wait(SOON) == 0


def _is_refused(endpoint: Endpoint) -> bool:
    """Whether a stopping server takes no new request."""
    try:
        with endpoint.client() as http:
            return http.post("/api/chat", json=_chat("drip 1")).status_code == 503
    except httpx.TransportError:
        return True


def test_the_engine_dies_with_its_server(models: Path, tmp_path: Path) -> None:
    with endpoints.running_on_stand_in(tmp_path, models) as endpoint:
        (child,) = endpoint.children()
        endpoint.process.kill()
        endpoint.process.wait()
        eventually(lambda: not is_alive(child))


def test_a_model_that_does_not_load_is_told_loudly(models: Path, tmp_path: Path) -> None:
    with endpoints.running_on_stand_in(tmp_path, models, wait=False, start="refuse") as endpoint:
        endpoints.wait_ready(endpoint, "/status")
        with endpoint.client() as http:
            eventually(lambda: http.get("/status").json()["phase"] == "failed")
            assert "not to my taste" in http.get("/status").json()["message"]
            page = http.get("/", headers={"Accept": "text/html"}).text
            assert "not to my taste" in page
            assert http.get("/readyz").status_code == 503
        eventually(lambda: "not to my taste" in endpoint.logged())


def test_the_port_opens_only_when_ready_where_that_is_asked(models: Path, tmp_path: Path) -> None:
    flag = "--listen-when-ready"
    with endpoints.running_on_stand_in(tmp_path, models, flag) as endpoint:
        assert httpx.get(f"{endpoint.url}/readyz").status_code == 200
    failing = endpoints.running_on_stand_in(tmp_path, models, flag, wait=False, start="refuse")
    with failing as endpoint:
        assert endpoint.process.wait(SOON) != 0


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        flags = ("--allow-pull", "--models-dir", str(tmp_path), "--port", port)
        command = [sys.executable, "-m", "inference", "serve", *flags]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


def _records(endpoint: Endpoint, identifier: str) -> list[dict[str, Any]]:
    """What the log tells of a request; its last line may still be written."""
    records = [json.loads(line) for line in endpoint.logged().split("\n")[:-1]]
    return [record for record in records if record.get("id") == identifier]


def test_logs_are_json_without_prompts(on_stand_in: Endpoint) -> None:
    with on_stand_in.client() as http:
        answer = http.post("/api/chat", json=_chat("say my-secret-thoughts"))
    identifier = answer.headers["X-Request-ID"]
    eventually(lambda: len(_records(on_stand_in, identifier)) == 1)
    (told,) = _records(on_stand_in, identifier)
    assert (told["method"], told["route"]) == ("POST", "/api/chat")
    assert told["milliseconds"] > 0
    assert "my-secret-thoughts" not in on_stand_in.logged()
    assert on_stand_in.key not in on_stand_in.logged()
