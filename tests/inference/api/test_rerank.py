"""Rerankers: texts are put in the order in which they answer a question, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.inference import endpoint as endpoints
from tests.inference import tiny_gguf

QUERY, TEXTS = "Why is the sky blue", ["Air scatters blue light", "Tea", "x " * 900]
PATHS = ("/rerank", "/reranking", "/v1/rerank", "/v1/reranking")


@pytest.fixture(scope="module")
def judge(provider: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A runtime with a tiny reranker, which was told its name and nothing else."""
    folder = tmp_path_factory.mktemp("judge")
    model = tiny_gguf.write_reranker(folder / "judge.gguf")
    environ = {"ENGINE_BINARY": str(endpoints.binary_of(provider) or "")}
    with (
        endpoints.running(folder, "--model", str(model), environ=environ) as running,
        running.client() as client,
    ):
        yield client


def _scores(judge: httpx.Client, texts: list[str], path: str = "/v1/rerank") -> dict[str, float]:
    answer = judge.post(path, json={"model": "judge", "query": QUERY, "documents": texts})
    assert answer.status_code == 200, answer.text
    found = answer.json()["results"]
    return {texts[each["index"]]: each["relevance_score"] for each in found}


def test_it_works(judge: httpx.Client) -> None:
    """The best comes first, each text is judged by itself, and a long one whole."""
    found = _scores(judge, TEXTS)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert set(found) == set(TEXTS)
    assert len(set(found.values())) == len(TEXTS)
    assert _scores(judge, TEXTS[::-1]) == pytest.approx(found, abs=1e-3)


@pytest.mark.parametrize("path", PATHS)
def test_by_every_name(judge: httpx.Client, path: str) -> None:
    assert set(_scores(judge, TEXTS[:1], path)) == set(TEXTS[:1])


def test_only_the_best(judge: httpx.Client) -> None:
    body = {"query": QUERY, "documents": TEXTS, "top_n": 1}
    (best,) = judge.post("/v1/rerank", json=body).json()["results"]
    assert best["relevance_score"] == pytest.approx(max(_scores(judge, TEXTS).values()), abs=1e-3)


def test_as_text_embeddings_inference_is_asked(judge: httpx.Client) -> None:
    found = judge.post("/rerank", json={"query": QUERY, "texts": TEXTS[:2]}).json()
    assert {each["index"] for each in found} == {0, 1}
    assert all("score" in each for each in found)


def test_its_tokens_are_counted(judge: httpx.Client) -> None:
    _scores(judge, TEXTS[:1])
    assert 'kind="prompt"} ' in judge.get("/metrics").text


def test_it_is_told_as_what_it_is(judge: httpx.Client) -> None:
    assert judge.get("/api/tags").json()["models"][0]["capabilities"] == ["rerank"]


@pytest.mark.parametrize("path", ["/v1/embeddings", "/api/embed", "/api/embeddings", "/embedding"])
def test_it_embeds_nothing(judge: httpx.Client, path: str) -> None:
    """Its vectors are one score, and memory that nobody wrote to."""
    answer = judge.post(path, json={"model": "judge", "input": "a", "prompt": "a", "content": "a"})
    assert answer.status_code == 400
    assert "it reranks, at /v1/rerank" in answer.text


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/api/chat"])
def test_it_writes_nothing(judge: httpx.Client, path: str) -> None:
    messages = [{"role": "user", "content": "Hi"}]
    body = {"model": "judge", "messages": messages, "prompt": "Hi", "stream": False}
    assert judge.post(path, json=body).status_code == 400


def test_other_models_rerank_nothing(http: httpx.Client) -> None:
    answer = http.post("/v1/rerank", json={"query": QUERY, "documents": TEXTS})
    assert answer.status_code == 400
    assert "tiny does not support rerank: that takes a reranker" in answer.text
