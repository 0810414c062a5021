"""How the bytes of a variant's files divide: embeddings, blocks, the rest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from wizard.registry.values import Architecture, TensorSizes, Variant
from wizard.sizing import by_shape


@dataclass(frozen=True)
class Weights:
    """Bytes of a variant's tensors.

    ``embeddings`` stay in RAM, ``tied`` of them serve as the output too and lie
    on the card a second time. ``output`` is what comes after the last block,
    ``blocks`` each block's bytes and ``experts`` the experts among them.
    ``skipped`` are blocks for multi-token prediction: in the file, not loaded.
    ``name`` is the quantisation's, by the size of the file where none was told.
    ``largest_matrix`` is the largest tensor of a block. ``off`` is the share of the file by
    which it differs from what shapes and name make it, ``unsure`` the share of which it is not
    known whether it lies on a card; 0 where tensors are known.
    """

    file: int
    embeddings: int
    tied: int
    output: int
    blocks: tuple[float, ...]
    experts: tuple[float, ...]
    largest_expert: float
    skipped: int
    largest_matrix: float
    name: str = ""
    off: float = 0.0
    unsure: float = 0.0

    @property
    def loaded(self) -> int:
        """Bytes of all that is loaded, each once."""
        return self.embeddings + self.output + int(sum(self.blocks))

    @property
    def is_merged(self) -> bool:
        """Whether experts have gate and up in one matrix, which is more than half of them."""
        return self.largest_expert > max(self.experts, default=0.0) / 2


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
        name=variant.quantisation,
        largest_matrix=known.largest_matrix or known.largest_expert,
    )


def _by_shape(architecture: Architecture, variant: Variant) -> Weights:
    """Divide by the shapes; what is not known is counted as loaded."""
    found = by_shape.divided(architecture, variant)
    running = found.blocks[: architecture.layers]
    largest_expert = max((block.largest_expert for block in running), default=0.0)
    return Weights(
        file=variant.weight_bytes,
        embeddings=found.embeddings,
        tied=found.tied,
        output=found.output,
        blocks=tuple(block.total for block in running),
        experts=tuple(block.experts for block in running),
        largest_expert=largest_expert,
        largest_matrix=max(largest_expert, *(block.largest for block in running)),
        skipped=int(sum(block.total for block in found.blocks[architecture.layers :])),
        name=found.name,
        off=found.off,
        unsure=found.unsure,
    )


def repacked(architecture: Architecture, variant: Variant) -> int:
    """Bytes that lie in RAM a second time where the CPU computes, in an order of its own.

    Told by the tensors' types, else worked out from the shapes.
    """
    if variant.tensors is not None and variant.tensors.repacked is not None:
        return variant.tensors.repacked
    part = split(architecture, variant)
    return by_shape.repacked(architecture, variant, part.name, sum(part.blocks))
