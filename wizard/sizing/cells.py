"""Cells of llama.cpp's caches, and the bytes of a row.

Sources: ``src/llama-context.cpp``, ``src/llama-kv-cache-iswa.cpp``, ``ggml.c``.
"""

from __future__ import annotations

from dataclasses import dataclass

from wizard.registry.values import Architecture
from wizard.sizing.values import KvType, Workload

# Bytes and elements of one block of each type (ggml ``type_traits``).
BLOCKS = {
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

# The least that our runtime asks for.
SHORTEST_STEP = 32
# Types that are not quantised.
PLAIN = frozenset({KvType.F16, KvType.F32, KvType.BF16})


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


def asked(workload: Workload) -> int:
    """Tokens of all slots together (``n_ctx`` as it is asked for)."""
    return workload.context_length * (1 if workload.unified_kv else workload.slots)


def told_step(workload: Workload) -> int:
    """Tokens of one step as an engine is told them (``--ubatch-size``).

    Texts that are read whole take steps as long as a slot's context, rounded up so that
    the slots share them without a rest (``inference.engine.auto``).
    """
    if not workload.whole_texts:
        return workload.ubatch
    tokens = max(SHORTEST_STEP, min(workload.context_length, workload.ubatch))
    return -(-tokens // workload.slots) * workload.slots


def step(workload: Workload) -> int:
    """Tokens of one step: never more than the context (``cparams.n_ubatch``)."""
    return min(told_step(workload), asked(workload))


def cells(architecture: Architecture, workload: Workload) -> Cells:
    """Cells of the caches (``llama_kv_cache_iswa``).

    One cache for all slots when it is unified, else one for each of them.
    """
    slots, window = workload.slots, architecture.sliding_window
    full = padded(workload.context_length)
    seen = window * (slots if workload.unified_kv else 1) + step(workload)
    sliding = full if workload.swa_full else padded(min(full, seen))
    if workload.unified_kv:
        return Cells(full, sliding, full, sliding)
    return Cells(full * slots, sliding * slots, full, sliding)


def row_bytes(elements: int, kv_type: KvType) -> int:
    """Bytes of one row of a cache (``ggml_row_size``)."""
    block, count = BLOCKS[kv_type]
    return -(-elements // count) * block
