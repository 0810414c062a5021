"""More models than the memory holds, and how long each stays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.faults.outcomes import eventually
from tests.inference import endpoint as endpoints

# Each of these takes its half gigabyte of overhead: two fit, three do not.
BUDGET = "1200M"


@pytest.fixture
def http(models: Path, tmp_path: Path) -> Iterator[httpx.Client]:
    third = tmp_path / "third.gguf"
    third.write_bytes((models / "tiny.gguf").read_bytes())
    flags = [
        *("--model", str(models / "tiny.gguf"), "--model", str(models / "thinker.gguf")),
        *("--model", str(third), "--memory-budget", BUDGET, "--slots", "1"),
        *("--context-length", "512"),
    ]
    with endpoints.running(tmp_path, *flags) as running, running.client() as client:
        yield client


def _loaded(http: httpx.Client) -> list[str]:
    return [model["name"] for model in http.get("/api/ps").json()["models"]]


def _ask(http: httpx.Client, name: str, **fields: object) -> None:
    body = {"model": name, "prompt": "Hi", "stream": False, "options": {"num_predict": 2}}
    answer = http.post("/api/generate", json={**body, **fields})
    assert answer.status_code == 200, answer.text


def test_it_works(http: httpx.Client) -> None:
    """The least recently used one makes room, whichever API asks."""
    assert _loaded(http) == ["tiny"]
    _ask(http, "thinker")
    assert _loaded(http) == ["tiny", "thinker"]
    _ask(http, "tiny")
    _ask(http, "third")
    assert _loaded(http) == ["tiny", "third"]
    messages = [{"role": "user", "content": "Hi"}]
    body = {"model": "thinker", "messages": messages, "max_tokens": 2}
    assert http.post("/v1/chat/completions", json=body).status_code == 200
    assert _loaded(http) == ["third", "thinker"]


def test_a_model_stays_as_long_as_a_request_says(http: httpx.Client) -> None:
    (pinned,) = http.get("/api/ps").json()["models"]
    assert datetime.fromisoformat(pinned["expires_at"]) > datetime.now(UTC) + timedelta(days=365)
    _ask(http, "thinker", keep_alive="5m")
    expires = http.get("/api/ps").json()["models"][1]["expires_at"]
    left = datetime.fromisoformat(expires) - datetime.now(UTC)
    assert timedelta(minutes=4) < left <= timedelta(minutes=5)
    _ask(http, "thinker", keep_alive="100ms")
    eventually(lambda: _loaded(http) == ["tiny"])
    _ask(http, "thinker", keep_alive=0)
    eventually(lambda: _loaded(http) == ["tiny"])


def test_a_model_goes_after_the_time_that_is_set(models: Path, tmp_path: Path) -> None:
    flags = ["--model", str(models / "tiny.gguf"), "--keep-alive", "200ms"]
    with endpoints.running(tmp_path, *flags) as running, running.client() as http:
        eventually(lambda: _loaded(http) == [])
        assert http.get("/readyz").status_code == 200
        _ask(http, "tiny", keep_alive=-1)
        assert _loaded(http) == ["tiny"]
