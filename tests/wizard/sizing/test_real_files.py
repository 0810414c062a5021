"""Sizes of real files, as the bundled catalogue knows them, say how they are packed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from wizard.registry import catalogue
from wizard.registry.values import Architecture, Format, ModelRef, Source, Variant
from wizard.sizing import weights

NEAR = 0.01


def _variants(name: str) -> Iterator[tuple[Architecture, Variant]]:
    model = catalogue.find(ModelRef(Source.OLLAMA, "library", name))
    for variant in model.variants:
        if variant.format is Format.GGUF and variant.size_is_exact:
            yield catalogue.architecture(model, variant), variant


def _off(name: str, tag: str) -> float:
    found = next(pair for pair in _variants(name) if pair[1].name == tag)
    return weights.split(*found).off


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("llama3.1", "8b"),
        # Its config does not say that its output is its embeddings.
        ("granite3.3", "8b"),
        # Its config says so, and the file has both.
        ("cogito", "3b"),
        # Values in 16 bits; alone, beside a second table, in one matrix with queries and keys.
        ("qwen3", "8b"),
        ("qwen3", "0.6b"),
        ("phi4-reasoning", "14b"),
        # All but the experts in 16 bits.
        ("gpt-oss", "20b"),
        # The tables of all layers in 16 bits, and not that of the first.
        ("gemma3n", "e4b"),
        # Positions that were learned; no output at all.
        ("starcoder", "7b"),
        ("granite-embedding", "30m"),
    ],
)
def test_it_works(name: str, tag: str) -> None:
    assert abs(_off(name, tag)) < NEAR


def test_nearly_all_files_are_as_large_as_is_worked_out() -> None:
    """The others hold encoders of images, are older than today's quantiser, or of another mix."""
    entries = [entry for entry in catalogue.load().entries if entry.source is Source.OLLAMA]
    offs = [
        weights.split(architecture, variant).off
        for entry in entries
        if entry.record.get("variants") and "/" not in entry.record["repo"]
        for architecture, variant in _variants(entry.record["repo"])
        if architecture.exact
    ]
    assert len(offs) > 300
    assert sum(abs(off) < NEAR for off in offs) > 0.93 * len(offs)
