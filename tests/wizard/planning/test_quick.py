from __future__ import annotations

import pytest

from wizard.hardware.prices import price_list
from wizard.planning import quick_fit
from wizard.registry import catalogue
from wizard.registry.values import Model, SearchQuery


def listed(text: str) -> tuple[Model, ...]:
    found = catalogue.search(SearchQuery(text=text)).models
    assert found
    return found


def test_it_works() -> None:
    offer = quick_fit(listed("Llama-3.3-70B-Instruct-AWQ")[0], price_list())
    assert offer
    assert offer.usd_per_hour


@pytest.mark.parametrize("text", ["awq", "fp8", "gptq", "nvfp4", "mxfp4", "gpt-oss", "qwen3"])
def test_a_list_names_the_cards_that_a_models_page_does(text: str) -> None:
    """A list knows no files: four bits were taken for sixteen, and cost four times as much."""
    prices = price_list()
    for model in listed(text):
        whole = catalogue.find(model.ref)
        if whole.variants[0].format.value != "safetensors":
            continue
        on_list, on_page = quick_fit(model, prices), quick_fit(whole, prices)
        assert (on_list and on_list.title) == (on_page and on_page.title), model.ref
