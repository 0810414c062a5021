"""The models that the Ollama stand-in brings along, small facts after real ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.standins import gguf
from tests.standins.server import Sparse

GB = 1_000_000_000
MEDIA = "application/vnd.ollama.image."
Blob = bytes | Sparse


def digest_of(blob: Blob) -> str:
    """The digest that a manifest names; of a sparse file it stands for bytes never made."""
    content = blob if isinstance(blob, bytes) else blob.head + str(blob.size).encode()
    return "sha256:" + hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class Tag:
    """One tag: its layers by kind (a kind may come twice) and its config blob."""

    name: str
    layers: tuple[tuple[str, Blob], ...]
    config: Mapping[str, Any]
    context: str = "128K"
    listed_size: str = ""

    @property
    def blobs(self) -> dict[str, Blob]:
        """All blobs by digest, the config among them."""
        found = {digest_of(blob): blob for _, blob in self.layers}
        return {**found, digest_of(self.raw_config): self.raw_config}

    @property
    def raw_config(self) -> bytes:
        return json.dumps(self.config).encode()

    @property
    def raw_manifest(self) -> bytes:
        """The manifest as the registry sends it."""
        layers = [_described(MEDIA + kind, blob) for kind, blob in self.layers]
        config = _described("application/vnd.docker.container.image.v1+json", self.raw_config)
        return json.dumps({"schemaVersion": 2, "config": config, "layers": layers}).encode()

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.raw_manifest).hexdigest()


@dataclass(frozen=True)
class Library:
    """One model of the site, with what its card shows."""

    name: str
    tags: tuple[Tag, ...]
    namespace: str = "library"
    summary: str = ""
    capabilities: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    pulls: str = "1.2M"
    updated: str = "Jul 2, 2025 6:09 AM UTC"
    is_listed: bool = True


@dataclass(frozen=True)
class Shape:
    """What a GGUF header of a stand-in says."""

    name: str
    layers: int
    embedding: int
    heads: int
    kv_heads: int
    context: int = 131072
    extra: Mapping[str, gguf.Value] = field(default_factory=dict)

    def weights(self, gigabytes: float) -> Sparse:
        """A file of that many bytes that starts with a real header."""
        keys = gguf.llama(
            self.name,
            layers=self.layers,
            embedding=self.embedding,
            heads=self.heads,
            kv_heads=self.kv_heads,
            context=self.context,
            vocab=200,
            extra=self.extra,
        )
        return Sparse(gguf.header(keys), round(gigabytes * GB))


def _described(media_type: str, blob: Blob) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(blob), "size": len(blob)}


def tag(
    name: str,
    weights: Blob,
    *,
    family: str = "llama",
    parameters: str = "8.0B",
    quantisation: str = "Q4_K_M",
    projector: Blob | None = None,
    requires: str = "",
    context: str = "128K",
) -> Tag:
    """A GGUF tag with the usual small layers."""
    layers: list[tuple[str, Blob]] = [
        ("model", weights),
        ("template", b"{{ .Prompt }}"),
        ("license", b"Apache License\nVersion 2.0"),
        ("params", b'{"stop":["<|eot_id|>"]}'),
    ]
    if projector is not None:
        layers.insert(1, ("projector", projector))
    config = {
        "model_format": "gguf",
        "model_family": family,
        "model_type": parameters,
        "file_type": quantisation,
        "os": "linux",
    }
    if requires:
        config["requires"] = requires
    return Tag(name, tuple(layers), config, context, _size_text(weights))


def cloud_tag(name: str = "cloud") -> Tag:
    """A tag that has no weights: it runs at Ollama's."""
    config = {"remote_host": "https://ollama.com:443", "remote_model": "of-theirs"}
    return Tag(name, (("license", b"MIT"),), config)


def mlx_tag(name: str) -> Tag:
    """A tag of tensors for Apple's MLX."""
    config = {"model_format": "safetensors", "file_type": "mxfp8", "requires": "0.32.12"}
    return Tag(name, (("tensor", b"tensors"),), config, listed_size="9.4GB")


def _size_text(weights: Blob) -> str:
    gigabytes = len(weights) / GB
    if gigabytes < 1:
        return f"{gigabytes * 1000:.0f}MB"
    return f"{gigabytes:.1f}GB" if gigabytes < 10 else f"{gigabytes:.0f}GB"


_LLAMA_8B = Shape("llama", 32, 4096, 32, 8)
_LLAMA_70B = Shape("llama", 80, 8192, 64, 8)
_QWEN_8B = Shape("qwen3", 36, 4096, 32, 8, 40960)
_GEMMA_4B = Shape("gemma3", 34, 2560, 8, 4, extra={".attention.sliding_window": 1024})
_BERT = Shape("nomic-bert", 12, 768, 12, 12, 2048)

_llama_8b = tag("8b", _LLAMA_8B.weights(4.920738944))
_qwen_8b = tag("8b", _QWEN_8B.weights(5.2), family="qwen3", parameters="8.2B", context="40K")
_gemma_4b = tag(
    "4b",
    _GEMMA_4B.weights(3.3),
    family="gemma3",
    parameters="4.3B",
    projector=Sparse(b"GGUF", 851_000_000),
)


def _latest(of: Tag) -> Tag:
    return Tag("latest", of.layers, of.config, of.context, of.listed_size)


MODELS = (
    Library(
        "llama3.1",
        (
            _latest(_llama_8b),
            _llama_8b,
            tag("70b", _LLAMA_70B.weights(42.520398176), parameters="70.6B"),
            tag("8b-instruct-q8_0", _LLAMA_8B.weights(8.54), quantisation="Q8_0"),
        ),
        summary="Llama 3.1 comes in 8B, 70B and 405B parameters.",
        capabilities=("tools",),
        sizes=("8b", "70b"),
        pulls="118.7M",
    ),
    Library(
        "qwen3",
        (_latest(_qwen_8b), _qwen_8b, mlx_tag("8b-mlx")),
        summary="Dense and mixture-of-experts models.",
        capabilities=("tools", "thinking"),
        sizes=("8b",),
        pulls="35M",
    ),
    Library(
        "gemma3",
        (_latest(_gemma_4b), _gemma_4b),
        summary="Runs on a single GPU.",
        capabilities=("vision",),
        sizes=("4b",),
        pulls="39.7M",
    ),
    Library(
        "gpt-oss",
        (
            tag("20b", Sparse(b"GGUF", 14 * GB), family="gptoss", parameters="20.9B"),
            cloud_tag("20b-cloud"),
        ),
        capabilities=("tools", "thinking", "cloud"),
        sizes=("20b",),
        pulls="12M",
    ),
    Library("deepseek-v4-pro", (cloud_tag(),), capabilities=("cloud",), pulls="348.5K"),
    Library(
        "nomic-embed-text",
        (
            tag(
                "latest",
                _BERT.weights(0.274),
                family="nomic-bert",
                parameters="137M",
                quantisation="F16",
                context="2K",
            ),
        ),
        capabilities=("embedding",),
        pulls="83.1M",
    ),
    Library(
        "qwen3.8",
        (
            tag(
                "27b",
                Shape("llama", 64, 5120, 24, 4).weights(17),
                family="qwen35",
                parameters="27.3B",
                requires="0.32.12",
            ),
        ),
        sizes=("27b",),
        pulls="542.4K",
    ),
    Library(
        "crow",
        (
            tag("latest", _LLAMA_8B.weights(4.9)),
            tag("q2", _LLAMA_8B.weights(3.1), quantisation="Q2_K"),
        ),
        namespace="jaahas",
        summary="A community model.",
        pulls="912",
    ),
    Library("unlisted", (tag("latest", _LLAMA_8B.weights(4.9)),), is_listed=False),
)
