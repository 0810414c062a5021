"""Caches that llama.cpp keeps for DeepSeek-V4 only (``src/llama-kv-cache-dsv4.cpp``).

Every layer has a window of plain keys. Some also keep one cell for every 4
tokens, with keys of an indexer as many, or one for every 128; and what is
being compressed, as 32-bit floats. Each slot has its own, shared cache or not.
"""

from __future__ import annotations

from wizard.registry.values import Architecture
from wizard.sizing.cells import padded, row_bytes, step
from wizard.sizing.values import Workload

_DENSE, _SPARSE = 128, 4
_FLOAT = 4


def applies(architecture: Architecture) -> bool:
    """Whether these are the model's caches."""
    return bool(architecture.compress_ratios)


def _cells(context: int, ratio: int) -> int:
    return padded(-(-context // ratio))


def cache_bytes(architecture: Architecture, workload: Workload) -> int:
    """Bytes of all layers' keys; there are no values."""
    context = padded(workload.context_length)
    width = architecture.key_length * max(architecture.kv_heads, default=1)
    row = row_bytes(width, workload.kv_type)
    index = row_bytes(architecture.indexer_length, workload.kv_type)
    window = padded(min(context, architecture.sliding_window + step(workload)))
    one = row * window * (architecture.layers + architecture.nextn_layers)
    one += _count(architecture, _SPARSE) * _cells(context, _SPARSE) * (row + index)
    one += _count(architecture, _DENSE) * _cells(context, _DENSE) * row
    return one * workload.slots


def widest_cells(architecture: Architecture, workload: Workload) -> int:
    """Cells of one layer that one cell for every 4 tokens is kept in, of all slots."""
    context = padded(workload.context_length)
    window = padded(min(context, architecture.sliding_window + step(workload)))
    return (window + _cells(context, _SPARSE)) * workload.slots


def state_bytes(architecture: Architecture) -> int:
    """Bytes of one slot's keys and scores that are being compressed, in all layers."""
    keys, index = architecture.key_length, architecture.indexer_length
    sparse = 2 * _SPARSE * 2 * (keys + index)
    dense = _DENSE * keys
    elements = _count(architecture, _SPARSE) * sparse + _count(architecture, _DENSE) * dense
    return 2 * _FLOAT * elements


def _count(architecture: Architecture, ratio: int) -> int:
    return architecture.compress_ratios.count(ratio)
