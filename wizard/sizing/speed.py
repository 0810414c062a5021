"""How fast one request is answered: a rough estimate from bytes read."""

from __future__ import annotations

from wizard.registry.values import Architecture, Variant
from wizard.sizing import weights
from wizard.sizing.values import EngineFamily

# Share of a card's bandwidth that a kernel reaches when it streams weights.
_REACHED = 0.65
# Bytes a second of a share of a server with DDR4, where experts left in RAM are read.
RAM_BANDWIDTH = 30 * 10**9
_SECONDS_AN_HOUR = 3600


def active_bytes(architecture: Architecture, variant: Variant) -> int:
    """Bytes of weights that are read for one token: of experts only those that are used.

    What is not experts is counted from the shapes at the variant's own bits.
    """
    part = weights.split(architecture, variant)
    read = sum(part.blocks) + (part.output + part.tied)
    if not architecture.experts or architecture.experts_used >= architecture.experts:
        return max(1, int(read))
    shared = min(read, _attention_bytes(architecture, variant) + part.output + part.tied)
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
    experts_on_host: bool = False,
    host_share: float = 0.0,
) -> float:
    """Tokens a second of one request alone: an estimate, not a promise.

    ``bandwidth`` is one card's, in bytes a second. Cards of one tensor-parallel
    group read at the same time; llama.cpp's cards take turns, layer by layer.
    Experts left in RAM are read at the RAM's speed, and so is ``host_share`` of all
    that is read, where layers are left there.
    """
    together = gpus if family is EngineFamily.VLLM else 1
    fast = _REACHED * bandwidth * max(1, together)
    read = active_bytes(architecture, variant)
    slow_bytes = int(read * host_share)
    if experts_on_host:
        slow_bytes = max(slow_bytes, min(read, _active_experts(architecture, variant)))
    return 1 / ((read - slow_bytes) / fast + slow_bytes / (_REACHED * RAM_BANDWIDTH))


def _active_experts(architecture: Architecture, variant: Variant) -> int:
    """Bytes of the experts that one token uses."""
    if not architecture.experts:
        return 0
    experts = sum(weights.split(architecture, variant).experts)
    return int(experts * architecture.experts_used / architecture.experts)


def usd_per_million_tokens(speed: float, usd_per_hour: float | None) -> float | None:
    """USD for a million tokens of one request at a time; None where the price is unknown."""
    if usd_per_hour is None or speed <= 0:
        return None
    return round(usd_per_hour / _SECONDS_AN_HOUR / speed * 1e6, 4)
