"""A file's bytes divided without a list of its tensors: by shapes and the quantisation's name.

What each matrix takes is worked out as llama.cpp's quantiser does, and the file's size
tells the rest: whether embeddings are tied, the name where none is told, and whether a
maker packed the file in a way of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from wizard.registry.values import Architecture, Format, Variant
from wizard.sizing import matrices, quantiser, residual
from wizard.sizing.matrices import Block

# Percent of a file that embeddings are at most, whatever a header claims.
_MOST = 95
# Shares of a file's bytes: how far they may be from what its matrices are worked out to
# take, and what a second matrix as large as the embeddings has to make of them to be told.
_NEAR, _FAR = 0.1, 0.03
_SAME = 0.01
# Where it makes less, what is worked out has to be so much nearer.
_SURE = 0.25
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
# A file is odd that its mix misses by so much; tables are told by a size that meets it within less.
ODD, _SURELY = 0.06, 0.02
# Bits of the types that tables are packed in: of those alike the least is enough.
_TABLE_BITS = (2.625, 3.4375, 4.5, 5.5, 6.5625, 8.5, 16.0)
# A mix that misses a file by more is not the file's. Blocks are worked out so well that
# tables are told by a size that they make within the second of these, or within what
# tokenizers differ by, in bytes a token.
_MET, _EXACTLY, _TOKENIZERS_DIFFER = 0.01, 0.002, 32
# Bits of embeddings and of the output that makers give a mix instead of its own: bartowski's
# “L” and “XL”, whose headers tell the mix alone; 16-bit ones of files that were trained for
# four bits; and Unsloth's Q2_K_L (https://github.com/unslothai/unsloth-zoo/pull/677).
_MAKERS = ((8.5, 8.5), (16.0, 16.0))
_UNSLOTHS = ((4.5, 6.5625),)
UNSLOTH = "UD-"
# The most that embeddings take in an own mix, as a rule.
_MOST_BITS = 8.5
# Their experts are released in four bits, and kept so in files of any name.
_KEPT_EXPERTS = frozenset({"gpt-oss"})
_AS_RELEASED = "BF16" + quantiser.KEPT_EXPERTS
# Quantisations that a file without a name is compared with.
_USUAL = ("F32", "F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K", "IQ2_XXS", "MXFP4")
# Their blocks have matrices that no key tells: what they miss says nothing of embeddings.
_NOT_WORKED_OUT = frozenset(
    {"arwkv7", "cogvlm", "deci", "grok", "minimax-01", "plamo3", "rwkv6", "rwkv6qwen2", "rwkv7"}
    | {"step35", "t5", "t5encoder"}
)


@dataclass(frozen=True)
class Divided:
    """Bytes of the parts of a file, and the share of it by which they had to be scaled.

    ``tied`` of the embeddings serve as the output, too; ``name`` is the quantisation's.
    ``unsure`` is the share of the file of which it is not known whether it lies on a card:
    what embeddings apart from the output may take more, where the file is not its mix's.
    """

    embeddings: int
    tied: int
    output: int
    blocks: tuple[Block, ...]
    off: float
    name: str
    unsure: float = 0.0


@dataclass(frozen=True)
class _Worked:
    """Bytes worked out for one quantisation: a table of embeddings, others, output, blocks."""

    name: str
    is_tied: bool
    token: float
    others: float
    output: float
    blocks: float

    @property
    def total(self) -> float:
        return self.token + self.others + self.output + self.blocks


def divided(architecture: Architecture, variant: Variant) -> Divided:
    """The parts of a file; those that are not worked out exactly take what is left."""
    tensors = max(0, variant.weight_bytes - tokenizer_bytes(architecture, variant))
    found = _nearest(architecture, variant, tensors)
    most = tensors * _MOST // 100
    token = min(int(found.token), most)
    embeddings = min(token + int(found.others), most)
    output = min(int(found.output), (tensors - embeddings) * _MOST // 100)
    off = _off(architecture, found, tensors)
    # A difference that tokenizers make is not the layers'.
    is_met = variant.format is Format.GGUF and _is_tokenizers(architecture, found, tensors)
    left = int(found.blocks) if is_met else tensors - embeddings - output
    return Divided(
        embeddings=embeddings,
        tied=token if found.is_tied else 0,
        output=output,
        blocks=_scaled(architecture, found.name, left),
        off=off,
        name=found.name,
        unsure=_unsure(architecture, found, tensors) if abs(off) > _MET else 0.0,
    )


def _unsure(architecture: Architecture, found: _Worked, tensors: int) -> float:
    if not architecture.has_output or not tensors:
        return 0.0
    if architecture.tie_is_guessed and found.is_tied is not architecture.tied_embeddings:
        # Its size alone told so, which something else may explain.
        return found.token / tensors
    if found.is_tied:
        return 0.0
    elements = architecture.vocab_size * architecture.embedding_length
    return max(0.0, elements * _MOST_BITS / 8 - found.token) / tensors


def _off(architecture: Architecture, found: _Worked, tensors: int) -> float:
    if architecture.name in _NOT_WORKED_OUT:
        return 0.0
    return (tensors - found.total) / tensors if tensors else -1.0


def repacked(architecture: Architecture, variant: Variant, name: str, blocks: float) -> int:
    """Bytes of blocks that the CPU copies in another order, of all that run together."""
    if variant.format is not Format.GGUF:
        return 0
    running = slice(architecture.layers)
    whole = sum(block.total for block in matrices.blocks(architecture, name)[running])
    moved = matrices.blocks(architecture, name, repacked=True)[running]
    copied = sum(block.total for block in moved)
    # What is worked out is truer than a size that is hardly another.
    is_near = abs(blocks - whole) <= _SAME * whole
    return int(copied if is_near else copied * blocks / whole) if whole else 0


def _nearest(architecture: Architecture, variant: Variant, tensors: int) -> _Worked:
    """What the name's mix makes of the shapes; of the usual ones the nearest for no name."""
    names = _names(architecture, variant)
    ways = (_told(architecture, variant, name, tensors) for name in names)
    found = min(ways, key=lambda each: abs(tensors - each.total))
    if variant.format is not Format.GGUF or not tensors:
        return found
    if matrices.looked_up_by_layers(architecture):
        return _packed(architecture, found, tensors) or found
    return _made(architecture, variant, found, tensors) or found


def _names(architecture: Architecture, variant: Variant) -> tuple[str, ...]:
    """Mixes that the file may be of."""
    name = variant.quantisation
    is_kept = architecture.name in _KEPT_EXPERTS and variant.format is Format.GGUF
    if not name and variant.format is Format.GGUF:
        return (*_USUAL, _AS_RELEASED) if is_kept else _USUAL
    return (name, name + quantiser.KEPT_EXPERTS) if is_kept else (name,)


def _made(
    architecture: Architecture, variant: Variant, found: _Worked, tensors: int
) -> _Worked | None:
    """The same as a maker packs it otherwise, where that makes the file's size exactly.

    Tables of more bits, or values in 16, as Ollama leaves those of Qwen 3 and Phi 4.
    """
    if abs(tensors - found.total) <= _MET * tensors or architecture.name in _NOT_WORKED_OUT:
        return None
    is_unsloths = variant.quantisation.upper().startswith(UNSLOTH)
    elements = architecture.vocab_size * architecture.embedding_length / 8
    ties = (True, False) if architecture.tie_is_guessed else (found.is_tied,)
    ways = [
        replace(
            found,
            is_tied=is_tied,
            token=elements * token,
            output=0.0 if is_tied or not architecture.has_output else elements * output,
        )
        for token, output in (_UNSLOTHS if is_unsloths else _MAKERS + _UNSLOTHS)
        for is_tied in ties
    ]
    if abs(tensors - found.total) <= _widest_values(architecture):
        wide = found.name + quantiser.WIDE_VALUES
        blocks = matrices.total(architecture, wide)
        ways += [_worked(architecture, variant, wide, blocks, is_tied=tied) for tied in ties]
    near = min(ways, key=lambda way: abs(tensors - way.total))
    is_near = abs(tensors - near.total) <= _EXACTLY * tensors
    return near if is_near or _is_tokenizers(architecture, near, tensors) else None


def _is_tokenizers(architecture: Architecture, found: _Worked, tensors: int) -> bool:
    """Whether a file is off by no more than what tokenizers differ by."""
    return abs(tensors - found.total) <= _TOKENIZERS_DIFFER * architecture.vocab_size


def _widest_values(architecture: Architecture) -> int:
    """Bytes of values in 16 bits, which some files have in one with queries and keys, at most."""
    rows = architecture.layers * residual.projected(architecture)
    return 2 * architecture.embedding_length * rows


def _packed(architecture: Architecture, found: _Worked, tensors: int) -> _Worked | None:
    """The same with tables of another type, where these are most of a file that is not the mix's.

    Small Gemmas' tables for all layers are: a type that makes the file's size, where no
    other one comes near, is what its maker gave them.
    """
    others = matrices.looked_up_by_layers(architecture)
    if abs(tensors - found.total) <= ODD * tensors:
        return None
    token = architecture.vocab_size * architecture.embedding_length
    rows = architecture.vocab_size * others
    ways = [replace(found, token=token * bits / 8, others=rows * bits / 8) for bits in _TABLE_BITS]
    # Ollama leaves those for all layers as they came, and packs the first.
    ways.append(replace(found, others=rows * _TABLE_BITS[-1] / 8))
    near, next_one = sorted(ways, key=lambda way: abs(tensors - way.total))[:2]
    is_near = abs(tensors - near.total) <= _SURELY * tensors
    is_alone = abs(tensors - next_one.total) > ODD * tensors
    return near if is_near and is_alone else None


def _told(architecture: Architecture, variant: Variant, name: str, tensors: int) -> _Worked:
    """With embeddings tied or not: what the file's size says of it.

    A header tells it by its list of tensors only. Where that is not known, the
    bytes of all matrices are worked out both ways, and the nearer one counts; a
    family's habit where neither is near, or both are: makers' own mixes (Unsloth's
    “XL”) take more bits than llama.cpp's, and half of a table is soon made up.
    """
    habit, blocks = architecture.tied_embeddings, matrices.total(architecture, name)
    if not architecture.tie_is_guessed or variant.format is not Format.GGUF or not tensors:
        return _worked(architecture, variant, name, blocks, is_tied=habit)
    ways = [_worked(architecture, variant, name, blocks, is_tied=way) for way in (True, False)]
    apart = abs(ways[1].total - ways[0].total)
    near, far = sorted(ways, key=lambda way: abs(tensors - way.total))
    off, other = abs(tensors - near.total), abs(tensors - far.total)
    is_near = off <= min(_NEAR * tensors, other / 2)
    is_clear = is_near if apart >= _FAR * tensors else off <= apart * _SURE
    return near if is_clear or near.is_tied is habit else far


def _worked(
    architecture: Architecture, variant: Variant, name: str, blocks: float, *, is_tied: bool
) -> _Worked:
    plain, output_bits = _bits(architecture, variant, name)
    each = output_bits if is_tied else plain
    elements = architecture.vocab_size * architecture.embedding_length
    others = architecture.vocab_size * matrices.looked_up_by_layers(architecture) * each / 8
    if architecture.learned_positions:
        others += _POSITION * architecture.context_length * architecture.embedding_length
    has_output = architecture.has_output and not is_tied
    return _Worked(
        name=name,
        is_tied=is_tied,
        token=elements * each / 8,
        others=others,
        output=elements * output_bits / 8 if has_output else 0.0,
        blocks=blocks,
    )


def _scaled(architecture: Architecture, name: str, size: int) -> tuple[Block, ...]:
    """The layers as large as the file leaves them together.

    Experts whose width is not told take what is left beside the others.
    """
    found = matrices.blocks(architecture, name)
    total, experts = sum(each.total for each in found), sum(each.experts for each in found)
    if not total:
        even = size / max(1, len(found))
        return tuple(Block(even, 0.0, even, 0.0) for _ in found)
    plain = mixed = size / total
    if experts and not architecture.expert_feed_forward_length and total > (1 + _NEAR) * size > 0:
        plain = min(1.0, size / (total - experts)) if total > experts else 0.0
        mixed = max(0.0, size - plain * (total - experts)) / experts
    scaled = {
        id(each): Block(
            plain * (each.total - each.experts) + mixed * each.experts,
            mixed * each.experts,
            plain * each.largest,
            mixed * each.largest_expert,
        )
        for each in {id(each): each for each in found}.values()
    }
    return tuple(scaled[id(each)] for each in found)


def tokenizer_bytes(architecture: Architecture, variant: Variant) -> int:
    """Bytes of a GGUF before its tensors: nearly all of it the vocabulary."""
    if variant.format is not Format.GGUF:
        return 0
    second = _SCORE_BYTES if variant.tokenizer in ("llama", "t5", "bert") else _MERGE_BYTES
    return architecture.vocab_size * (_TOKEN_BYTES + second)


def _bits(architecture: Architecture, variant: Variant, name: str) -> tuple[float, float]:
    """Bits an element of the embeddings, and of the output."""
    if variant.format is Format.SAFETENSORS:
        bits = 32.0 if architecture.dtype in ("float32", "float") else 16.0
        return bits, bits
    found = quantiser.mix(name, architecture.name)
    width = architecture.embedding_length
    output = quantiser.output_bits(found, width)
    return (quantiser.embedding_bits(found, width) if architecture.has_output else output), output
