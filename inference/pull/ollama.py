"""An Ollama name → its manifest, its small layers read, its large ones to download.

Format: Ollama ``types/model``, ``server/images.go`` (media types). Layers may
repeat; of several weights the last one counts, as it does there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from inference.errors import DigestMismatch, RegistryAnswer, Unsupported
from inference.models import LocalModel, Source
from inference.pull.transport import Transport
from inference.pull.values import LARGEST_FILE, Digest, RemoteFile, Resolved
from inference.refs import OllamaRef

MOST_LAYERS = 1000
# A registry by the specification translates a manifest that the client does not say it reads.
MANIFESTS = ", ".join(
    (
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "*/*;q=0.1",
    )
)
_LAYER = "application/vnd.ollama.image."
_SHA256 = re.compile(r"sha256:([0-9a-f]{64})\Z")
_OTHER_TAG = "Choose another tag of the same model."


@dataclass(frozen=True)
class Layer:
    """One layer of a manifest. ``kind`` is the last word of its media type."""

    kind: str
    file: RemoteFile


def resolve(transport: Transport, registry: str, ref: OllamaRef) -> Resolved:
    """Read what a name means now."""
    name = str(ref)
    base = f"{registry}/v2/{ref.namespace}/{ref.model}"
    url = f"{base}/manifests/{ref.tag}"
    body, _ = transport.get(url, name, transport.limits.answer, {"Accept": MANIFESTS})
    digest = hashlib.sha256(body).hexdigest()
    if ref.digest not in ("", digest):
        raise DigestMismatch(
            f"{name} is now another model: its manifest has the digest {digest[:12]}….",
            next_step="Name the new digest, or none to take what the tag means today.",
        )
    manifest = _json(body, name)
    config = _config(transport, base, manifest, name)
    layers = _layers(base, manifest, name)
    _refuse_unservable(config, layers, name)
    texts = {layer: _text(transport, layer, name) for layer in layers if _is_text(layer)}
    return Resolved(
        draft=_draft(name, digest, config, texts),
        files=(_weights(layers, name),),
        projector=next((layer.file for layer in layers if layer.kind == "projector"), None),
        adapters=tuple(layer.file for layer in layers if layer.kind == "adapter"),
    )


def _layers(base: str, manifest: Mapping[str, Any], name: str) -> tuple[Layer, ...]:
    entries = manifest.get("layers")
    if not isinstance(entries, list) or len(entries) > MOST_LAYERS:
        raise RegistryAnswer(f"The manifest of {name} lists no layers.")
    found = [
        Layer(entry["mediaType"].removeprefix(_LAYER), _remote(base, entry, name))
        for entry in entries
        if isinstance(entry, dict) and str(entry.get("mediaType", "")).startswith(_LAYER)
    ]
    return tuple(dict.fromkeys(found))


def _remote(base: str, entry: Mapping[str, Any], name: str) -> RemoteFile:
    match = _SHA256.match(str(entry.get("digest", "")))
    size = entry.get("size")
    if not match or not isinstance(size, int) or not 0 <= size <= LARGEST_FILE:
        raise RegistryAnswer(f"The manifest of {name} has a layer without size or digest.")
    kind = str(entry.get("mediaType", "")).removeprefix(_LAYER)
    url = f"{base}/blobs/{match[0]}"
    return RemoteFile(name, url, f"{name} ({kind})", size, Digest(match[1]))


def _config(
    transport: Transport, base: str, manifest: Mapping[str, Any], name: str
) -> Mapping[str, Any]:
    entry = manifest.get("config")
    if not isinstance(entry, dict):
        raise RegistryAnswer(f"The manifest of {name} has no config.")
    return _json(_content(transport, _remote(base, entry, name), name), name)


def _refuse_unservable(config: Mapping[str, Any], layers: tuple[Layer, ...], name: str) -> None:
    if config.get("remote_host") or config.get("remote_model") or _is_cloud_tag(name):
        raise Unsupported(
            f"{name} runs only in Ollama's cloud: there are no weights.", next_step=_OTHER_TAG
        )
    shape = config.get("model_format") or "gguf"
    if shape == "safetensors" or any(layer.kind == "tensor" for layer in layers):
        raise Unsupported(f"{name} is made for Apple's MLX, and not GGUF.", next_step=_OTHER_TAG)
    if shape != "gguf":
        raise Unsupported(f"{name} has the format {str(shape)[:40]!r}.", next_step=_OTHER_TAG)


def _is_cloud_tag(name: str) -> bool:
    tag = name.partition("@")[0].rpartition(":")[2]
    return tag == "cloud" or tag.endswith("-cloud")


def _weights(layers: tuple[Layer, ...], name: str) -> RemoteFile:
    found = [layer.file for layer in layers if layer.kind == "model" and layer.file.size]
    if not found:
        raise Unsupported(f"{name} has no weights to download.", next_step=_OTHER_TAG)
    return found[-1]


def _is_text(layer: Layer) -> bool:
    return layer.kind in ("template", "prompt", "system", "params", "messages", "license")


def _text(transport: Transport, layer: Layer, name: str) -> str:
    return (_content(transport, layer.file, name)).decode("utf-8", "replace")


def _content(transport: Transport, file: RemoteFile, name: str) -> bytes:
    """A small layer, whole and verified."""
    if file.size > transport.limits.text_layer:
        raise RegistryAnswer(f"{name} has a text of {file.size} bytes, which is too long.")
    body, _ = transport.get(file.url, name, transport.limits.text_layer)
    if hashlib.sha256(body).hexdigest() != file.digest.hex:
        raise DigestMismatch(f"{file.name} arrived changed: it was thrown away.")
    return body


def _draft(
    name: str, digest: str, config: Mapping[str, Any], texts: Mapping[Layer, str]
) -> LocalModel:
    def last(*kinds: str) -> str:
        return next((text for kind, text in reversed(found) if kind in kinds), "")

    found = [(layer.kind, text) for layer, text in texts.items()]
    return LocalModel(
        name=name,
        source=Source.OLLAMA,
        files=(),
        template=last("template", "prompt"),
        system=last("system"),
        params=_json(last("params") or "{}", name),
        messages=_messages(last("messages"), name),
        licenses=tuple(text for kind, text in found if kind == "license"),
        config=config,
        digest=digest,
        quantisation=str(config.get("file_type", ""))[:40],
        modified=datetime.now(UTC),
    )


def _messages(text: str, name: str) -> tuple[Mapping[str, Any], ...]:
    if not text:
        return ()
    try:
        items = orjson.loads(text)
    except orjson.JSONDecodeError:
        items = None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise RegistryAnswer(f"{name} has example messages that cannot be read.")
    return tuple(items)


def _json(body: bytes | str, name: str) -> Mapping[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise RegistryAnswer(
            f"The registry answered something for {name} that is no manifest.",
            next_step="Look whether a proxy or a sign-in page stands between.",
        )
    return value
