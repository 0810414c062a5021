"""vLLM's caches of DeepSeek-V4, whose layers keep one state for 4 or for 128 tokens.

Each layer has a window of plain rows; those with a ratio also keep compressed
rows, at a ratio of 4 with an indexer's, and what is being compressed as 32-bit
floats (``vllm/models/deepseek_v4``, ``vllm/v1/attention/backends/mla``). Pages
are rounded up to 576 bytes and lie side by side in one block
(``_get_packed_kv_cache_groups``).
"""

from __future__ import annotations

from wizard.registry.values import Architecture
from wizard.sizing.values import Workload

_ROW, _INDEXER_ROW, _ALIGNMENT = 584, 132, 576
_TOKENS, _WINDOW_TOKENS = 256, 64
_SPARSE, _DENSE = 4, 128
# Blocks of rows being compressed: their tokens, and the window that they are kept for.
_DENSE_TOKENS, _DENSE_WINDOW = 8, 128
_SPARSE_TOKENS, _SPARSE_WINDOW = 4, 8


def _page(rows: int, row: int) -> int:
    return -(-rows * row // _ALIGNMENT) * _ALIGNMENT


def _block_bytes(architecture: Architecture) -> int:
    """Bytes of one block: 256 tokens of all compressed caches."""
    sparse = _page(_TOKENS // _SPARSE, _ROW) + _page(_TOKENS // _SPARSE, _INDEXER_ROW)
    dense = _page(_TOKENS // _DENSE, _ROW)
    return _count(architecture, _SPARSE) * sparse + _count(architecture, _DENSE) * dense


def bytes_per_token(architecture: Architecture) -> int:
    """Bytes that one more token takes on every card, windows aside."""
    return round(_block_bytes(architecture) / _TOKENS)


def request_bytes(architecture: Architecture, workload: Workload) -> int:
    """Bytes of one request of full length on every card, in whole blocks."""
    block = _block_bytes(architecture)
    if not block:
        return 0
    context = workload.context_length
    flying = (workload.nodes + 1) * workload.batched_tokens

    def held(window: int, tokens: int) -> int:
        return -(-min(window - 1 + flying, context) // tokens) + 1

    windows = max(1, block // _page(_WINDOW_TOKENS, _ROW))
    blocks = -(-context // _TOKENS)
    blocks += -(-architecture.layers // windows) * held(architecture.sliding_window, _WINDOW_TOKENS)
    if _count(architecture, _DENSE):
        blocks += held(_DENSE_WINDOW, _DENSE_TOKENS)
    if _count(architecture, _SPARSE):
        blocks += held(_SPARSE_WINDOW, _SPARSE_TOKENS)
    return blocks * block


def _count(architecture: Architecture, ratio: int) -> int:
    return architecture.compress_ratios.count(ratio)
