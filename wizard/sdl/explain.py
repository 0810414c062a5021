"""What each part of the file does, in words."""

from __future__ import annotations

from wizard.sdl import engines, pricing
from wizard.sdl.document import GATEWAY_USD_PER_HOUR, gpu_models, size
from wizard.sdl.engines import vllm, vllm_ranking
from wizard.sdl.engines.values import MAIN_SERVICE, WEIGHTS_PATH, Service
from wizard.sdl.values import Engine, Plan, Secrets, StorageClass

Part = tuple[str, str]

_CLASSES = {
    StorageClass.NVME: "NVMe",
    StorageClass.SSD: "SSD",
    StorageClass.HDD: "hard disk",
}


def _image(service: Service) -> Part:
    return (
        f"services.{service.name}.image",
        f"{service.note} The version is pinned, so that it starts the same next year.",
    )


def _model(plan: Plan) -> Part:
    path = f"services.{MAIN_SERVICE}.{'args' if plan.engine is Engine.VLLM else 'env'}"
    if plan.engine is Engine.LLAMA_SERVER:
        path = f"services.{MAIN_SERVICE}.args"
    return (
        path,
        f"The model, {plan.context:,} tokens of context for a request, and {plan.slots} requests "
        f"at a time with that much each.",
    )


def _secret(plan: Plan) -> Part:
    if plan.engine is Engine.RUNTIME:
        return (
            "API_KEY_SHA256",
            "The hash of your key, not the key: who reads the file cannot call the endpoint.",
        )
    return (
        "API key",
        "This engine has to be given the key itself: keep the file as you would keep a password.",
    )


def _expose() -> Part:
    return (
        "expose, as: 80",
        "Port 80 is the one that gets a host name with TLS. Requests may have 100 MiB, and the "
        "ingress waits 60 seconds for a sign of life: both are Akash's limits.",
    )


def _storage(plan: Plan) -> Part:
    if plan.storage_class is StorageClass.EPHEMERAL:
        return (
            "storage",
            "The weights are on the container's own disk: each restart downloads them again.",
        )
    return (
        "storage, models",
        f"{size(plan.resources.volume)} of persistent {_CLASSES[plan.storage_class]} at "
        f"{WEIGHTS_PATH}: a restart or an update keeps the weights; closing the lease does not.",
    )


def _gpu(plan: Plan) -> Part:
    models = [str(model["model"]) for model in gpu_models(plan)]
    if not models:
        return ("cpu", "No GPU: the model is small enough to answer from the processor.")
    cards = "One card" if plan.count == 1 else f"{plan.count} cards of one kind"
    choice = f"any of {', '.join(models)}" if len(models) > 1 else f"an {models[0]}"
    return ("gpu", f"{cards}, {choice}: the more kinds fit, the more providers bid.")


def _dearest(plan: Plan) -> float | None:
    """USD an hour of one replica on one node of the dearest card named; None where unknown."""
    prices = [offer.usd_per_hour for offer in plan.chosen]
    if plan.usd_per_hour is None or None in prices:
        return None
    cards = [price for price in prices if price is not None]
    rest = plan.usd_per_hour / plan.replicas - (cards[0] if cards else 0)
    return (max(cards, default=0) + rest) / plan.nodes


def _price(plan: Plan) -> Part:
    units = plan.nodes * plan.replicas
    return ("pricing", pricing.explain_ceiling(_dearest(plan), plan.price_ceiling, units))


def _optional(plan: Plan, services: tuple[Service, ...]) -> list[Part]:
    found: list[Part] = []
    if plan.model.is_gated and plan.engine is not Engine.OLLAMA:
        found.append(
            (
                "HF_TOKEN",
                "The model is gated: your Hugging Face token goes here. This page writes it into "
                "the file in your browser, and sends it nowhere.",
            )
        )
    if plan.resources.shared_memory:
        found.append(
            (
                "storage, shm",
                f"{size(plan.resources.shared_memory)} of shared memory at /dev/shm: the cards "
                "exchange their results there. It counts as memory.",
            )
        )
    if any(not service.runs_model for service in services):
        found.append(
            (
                "gateway pricing",
                f"At most ${GATEWAY_USD_PER_HOUR:.2f} an hour for the gateway's half a core.",
            )
        )
    if plan.cpu_moe:
        found.append(
            (
                "CPU_MOE" if plan.engine is Engine.RUNTIME else "--cpu-moe",
                "The experts stay in the server's RAM, and its processor computes them.",
            )
        )
    if plan.engine is Engine.VLLM and plan.architecture.custom_code:
        found.append(
            (
                "--trust-remote-code",
                "The model brings Python code of its own, which runs with all rights of the "
                "container. Read it, or trust its author.",
            )
        )
    if ranker := vllm_ranking.ranker(plan):
        words = " or ".join(f"“{word}”" for word in ranker.words)
        found.append(
            (
                "--hf-overrides",
                f"The model ranks by how much it wants to answer {words}: vLLM reads that as a "
                "score, in the prompt that the model was trained on.",
            )
        )
    if plan.engine is Engine.VLLM and vllm.lacks_bf16(plan):
        found.append(("--dtype half", "One of these cards has no bfloat16: float16 is used."))
    return found + _placement(plan)


def _placement(plan: Plan) -> list[Part]:
    found: list[Part] = []
    if plan.nodes > 1:
        found.append(
            (
                "worker",
                f"The layers are spread over {plan.nodes} nodes at one provider, who needs that "
                "many with enough free cards; Ray, which each container installs as it starts, "
                "joins them. Each downloads the weights to its own volume, and each token crosses "
                "the provider's network: slower than one node. Where one ends, all start again.",
            )
        )
    if plan.replicas > 1:
        found.append(
            (
                "count",
                f"{plan.replicas} replicas behind one host name, each with its own weights; one "
                "takes requests when it has loaded.",
            )
        )
    if plan.region:
        found.append(("attributes", f"Only providers that say they are in {plan.region} bid."))
    if plan.audited:
        found.append(("signedBy", "Only providers that Akash's auditor has checked bid."))
    return found


def parts(plan: Plan) -> tuple[Part, ...]:
    """``(part of the file, sentence)`` for everything in it, in the file's order.

    Raises SdlError where the plan cannot be written at all.
    """
    services = engines.module(plan.engine).services(plan, Secrets())
    return (
        *(_image(service) for service in services),
        _model(plan),
        _secret(plan),
        _expose(),
        _gpu(plan),
        _storage(plan),
        *_optional(plan, services),
        _price(plan),
    )
