"""How the bytes of a variant's files divide: embeddings, blocks, the rest."""

from __future__ import annotations

from dataclasses import dataclass

from wizard.registry.values import Architecture, Format, Variant

# Bits an element of the token embeddings, by the quantisation's name. What
# llama.cpp's quantiser gives them (``src/llama-quant.cpp``): the file's own
# type, or Q2_K at the least. The lowest is taken where several are possible:
# what is not subtracted stays on the card.
_EMBEDDING_BITS = (
    ("BF16", 16.0),
    ("F16", 16.0),
    ("F32", 32.0),
    ("FP16", 16.0),
    ("Q8", 8.5),
    ("Q6", 6.5625),
    ("Q5", 5.5),
    ("Q4", 4.5),
    ("IQ4", 4.25),
    ("MXFP4", 4.25),
    ("Q3", 3.4375),
    ("IQ3", 3.0625),
)
_LEAST_BITS = 2.625
# GGUF spells each token as a 64-bit length, at least one byte, and an i32 type
# (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
_LEAST_TOKEN_BYTES = 13


@dataclass(frozen=True)
class Weights:
    """Bytes of a variant's tensors. ``output`` is what turns states into logits.

    ``skipped`` are blocks for multi-token prediction: in the file, not loaded.
    ``embeddings`` stay on the host, except that tied ones are the output too.
    """

    file: int
    embeddings: int
    output: int
    block: float
    skipped: int


def split(architecture: Architecture, variant: Variant) -> Weights:
    """Divide the files' bytes; what is not known is counted as loaded."""
    file = variant.weight_bytes
    is_gguf = variant.format is Format.GGUF
    header = architecture.vocab_size * _LEAST_TOKEN_BYTES if is_gguf else 0
    tensors = max(0, file - header)
    embeddings = min(_embedding_bytes(architecture, variant), tensors // 2)
    output = embeddings
    in_blocks = tensors - embeddings - (0 if architecture.tied_embeddings else output)
    blocks = max(1, architecture.layers + architecture.nextn_layers)
    block = in_blocks / blocks
    return Weights(file, embeddings, output, block, int(block * architecture.nextn_layers))


def _embedding_bytes(architecture: Architecture, variant: Variant) -> int:
    elements = architecture.vocab_size * architecture.embedding_length
    return int(elements * _embedding_bits(architecture, variant) / 8)


def _embedding_bits(architecture: Architecture, variant: Variant) -> float:
    if variant.format is Format.SAFETENSORS:
        return 32.0 if architecture.dtype in ("float32", "float") else 16.0
    name = variant.quantisation.upper().removeprefix("UD-").removeprefix("I1-")
    return next((bits for start, bits in _EMBEDDING_BITS if name.startswith(start)), _LEAST_BITS)
