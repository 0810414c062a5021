"""Which engines can serve a variant, and which of them we take."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings

from wizard.planning.errors import ChoiceError
from wizard.registry.values import Format, Model, Source, Variant
from wizard.sdl.values import Engine, Image
from wizard.sizing.values import EngineFamily, KvType

TITLES = {
    Engine.RUNTIME: "OneClickLLM runtime",
    Engine.VLLM: "vLLM",
    Engine.OLLAMA: "Ollama",
    Engine.LLAMA_SERVER: "llama-server",
}
KV_TYPES = {
    EngineFamily.LLAMA_CPP: (KvType.F16, KvType.Q8_0, KvType.Q4_0),
    EngineFamily.VLLM: (KvType.F16, KvType.FP8),
}
_WHY = {
    Engine.RUNTIME: "It speaks both the Ollama and the OpenAI API, keeps only a hash of your key, "
    "and shows its progress while it starts.",
    Engine.VLLM: "These are safetensors, which vLLM serves with many requests at once.",
    Engine.OLLAMA: "Ollama itself, behind a gateway that checks your key.",
    Engine.LLAMA_SERVER: "llama.cpp's own server, with the OpenAI API and your key.",
}

ImageCheck = Callable[[str], Image]


def family(engine: Engine) -> EngineFamily:
    """Whose arithmetic sizes the engine: all but vLLM run llama.cpp."""
    return EngineFamily.VLLM if engine is Engine.VLLM else EngineFamily.LLAMA_CPP


def image_reference(engine: Engine, *, on_cpu: bool = False) -> str:
    """The image that the settings name for the engine; some have a smaller one without CUDA."""
    without_cuda = {
        Engine.RUNTIME: settings.RUNTIME_CPU_IMAGE,
        Engine.LLAMA_SERVER: settings.LLAMA_SERVER_CPU_IMAGE,
    }
    if on_cpu and engine in without_cuda:
        return without_cuda[engine]
    return {
        Engine.RUNTIME: settings.RUNTIME_IMAGE,
        Engine.VLLM: settings.VLLM_IMAGE,
        Engine.OLLAMA: settings.OLLAMA_IMAGE,
        Engine.LLAMA_SERVER: settings.LLAMA_SERVER_IMAGE,
    }[engine]


def engines_for(model: Model, variant: Variant) -> tuple[Engine, ...]:
    """Engines that can load the variant, our preference first.

    Ollama pulls no gated repository and no split file of the Hub
    (https://github.com/ollama/ollama/issues/5245); llama-server pulls from the
    Hub only.
    """
    if variant.format is Format.SAFETENSORS:
        return (Engine.VLLM,)
    if model.ref.source is Source.OLLAMA:
        return (Engine.RUNTIME, Engine.OLLAMA)
    is_plain = len(variant.files) == 1 and not model.is_gated
    return (Engine.RUNTIME, Engine.LLAMA_SERVER) + ((Engine.OLLAMA,) if is_plain else ())


def choose_engine(
    model: Model,
    variant: Variant,
    wanted: Engine | None,
    check: ImageCheck,
    *,
    on_cpu: bool = False,
) -> tuple[Engine, Image, str]:
    """The engine, its image, and why. Raises ChoiceError for one that cannot serve it.

    An image that its registry is known not to have is passed over, unless it
    was asked for or nothing else can serve the model.
    """
    possible = engines_for(model, variant)
    if wanted:
        if wanted not in possible:
            names = ", ".join(f"“{engine.value}”" for engine in possible)
            raise ChoiceError(
                "engine", f"{TITLES[wanted]} cannot serve {variant.name}. Choose {names}."
            )
        return wanted, check(image_reference(wanted, on_cpu=on_cpu)), _WHY[wanted]
    images = {}
    for engine in possible:
        images[engine] = check(image_reference(engine, on_cpu=on_cpu))
        if images[engine].known is not False:
            return engine, images[engine], _WHY[engine] + _passed_over(possible, engine)
    return possible[0], images[possible[0]], _WHY[possible[0]]


def _passed_over(possible: tuple[Engine, ...], taken: Engine) -> str:
    missing = possible[: possible.index(taken)]
    if not missing:
        return ""
    names = " and ".join(TITLES[engine] for engine in missing)
    return f" The image of {names} is missing from its registry, so the next engine was taken."
