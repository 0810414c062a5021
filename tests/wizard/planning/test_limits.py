"""What a plan's own cards are said to hold is what a further plan accepts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.wizard.planning.conftest import (
    EMBEDDINGS,
    LLAMA,
    MIXTURE,
    QWEN,
    QWEN_GGUF,
    MakePlan,
)
from wizard.hardware.values import Fit
from wizard.plan_json import plan_document
from wizard.planning.limits import in_words, limits
from wizard.planning.workload import LARGEST_SLOTS
from wizard.registry.values import ModelRef
from wizard.sdl.values import Choices, Engine, Plan

EVERY = (LLAMA, QWEN_GGUF, QWEN, EMBEDDINGS, MIXTURE)


def _on_its_card(plan: Plan) -> Choices:
    gpu = plan.chosen[0].gpu
    assert gpu is not None
    return Choices(
        engine=plan.engine,
        context=plan.context,
        slots=plan.slots,
        gpus=(f"{gpu.model}:{round(gpu.vram_bytes / 2**30)}Gi",),
        count=plan.count,
        cpu_moe=plan.cpu_moe,
    )


def _fits(plan: Plan) -> bool:
    return bool(plan.chosen) and not plan.problems and plan.chosen[0].fit is not Fit.NO


@pytest.mark.parametrize("ref", EVERY, ids=str)
@pytest.mark.parametrize("slots", [1, 4])
def test_it_works(plan_for: MakePlan, ref: ModelRef, slots: int) -> None:
    plan = plan_for(ref, Choices(slots=slots, cpu_only=False))
    found, choices = limits(plan), _on_its_card(plan)
    assert found is not None
    assert found.needed_bytes == plan.chosen[0].needed_bytes
    assert found.largest_context >= plan.context
    assert _fits(plan_for(ref, replace(choices, context=found.largest_context)))
    assert _fits(plan_for(ref, replace(choices, slots=min(found.most_slots, LARGEST_SLOTS))))


@pytest.mark.parametrize(
    ("ref", "words"),
    [
        (EMBEDDINGS, "reads texts of all 2,048 tokens of the model. With"),
        (LLAMA, "tokens for each of 4 requests, or "),
        (QWEN, "tokens each at a time; further ones wait. With"),
    ],
    ids=str,
)
def test_limits_in_words(plan_for: MakePlan, ref: ModelRef, words: str) -> None:
    plan = plan_for(ref, Choices(slots=4, context=2048, cpu_only=False))
    found = limits(plan)
    assert found is not None
    assert words in in_words(plan, found)


@pytest.mark.parametrize("engine", [Engine.RUNTIME, Engine.LLAMA_SERVER])
def test_a_token_more_than_the_longest_context_does_not_fit(
    plan_for: MakePlan, engine: Engine
) -> None:
    plan = plan_for(QWEN_GGUF, Choices(engine=engine, slots=4))
    found = limits(plan)
    assert found is not None
    assert found.largest_context < plan.largest_context
    longer = replace(_on_its_card(plan), context=found.largest_context + 256)
    assert not _fits(plan_for(QWEN_GGUF, longer))


def test_the_longest_context_of_every_offer_is_one_that_it_holds(plan_for: MakePlan) -> None:
    plan = plan_for(QWEN_GGUF)
    offers = plan_document(plan, {})["offers"]
    named = [offer for offer in offers if offer["gpu"] and offer["count"] == 1]
    tried = [offer for offer in named if (offer["largest_context"] or 0) >= 256]
    assert tried
    for offer in tried:
        card = f"{offer['gpu']}:{round(offer['vram_bytes'] / 2**30)}Gi"
        choices = Choices(context=offer["largest_context"], slots=plan.slots, gpus=(card,), count=1)
        assert _fits(plan_for(QWEN_GGUF, choices)), offer["title"]
