"""What PyTorch's allocator takes beyond a card's matrices.

From 10 MiB on memory is asked for in steps of 2 MiB, and vLLM lets no piece of 20 MiB or
more be divided while it loads (``CUDACachingAllocator``'s ``kMinLargeAlloc``,
``kRoundLarge`` and ``should_split``; ``Worker.load_model``). A matrix of 95 MiB takes 96.
"""

from __future__ import annotations

from functools import lru_cache

from wizard.registry.values import Architecture
from wizard.sizing.values import Workload

MIB = 1 << 20
_LARGE, _STEP, _WHOLE = 10 * MIB, 2 * MIB, 20 * MIB
_PLAIN_BITS = 16
# Rows of embeddings are padded to a multiple of these (``VocabParallelEmbedding``).
_ROWS = 64


def rounding(architecture: Architecture, workload: Workload, bits: float) -> int:
    """Bytes beyond the largest matrices of a card's share; ``bits`` a weight of linear layers.

    Scales are tensors of their own, too small to count.
    """
    gpus = max(1, workload.gpus)
    layers = -(-architecture.layers // workload.nodes)
    return layers * _layer(architecture, gpus, int(bits)) + _tables(architecture, gpus)


def _beyond(size: float) -> int:
    """Bytes that are lost beside a tensor of so many."""
    lost = -int(size) % _STEP
    is_kept = size >= _WHOLE or (size >= _LARGE and lost <= MIB)
    return lost if is_kept else 0


@lru_cache(maxsize=512)
def _layer(architecture: Architecture, gpus: int, bits: int) -> int:
    """Bytes that are lost in one layer; experts of mxfp4 are of round sizes already."""
    fed = () if architecture.quant_method == "mxfp4" else _forward(architecture, gpus)
    return sum(_beyond(each * bits / 8) for each in (*fed, *_mixing(architecture, gpus)))


def _forward(architecture: Architecture, gpus: int) -> tuple[int, int]:
    """Elements on a card of the matrices into and out of what feeds forward, of all experts."""
    inner = architecture.feed_forward_length
    if architecture.experts:
        inner = architecture.expert_feed_forward_length or inner
        inner *= architecture.experts
    columns = inner // gpus * architecture.embedding_length
    return 2 * columns, columns


def _mixing(architecture: Architecture, gpus: int) -> tuple[int, ...]:
    """Elements on a card of attention's matrices; MLA's are smaller."""
    if architecture.kv_lora_rank:
        return ()
    width, kv_heads = architecture.embedding_length, max(architecture.kv_heads, default=0)
    each = architecture.key_length + architecture.value_length
    queries = architecture.heads * architecture.key_length // gpus
    out = architecture.heads * architecture.value_length // gpus
    return (queries + max(1, kv_heads // gpus) * each) * width, out * width


def _tables(architecture: Architecture, gpus: int) -> int:
    """Bytes that are lost beside embeddings and the output."""
    rows = -(-architecture.vocab_size // _ROWS) * _ROWS // gpus
    lost = _beyond(rows * architecture.embedding_length * _PLAIN_BITS / 8)
    return lost if architecture.tied_embeddings else 2 * lost
