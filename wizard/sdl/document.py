"""A plan as an SDL document: a dict with everything that Akash needs to know.

Keys and limits: https://akash.network/docs/developers/deployment/akash-sdl/
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from django.conf import settings

from wizard.sdl import engines, pricing
from wizard.sdl.engines.values import SHARED_MEMORY_PATH, WEIGHTS_PATH, Service, Text
from wizard.sdl.errors import SdlError
from wizard.sdl.values import Plan, Resources, Secrets, StorageClass

VERSION = "2.0"
PLACEMENT = "akash"
AUDITOR = "akash1365yvmc4s7awdyj3n2sav7xfx76adc6dnmlx63"
WEIGHTS_VOLUME = "models"
SHARED_MEMORY_VOLUME = "shm"
# The one external port that Akash gives a TLS hostname.
TLS_PORT = 80
# The most that Akash's ingress lets through, and the longest it waits.
MAX_BODY_BYTES = 104_857_600
MAX_TIMEOUT_MS = 60_000
# A gateway needs half a core: fifteen times what providers ask for that.
GATEWAY_USD_PER_HOUR = 0.03

_GI = 1 << 30
_MI = 1 << 20
_REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")


def size(count: int) -> str:
    """Bytes as an SDL size, rounded up: ``16Gi``, or ``512Mi`` below one Gi."""
    if count >= _GI:
        return f"{math.ceil(count / _GI)}Gi"
    return f"{max(math.ceil(count / _MI), 1)}Mi"


def _kubernetes_literal(text: str) -> str:
    """The text, safe from Kubernetes' own ``$(NAME)`` expansion in env and args.

    https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
    """
    if isinstance(text, Text) or ("$(" not in text and "$$" not in text):
        return text
    return text.replace("$", "$$")


def _variable(name: str, value: str) -> str:
    joined = f"{name}={_kubernetes_literal(value)}"
    return Text(joined) if isinstance(value, Text) else joined


def _http_options(replicas: int) -> dict[str, object]:
    options: dict[str, object] = {
        "max_body_size": MAX_BODY_BYTES,
        "read_timeout": MAX_TIMEOUT_MS,
        "send_timeout": MAX_TIMEOUT_MS,
    }
    if replicas > 1:
        # Only a failed connection: a slow answer is not to be asked for twice.
        options |= {"next_tries": replicas, "next_cases": ["error"]}
    return options


def _expose(service: Service) -> list[dict[str, object]]:
    ports: list[dict[str, object]] = []
    if service.public:
        ports.append(
            {
                "port": service.port,
                "as": TLS_PORT,
                "to": [{"global": True}],
                "http_options": _http_options(service.count),
            }
        )
    for port, peers in service.internal.items():
        ports.append({"port": port, "as": port, "to": [{"service": peer} for peer in peers]})
    return ports


def _has_volume(service: Service, plan: Plan) -> bool:
    return service.resources.volume > 0 and plan.storage_class is not StorageClass.EPHEMERAL


def _mounts(service: Service, plan: Plan) -> dict[str, object]:
    mounts: dict[str, object] = {}
    if _has_volume(service, plan):
        mounts[WEIGHTS_VOLUME] = {"mount": WEIGHTS_PATH, "readOnly": False}
    if service.resources.shared_memory:
        mounts[SHARED_MEMORY_VOLUME] = {"mount": SHARED_MEMORY_PATH, "readOnly": False}
    return mounts


def _service(service: Service, plan: Plan) -> dict[str, object]:
    body: dict[str, object] = {"image": service.image}
    if service.command:
        body["command"] = list(service.command)
    if service.args:
        body["args"] = [_kubernetes_literal(arg) for arg in service.args]
    if service.env:
        body["env"] = [_variable(name, value) for name, value in service.env]
    if ports := _expose(service):
        body["expose"] = ports
    if mounts := _mounts(service, plan):
        body["params"] = {"storage": mounts}
    return body


def _cpu(cores: float) -> int | float:
    return int(cores) if float(cores).is_integer() else round(cores, 3)


def _storage(service: Service, plan: Plan) -> list[dict[str, object]]:
    resources: Resources = service.resources
    on_volume = _has_volume(service, plan)
    root = resources.root_disk + (0 if on_volume else resources.volume)
    volumes: list[dict[str, object]] = [{"size": size(root)}]
    if on_volume:
        volumes.append(
            {
                "name": WEIGHTS_VOLUME,
                "size": size(resources.volume),
                "attributes": {"persistent": True, "class": plan.storage_class.value},
            }
        )
    if resources.shared_memory:
        volumes.append(
            {
                "name": SHARED_MEMORY_VOLUME,
                "size": size(resources.shared_memory),
                "attributes": {"persistent": False, "class": "ram"},
            }
        )
    return volumes


def gpu_models(plan: Plan) -> list[dict[str, object]]:
    """The GPU models of the plan, cheapest first, each once."""
    models: list[dict[str, object]] = []
    for offer in plan.chosen:
        if offer.gpu is None:
            continue
        model: dict[str, object] = {"model": offer.gpu.model}
        if offer.gpu.ram_label:
            model["ram"] = offer.gpu.ram_label
        if model not in models:
            models.append(model)
    return models


def _resources(service: Service, plan: Plan) -> dict[str, object]:
    resources: dict[str, object] = {
        "cpu": {"units": _cpu(service.resources.cpu)},
        "memory": {"size": size(service.resources.memory)},
    }
    if service.gpus:
        resources["gpu"] = {
            "units": service.gpus,
            "attributes": {"vendor": {"nvidia": gpu_models(plan)}},
        }
    return resources | {"storage": _storage(service, plan)}


def _price(service: Service, plan: Plan) -> dict[str, object]:
    amount = (
        plan.amount_uact if service.runs_model else pricing.uact_per_block(GATEWAY_USD_PER_HOUR)
    )
    return {"denom": settings.SDL_DENOM, "amount": amount}


def _placement(services: Iterable[Service], plan: Plan) -> dict[str, object]:
    body: dict[str, object] = {}
    if plan.region:
        if not _REGION.match(plan.region):
            raise SdlError(
                f"{plan.region!r} is no region: use letters, digits and “-”, like us-west.",
                field="region",
            )
        body["attributes"] = {"location-region": plan.region}
    if plan.audited:
        body["signedBy"] = {"anyOf": [AUDITOR]}
    body["pricing"] = {service.name: _price(service, plan) for service in services}
    return body


def build(plan: Plan, secrets: Secrets) -> dict[str, object]:
    """The whole document. Raises SdlError where a choice cannot be written.

    Keys are in the order that a reader wants them; nothing in it is shared
    between two places, so that no writer makes an anchor of it. What Akash
    Console's form would change (``rules.console_form``) is not in it: a profile
    is named after its service, every port says its ``as``, no word of a command
    has a line break.
    """
    services = engines.module(plan.engine).services(plan, secrets)
    if any(service.gpus for service in services) and not gpu_models(plan):
        raise SdlError("No GPU model is chosen.", field="gpus")
    return {
        "version": VERSION,
        "services": {service.name: _service(service, plan) for service in services},
        "profiles": {
            "compute": {
                service.name: {"resources": _resources(service, plan)} for service in services
            },
            "placement": {PLACEMENT: _placement(services, plan)},
        },
        "deployment": {
            service.name: {PLACEMENT: {"profile": service.name, "count": service.count}}
            for service in services
        },
    }
