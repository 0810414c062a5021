"""A deployed endpoint over https, as a browser sees it: our runtime, or one behind a gateway."""

from __future__ import annotations

from typing import Any

from tests.standins.server import Reply, Request, StandIn, json
from tests.standins.tls import server_context

GB = 10**9
_MODEL = {"name": "qwen3:8b", "model": "qwen3:8b", "details": {"family": "qwen3"}}
_ALLOWED = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
}


class Endpoint(StandIn):
    """``phase`` is what it does now; ``done`` how many bytes of ``size`` are there."""

    def __init__(self) -> None:
        super().__init__()
        self.reset()
        context = server_context()
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.route("GET", "/.*", json({"error": "there is no such route"}, 404, _ALLOWED))
        self.route("GET", "/status", self._status)
        self.route("GET", "/v1/models", self._models)
        self.route("GET", "/api/tags", json({"models": [_MODEL]}, headers=_ALLOWED))
        self.route("OPTIONS", "/.*", Reply(204, b"", _ALLOWED))

    def reset(self) -> None:
        """Our runtime, at the beginning of its download."""
        self.is_runtime = True
        self.phase = "pulling"
        self.done, self.size = 0, 5 * GB
        self.message = ""
        self.api_key = ""
        # What the next looks see, each once: bytes done, and the phase.
        self.to_come: list[tuple[int, str]] = []

    @property
    def host(self) -> str:
        """As the Console tells it, without a scheme."""
        return self.url.removeprefix("http://")

    @property
    def address(self) -> str:
        return f"https://{self.host}"

    def _status(self, _request: Request) -> Reply:
        if not self.is_runtime:
            return json({"error": "send your key"}, 401, _ALLOWED)
        return json(self._told(), headers=_ALLOWED)

    def _told(self) -> dict[str, Any]:
        if self.to_come:
            self.done, self.phase = self.to_come.pop(0)
        progress = {
            "stage": "downloading",
            "done": self.done,
            "size": self.size,
            "fraction": round(self.done / self.size, 4),
            "bytes_per_second": 80_000_000,
            "seconds_left": (self.size - self.done) / 80_000_000,
        }
        is_pulling = self.phase == "pulling"
        model = {
            "name": "qwen3:8b",
            "downloaded": self.phase in ("loading", "ready") or self.done == self.size,
            "facts": [],
            "error": None,
            "progress": progress if is_pulling else None,
        }
        return {"phase": self.phase, "message": self.message, "models": [model]}

    def _models(self, request: Request) -> Reply:
        if self.phase != "ready":
            body = {"error": "the model is still being downloaded or loaded"}
            return json(body, 503, _ALLOWED)
        if self.api_key and request.headers.get("authorization") != f"Bearer {self.api_key}":
            return json({"error": "send your key"}, 401, _ALLOWED)
        return json({"object": "list", "data": [{"id": "qwen3:8b"}]}, headers=_ALLOWED)
