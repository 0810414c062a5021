"""Tokens and first tokens are counted, whichever API is spoken and whichever client speaks it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import litellm
import ollama
import openai
import pytest
from langchain_ollama import ChatOllama, OllamaEmbeddings
from openai.types.chat import ChatCompletionMessageParam

from inference.api.tally import Tally
from inference.metrics import Metrics
from tests.inference.endpoint import Endpoint

# What the clients and their libraries warn of is theirs.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::ResourceWarning")
Counts = tuple[int, int, int]
QUESTION = [{"role": "user", "content": "Hi"}]
ASKED: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hi"}]
PROMPT = 21  # tokens of "Hi" in the tiny model's template: one for each character and mark
SHORT = {"num_predict": 3}


def _counts(endpoint: Endpoint) -> Counts:
    """Tokens read and written, and first tokens timed, since the start."""
    told = httpx.get(f"{endpoint.url}/metrics", headers=endpoint.headers).text

    def figure(name: str) -> int:
        found = re.search(rf"^{name} (\d+)$", told, re.MULTILINE)
        return int(found[1]) if found else 0

    tokens = 'oneclick_tokens_total{{model="tiny",kind="{}"}}'
    read, written = (re.escape(tokens.format(kind)) for kind in ("prompt", "generated"))
    return figure(read), figure(written), figure("oneclick_first_token_seconds_count")


@pytest.fixture
def counted(endpoint: Endpoint) -> Callable[[], Counts]:
    before = _counts(endpoint)

    def since() -> Counts:
        read, written, first = (b - a for a, b in zip(before, _counts(endpoint), strict=True))
        return read, written, first

    return since


@pytest.fixture
def client(endpoint: Endpoint) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{endpoint.url}/v1", api_key=endpoint.key, max_retries=0) as made:
        yield made


def test_it_works(http: httpx.Client, counted: Callable[[], Counts]) -> None:
    body = {"model": "tiny", "messages": QUESTION, "max_tokens": 3, "ignore_eos": True}
    assert http.post("/v1/chat/completions", json=body).status_code == 200
    assert counted() == (PROMPT, 3, 1)


ROUTES: dict[str, tuple[dict[str, Any], Counts]] = {
    "/v1/chat/completions": ({"messages": QUESTION, "max_tokens": 3}, (PROMPT, 3, 1)),
    "/v1/completions": ({"prompt": "Hi", "max_tokens": 3}, (2, 3, 1)),
    "/v1/responses": ({"input": "Hi", "max_output_tokens": 3}, (PROMPT, 3, 0)),
    "/v1/messages": ({"messages": QUESTION, "max_tokens": 3}, (PROMPT, 3, 0)),
    "/completion": ({"prompt": "Hi", "n_predict": 3}, (2, 3, 1)),
    "/api/generate": ({"prompt": "Hi", "options": SHORT}, (PROMPT, 3, 1)),
    "/api/chat": ({"messages": QUESTION, "options": SHORT}, (PROMPT, 3, 1)),
}


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_every_route_that_generates(
    http: httpx.Client, counted: Callable[[], Counts], path: str, stream: bool
) -> None:
    fields, (read, written, first) = ROUTES[path]
    body = {"model": "tiny", "stream": stream, "ignore_eos": True, "logit_bias": [[2, False]]}
    assert http.post(path, json={**body, **fields}).status_code == 200
    found = counted()
    assert found[0] == read
    assert found[2] == (1 if stream else first)
    assert 0 < found[1] <= written


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/v1/embeddings", {"input": ["Hi", "Ho"]}),
        ("/v1/embeddings", {"input": ["Hi", "Ho"], "dimensions": 8}),
        ("/v1/embeddings", {"input": ["Hi", "Ho"], "encoding_format": "base64"}),
        ("/v1/embeddings", {"input": ["Hi", "Ho"], "stream": True}),
        ("/api/embed", {"input": ["Hi", "Ho"]}),
        ("/api/embeddings", {"prompt": "Hiho"}),
    ],
)
def test_every_route_that_embeds(
    http: httpx.Client, counted: Callable[[], Counts], path: str, fields: dict[str, Any]
) -> None:
    answer = http.post(path, json={"model": "tiny", **fields})
    assert answer.headers["Content-Type"].startswith("application/json")
    assert counted() == (4, 0, 0)


@pytest.mark.parametrize("usage", [False, True])
@pytest.mark.parametrize("each", [False, True])
def test_a_streams_figures_are_counted_once(
    http: httpx.Client, counted: Callable[[], Counts], usage: bool, each: bool
) -> None:
    body = {
        **{"model": "tiny", "messages": QUESTION, "stream": True, "max_tokens": 3, "n": 2},
        **{"timings_per_token": each, "stream_options": {"include_usage": usage}},
    }
    text = http.post("/v1/chat/completions", json=body).text
    assert ('"usage":' in text) is usage
    read, written, first = counted()
    assert (read, first) == (PROMPT, 1)
    assert 2 <= written <= 6


def test_several_prompts_of_a_completion(http: httpx.Client, counted: Callable[[], Counts]) -> None:
    http.post("/completion", json={"prompt": ["Hi", "Hiho"], "n_predict": 1})
    assert counted()[:2] == (6, 2)


def test_an_answer_that_is_left_counts_what_was_passed_on() -> None:
    metrics = Metrics()
    tally = Tally(metrics, "m", 0.0)
    for word in (b"one", b"two"):
        tally.part(b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % word)
    tally.part(b'data: {"choices":[{"del')
    tally.close()
    assert metrics.tokens["m", "generated"] == 2


def test_an_answer_without_a_token_counts_none() -> None:
    metrics = Metrics()
    tally = Tally(metrics, "m", 0.0)
    tally.part(b'data: {"choices":[{"delta":{"role":"assistant","content":null}}]}\n\n')
    tally.part(b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":0}}\n\n')
    tally.close()
    assert dict(metrics.tokens) == {("m", "prompt"): 1, ("m", "generated"): 0}


def test_what_looks_like_figures_in_a_text_is_a_text() -> None:
    metrics = Metrics()
    tally = Tally(metrics, "m", 0.0)
    tally.part(
        rb'data: {"choices":[{"delta":{"content":"\"usage\":{\"prompt_tokens\":9}"}}]}' b"\n\n"
    )
    tally.part(b'data: {"choices":[],"usage":{"prompt_tokens":1,"comple')
    tally.part(b'tion_tokens":2}}\n\ndata: [DONE]\n\n')
    assert dict(metrics.tokens) == {("m", "prompt"): 1, ("m", "generated"): 2}


def test_openai_is_counted(client: openai.OpenAI, counted: Callable[[], Counts]) -> None:
    whole = client.chat.completions.create(model="tiny", messages=ASKED, max_tokens=3)
    assert whole.usage
    client.embeddings.create(model="tiny", input=["Hi"])
    response = client.responses.create(model="tiny", input="Hi", max_output_tokens=3)
    assert response.usage
    written = whole.usage.completion_tokens + response.usage.output_tokens
    assert counted()[:2] == (2 * PROMPT + 2, written)


def test_ollama_is_counted(endpoint: Endpoint, counted: Callable[[], Counts]) -> None:
    speaks = ollama.Client(endpoint.url, headers=endpoint.headers)
    parts = list(speaks.chat("tiny", QUESTION, options=SHORT, stream=True))
    vectors = speaks.embed("tiny", "Hi")
    written = parts[-1].eval_count
    assert vectors.prompt_eval_count == 2
    assert counted() == (PROMPT + 2, written, 1)


@pytest.mark.parametrize("speaks", ["openai", "anthropic", "ollama_chat"])
@pytest.mark.parametrize("stream", [False, True])
def test_litellm_is_counted(
    endpoint: Endpoint, counted: Callable[[], Counts], speaks: str, stream: bool
) -> None:
    base = endpoint.url + ("/v1" if speaks == "openai" else "")
    answer = litellm.completion(
        model=f"{speaks}/tiny",
        messages=QUESTION,
        api_base=base,
        api_key=endpoint.key,
        headers=endpoint.headers,
        max_tokens=3,
        stream=stream,
    )
    if stream:
        assert list(answer)
    read, written, _first = counted()
    assert read == PROMPT
    assert 0 < written <= 3


def test_langchain_is_counted(endpoint: Endpoint, counted: Callable[[], Counts]) -> None:
    asked = {"headers": endpoint.headers}
    chat = ChatOllama(model="tiny", base_url=endpoint.url, client_kwargs=asked, num_predict=3)
    told = chat.invoke("Hi").usage_metadata
    vectors = OllamaEmbeddings(model="tiny", base_url=endpoint.url, client_kwargs=asked)
    vectors.embed_query("Hi")
    assert told
    assert counted() == (PROMPT + 2, told["output_tokens"], 1)
