"""Talks to the Ollama registry: manifests, config blobs, ranges of layers.

The protocol is Docker's, with habits of its own: manifests are sent as
text/plain, HEAD is not allowed on them, and blobs redirect to a storage host.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache as once
from typing import Any

import httpx2
from django.conf import settings
from django.core.cache import cache

from wizard.registry import http
from wizard.registry.errors import (
    CloudOnly,
    MlxOnly,
    ModelNotFound,
    NothingToServe,
    RegistryError,
    UnreadableHeader,
    VariantNotFound,
)
from wizard.registry.ollama_pages import parameters
from wizard.registry.values import Format, ModelFile, ModelRef, Variant

NAME = "The Ollama registry"
TAG_SECONDS = 600
DIGEST_SECONDS = 30 * 86_400
MISSING_SECONDS = 60
MAX_MANIFEST = 1 << 20
MAX_LAYERS = 512
MAX_LAYER_BYTES = 1 << 44
_LAYER = "application/vnd.ollama.image."
_WEIGHTS = ("model", "adapter")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_NO_GGUF = ("safetensors", "mlx")


@dataclass(frozen=True)
class Manifest:
    """A tag's layers by kind (``model``, ``template``, …), each digest once."""

    digest: str
    layers: tuple[tuple[str, ModelFile], ...]
    config: Mapping[str, Any]

    def files(self, *kinds: str) -> tuple[ModelFile, ...]:
        """The layers of some kinds, in the manifest's order."""
        return tuple(file for kind, file in self.layers if kind in kinds)

    def fact(self, name: str) -> str:
        """A short text of the config blob, or an empty string."""
        value = self.config.get(name)
        return value[:80] if isinstance(value, str) else ""


def manifest(ref: ModelRef, tag: str) -> Manifest:
    """What a tag is made of.

    Raises VariantNotFound where the registry knows no such tag (or no such
    model: it does not tell them apart), RegistryError where the answer makes
    no sense, and RateLimited, RegistryTimeout or RegistryDown.
    """
    key = http.cache_key("ollama-manifest", settings.OLLAMA_REGISTRY_URL, ref.repo, tag)
    known = cache.get(key)
    if isinstance(known, VariantNotFound):
        raise known
    if isinstance(known, Manifest):
        return known
    try:
        found = _asked(ref, tag)
    except VariantNotFound as error:
        cache.set(key, error, MISSING_SECONDS)
        raise
    cache.set(key, found, TAG_SECONDS)
    return found


def variant(ref: ModelRef, tag: str, found: Manifest) -> Variant:
    """The variant that a manifest describes, with exact bytes.

    Raises CloudOnly, MlxOnly or NothingToServe where there is no GGUF in it.
    """
    _refuse_without_gguf(ref, tag, found)
    projectors = found.files("projector")
    weights = found.files(*_WEIGHTS)
    return Variant(
        name=tag,
        format=Format.GGUF,
        quantisation=found.fact("file_type").upper(),
        files=weights + projectors[1:],
        projector=projectors[0] if projectors else None,
        parameters=parameters(found.fact("model_type")),
        context_length=_context_length(found.config),
        digest=found.digest,
        requires=found.fact("requires"),
        architecture_name=found.fact("model_family"),
    )


def ranges_of(ref: ModelRef, digest: str) -> Callable[[int, int], bytes]:
    """A function that reads a blob's bytes from ``start`` up to ``stop``."""
    url = _url(ref, f"blobs/{digest}")

    def fetch(start: int, stop: int) -> bytes:
        response = http.read_range(session(), url, start, stop)
        if response.status_code != 206:
            raise UnreadableHeader(
                f"{NAME} did not give the weights of {ref.repo} ({response.status_code})."
            )
        return response.content

    return fetch


@once
def session() -> httpx2.Client:
    """The client that all threads share."""
    return http.client(NAME)


def _url(ref: ModelRef, path: str) -> str:
    return f"{settings.OLLAMA_REGISTRY_URL}/v2/{ref.namespace}/{ref.name}/{path}"


def _asked(ref: ModelRef, tag: str) -> Manifest:
    response = session().get(_url(ref, f"manifests/{tag}"), extensions={http.LIMIT: MAX_MANIFEST})
    _check(response, ref, tag)
    document = http.read_json(response, NAME)
    if not isinstance(document, dict) or "layers" not in document:
        raise RegistryError(f"{NAME} sent something else than a manifest for {ref.repo}:{tag}.")
    return Manifest(
        digest=hashlib.sha256(response.content).hexdigest(),
        layers=_layers(document),
        config=_config(ref, document.get("config")),
    )


def _check(response: httpx2.Response, ref: ModelRef, tag: str) -> None:
    if response.status_code == 404 and b"MANIFEST_INVALID" not in response.content:
        raise VariantNotFound(
            f"The Ollama registry has no {ref.repo}:{tag}.",
            next_step="Check the spelling of the model and of its tag.",
        )
    if response.status_code == 412:
        raise RegistryError(f"{ref.repo}:{tag} is only given to newer versions of Ollama.")
    if response.status_code != 200:
        raise RegistryError(f"{NAME} answers with the status {response.status_code}.")


def _layers(document: Mapping[str, Any]) -> tuple[tuple[str, ModelFile], ...]:
    layers = document["layers"]
    if not isinstance(layers, list) or len(layers) > MAX_LAYERS:
        raise RegistryError(f"{NAME} sent a manifest with no sane list of layers.")
    distinct = {}
    for layer in layers:
        kind, file = _layer(layer)
        distinct[kind, file.path] = (kind, file)
    return tuple(distinct.values())


def _layer(layer: Any) -> tuple[str, ModelFile]:
    media_type = layer.get("mediaType") if isinstance(layer, dict) else None
    if not isinstance(media_type, str):
        raise RegistryError(f"{NAME} sent a manifest with a broken layer.")
    return media_type.removeprefix(_LAYER)[:80], _blob(layer)


def _blob(description: Mapping[str, Any]) -> ModelFile:
    digest, size = description.get("digest"), description.get("size")
    if not isinstance(digest, str) or not _DIGEST.match(digest):
        raise RegistryError(f"{NAME} sent a manifest with a broken digest.")
    if not isinstance(size, int) or not 0 <= size <= MAX_LAYER_BYTES:
        raise RegistryError(f"{NAME} sent a manifest with a layer of no sane size.")
    return ModelFile(digest, size, digest.removeprefix("sha256:"))


def _config(ref: ModelRef, description: Any) -> Mapping[str, Any]:
    if not isinstance(description, dict):
        return {}
    blob = _blob(description)
    key = http.cache_key("ollama-config", blob.path)
    known = cache.get(key)
    if isinstance(known, dict):
        return known
    response = session().get(_url(ref, f"blobs/{blob.path}"), extensions={http.LIMIT: MAX_MANIFEST})
    if response.status_code != 200:
        raise RegistryError(f"{NAME} did not give the facts of {ref.repo}.")
    config = http.read_json(response, NAME)
    if not isinstance(config, dict):
        raise RegistryError(f"{NAME} sent facts of {ref.repo} that are no JSON object.")
    cache.set(key, config, DIGEST_SECONDS)
    return config


def _refuse_without_gguf(ref: ModelRef, tag: str, found: Manifest) -> None:
    name = f"{ref.repo}:{tag}"
    if found.config.get("remote_host") or found.config.get("remote_model"):
        raise CloudOnly(f"{name} has no weights: it runs in Ollama's cloud only.")
    if found.fact("model_format") in _NO_GGUF:
        raise MlxOnly(f"{name} holds tensors for Apple's MLX, not GGUF.")
    if found.files("model"):
        return
    if is_cloud(tag):
        raise CloudOnly(f"{name} has no weights: it runs in Ollama's cloud only.")
    raise NothingToServe(f"{name} holds no weights in the form of GGUF.")


def is_cloud(tag: str) -> bool:
    """Whether a tag's name is one of those that have no weights: ``cloud``, ``671b-cloud``."""
    return tag.lower() == "cloud" or tag.lower().endswith("-cloud")


def _context_length(config: Mapping[str, Any]) -> int | None:
    value = config.get("context_length")
    is_sane = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31
    return value if is_sane else None


def not_found(ref: ModelRef) -> ModelNotFound:
    """The error for a model of which neither a page nor a manifest is known."""
    return ModelNotFound(f"The Ollama registry has no model {ref.repo}.")
