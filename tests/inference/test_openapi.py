"""The OpenAPI document: every route is in it, and answers have the shapes that it tells."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate

from inference import auth
from inference.openapi.document import document
from tests.documented import Documented
from tests.inference.endpoint import Endpoint
from tests.inference.routes import routes

DOCUMENT = document()
QUESTION = [{"role": "user", "content": "Hi"}]
FEW = {"num_predict": 3}
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
POSTED: list[tuple[str, dict[str, Any]]] = [
    ("/api/generate", {"model": "tiny", "prompt": "Hi", "options": FEW}),
    ("/api/generate", {"model": "tiny"}),
    ("/api/generate", {"model": "tiny", "prompt": "Hi", "options": FEW, "logprobs": True}),
    ("/api/generate", {"model": "thinker", "prompt": "Hi", "options": FEW}),
    ("/api/generate", {"model": "tiny", "prompt": "Hi", "options": {"top_k": "x"}}),
    ("/api/generate", {"model": "nope", "prompt": "Hi"}),
    ("/api/chat", {"model": "tiny", "messages": QUESTION, "options": FEW}),
    ("/api/chat", {"model": "tiny", "messages": QUESTION, "options": FEW, "tools": TOOLS}),
    ("/api/chat", {"model": "thinker", "messages": QUESTION, "think": "max", "options": FEW}),
    ("/api/chat", {"model": "tiny", "messages": []}),
    ("/api/chat", {"model": "tiny", "messages": "x"}),
    ("/api/embed", {"model": "tiny", "input": ["a", "b"]}),
    ("/api/embed", {"model": "tiny", "input": []}),
    ("/api/embeddings", {"model": "tiny", "prompt": "a"}),
    ("/api/show", {"model": "tiny"}),
    ("/api/show", {"model": "thinker", "verbose": True}),
    ("/api/show", {"model": "nope"}),
    ("/api/pull", {"model": "nope"}),
    ("/api/copy", {"source": "a", "destination": "b"}),
    ("/v1/chat/completions", {"model": "tiny", "messages": QUESTION, "max_tokens": 3}),
    ("/v1/chat/completions", {"model": "thinker", "messages": QUESTION, "max_tokens": 3}),
    ("/v1/chat/completions", {"model": "tiny", "messages": "x"}),
    ("/v1/chat/completions", {"model": "nope", "messages": QUESTION}),
    ("/v1/chat/completions/input_tokens", {"model": "tiny", "messages": QUESTION}),
    ("/v1/completions", {"prompt": "a", "max_tokens": 3}),
    ("/v1/responses", {"input": "a", "max_output_tokens": 3}),
    ("/v1/responses/input_tokens", {"input": "a"}),
    ("/v1/embeddings", {"input": ["a", "b"], "dimensions": 8, "encoding_format": "base64"}),
    ("/v1/messages", {"messages": QUESTION, "max_tokens": 3}),
    ("/v1/messages", {"model": "nope", "messages": QUESTION, "max_tokens": 3}),
    ("/v1/messages/count_tokens", {"messages": QUESTION}),
    ("/completion", {"prompt": "a", "n_predict": 3}),
    ("/completion", {"prompt": ["a", "b"], "n_predict": 3}),
    ("/infill", {"input_prefix": "a", "input_suffix": "b"}),
    ("/tokenize", {"content": "a", "with_pieces": True}),
    ("/detokenize", {"tokens": [80]}),
    ("/apply-template", {"messages": QUESTION}),
    ("/embedding", {"content": "a"}),
    ("/rerank", {"query": "a", "documents": ["b"]}),
]
READ = ("/", "/status", "/healthz", "/readyz", "/metrics", "/openapi.json", "/static/status.css")
READ_MODELS = ("/api/tags", "/api/ps", "/api/version", "/v1/models", "/models", "/v1/models/tiny")


DOCUMENTED = Documented(DOCUMENT)


def test_it_works(endpoint: Endpoint, http: httpx.Client) -> None:
    validate(DOCUMENT)
    assert DOCUMENTED.unused_schemas() == []
    assert httpx.get(f"{endpoint.url}/openapi.json").status_code == 401
    assert http.get("/openapi.json").json() == DOCUMENT


def test_every_route_is_in_it_and_nothing_else() -> None:
    table = {(method.lower(), path) for method, path in routes() if method != "HEAD"}
    told = {
        (method, path)
        for path, item in DOCUMENT["paths"].items()
        for method in item
        if ("*", path) not in table
    }
    assert told == {route for route in table if route[0] != "*"}
    assert {path for method, path in table if method == "*"} <= set(DOCUMENT["paths"])


def test_what_needs_no_key_is_told_so() -> None:
    for path, item in DOCUMENT["paths"].items():
        for method, told in item.items():
            is_open = auth.is_open(method.upper(), path)
            assert ("security" in told) is is_open, path
            assert ("401" in told["responses"]) is not is_open, path


@pytest.mark.parametrize(("path", "body"), POSTED, ids=lambda value: str(value)[:60])
def test_an_answer_has_its_shape(http: httpx.Client, path: str, body: dict[str, Any]) -> None:
    DOCUMENTED.check("post", path, http.post(path, json=body))
    DOCUMENTED.check("post", path, http.post(path, json={**body, "stream": False}))


@pytest.mark.parametrize("path", sorted({path for path, _body in POSTED}))
def test_a_refusal_has_its_shape(http: httpx.Client, endpoint: Endpoint, path: str) -> None:
    DOCUMENTED.check("post", path, httpx.post(endpoint.url + path))
    for content in (b"", b"{", b"[]"):
        DOCUMENTED.check("post", path, http.post(path, content=content))


@pytest.mark.parametrize("path", ["/api/chat", "/v1/responses", "/v1/messages", "/tokenize"])
def test_a_body_that_is_too_large_has_its_shape(http: httpx.Client, path: str) -> None:
    answer = http.post(path, content=b"x" * ((32 << 20) + 1))
    assert answer.status_code == 413
    DOCUMENTED.check("post", path, answer)


@pytest.mark.parametrize("path", [*READ, *READ_MODELS])
def test_what_is_read_has_its_shape(http: httpx.Client, endpoint: Endpoint, path: str) -> None:
    DOCUMENTED.check("get", path, http.get(path))
    DOCUMENTED.check("get", path, httpx.get(endpoint.url + path))


def test_props_and_missing_models_have_their_shape(http: httpx.Client) -> None:
    DOCUMENTED.check("get", "/props", http.get("/props"))
    DOCUMENTED.check("get", "/props", http.get("/props?model=nope"))
    DOCUMENTED.check("get", "/v1/models/tiny", http.get("/v1/models/nope"))
    DOCUMENTED.check(
        "delete", "/api/delete", http.request("DELETE", "/api/delete", json={"model": "tiny"})
    )
