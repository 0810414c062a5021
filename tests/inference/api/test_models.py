"""Ollama's routes about models: ``tags``, ``ps``, ``show``, ``version``, and the refused ones."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

DETAILS = {
    "parent_model": "",
    "format": "gguf",
    "family": "llama",
    "families": ["llama"],
    "parameter_size": "35.2K",
    "quantization_level": "F32",
    "context_length": 2048,
    "embedding_length": 32,
}


def test_tags(http: httpx.Client) -> None:
    found = {model["name"]: model for model in http.get("/api/tags").json()["models"]}
    assert set(found) == {"tiny", "thinker", "gpt-tiny"}
    tiny = found["tiny"]
    assert tiny["details"] == DETAILS
    assert tiny["size"] > 100_000
    assert len(tiny["digest"]) == 64
    assert datetime.fromisoformat(tiny["modified_at"])
    assert tiny["capabilities"] == ["completion", "vision", "tools"]
    assert found["thinker"]["capabilities"] == ["completion", "thinking"]


def test_ps_tells_what_is_loaded(http: httpx.Client) -> None:
    http.post("/api/generate", json={"model": "tiny"})
    found = {model["name"]: model for model in http.get("/api/ps").json()["models"]}
    tiny = found["tiny"]
    assert tiny["context_length"] == 2048
    assert tiny["size"] > 0
    assert tiny["size_vram"] == 0
    assert datetime.fromisoformat(tiny["expires_at"]) > datetime.now(UTC)


def test_keep_alive_zero_unloads(http: httpx.Client) -> None:
    http.post("/api/generate", json={"model": "thinker"})
    assert "thinker" in http.get("/api/ps").text
    found = http.post("/api/generate", json={"model": "thinker", "keep_alive": 0}).json()
    assert found["done_reason"] == "unload"
    assert "thinker" not in http.get("/api/ps").text


def test_show(http: httpx.Client) -> None:
    found = http.post("/api/show", json={"model": "tiny"}).json()
    assert found["details"] == DETAILS
    assert found["license"] == "mit"
    assert "<|im_start|>" in found["template"]
    assert found["model_info"]["general.architecture"] == "llama"
    assert found["model_info"]["llama.context_length"] == 2048
    assert found["model_info"]["general.parameter_count"] == 35168
    assert found["model_info"]["tokenizer.ggml.tokens"] is None
    assert found["projector_info"]["clip.has_vision_encoder"] is True
    assert found["capabilities"] == ["completion", "vision", "tools"]
    assert found["modelfile"].startswith("# Modelfile")
    assert "tensors" not in found


def test_show_takes_a_name_as_older_clients_send(http: httpx.Client) -> None:
    found = http.post("/api/show", json={"name": "tiny", "verbose": True}).json()
    assert len(found["model_info"]["tokenizer.ggml.tokens"]) == 259
    assert {"name": "output.weight", "type": "F32", "shape": [32, 259]} in found["tensors"]


def test_version_and_root(http: httpx.Client) -> None:
    assert http.get("/api/version").json()["version"].count(".") == 2
    assert http.get("/").text == "Ollama is running"
    assert http.head("/").status_code == 200
    assert http.head("/api/tags").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/show", {"model": "nope"}, 404),
        ("POST", "/api/show", {"model": ""}, 400),
        ("POST", "/api/pull", {"model": "x"}, 403),
        ("DELETE", "/api/delete", {"model": "tiny"}, 403),
        ("POST", "/api/create", {"model": "x"}, 501),
        ("POST", "/api/copy", {"source": "x"}, 501),
        ("POST", "/api/push", {"model": "x"}, 501),
        ("POST", "/api/blobs/sha256:00", {}, 501),
        ("GET", "/api/generate", {}, 405),
        ("POST", "/api/tags", {}, 405),
        ("GET", "/nowhere", {}, 404),
    ],
)
def test_refusals(
    http: httpx.Client, method: str, path: str, body: dict[str, Any], status: int
) -> None:
    answer = http.request(method, path, json=body)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_a_wrong_method_tells_the_right_one(http: httpx.Client) -> None:
    assert http.get("/api/chat").headers["Allow"] == "POST"
