"""Ollama's own image, behind a gateway that checks the key.

Ollama has no authentication and does not pull a model by itself
(https://docs.ollama.com/faq), so that a fixed script pulls what ``OLLAMA_PULL``
names.
"""

from __future__ import annotations

from wizard.registry.values import Source
from wizard.sdl.engines import common, gateway
from wizard.sdl.engines.values import MAIN_SERVICE, WEIGHTS_PATH, Service, Text
from wizard.sdl.errors import SdlError
from wizard.sdl.values import Plan, Secrets

SPEAKS_OLLAMA = True
PORT = 11434

# Pulls on the loopback first: the public port opens when the model is there,
# so that a gateway with several replicas behind it skips those still loading.
START_SCRIPT = Text(
    "set -eu\n"
    "export OLLAMA_HOST=127.0.0.1:11435\n"
    "ollama serve &\n"
    "server=$!\n"
    "until ollama list >/dev/null 2>&1; do\n"
    '  kill -0 "$server"\n'
    "  sleep 1\n"
    "done\n"
    'ollama pull "$OLLAMA_PULL"\n'
    'kill "$server"\n'
    'wait "$server" || true\n'
    "export OLLAMA_HOST=0.0.0.0:11434\n"
    "exec ollama serve\n"
)

# What changes models is closed, even with the key: the endpoint serves one model.
CLOSED = (
    "/api/pull*",
    "/api/push*",
    "/api/create*",
    "/api/copy*",
    "/api/delete*",
    "/api/blobs/*",
)


def served_name(plan: Plan) -> str:
    """What Ollama pulls is also what it answers to."""
    if plan.ref.source is Source.OLLAMA:
        return common.ollama_name(plan)
    return common.short_hub_name(plan)


def _check(plan: Plan) -> None:
    common.single_node(plan, "Ollama")
    if plan.ref.source is Source.OLLAMA:
        return
    if plan.model.is_gated:
        raise SdlError("Ollama cannot pull a gated model: choose the runtime.", field="engine")
    if len(plan.variant.files) > 1:
        raise SdlError("Ollama cannot pull a split file: choose the runtime.", field="engine")
    common.pinned_hub_file(plan)


def _model_service(plan: Plan) -> Service:
    own = (
        ("OLLAMA_PULL", served_name(plan)),
        ("OLLAMA_MODELS", WEIGHTS_PATH),
        ("OLLAMA_CONTEXT_LENGTH", str(plan.context)),
        ("OLLAMA_NUM_PARALLEL", str(plan.slots)),
        ("OLLAMA_KEEP_ALIVE", "-1"),
        ("OLLAMA_FLASH_ATTENTION", "1"),
        ("OLLAMA_KV_CACHE_TYPE", common.llama_cache_type(plan.kv)),
        ("OLLAMA_NOPRUNE", "1"),
        ("START", START_SCRIPT),
    )
    return Service(
        name=MAIN_SERVICE,
        image=plan.image.reference,
        note="Ollama: downloads the model and runs it, reachable by the gateway only.",
        resources=plan.resources,
        internal={PORT: (gateway.NAME,)},
        command=common.RUN_START,
        env=common.extra_env(plan, own),
        gpus=plan.count if plan.chosen else 0,
        count=plan.replicas,
    )


def services(plan: Plan, secrets: Secrets) -> tuple[Service, ...]:
    """The gateway, and Ollama behind it."""
    _check(plan)
    if plan.aliases:
        raise SdlError("Ollama's image has no aliases: choose the runtime.", field="aliases")
    return (gateway.service(secrets, PORT, CLOSED), _model_service(plan))
