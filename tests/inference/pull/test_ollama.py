"""Pulling from the Ollama registry: manifests, small layers, what cannot be served."""

from __future__ import annotations

import json as jsonlib

import pytest

from inference.errors import (
    DigestMismatch,
    InferenceError,
    ModelGated,
    ModelNotFound,
    RegistryAnswer,
    Unsupported,
)
from inference.models import Source
from tests.inference.pull.conftest import KIB, Puller
from tests.standins.server import Reply, json, text
from tests.standins.weights import Weights, gguf

MODEL = gguf(400 * KIB, 1)
LAYERS = {
    "projector": gguf(90 * KIB, 2),
    "adapter": gguf(80 * KIB, 3),
    "template": b"{{ .Prompt }}",
    "system": "Be kind – always.".encode(),
    "params": b'{"stop": ["<|im_end|>"], "temperature": 0.6}',
    "messages": b'[{"role": "user", "content": "Hi"}]',
    "license": b"Apache License",
}


def test_it_works(puller: Puller, weights: Weights) -> None:
    digest = weights.add_ollama("library/tiny", "1b", MODEL, layers=LAYERS)
    model = puller.pull("tiny:1b")
    assert model.name == "tiny:1b"
    assert model.source is Source.OLLAMA
    assert model.path.read_bytes() == MODEL
    assert model.projector
    assert model.projector.path.read_bytes() == LAYERS["projector"]
    assert [file.path.read_bytes() for file in model.adapters] == [LAYERS["adapter"]]
    assert model.template == "{{ .Prompt }}"
    assert model.system == "Be kind – always."
    assert model.params == {"stop": ["<|im_end|>"], "temperature": 0.6}
    assert model.messages == ({"role": "user", "content": "Hi"},)
    assert model.licenses == ("Apache License",)
    assert model.config["model_family"] == "llama"
    assert model.quantisation == "Q8_0"
    assert model.digest == digest


def test_a_second_start_does_no_network_at_all(puller: Puller, weights: Weights) -> None:
    weights.add_ollama("user/tiny", "latest", MODEL, layers=LAYERS)
    first = puller.pull("user/tiny")
    asked = weights.requests
    assert puller.pull("user/tiny:latest") == first
    assert weights.requests == asked


def test_repeated_layers_are_downloaded_once(puller: Puller, weights: Weights) -> None:
    weights.add_ollama("library/tiny", "latest", MODEL, layers={"adapter": MODEL})
    puller.pull("tiny")
    assert weights.sent == sum(len(data) for data in weights.files.values())


def test_a_pinned_digest_is_kept_to(puller: Puller, weights: Weights) -> None:
    digest = weights.add_ollama("library/tiny", "latest", MODEL)
    assert puller.pull(f"tiny@sha256:{digest}").digest == digest
    weights.add_ollama("library/tiny", "latest", gguf(KIB, 9))
    with pytest.raises(DigestMismatch, match="is now another model"):
        puller.pull(f"tiny@sha256:{digest}", refresh=True)


@pytest.mark.parametrize(
    ("tag", "config", "words"),
    [
        ("8b-cloud", {}, "cloud"),
        ("cloud", {}, "cloud"),
        ("8b", {"remote_host": "https://ollama.com:443", "remote_model": "tiny"}, "cloud"),
        ("8b-mxfp8", {"model_format": "safetensors"}, "MLX"),
        ("8b", {"model_format": "ggml"}, "'ggml'"),
    ],
)
def test_what_cannot_be_served_is_refused(
    puller: Puller, weights: Weights, tag: str, config: dict[str, str], words: str
) -> None:
    weights.add_ollama("library/tiny", tag, MODEL, config=config)
    with pytest.raises(Unsupported, match=words) as refused:
        puller.pull(f"tiny:{tag}")
    assert refused.value.next_step == "Choose another tag of the same model."
    assert weights.sent < KIB


def test_a_manifest_without_weights_is_refused(puller: Puller, weights: Weights) -> None:
    weights.add_ollama("library/tiny", "latest", b"", layers={"license": b"MIT"})
    with pytest.raises(Unsupported, match="no weights"):
        puller.pull("tiny")


def test_an_unknown_model_is_told(puller: Puller) -> None:
    with pytest.raises(ModelNotFound, match="no nope:latest"):
        puller.pull("nope")


def _manifest(**changes: object) -> str:
    layer = {
        "mediaType": "application/vnd.ollama.image.model",
        "size": 9,
        "digest": "sha256:" + "0" * 64,
    }
    config = {"mediaType": "application/vnd.docker.container.image.v1+json", **layer}
    return jsonlib.dumps({"config": config, "layers": [layer], **changes})


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (text("<html>maintenance</html>"), RegistryAnswer, "no manifest"),
        (json([]), RegistryAnswer, "no manifest"),
        (text(_manifest(config=None)), RegistryAnswer, "no config"),
        (text(_manifest(config={"digest": "sha256:../../x", "size": 1})), RegistryAnswer, "digest"),
        (
            text(_manifest(config={"digest": "sha256:" + "0" * 64, "size": 1 << 40})),
            RegistryAnswer,
            "too long",
        ),
        (text("", 412), RegistryAnswer, "412"),
        (text("", 401), ModelGated, "anonymous"),
    ],
)
def test_an_odd_manifest_is_refused_in_a_sentence(
    puller: Puller, weights: Weights, answer: Reply, kind: type[InferenceError], words: str
) -> None:
    weights.registry.route("GET", "/v2/library/tiny/manifests/latest", answer)
    with pytest.raises(kind, match=words):
        puller.pull("tiny")


def test_a_changed_text_layer_is_refused(puller: Puller, weights: Weights) -> None:
    weights.add_ollama("library/tiny", "latest", MODEL, layers={"system": b"Be kind"})
    digest = next(digest for digest, data in weights.files.items() if data == b"Be kind")
    weights.serve(digest, b"Be rude")
    with pytest.raises(DigestMismatch, match="arrived changed"):
        puller.pull("tiny")


@pytest.mark.parametrize("layers", [{"params": b"{"}, {"params": b"[]"}, {"messages": b"{}"}])
def test_broken_settings_of_a_model_are_refused(
    puller: Puller, weights: Weights, layers: dict[str, bytes]
) -> None:
    weights.add_ollama("library/tiny", "latest", MODEL, layers=layers)
    with pytest.raises(RegistryAnswer):
        puller.pull("tiny")
