"""Bodies that no client sends: nested without end, coded otherwise than said, of old versions."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator

import httpx
import httpx2
import pytest

from tests.inference.endpoint import KEY, Endpoint
from tests.inference.routes import routes
from tests.security import raw
from tests.site.live import LiveSite
from tests.standins.upstream import Upstream
from tests.wizard.demo.sites import demo_site
from wizard.demo import documents

POSTED = [path for method, path in routes() if method == "POST"]
QUESTION = [{"role": "user", "content": "Hi"}]
# Fewer levels than orjson reads and more than it writes.
DEEP = '{"a":' * 300 + "1" + "}" * 300
DEMO = ("/api/chat", "/api/generate", "/v1/chat/completions", "/v1/completions")
KEYS = ("z", "format", "think", "tools", "options", "messages", "response_format", "stop")


def _deep(model: str, key: str) -> bytes:
    known = {"model": model, "prompt": "Hi", "messages": QUESTION, key: 0}
    return json.dumps(known).replace(f'"{key}": 0', f'"{key}": {DEEP}').encode()


@pytest.fixture(scope="module")
def http(runtime: Endpoint) -> Iterator[httpx.Client]:
    with runtime.client() as client:
        yield client


@pytest.fixture(scope="module")
def demo() -> Iterator[LiveSite]:
    standins = {"ollama": Upstream(), "vllm": Upstream()}
    with standins["ollama"], standins["vllm"], demo_site(standins) as site:
        yield site


@pytest.mark.parametrize("path", POSTED)
def test_no_route_of_the_runtime_fails_at_what_is_nested_deeply(
    http: httpx.Client, path: str
) -> None:
    for key in KEYS:
        answer = http.post(path, content=_deep("tiny", key))
        assert answer.status_code in (400, 403, 501), answer.text
        if answer.status_code == 400:
            assert "nested more than 100 levels deep" in answer.text


def test_what_is_nested_as_deeply_as_it_may_be_is_answered(http: httpx.Client) -> None:
    body = json.dumps({"model": "tiny", "messages": QUESTION, "stream": False, "z": 0})
    for levels, status in ((99, 200), (100, 400)):
        deep = body.replace('"z": 0', f'"z": {"[" * levels}{"]" * levels}')
        assert http.post("/v1/chat/completions", content=deep).status_code == status


@pytest.mark.parametrize("path", DEMO)
@pytest.mark.parametrize("kind", ["ollama", "vllm"])
def test_the_demo_does_not_fail_at_it_either(demo: LiveSite, path: str, kind: str) -> None:
    for key in KEYS:
        answer = httpx2.post(demo.url + path, content=_deep(f"on-{kind}", key), timeout=60)
        assert answer.status_code == 400, answer.text
        assert "nested more than 100 levels deep" in answer.text
    assert "a request failed" not in demo.log.read_text()


@pytest.mark.parametrize("path", DEMO)
def test_the_demo_reads_no_millions_of_values(demo: LiveSite, path: str) -> None:
    """Within the bytes that images may have they would take seconds, for everybody."""
    few = json.dumps({"model": "on-ollama", "prompt": "Hi", "messages": QUESTION, "z": 0})
    for value in ("[]", "{}", "1"):
        many = f"[{', '.join([value] * documents.MOST_VALUES)}]"
        answer = httpx2.post(demo.url + path, content=few.replace('"z": 0', f'"z": {many}'))
        assert answer.status_code == 400
        assert "more than 262,144 values" in answer.text


@pytest.mark.parametrize("kind", ["ollama", "vllm"])
def test_nor_at_what_a_call_of_a_tool_says_within_a_text(demo: LiveSite, kind: str) -> None:
    function = {"name": "f", "arguments": DEEP}
    call = {"id": "1", "type": "function", "function": function}
    messages = [*QUESTION, {"role": "assistant", "tool_calls": [call]}, *QUESTION]
    body = {"model": f"on-{kind}", "messages": messages}
    answer = httpx2.post(f"{demo.url}/v1/chat/completions", json=body, timeout=60)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("coding", ["deflate", "gzip"])
@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions", "/v1/messages"])
def test_a_body_that_is_not_coded_as_it_says_is_refused(
    runtime: Endpoint, path: str, coding: str
) -> None:
    headers = {**runtime.headers, "Content-Encoding": coding}
    answer = httpx.post(runtime.url + path, content=b"\x00" * 50, headers=headers, timeout=60)
    assert answer.status_code == 400
    assert "cannot be read" in answer.text


def _packed(data: bytes, bits: int) -> bytes:
    packing = zlib.compressobj(wbits=bits)
    return packing.compress(data) + packing.flush()


@pytest.mark.parametrize(
    ("coding", "bits"),
    [("gzip", 31), ("GZIP", 31), ("deflate", 15), ("deflate", -15), ("identity", 0)],
)
def test_a_body_that_is_coded_as_it_says_is_read(runtime: Endpoint, coding: str, bits: int) -> None:
    body = b'{"model": "tiny"}'
    headers = {**runtime.headers, "Content-Encoding": coding}
    sent = _packed(body, bits) if bits else body
    answer = httpx.post(f"{runtime.url}/api/show", content=sent, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    if bits:
        cut = httpx.post(f"{runtime.url}/api/show", content=sent[:-6], headers=headers, timeout=60)
        assert cut.status_code == 400


@pytest.mark.parametrize(("coding", "status"), [("gzip", 413), ("br", 400), ("gzip, gzip", 400)])
def test_a_body_that_unpacks_to_more_than_is_allowed_is_refused(
    runtime: Endpoint, coding: str, status: int
) -> None:
    headers = {**runtime.headers, "Content-Encoding": coding}
    bomb = _packed(b" " * (33 << 20), 31)
    answer = httpx.post(f"{runtime.url}/api/chat", content=bomb, headers=headers, timeout=60)
    assert answer.status_code == status, answer.text


def test_nothing_is_unpacked_without_a_key(runtime: Endpoint) -> None:
    """Four such bodies held the server for nine seconds. What is not unpacked is not found to be
    broken, so that the connection goes on."""
    head = (
        "POST /api/chat HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 50\r\n\r\n"
    )
    further = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    data, _ = raw.until_closed(runtime.url, head.encode() + b"\x00" * 50 + further)
    assert raw.Exchange(data).statuses == (401, 200)


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
def test_a_stream_to_a_client_of_1_0_ends_though_it_asks_for_more(
    runtime: Endpoint, path: str
) -> None:
    """Only the connection's end tells such a client that this was all."""
    body = json.dumps({"model": "tiny", "stream": True, "messages": QUESTION})
    head = f"POST {path} HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nx-api-key: {KEY}\r\n"
    asked = f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()
    data, is_whole = raw.until_closed(runtime.url, asked)
    assert data.startswith(b"HTTP/1.0 200")
    assert is_whole
