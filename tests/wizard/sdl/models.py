"""Real models out of the bundled catalogue, by the engine that can serve them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from wizard.registry import catalogue
from wizard.registry.errors import RegistryError
from wizard.registry.values import (
    Architecture,
    Format,
    Gating,
    Model,
    SearchQuery,
    Source,
    Variant,
)
from wizard.sdl.values import Engine

AT_LEAST = 40
PAGES = 40


@dataclass(frozen=True)
class Case:
    """A model, one of its variants, and that variant's hyper-parameters."""

    model: Model
    variant: Variant
    architecture: Architecture

    @property
    def name(self) -> str:
        return f"{self.model.ref} {self.variant.name}"


def _found(source: Source) -> Iterator[Model]:
    for page in range(1, PAGES):
        answer = catalogue.search(SearchQuery(source=source, page=page))
        for model in answer.models:
            try:
                yield catalogue.find(model.ref)
            except RegistryError:
                continue
        if not answer.has_next:
            return


def _cases(source: Source, form: Format, limit: int) -> Iterator[Case]:
    count = 0
    for model in _found(source):
        for variant in model.variants[:2]:
            if variant.format is not form:
                continue
            try:
                case = Case(model, variant, catalogue.architecture(model, variant))
            except RegistryError:
                continue
            yield case
            count += 1
        if count >= limit:
            return


def _is_one_open_file(case: Case) -> bool:
    return case.model.gating is Gating.OPEN and len(case.variant.files) == 1


@cache
def cases(engine: Engine) -> tuple[Case, ...]:
    """At least forty models that the engine serves."""
    if engine is Engine.VLLM:
        return tuple(_cases(Source.HUGGING_FACE, Format.SAFETENSORS, 60))
    hub = tuple(_cases(Source.HUGGING_FACE, Format.GGUF, 110))
    if engine is Engine.LLAMA_SERVER:
        return hub
    ollama = tuple(_cases(Source.OLLAMA, Format.GGUF, 60))
    if engine is Engine.OLLAMA:
        return ollama + tuple(case for case in hub if _is_one_open_file(case))
    return ollama + hub
