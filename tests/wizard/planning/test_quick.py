from __future__ import annotations

from dataclasses import replace

import pytest

from wizard.hardware.prices import price_list
from wizard.planning import make_plan, quick_fit
from wizard.registry import catalogue
from wizard.registry.lookup import variant_for
from wizard.registry.values import Model, ModelRef, SearchQuery
from wizard.sdl.values import Choices


def listed(text: str) -> tuple[Model, ...]:
    found = catalogue.search(SearchQuery(text=text)).models
    assert found
    return found


def planned(ref: ModelRef) -> tuple[str, float | None]:
    """What a plan with nothing chosen runs on, and its price."""
    model = catalogue.find(ref)
    variant = variant_for(model, ref)
    architecture = catalogue.architecture(model, variant)
    plan = make_plan(ref, model, variant, architecture, Choices(), price_list())
    return plan.chosen[0].title if plan.chosen else "CPU only", plan.usd_per_hour


@pytest.mark.parametrize("text", ["awq", "fp8", "gptq", "gpt-oss", "qwen3.5-9b gguf", "bge-m3"])
def test_it_works(text: str) -> None:
    """A list names the cards that a plan does: it took four bits for sixteen."""
    for model in listed(text)[:8]:
        offer = quick_fit(model, price_list())
        title, price = planned(model.ref)
        assert offer
        assert offer.title == title, model.ref
        assert offer.usd_per_hour == pytest.approx(price, rel=0.05)


def test_a_model_that_the_catalogue_does_not_know_is_as_large_as_its_files() -> None:
    known = listed("Llama-3.3-70B-Instruct-AWQ")[0]
    strange = replace(known, ref=replace(known.ref, name="a-name-of-its-own"))
    sixteen_bits = replace(strange, smallest_bytes=None)
    small, large = quick_fit(strange, price_list()), quick_fit(sixteen_bits, price_list())
    assert small
    assert large
    assert small.count < large.count
