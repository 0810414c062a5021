"""One repository on the Hub's stand-in, and how the API tells of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.standins.server import Sparse


def sha256_of(text: str) -> str:
    """A made-up digest that is the same in every run."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Repo:
    """A repository. ``files`` maps paths to bytes, or to the head of a large file."""

    id: str
    files: Mapping[str, bytes | Sparse]
    gated: str | bool = False
    pipeline_tag: str | None = "text-generation"
    library_name: str | None = "transformers"
    tags: Sequence[str] = ()
    card: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] | None = None
    gguf: Mapping[str, Any] | None = None
    safetensors: Mapping[str, int] | None = None
    downloads: int = 1000
    likes: int = 10
    trending: int = 1
    created: str = "2025-04-27T03:00:00.000Z"
    modified: str = "2025-07-26T03:45:13.000Z"
    private: bool = False

    @property
    def sha(self) -> str:
        """The commit of ``main``."""
        return hashlib.sha1(self.id.encode(), usedforsecurity=False).hexdigest()

    @property
    def all_tags(self) -> list[str]:
        licence = [f"license:{self.card['license']}"] if "license" in self.card else []
        told = self.card.get("base_model")
        base = told[0] if isinstance(told, list) else told
        kind = ["base_model:quantized:" + base] if base and self.gguf else []
        formats = [
            tag for tag in ("gguf", "safetensors") if any(f.endswith(tag) for f in self.files)
        ]
        return [*self.tags, *formats, *licence, *([f"base_model:{base}"] if base else []), *kind]

    def is_lfs(self, path: str) -> bool:
        return path.endswith((".gguf", ".safetensors", ".bin", ".onnx", "tokenizer.json"))

    def etag(self, path: str) -> str:
        """A whole file's own SHA-256; a made-up one where the file is only claimed."""
        body = self.files[path]
        if isinstance(body, bytes):
            return hashlib.sha256(body).hexdigest()
        return sha256_of(f"{self.id}/{path}")

    def info(self, *, blobs: bool) -> dict[str, Any]:
        """The body of ``/api/models/{id}``."""
        optional = {"config": self.config, "gguf": self.gguf, "pipeline_tag": self.pipeline_tag}
        return {
            **self.listed(),
            "author": self.id.partition("/")[0],
            "modelId": self.id,
            "disabled": False,
            "cardData": dict(self.card),
            "siblings": [self.sibling(path, blobs=blobs) for path in self.files],
            "spaces": [],
            "usedStorage": sum(len(body) for body in self.files.values()),
            **{key: value for key, value in optional.items() if value is not None},
        }

    def listed(self) -> dict[str, Any]:
        """One item of ``/api/models``, every field that ``expand`` can ask for."""
        item: dict[str, Any] = {
            "_id": self.sha[:24],
            "id": self.id,
            "private": self.private,
            "gated": self.gated,
            "sha": self.sha,
            "downloads": self.downloads,
            "likes": self.likes,
            "trendingScore": self.trending,
            "tags": self.all_tags,
            "createdAt": self.created,
            "lastModified": self.modified,
        }
        if self.library_name:
            item["library_name"] = self.library_name
        if self.pipeline_tag:
            item["pipeline_tag"] = self.pipeline_tag
        if self.gguf:
            item["gguf"] = dict(self.gguf)
        if self.safetensors:
            counts = dict(self.safetensors)
            item["safetensors"] = {"parameters": counts, "total": sum(counts.values())}
        return item

    def sibling(self, path: str, *, blobs: bool) -> dict[str, Any]:
        if not blobs:
            return {"rfilename": path}
        size = len(self.files[path])
        plain = {"rfilename": path, "size": size, "blobId": self.etag(path)[:40]}
        if not self.is_lfs(path):
            return plain
        return {**plain, "lfs": {"sha256": self.etag(path), "size": size, "pointerSize": 134}}
