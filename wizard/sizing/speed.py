"""How fast one request is answered: a rough estimate from bytes read."""

from __future__ import annotations

from wizard.registry.values import Architecture, Variant
from wizard.sizing import weights
from wizard.sizing.values import EngineFamily

# Share of a card's bandwidth that a kernel reaches when it streams weights.
_REACHED = 0.65


def active_bytes(architecture: Architecture, variant: Variant) -> int:
    """Bytes of weights that are read for one token: of experts only those that are used.

    What is not experts is counted from the shapes at the variant's own bits.
    """
    part = weights.split(architecture, variant)
    read = part.block * architecture.layers + part.output
    if not architecture.experts or architecture.experts_used >= architecture.experts:
        return max(1, int(read))
    shared = min(read, _attention_bytes(architecture, variant) + part.output)
    used = architecture.experts_used / architecture.experts
    return max(1, int(shared + (read - shared) * used))


def _attention_bytes(architecture: Architecture, variant: Variant) -> float:
    bits = variant.bits_per_weight or 8.0
    kv = max(architecture.kv_heads, default=0)
    width = (architecture.heads + kv) * (architecture.key_length + architecture.value_length)
    return architecture.layers * architecture.embedding_length * width * bits / 8


def tokens_per_second(
    architecture: Architecture,
    variant: Variant,
    bandwidth: int,
    gpus: int = 1,
    *,
    family: EngineFamily = EngineFamily.LLAMA_CPP,
) -> float:
    """Tokens a second of one request alone: an estimate, not a promise.

    ``bandwidth`` is one card's, in bytes a second. Cards of one tensor-parallel
    group read at the same time; llama.cpp's cards take turns, layer by layer.
    """
    together = gpus if family is EngineFamily.VLLM else 1
    return _REACHED * bandwidth * max(1, together) / active_bytes(architecture, variant)
