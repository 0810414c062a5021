"""The same plan for any machine with a GPU: a ``docker-compose.yaml``.

Format: https://github.com/compose-spec/compose-spec/blob/main/spec.md
"""

from __future__ import annotations

from wizard.sdl import engines
from wizard.sdl.document import size
from wizard.sdl.engines.values import WEIGHTS_PATH, Service, Text
from wizard.sdl.errors import SdlError
from wizard.sdl.values import Plan, Secrets

PROJECT = "oneclickllm"
WEIGHTS_VOLUME = "models"
# On this machine only: who wants it on the network puts TLS in front.
ADDRESS = "127.0.0.1"
PUBLIC_PORT = 8080
# Our runtime lets answers end for 25 s (GRACE_TIME); Compose alone kills after 10.
STOPPING = "30s"


def _literal(text: str) -> str:
    """The text, safe from Compose's own ``$NAME`` interpolation."""
    escaped = text.replace("$", "$$")
    return Text(escaped) if isinstance(text, Text) else escaped


def _devices(service: Service) -> dict[str, object]:
    device = {"driver": "nvidia", "count": service.gpus, "capabilities": ["gpu"]}
    return {"resources": {"reservations": {"devices": [device]}}}


def _service(service: Service) -> dict[str, object]:
    body: dict[str, object] = {"image": _literal(service.image), "restart": "unless-stopped"}
    body["stop_grace_period"] = STOPPING
    if service.command:
        # SDL and Kubernetes keep args apart; Compose's entrypoint takes the first part.
        body["entrypoint"] = [_literal(part) for part in service.command]
    if service.args:
        body["command"] = [_literal(part) for part in service.args]
    if service.env:
        body["environment"] = {name: _literal(value) for name, value in service.env}
    if service.public:
        body["ports"] = [f"{ADDRESS}:{PUBLIC_PORT}:{service.port}"]
    if service.resources.volume:
        body["volumes"] = [f"{WEIGHTS_VOLUME}:{WEIGHTS_PATH}"]
    if service.resources.shared_memory:
        body["shm_size"] = _bytes(service.resources.shared_memory)
    if service.gpus:
        body["deploy"] = _devices(service)
    return body


def _bytes(count: int) -> str:
    """Compose's own suffixes are binary: ``8g``."""
    return size(count).replace("Gi", "g").replace("Mi", "m")


def build(plan: Plan, secrets: Secrets) -> dict[str, object]:
    """The whole Compose document, on 127.0.0.1:8080.

    Raises SdlError for a plan over several nodes: Compose runs on one machine.
    """
    if plan.nodes > 1:
        raise SdlError(
            "Docker Compose runs on one machine: choose one node, or the SDL.", field="nodes"
        )
    services = engines.module(plan.engine).services(plan, secrets)
    return {
        "name": PROJECT,
        "services": {service.name: _service(service) for service in services},
        "volumes": {WEIGHTS_VOLUME: {}},
    }
