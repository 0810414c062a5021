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
    if engine is Engine.VLLM:
        raise ChoiceError(
            "cpu_moe", "vLLM keeps all experts on the cards; a GGUF of this model can do without."
        )
    if engine not in ENGINES:
        raise ChoiceError(
            "cpu_moe",
            f"{TITLES[engine]} cannot leave experts in RAM: choose the {TITLES[Engine.RUNTIME]}.",
        )
    if choices.cpu_only:
        raise ChoiceError("cpu_moe", "Without a card the experts lie in RAM anyway: choose one.")
    return True


def experts_reason(
    architecture: Architecture, variant: Variant, workload: Workload, offer: Offer
) -> Reason:
    """What either place takes of the card, and the speed that it leaves."""
    card, ram = (replace(workload, experts_on_host=on_host) for on_host in (False, True))
    each = " a card" if workload.gpus > 1 else ""
    needed = [size(needed_bytes(architecture, variant, place)) for place in (card, ram)]
    speeds = [_speed(architecture, variant, place, offer) for place in (card, ram)]
    return Reason(
        "cpu_moe",
        f"Experts on the card: {needed[0]}{each}, about {speeds[0]:,.0f} tokens a second. "
        f"In RAM: {needed[1]}{each}, about {speeds[1]:,.0f}.",
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
