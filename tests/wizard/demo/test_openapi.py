"""The demo's OpenAPI document: every route is in it, and answers have the shapes that it tells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from openapi_spec_validator import validate

from tests.documented import Documented
from tests.site.live import LiveSite
from tests.wizard.demo.sites import QUESTION
from wizard.demo.application import ROUTES
from wizard.demo.openapi.document import document
from wizard.demo.values import Kind, Limits

DOCUMENT = document(Limits())
DOCUMENTED = Documented(DOCUMENT)
PIXEL = "iVBORw0KGgoAAAAASUhEUgAAAAEAAAAB"
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
OLLAMA = ("/api/generate", "/api/chat", "/api/show")
OPENAI = ("/v1/chat/completions", "/v1/completions")
SAID = ("Hi", "call", "think", "fail", "refuse", "nothing")
ASKED: list[tuple[str, dict[str, Any]]] = [
    *[("/api/generate", {"prompt": said}) for said in SAID],
    ("/api/generate", {}),
    ("/api/generate", {"prompt": "Hi", "options": {"top_k": "x"}}),
    ("/api/generate", {"prompt": "Hi", "images": [PIXEL], "context": []}),
    *[("/api/chat", {"messages": [{"role": "user", "content": said}]}) for said in SAID],
    ("/api/chat", {"messages": QUESTION, "tools": TOOLS, "options": {"stop": ["x"], "seed": 1}}),
    ("/api/chat", {"messages": "x"}),
    ("/api/show", {}),
    *[("/v1/chat/completions", {"messages": [{"role": "user", "content": x}]}) for x in SAID],
    ("/v1/chat/completions", {"messages": []}),
    ("/v1/chat/completions", {"messages": QUESTION, "max_tokens": 3, "stop": "x", "n": 1}),
    *[("/v1/completions", {"prompt": said}) for said in SAID],
    ("/v1/completions", {"prompt": ["Hi"], "logprobs": 1, "echo": True}),
]


@pytest.fixture(scope="module")
def http(site: LiveSite) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=site.url, timeout=60) as client:
        yield client


def _check(http: httpx2.Client, path: str, **sent: Any) -> int:
    answer = http.post(path, **sent)
    DOCUMENTED.check("post", path, answer)
    return answer.status_code


def test_it_works(http: httpx2.Client) -> None:
    validate(DOCUMENT)
    assert DOCUMENTED.unused_schemas() == []
    answer = http.get("/openapi.json")
    assert Documented(answer.json()).operation("post", "/api/chat")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_it_tells_the_limits_of_its_site(http: httpx2.Client) -> None:
    told = http.get("/openapi.json").json()
    # The site of these tests has no limits that anybody meets.
    assert told == document(
        Limits(
            rates="100000/minute",
            global_rates="100000/minute",
            streams_per_address=500,
            streams=500,
        )
    )
    few = document(Limits(images=1, max_tokens=77))["components"]["schemas"]
    assert few["OllamaMessage"]["properties"]["images"]["maxItems"] == 1
    assert "77 at most" in few["Options"]["properties"]["num_predict"]["description"]


def test_every_route_is_in_it_and_nothing_else() -> None:
    told = {(method, path) for path, item in DOCUMENT["paths"].items() for method in item}
    table = {(methods[0].lower(), path) for path, (methods, _handler) in ROUTES.items()}
    assert told == table | {("get", "/v1/models/{model}")}


@pytest.mark.parametrize("kind", Kind)
def test_an_answer_has_its_shape(http: httpx2.Client, kind: Kind) -> None:
    for path, body in ASKED:
        for stream in (True, False):
            _check(http, path, json={"model": f"on-{kind}", **body, "stream": stream})


@pytest.mark.parametrize("path", [*OLLAMA, *OPENAI])
def test_a_refusal_has_its_shape(http: httpx2.Client, path: str) -> None:
    assert _check(http, path, json={"model": "nope", "messages": QUESTION, "prompt": "Hi"}) == 404
    for content in (b"", b"{", b"[]", b"{}"):
        assert _check(http, path, content=content) in (400, 404)
    large = b"x" * (Limits().body_bytes + 1)
    assert _check(http, path, content=large) == 413


def test_what_is_read_has_its_shape(http: httpx2.Client) -> None:
    for path in ("/api/tags", "/api/version", "/v1/models", "/openapi.json"):
        DOCUMENTED.check("get", path, http.get(path))
    for model, status in (("on-vllm", 200), ("nope", 404)):
        answer = http.get(f"/v1/models/{model}")
        assert answer.status_code == status
        DOCUMENTED.check("get", f"/v1/models/{model}", answer)
