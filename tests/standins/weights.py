"""The Hub and the Ollama registry as a downloader sees them, with a CDN behind redirects.

    with Weights() as weights:
        weights.add_hub("user/repo", {"model-Q4_K_M.gguf": gguf(1 << 20)})
        weights.add_ollama("library/tiny", "latest", gguf(1 << 20))
        … settings with weights.hub.url and weights.registry.url

The files themselves come from ``cdn``, another host, whose answers a test can
make wrong: ``serve`` puts other bytes in a file's place, ``on_bytes`` is told
of everything that is sent.
"""

from __future__ import annotations

import hashlib
import json as jsonlib
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from tests.standins.server import Reply, Request, Sparse, StandIn, content, json, redirect, text

COMMIT = "5f0b02c75b57c5855da9ae460ce51323ea669d8a"
HUB_HEADERS = {"X-Repo-Commit": COMMIT}


def gguf(size: int, seed: int = 0) -> bytes:
    """A file that begins as a GGUF without keys and tensors; random bytes follow."""
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 0)
    return head + hashlib.shake_128(str(seed).encode()).digest(size - len(head))


def all_is_well(_count: int) -> None:
    """Let bytes go out undisturbed."""


@dataclass(frozen=True)
class Watched(Sparse):
    """Bytes whose every chunk on its way out is told to ``watch``."""

    watch: Callable[[int], None]

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        for chunk in super().read(start, stop):
            self.watch(len(chunk))
            yield chunk


class Weights:
    """Three servers: ``hub``, ``registry`` and ``cdn``."""

    def __init__(self) -> None:
        self.hub, self.registry, self.cdn = StandIn(), StandIn(), StandIn()
        self.on_bytes: Callable[[int], None] = all_is_well
        self.files: dict[str, bytes | Sparse] = {}
        self.etags: dict[str, str] = {}
        self.sent = 0
        self._counting = threading.Lock()
        self._servers = ExitStack()
        self.cdn.route("GET", r"/(?P<digest>[0-9a-f]{64})", self.file)

    def __enter__(self) -> Self:
        for server in (self.hub, self.registry, self.cdn):
            self._servers.enter_context(server)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._servers.close()

    def environ(self, **others: str) -> dict[str, str]:
        """Environment variables that lead a runtime here."""
        return {
            "HUGGING_FACE_URL": self.hub.url,
            "OLLAMA_REGISTRY_URL": self.registry.url,
            **others,
        }

    @property
    def requests(self) -> int:
        """Requests to any of the three."""
        return sum(len(server.requests) for server in (self.hub, self.registry, self.cdn))

    def serve(self, digest: str, body: bytes | Sparse) -> None:
        """Put bytes, right or wrong, in the place of a file."""
        self.files[digest] = body

    def add_hub(
        self, repo: str, files: Mapping[str, bytes], *, token: str = "", gated: bool = False
    ) -> None:
        """A repository; with ``token`` its files (or all of it) need that bearer token."""
        entries = [self._entry(path, data) for path, data in files.items()]
        answer = json({"id": repo, "sha": COMMIT, "gated": gated}, headers=HUB_HEADERS)
        self.hub.route("GET", rf"/api/models/{repo}/revision/(main|{COMMIT})", answer)
        self.hub.route("GET", rf"/api/models/{repo}/tree/{COMMIT}", self._tree(entries))
        digests = {entry["path"]: entry["lfs"]["oid"] for entry in entries}

        def resolve(request: Request) -> Reply:
            if token and request.headers.get("authorization") != f"Bearer {token}":
                return _gated(repo)
            digest = digests.get(request.args["path"])
            if digest is None:
                return text("Entry not found", 404, headers={"X-Error-Code": "EntryNotFound"})
            headers = {**HUB_HEADERS, "X-Linked-Etag": f'"{digest}"'}
            return redirect(f"{self.cdn.url}/{digest}", headers=headers)

        self.hub.route("GET", rf"/{repo}/resolve/{COMMIT}/(?P<path>.+)", resolve)

    def add_ollama(
        self,
        name: str,
        tag: str,
        weights: bytes,
        *,
        config: Mapping[str, Any] | None = None,
        layers: Mapping[str, bytes] | None = None,
    ) -> str:
        """A model of ``namespace/model``; ``layers`` by kind. Returns the manifest's digest."""
        about = {"model_format": "gguf", "model_family": "llama", "file_type": "Q8_0"}
        everything = {"model": weights, **(layers or {})}
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": self._layer(
                "application/vnd.docker.container.image.v1+json",
                jsonlib.dumps({**about, **(config or {})}).encode(),
            ),
            "layers": [
                self._layer(f"application/vnd.ollama.image.{kind}", data)
                for kind, data in everything.items()
            ],
        }
        body = jsonlib.dumps(manifest, indent=1)
        self.registry.route("GET", rf"/v2/{name}/manifests/{tag}", text(body))
        self.registry.route("GET", rf"/v2/{name}/blobs/sha256:(?P<digest>.+)", self._blob)
        return hashlib.sha256(body.encode()).hexdigest()

    def _blob(self, request: Request) -> Reply:
        return redirect(f"{self.cdn.url}/{request.args['digest']}", 307)

    def _layer(self, kind: str, data: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        self.serve(digest, data)
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data)}

    def _entry(self, path: str, data: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        self.serve(digest, data)
        lfs = {"oid": digest, "size": len(data), "pointerSize": 134}
        return {"type": "file", "oid": "0" * 40, "size": len(data), "path": path, "lfs": lfs}

    def _tree(self, entries: list[dict[str, Any]]) -> Callable[[Request], Reply]:
        """Pages of three entries, linked as the Hub links its own."""

        def answer(request: Request) -> Reply:
            start = int(request.first("cursor", "0"))
            headers = {}
            if start + 3 < len(entries):
                target = f"{self.hub.url}{quote(request.path)}?recursive=true&cursor={start + 3}"
                headers["Link"] = f'<{target}>; rel="next"'
            return json(entries[start : start + 3], headers=headers)

        return answer

    def file(self, request: Request) -> Reply:
        """The CDN's answer: the range that is asked for."""
        digest = request.args["digest"]
        body = self.files[digest]
        if isinstance(body, bytes):
            body = Watched(body, len(body), self._count)
        return content(request, body, {"ETag": self.etags.get(digest, f'"{digest[:32]}"')})

    def _count(self, count: int) -> None:
        with self._counting:
            self.sent += count
        self.on_bytes(count)


def _gated(repo: str) -> Reply:
    message = f"Access to model {repo} is restricted. Please log in."
    headers = {"X-Error-Code": "GatedRepo", "X-Error-Message": message}
    return text(message, 401, headers=headers)
