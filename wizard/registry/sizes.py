"""The size that a search names: “llama3 70b” means the tag of that size, not the usual one."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from wizard.registry import catalogue
from wizard.registry.errors import RegistryError
from wizard.registry.values import Model, ModelRef, Source, Variant

_SIZE = re.compile(r"(?<![\w.])(?:\d+x)?\d+(?:\.\d+)?[bm](?![\w.])")


def of_named_size(model: Model, text: str) -> Model:
    """A model of the Ollama registry at a size of the text that it is known to come in."""
    sizes = _SIZE.findall(text.lower())
    if not sizes or model.ref.source is not Source.OLLAMA or model.ref.tag:
        return model
    variants = _variants(model.ref)
    found = next((variant for variant in variants if variant.name in sizes), None)
    if found is None:
        return model
    ref = replace(model.ref, tag=found.name)
    return replace(model, ref=ref, parameters=found.parameters, variants=variants)


@lru_cache(maxsize=256)
def _variants(ref: ModelRef) -> tuple[Variant, ...]:
    try:
        return catalogue.find(ref).variants
    except RegistryError:
        return ()
