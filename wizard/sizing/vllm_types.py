"""Bits that a weight has in a checkpoint, and what vLLM makes of them."""

from __future__ import annotations

from wizard.registry.values import Architecture

PLAIN_BITS = 16.0
# Bits a weight of linear layers, by the method; what is not listed has 16.
_BITS = {"fp8": 8.0, "awq": 4.25, "gptq": 4.25, "modelopt": 8.0, "mxfp4": 16.0}


def usual_bits(architecture: Architecture) -> float:
    """Bits a weight by the method's name alone."""
    return _BITS.get(architecture.quant_method, PLAIN_BITS)


def bits(architecture: Architecture) -> float:
    """Bits a weight of linear layers, as the checkpoint tells."""
    if architecture.weight_bits:
        return architecture.weight_bits
    told = _BITS.get(architecture.quant_method)
    return told or (PLAIN_BITS if not architecture.quant_method else 8.0)


def cast(architecture: Architecture) -> float:
    """What becomes of a file's bytes: 32-bit weights are cast to 16 (``--dtype auto``)."""
    is_wide = architecture.dtype in ("float32", "float") and not architecture.quant_method
    return 0.5 if is_wide else 1.0
