"""How the bytes of a variant's files divide: embeddings, blocks, the rest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from wizard.registry.values import Architecture, Format, TensorSizes, Variant
from wizard.sizing import matrices, quantiser

# Percent of a file that embeddings are at most, whatever a header claims.
_MOST = 95
# Shares of a file's bytes: how far they may be from what its matrices are worked out to
# take, and what a second matrix as large as the embeddings has to make of them to be told.
_NEAR, _FAR = 0.1, 0.03
# GGUF spells each token as a 64-bit length, its text and an i32 type, SPM's with
# a score (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md); BPE has a
# merge for about every token, a length and two texts. Texts have 6 to 8 bytes
# in the vocabularies of Llama 3, Qwen and Gemma.
_TEXT_BYTES = 7
_TOKEN_BYTES = 8 + _TEXT_BYTES + 4
_SCORE_BYTES = 4
_MERGE_BYTES = 8 + _TEXT_BYTES + 1
# A learned position's elements are 32-bit floats in every file.
_POSITION = 4


@dataclass(frozen=True)
class Weights:
    """Bytes of a variant's tensors.

    ``embeddings`` stay in RAM, ``tied`` of them serve as the output too and lie
    on the card a second time. ``output`` is what comes after the last block,
    ``blocks`` each block's bytes and ``experts`` the experts among them.
    ``skipped`` are blocks for multi-token prediction: in the file, not loaded.
    ``repacked`` lie in RAM a second time where the CPU computes. ``largest_matrix`` is
    the largest tensor of a block.
    """

    file: int
    embeddings: int
    tied: int
    output: int
    blocks: tuple[float, ...]
    experts: tuple[float, ...]
    largest_expert: float
    skipped: int
    repacked: int
    largest_matrix: float

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
        repacked=_repacked(architecture, variant, known),
        largest_matrix=known.largest_matrix or known.largest_expert,
    )


def _by_shape(architecture: Architecture, variant: Variant) -> Weights:
    """Divide by the shapes; what is not known is counted as loaded."""
    file = variant.weight_bytes
    tensors = max(0, file - _tokenizer_bytes(architecture, variant))
    plain, output_bits = _bits(architecture, variant)
    is_tied = _is_tied(architecture, variant, tensors)
    elements = architecture.vocab_size * architecture.embedding_length
    most = tensors * _MOST // 100
    token = min(int(elements * (output_bits if is_tied else plain) / 8), most)
    per_layer = architecture.vocab_size * matrices.looked_up_by_layers(architecture)
    others = int(per_layer * (output_bits if is_tied else plain) / 8)
    if architecture.learned_positions:
        others += _POSITION * architecture.context_length * architecture.embedding_length
    embeddings = min(token + others, most)
    output = int(elements * output_bits / 8) if architecture.has_output and not is_tied else 0
    output = min(output, (tensors - embeddings) * _MOST // 100)
    count = max(1, architecture.layers + architecture.nextn_layers)
    block = (tensors - embeddings - output) / count
    share = _expert_share(architecture, variant, block * count)
    mix = quantiser.mix(variant.quantisation)
    return Weights(
        file=file,
        embeddings=embeddings,
        tied=token if is_tied else 0,
        output=output,
        blocks=(block,) * architecture.layers,
        experts=(block * share,) * architecture.layers,
        largest_expert=block * share / 3,
        largest_matrix=max(block * share / 3, matrices.largest(architecture, mix)),
        skipped=int(block * architecture.nextn_layers),
        repacked=int(block * architecture.layers * _repacked_share(architecture, variant)),
    )


def _repacked(architecture: Architecture, variant: Variant, known: TensorSizes) -> int:
    """Bytes copied on the CPU: told by the tensors' types, else worked out from the shapes."""
    if known.repacked is not None:
        return known.repacked
    return int(sum(known.blocks) * _repacked_share(architecture, variant))


def _repacked_share(architecture: Architecture, variant: Variant) -> float:
    """Share of the blocks' bytes with types that are copied in another order on the CPU."""
    if variant.format is not Format.GGUF:
        return 0.0
    found = quantiser.mix(variant.quantisation)
    whole = matrices.blocks(architecture, found).total
    repacked = matrices.blocks(architecture, found, quantiser.repacked_bits).total
    return repacked / whole if whole else 0.0


def _expert_share(architecture: Architecture, variant: Variant, blocks: float) -> float:
    """Share of the blocks' bytes that are experts.

    Where a width that is not told makes the matrices larger than the file, what is
    left of it beside the others.
    """
    found = matrices.blocks(architecture, quantiser.mix(variant.quantisation))
    if not found.experts:
        return 0.0
    if not architecture.expert_feed_forward_length and found.total > (1 + _NEAR) * blocks > 0:
        return max(0.0, 1 - (found.total - found.experts) / blocks)
    return found.experts / found.total


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
    found, width = quantiser.mix(variant.quantisation), architecture.embedding_length
    output = quantiser.output_bits(found, width)
    return (quantiser.embedding_bits(found, width) if architecture.has_output else output), output


def _is_tied(architecture: Architecture, variant: Variant, tensors: int) -> bool:
    """Whether embeddings serve as the output: what the file's size says of it.

    A header tells it by its list of tensors only. Where that is not known, the
    bytes of all matrices are worked out both ways, and the nearer one counts; a
    family's habit where neither is near, or both are: makers' own mixes (Unsloth's
    “XL”) take more bits than llama.cpp's, and half of a table is soon made up.
    """
    told = architecture.tied_embeddings
    if not architecture.tie_is_guessed or variant.format is not Format.GGUF or not tensors:
        return told
    plain, output = (bits / 8 for bits in _bits(architecture, variant))
    blocks = matrices.blocks(architecture, quantiser.mix(variant.quantisation)).total
    elements = architecture.vocab_size * architecture.embedding_length
    tied = blocks + elements * output
    untied = tied + elements * plain
    (off, is_tied), (other, _) = sorted(
        ((abs(tensors - tied), True), (abs(tensors - untied), False))
    )
    is_clear = untied - tied >= _FAR * tensors and off <= min(_NEAR * tensors, other / 2)
    return is_tied if is_clear else told
