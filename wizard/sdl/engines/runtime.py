"""Our own runtime: one model's name in, a locked endpoint out."""

from __future__ import annotations

from wizard.registry.values import Source
from wizard.sdl.engines import common
from wizard.sdl.engines.values import MAIN_SERVICE, WEIGHTS_PATH, Service
from wizard.sdl.errors import SdlError
from wizard.sdl.values import Plan, Secrets

SPEAKS_OLLAMA = True
PORT = 8080
# A key beside the one that the page made: a link that somebody else wrote could bring it along.
_FURTHER_KEYS = ("API_KEY", "API_KEY_FILE", "API_KEY_SHA256_FILE")


def _model(plan: Plan) -> str:
    if plan.ref.source is Source.OLLAMA:
        return common.pinned_ollama_name(plan)
    return common.pinned_hub_file(plan)


def _short_name(plan: Plan) -> str:
    if plan.ref.source is Source.OLLAMA:
        return common.ollama_name(plan)
    return common.short_hub_name(plan)


def served_name(plan: Plan) -> str:
    """The model's name in a request; the runtime's default is the same model."""
    names = common.aliases(plan)
    return names[0] if names else _short_name(plan)


def _names(plan: Plan) -> str:
    """Aliases, with the short name of a pinned file among them."""
    short = () if _model(plan) == _short_name(plan) else (_short_name(plan),)
    return ",".join(dict.fromkeys((*common.aliases(plan), *short)))


def _env(plan: Plan, secrets: Secrets) -> tuple[tuple[str, str], ...]:
    if any(name in _FURTHER_KEYS for name, _ in plan.extra_env):
        raise SdlError(
            "A variable with a further key lets whoever knows it in: give api_key_sha256 instead.",
            field="extra_env",
        )
    own = [
        ("MODEL", _model(plan)),
        ("API_KEY_SHA256", common.api_key_sha256(secrets)),
        ("CONTEXT_LENGTH", str(plan.context)),
        ("SLOTS", str(plan.slots)),
        ("KV_CACHE_TYPE", common.llama_cache_type(plan.kv)),
        ("MODELS_DIR", WEIGHTS_PATH),
        ("PORT", str(PORT)),
    ]
    if names := _names(plan):
        own.insert(1, ("MODEL_ALIASES", names))
    if not plan.chosen:
        own.append(("GPU_LAYERS", "0"))
    if plan.cpu_moe:
        own.append(("CPU_MOE", "1"))
    if plan.replicas > 1:
        own.append(("LISTEN_WHEN_READY", "1"))
    return common.extra_env(plan, (*own, *common.hf_token(plan)))


def services(plan: Plan, secrets: Secrets) -> tuple[Service, ...]:
    """One container that pulls, verifies and serves the model."""
    common.single_node(plan, "The OneClickLLM runtime")
    return (
        Service(
            name=MAIN_SERVICE,
            image=plan.image.reference,
            note="Downloads the model, checks it, and answers the Ollama and OpenAI APIs.",
            resources=plan.resources,
            port=PORT,
            public=True,
            env=_env(plan, secrets),
            gpus=plan.count if plan.chosen else 0,
            count=plan.replicas,
        ),
    )
