"""Plans from the bundled catalogue at the bundled prices: the same on every machine."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wizard import planning
from wizard.hardware.prices import bundled_price_list
from wizard.hardware.values import PriceList
from wizard.registry import catalogue
from wizard.registry.lookup import variant_for
from wizard.registry.values import ModelRef, Source
from wizard.sdl.values import Choices, Image, Plan

MakePlan = Callable[..., Plan]

DEFAULTS = Choices()
PRICES = bundled_price_list("")

LLAMA = ModelRef(Source.OLLAMA, "library", "llama3.1", "8b")
QWEN_GGUF = ModelRef(Source.HUGGING_FACE, "unsloth", "Qwen3.6-27B-GGUF")
SMALL_GGUF = ModelRef(Source.HUGGING_FACE, "Qwen", "Qwen3-0.6B-GGUF")
QWEN = ModelRef(Source.HUGGING_FACE, "Qwen", "Qwen3-8B")
EMBEDDINGS = ModelRef(Source.OLLAMA, "library", "nomic-embed-text", "latest")
GATED = ModelRef(Source.HUGGING_FACE, "meta-llama", "Llama-3.1-8B-Instruct")
MIXTURE = ModelRef(Source.OLLAMA, "library", "qwen3", "30b")
DEEPSEEK = ModelRef(Source.HUGGING_FACE, "deepseek-ai", "DeepSeek-V3")
HUGE = ModelRef(Source.OLLAMA, "library", "deepseek-r1", "671b")


@pytest.fixture
def plan_for() -> MakePlan:
    def make(
        ref: ModelRef,
        choices: Choices = DEFAULTS,
        missing: tuple[str, ...] = (),
        prices: PriceList = PRICES,
    ) -> Plan:
        model = catalogue.find(ref)
        variant = variant_for(model, ref, choices.variant)
        return planning.make_plan(
            ref,
            model,
            variant,
            catalogue.architecture(model, variant),
            choices,
            prices,
            image_check=lambda name: Image(name, known=not any(part in name for part in missing)),
        )

    return make
