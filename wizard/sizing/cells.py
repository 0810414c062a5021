"""Cells of llama.cpp's caches, and the bytes of a row.

Sources: ``src/llama-context.cpp``, ``src/llama-kv-cache-iswa.cpp``, ``ggml.c``.
"""

from __future__ import annotations

from dataclasses import dataclass

from wizard.registry.values import Architecture
from wizard.sizing.values import KvType, Workload

# Bytes and elements of one block of each type (ggml ``type_traits``).
_BLOCKS = {
    KvType.F32: (4, 1),
    KvType.F16: (2, 1),
    KvType.BF16: (2, 1),
    KvType.Q8_0: (34, 32),
    KvType.Q5_1: (24, 32),
    KvType.Q5_0: (22, 32),
    KvType.Q4_1: (20, 32),
    KvType.Q4_0: (18, 32),
    KvType.IQ4_NL: (18, 32),
    KvType.FP8: (34, 32),
}


def padded(cells: int) -> int:
    """Cells of a cache: a multiple of 256 (``llama_context``, ``GGML_PAD(n_ctx, 256)``)."""
    return -(-cells // 256) * 256


@dataclass(frozen=True)
class Cells:
    """Cells of a cache over all slots, and those that one step's mask spans."""

    full: int
    sliding: int
    full_mask: int
    sliding_mask: int


def cells(architecture: Architecture, workload: Workload) -> Cells:
    """Cells with every slot at its full context (``llama_kv_cache_iswa``)."""
    slots, window = workload.slots, architecture.sliding_window
    if workload.unified_kv:
        full = padded(workload.context_length)
        sliding = min(full, padded(window * slots + workload.ubatch))
        return Cells(full, sliding, full, sliding)
    full = padded(workload.context_length)
    sliding = min(full, padded(window + workload.ubatch))
    return Cells(full * slots, sliding * slots, full, sliding)


def row_bytes(elements: int, kv_type: KvType) -> int:
    """Bytes of one row of a cache (``ggml_row_size``)."""
    block, count = _BLOCKS[kv_type]
    return -(-elements // count) * block
