"""Bits that a weight has in a checkpoint, and what vLLM makes of them."""

from __future__ import annotations

from wizard.registry.values import Architecture
from wizard.sizing import vllm_layers

PLAIN_BITS = 16.0
# Bytes of a file for each element that shapes tell: 2 of 16 bits are up to 2.1 with norms and
# biases, 4 of 32 down to 2.9 where only two matrices feed forward and three are counted.
_WIDE = (2.5, 4.5)
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


def cast(architecture: Architecture, file: int) -> float:
    """What becomes of a file's bytes: 32-bit weights are cast to 16 (``--dtype auto``).

    A config may not tell its type, or that of training: the file's size does where it can.
    """
    dtype = architecture.dtype
    if architecture.quant_method or dtype not in ("", "float", "float32"):
        return 1.0
    if not (architecture.exact and vllm_layers.is_plain(architecture)):
        return 0.5 if dtype else 1.0
    elements = vllm_layers.all_elements(architecture)
    if architecture.tied_embeddings and architecture.causal:
        # The files may have an output all the same.
        elements += architecture.vocab_size * architecture.embedding_length
    return 0.5 if _WIDE[0] * elements < file < _WIDE[1] * elements else 1.0
