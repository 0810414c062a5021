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
    words = "lie in RAM. On the card" if here.experts_on_host else "lie on the card. In RAM"
    needed = [needed_bytes(architecture, variant, each) for each in (here, there)]
    speeds = [_speed(architecture, variant, each, offer) for each in (here, there)]
    each = " on each card" if workload.gpus > 1 else ""
    return Reason(
        "cpu_moe",
        f"The experts {words} they would make it {size(needed[1])}{each} instead of "
        f"{size(needed[0])}, and about {speeds[1]:,.0f} tokens a second instead of "
        f"{speeds[0]:,.0f}.",
    )


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
