"""``/api/embed`` and ``/api/embeddings``"""

from __future__ import annotations

import base64
import math
import struct
from pathlib import Path

import httpx
import openai
import pytest

from tests.inference import endpoint as endpoints
from tests.inference import tiny_gguf
from tests.inference.endpoint import Endpoint


def _length(vector: list[float]) -> float:
    return math.sqrt(sum(value * value for value in vector))


def test_it_works(http: httpx.Client) -> None:
    found = http.post("/api/embed", json={"model": "tiny", "input": ["one", "two"]}).json()
    assert len(found["embeddings"]) == 2
    assert all(_length(vector) == pytest.approx(1, abs=1e-4) for vector in found["embeddings"])
    assert found["embeddings"][0] != found["embeddings"][1]
    assert found["prompt_eval_count"] == 6
    assert found["total_duration"] > 0


def test_one_text(http: httpx.Client) -> None:
    found = http.post("/api/embed", json={"model": "tiny", "input": "one"}).json()
    assert len(found["embeddings"]) == 1


def test_dimensions_are_cut_and_normalised(http: httpx.Client) -> None:
    body = {"model": "tiny", "input": "one", "dimensions": 8}
    (vector,) = http.post("/api/embed", json=body).json()["embeddings"]
    assert len(vector) == 8
    assert _length(vector) == pytest.approx(1, abs=1e-4)


def test_openais_route_cuts_and_normalises_too(http: httpx.Client) -> None:
    body = {"model": "tiny", "input": ["one", "two"], "dimensions": 8}
    ours = http.post("/api/embed", json=body).json()["embeddings"]
    theirs = http.post("/v1/embeddings", json=body).json()
    assert [item["embedding"] for item in theirs["data"]] == ours
    assert theirs["usage"]["total_tokens"] == 6
    whole = http.post("/v1/embeddings", json={**body, "dimensions": 0}).json()["data"]
    assert len(whole[0]["embedding"]) == 32
    wrong = http.post("/v1/embeddings", json={**body, "dimensions": -1})
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "dimensions")


def test_openais_clients_unpack_them(endpoint: Endpoint) -> None:
    with openai.OpenAI(base_url=f"{endpoint.url}/v1", api_key=endpoint.key) as client:
        few = client.embeddings.create(model="tiny", input="one", dimensions=8).data[0].embedding
        packed = client.embeddings.create(
            model="tiny", input="one", dimensions=8, encoding_format="base64"
        )
    text = str(packed.data[0].embedding)
    assert struct.unpack("<8f", base64.b64decode(text)) == pytest.approx(few)


@pytest.mark.parametrize("empty", [None, "", []])
def test_nothing_gives_nothing(http: httpx.Client, empty: object) -> None:
    found = http.post("/api/embed", json={"model": "tiny", "input": empty}).json()
    assert found["embeddings"] == []


def test_what_is_too_long_is_cut(http: httpx.Client) -> None:
    found = http.post("/api/embed", json={"model": "tiny", "input": "a" * 5000})
    assert found.status_code == 200, found.text
    assert found.json()["prompt_eval_count"] == 512


def test_what_is_too_long_is_refused_where_it_must_not_be_cut(http: httpx.Client) -> None:
    body = {"model": "tiny", "input": "a" * 5000, "truncate": False}
    answer = http.post("/api/embed", json=body)
    assert answer.status_code == 400
    assert "512 tokens" in answer.json()["error"]


def test_a_model_that_pools_at_the_end_reads_texts_longer_than_a_step(
    provider: str, tmp_path: Path
) -> None:
    model = tiny_gguf.write_model(tmp_path / "tiny.gguf", pooling=3)
    text = "".join(f"{number} " for number in range(400))
    found = {}
    for step in ("64", "2048"):
        flags = ["--model", str(model), "--slots", "2", "--batch", "2048", "--ubatch", step]
        environ = {"ENGINE_BINARY": str(endpoints.binary_of(provider) or "")}
        with (
            endpoints.running(tmp_path, *flags, environ=environ) as running,
            running.client() as to,
        ):
            body = {"model": "tiny", "input": text, "truncate": False}
            found[step] = to.post("/api/embed", json=body).json()
    assert {each["prompt_eval_count"] for each in found.values()} == {len(text)}
    (short,), (long,) = (each["embeddings"] for each in found.values())
    assert sum(a * b for a, b in zip(short, long, strict=True)) == pytest.approx(1, abs=1e-4)


def test_the_older_route(http: httpx.Client) -> None:
    found = http.post("/api/embeddings", json={"model": "tiny", "prompt": "one"}).json()
    assert _length(found["embedding"]) == pytest.approx(1, abs=1e-4)
    empty = http.post("/api/embeddings", json={"model": "tiny", "prompt": ""}).json()
    assert empty == {"embedding": []}


@pytest.mark.parametrize("wrong", [5, [5], {"a": 1}])
def test_other_types_are_refused(http: httpx.Client, wrong: object) -> None:
    answer = http.post("/api/embed", json={"model": "tiny", "input": wrong})
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid input type"})
