"""How the bytes of a variant's files divide: embeddings, blocks, the rest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from wizard.registry.values import Architecture, Format, TensorSizes, Variant

# Bits an element of the token embeddings, and of an output matrix, by the
# quantisation's name: what llama.cpp's quantiser gives them
# (``llama_tensor_get_type_impl`` in ``src/llama-quant.cpp``). Output matrices, and
# embeddings that serve as one, are Q6_K where the rest is smaller.
_BITS = (
    ("BF16", 16.0, 16.0),
    ("F16", 16.0, 16.0),
    ("F32", 32.0, 32.0),
    ("FP16", 16.0, 16.0),
    ("Q8", 8.5, 8.5),
    ("MXFP4", 8.5, 8.5),
    ("Q6", 6.5625, 6.5625),
    ("Q5_1", 6.0, 6.5625),
    ("Q5", 5.5, 6.5625),
    ("Q4_1", 5.0, 6.5625),
    ("Q4", 4.5, 6.5625),
    ("IQ4_NL", 4.5, 6.5625),
    ("IQ4", 4.25, 6.5625),
    ("Q3", 3.4375, 6.5625),
    ("IQ3_XXS", 3.4375, 5.5),
    ("IQ3", 3.4375, 6.5625),
    ("Q2_K", 2.625, 6.5625),
    ("IQ2_M", 3.4375, 5.5),
    ("IQ2_S", 3.4375, 5.5),
    ("IQ2", 2.625, 5.5),
    ("IQ1", 2.625, 5.5),
    ("TQ", 4.5, 6.5625),
)
# The least that it may be: what is not subtracted stays on the card.
_LEAST_BITS = (2.625, 5.5)
# A row that no block of 256 divides is kept at 8 bits.
_BLOCK = 256
_ODD_BITS = 8.5
# GGUF spells each token as a 64-bit length, its text and an i32 type, SPM's with
# a score (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md); BPE has a
# merge for about every token, a length and two texts. Texts have 6 to 8 bytes
# in the vocabularies of Llama 3, Qwen and Gemma.
_TEXT_BYTES = 7
_TOKEN_BYTES = 8 + _TEXT_BYTES + 4
_SCORE_BYTES = 4
_MERGE_BYTES = 8 + _TEXT_BYTES + 1


@dataclass(frozen=True)
class Weights:
    """Bytes of a variant's tensors.

    ``embeddings`` stay in RAM, ``tied`` of them serve as the output too and lie
    on the card a second time. ``output`` is what comes after the last block,
    ``blocks`` each block's bytes and ``experts`` the experts among them.
    ``skipped`` are blocks for multi-token prediction: in the file, not loaded.
    """

    file: int
    embeddings: int
    tied: int
    output: int
    blocks: tuple[float, ...]
    experts: tuple[float, ...]
    largest_expert: float
    skipped: int

    @property
    def loaded(self) -> int:
        """Bytes of all that is loaded, each once."""
        return self.embeddings + self.output + int(sum(self.blocks))


@lru_cache(maxsize=512)
def split(architecture: Architecture, variant: Variant) -> Weights:
    """Divide the files' bytes, by the list of tensors where that is known."""
    if variant.tensors is not None:
        return _by_tensors(architecture, variant, variant.tensors)
    return _by_shape(architecture, variant)


def _by_tensors(architecture: Architecture, variant: Variant, known: TensorSizes) -> Weights:
    running = architecture.layers if architecture.layers <= len(known.blocks) else None
    experts = known.experts or (0,) * len(known.blocks)
    return Weights(
        file=variant.weight_bytes,
        embeddings=known.inputs,
        tied=known.tied,
        output=known.output,
        blocks=known.blocks[:running],
        experts=experts[:running],
        largest_expert=known.largest_expert,
        skipped=sum(known.blocks[running:]) if running else 0,
    )


def _by_shape(architecture: Architecture, variant: Variant) -> Weights:
    """Divide by the shapes; what is not known is counted as loaded."""
    file = variant.weight_bytes
    tensors = max(0, file - _tokenizer_bytes(architecture, variant))
    plain, output_bits = _bits(architecture, variant)
    is_tied = architecture.tied_embeddings
    elements = architecture.vocab_size * architecture.embedding_length
    token = min(int(elements * (output_bits if is_tied else plain) / 8), tensors // 2)
    per_layer = architecture.vocab_size * architecture.layers * architecture.per_layer_embedding
    embeddings = min(token + int(per_layer * plain / 8), tensors * 3 // 4)
    output = 0 if is_tied else min(int(elements * output_bits / 8), (tensors - embeddings) // 2)
    count = max(1, architecture.layers + architecture.nextn_layers)
    block = (tensors - embeddings - output) / count
    share = _expert_share(architecture)
    return Weights(
        file=file,
        embeddings=embeddings,
        tied=token if is_tied else 0,
        output=output,
        blocks=(block,) * architecture.layers,
        experts=(block * share,) * architecture.layers,
        largest_expert=block * share / 3,
        skipped=int(block * architecture.nextn_layers),
    )


def _expert_share(architecture: Architecture) -> float:
    """Share of a block's elements that are experts."""
    width = architecture.expert_feed_forward_length or architecture.feed_forward_length
    experts = 3 * architecture.experts * width
    kv = max(architecture.kv_heads, default=0)
    heads = (architecture.heads + kv) * (architecture.key_length + architecture.value_length)
    rest = heads + 3 * architecture.shared_feed_forward_length
    return experts / (experts + rest) if experts else 0.0


def _tokenizer_bytes(architecture: Architecture, variant: Variant) -> int:
    """Bytes of a GGUF before its tensors: nearly all of it the vocabulary."""
    if variant.format is not Format.GGUF:
        return 0
    second = _SCORE_BYTES if variant.tokenizer in ("llama", "t5", "bert") else _MERGE_BYTES
    return architecture.vocab_size * (_TOKEN_BYTES + second)


def _bits(architecture: Architecture, variant: Variant) -> tuple[float, float]:
    """Bits an element of the embeddings, and of the output."""
    if variant.format is Format.SAFETENSORS:
        bits = 32.0 if architecture.dtype in ("float32", "float") else 16.0
        return bits, bits
    name = variant.quantisation.upper().removeprefix("UD-").removeprefix("I1-")
    found = next((row[1:] for row in _BITS if name.startswith(row[0])), _LEAST_BITS)
    if architecture.embedding_length % _BLOCK and found[0] < _ODD_BITS:
        return _ODD_BITS, _ODD_BITS
    return found
