"""Hyper-parameters guessed from a model's size, where no registry tells them.

The guess errs on the large side: each row takes the largest KV cache and the
deepest stack among well-known dense models of that size since grouped-query
attention became usual (Llama 3, Qwen 2.5 and 3, Mistral, Gemma 2, Command R).
"""

from __future__ import annotations

from dataclasses import dataclass

from wizard.registry.values import Architecture, Model, Variant

DEFAULT_CONTEXT = 32_768
LARGEST_VOCABULARY = 262_144
_BYTES_PER_PARAMETER = 0.55


@dataclass(frozen=True)
class _Shape:
    """A stack that models of up to ``parameters`` do not exceed."""

    parameters: float
    layers: int
    embedding_length: int
    heads: int
    kv_heads: int
    key_length: int


_SHAPES = (
    _Shape(0.2e9, 30, 768, 12, 12, 64),
    _Shape(0.8e9, 28, 1536, 16, 8, 128),
    _Shape(2.2e9, 32, 2304, 16, 8, 128),
    _Shape(4.8e9, 40, 3072, 32, 8, 128),
    _Shape(10e9, 48, 4096, 32, 8, 256),
    _Shape(16e9, 50, 5120, 40, 10, 160),
    _Shape(40e9, 64, 6656, 64, 16, 128),
    _Shape(80e9, 80, 8192, 64, 8, 192),
    _Shape(150e9, 96, 12288, 96, 8, 192),
    _Shape(float("inf"), 128, 16384, 128, 8, 192),
)


def derive(model: Model, variant: Variant) -> Architecture:
    """A shape that a model of this many parameters does not exceed; ``exact`` is false."""
    parameters = _parameters(model, variant)
    shape = next(item for item in _SHAPES if parameters <= item.parameters)
    return Architecture(
        name=variant.architecture_name or model.architecture_name,
        layers=shape.layers,
        embedding_length=shape.embedding_length,
        heads=shape.heads,
        kv_heads=(shape.kv_heads,) * shape.layers,
        key_length=shape.key_length,
        value_length=shape.key_length,
        context_length=variant.context_length or model.context_length or DEFAULT_CONTEXT,
        vocab_size=LARGEST_VOCABULARY,
        causal=model.task != "feature-extraction",
        exact=False,
    )


def _parameters(model: Model, variant: Variant) -> float:
    """As told, or as many as four bits each would fill the file with."""
    told = variant.parameters or model.parameters
    return told or variant.weight_bytes / _BYTES_PER_PARAMETER
