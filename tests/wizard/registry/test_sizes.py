"""The size that a search names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wizard.registry import catalogue
from wizard.registry.sizes import of_named_size
from wizard.registry.values import ModelRef, Source

LLAMA = ModelRef(Source.OLLAMA, "library", "llama3.1")
MIXTRAL = ModelRef(Source.OLLAMA, "library", "mixtral")
OF_THE_HUB = ModelRef(Source.HUGGING_FACE, "meta-llama", "Llama-3.1-70B-Instruct")


@pytest.mark.parametrize(
    ("ref", "text", "tag"),
    [
        (LLAMA, "llama 70b", "70b"),
        (LLAMA, "70B instruct", "70b"),
        (LLAMA, "llama3.1-405b", "405b"),
        (MIXTRAL, "mixtral 8x7b", "8x7b"),
        (LLAMA, "llama", ""),
        (LLAMA, "llama 70", ""),
        (LLAMA, "llama 71b", ""),
        (LLAMA, "llama 1.70b", ""),
        (OF_THE_HUB, "llama 8b", ""),
    ],
)
def test_it_works(ref: ModelRef, text: str, tag: str) -> None:
    usual = catalogue.peek(ref)
    assert usual
    found = of_named_size(usual, text)
    assert found.ref.tag == tag
    assert (found is usual) is not bool(tag)


def test_a_model_at_a_size_has_its_parameters() -> None:
    usual = catalogue.peek(LLAMA)
    assert usual
    assert usual.parameters
    found = of_named_size(usual, "70b")
    assert found.parameters
    assert found.parameters > 8 * usual.parameters


def test_a_model_that_the_catalogue_lacks_stays_as_it_is() -> None:
    usual = catalogue.peek(LLAMA)
    assert usual
    unknown = replace(usual, ref=ModelRef(Source.OLLAMA, "me", "mine"))
    assert of_named_size(unknown, "70b") is unknown
