"""Where a mixture's experts lie: on the cards, or in RAM (llama.cpp's ``--cpu-moe``)."""

from __future__ import annotations

from dataclasses import replace

from wizard.hardware.values import Offer
from wizard.planning.engines import TITLES
from wizard.planning.errors import ChoiceError
from wizard.registry.values import Architecture, Variant
from wizard.sdl.values import Choices, Engine, Reason
from wizard.sizing import needed_bytes, tokens_per_second
from wizard.sizing.values import Workload
from wizard.sizing.words import size

# Ollama has no such setting (https://docs.ollama.com/faq), and vLLM's
# ``--cpu-offload-gb`` moves whole layers over the bus at each token.
ENGINES = (Engine.RUNTIME, Engine.LLAMA_SERVER)


def can_stay(architecture: Architecture, engine: Engine) -> bool:
    """Whether there are experts, and the engine can leave them in RAM."""
    return bool(architecture.experts) and engine in ENGINES


def choose_experts(architecture: Architecture, engine: Engine, choices: Choices) -> bool:
    """Whether the experts lie in RAM. Raises ChoiceError where they cannot."""
    if not choices.cpu_moe:
        return False
    if not architecture.experts:
        raise ChoiceError("cpu_moe", "This model has no experts that could lie in RAM.")
    if engine not in ENGINES:
        names = " or ".join(TITLES[each] for each in ENGINES)
        raise ChoiceError(
            "cpu_moe",
            f"{TITLES[engine]} cannot leave experts in RAM. Choose a GGUF with {names}.",
        )
    if choices.cpu_only:
        raise ChoiceError("cpu_moe", "Without a card the experts lie in RAM anyway: choose one.")
    return True


def experts_reason(
    architecture: Architecture, variant: Variant, workload: Workload, offer: Offer
) -> Reason:
    """What the other place would take of the card, and cost in speed."""
    here, there = workload, replace(workload, experts_on_host=not workload.experts_on_host)
    places = [_told(architecture, variant, each, offer) for each in (here, there)]
    first, second = ("in RAM", "on the card") if here.experts_on_host else ("on the card", "in RAM")
    return Reason("cpu_moe", f"Experts {first}: {places[0]}. With them {second}: {places[1]}.")


def _told(architecture: Architecture, variant: Variant, workload: Workload, offer: Offer) -> str:
    """Bytes on the fullest card, and the speed."""
    needed = size(needed_bytes(architecture, variant, workload))
    each = "each card" if workload.gpus > 1 else "the card"
    speed = _speed(architecture, variant, workload, offer)
    return f"{needed} on {each} and about {speed:,.0f} tokens a second"


def _speed(architecture: Architecture, variant: Variant, workload: Workload, offer: Offer) -> float:
    bandwidth = offer.gpu.bandwidth if offer.gpu else 0
    return tokens_per_second(
        architecture,
        variant,
        bandwidth,
        workload.gpus,
        family=workload.family,
        experts_on_host=workload.experts_on_host,
    )
