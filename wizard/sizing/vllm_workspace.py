"""What vLLM's kernels work in, on one card: one workspace that they share, and rooms of MLA's.

The workspace is as large as the kernel that wants most of it (``v1/worker/workspace.py``):
the experts', Triton's parts of compressed attention, or the keys that a sparse attention's
indexer gathers and the rows that its packed cache is unpacked to. Beside it compressed
attention keeps rows of a prompt's beginning, and is measured with all of them unpacked
(``MLACommonMetadataBuilder``, ``MLAAttention.forward_impl``, ``sparse_attn_indexer``).
"""

from __future__ import annotations

from wizard.registry.values import Architecture
from wizard.sizing import vllm_kernels
from wizard.sizing.values import Workload

MIB = 1 << 20
_HALF, _FLOAT = 2, 4
# Rows of a prompt's beginning that are unpacked at a time: eight requests' of full length,
# or four blocks of each request at a time, and no more than these.
_WHOLE_REQUESTS, _PAGES, _BLOCK, _MOST_ROWS = 8, 4, 16, 64 << 10
# Triton's kernel cuts requests into powers of two of as many tokens, at most so many parts
# for each multiprocessor (``_compute_num_kv_splits``).
_PART, _PARTS_EACH = 512, 2
# Requests of full length whose keys are gathered: fewer where they are long
# (``sparse_mla_prefill_workspace_factor``), and eight indexer's keys in each row's room
# (``get_max_prefill_buffer_size``).
_REQUESTS, _LONG, _LONG_REQUESTS, _KEYS_A_ROW = 5, 256 << 10, 2, 8
# Scores of what is attended to (``VLLM_SPARSE_INDEXER_MAX_LOGITS_MB``), and what chooses.
_SCORES, _CHOICE = 512 * MIB, MIB
_SCALE = 4
# DeepSeek-V4's layers with an indexer keep one key for four tokens, and unpack what so many
# requests read (``PREFILL_CHUNK_SIZE``).
_SPARSE_RATIO, _UNPACKED_REQUESTS = 4, 4
# Rows of packed caches are unpacked for so many heads at a time (``FlashMLASparseImpl``).
_PADDED_HEADS = 64


def kept(architecture: Architecture, workload: Workload, sequences: int) -> int:
    """Bytes that stay between steps, ``sequences`` being requests at a time."""
    shared = max(
        _experts(architecture, workload),
        _parts(architecture, workload, sequences),
        _keys(architecture, workload),
        _unpacked_rows(architecture, workload),
    )
    row = architecture.kv_lora_rank and architecture.kv_lora_rank + architecture.rope_dimension
    return shared + _HALF * row * _rows(workload, sequences)


def passing(architecture: Architecture, workload: Workload, sequences: int) -> int:
    """Bytes that compressed attention takes at its peak beside a step's own tensors."""
    scores = _scores(architecture, workload, sequences)
    if not architecture.kv_lora_rank:
        return scores
    each = architecture.latent_key_length - architecture.rope_dimension
    each += architecture.latent_value_length
    unpacked = _HALF * _rows(workload, sequences) * _heads(architecture, workload) * each
    return max(unpacked, scores)


def _experts(architecture: Architecture, workload: Workload) -> int:
    """``TritonExperts.workspace_shapes``."""
    if not architecture.experts:
        return 0
    inner = architecture.expert_feed_forward_length or architecture.feed_forward_length
    inner //= max(1, workload.gpus)
    width = architecture.embedding_length
    each = max(inner, width) + max(2 * inner, width)
    return _HALF * workload.batched_tokens * architecture.experts_used * each


def _parts(architecture: Architecture, workload: Workload, sequences: int) -> int:
    """Triton's results of each part of each request, where no other kernel attends."""
    if not vllm_kernels.takes_triton_mla(architecture, workload):
        return 0
    ideal = max(1, workload.context_length // _PART)
    power = 1 << (ideal - 1).bit_length()
    parts = min(power, workload.card.multiprocessors * _PARTS_EACH)
    row = architecture.kv_lora_rank + 1
    return _FLOAT * sequences * _heads(architecture, workload) * parts * row


def _keys(architecture: Architecture, workload: Workload) -> int:
    """Keys of 8 bits with their scales that an indexer gathers."""
    if not _has_indexer(architecture):
        return 0
    pool = _SPARSE_RATIO if architecture.compress_ratios else architecture.indexer_pool
    rows = _gathered(workload) * _KEYS_A_ROW // pool
    return rows * (architecture.indexer_length + _SCALE) + _CHOICE


def _unpacked_rows(architecture: Architecture, workload: Workload) -> int:
    """What a packed cache is unpacked to on Hopper, with all queries and what comes of them.

    DeepSeek-V4's is unpacked for some requests at a time (``DeepseekV4FlashMLAAttention``).
    """
    if architecture.compress_ratios:
        window = architecture.sliding_window + workload.batched_tokens
        rows = -(-workload.context_length // _SPARSE_RATIO) + window
        return _HALF * _UNPACKED_REQUESTS * rows * architecture.key_length
    if not vllm_kernels.packs_on_hopper(architecture, workload):
        return 0
    rank, heads = architecture.kv_lora_rank, _heads(architecture, workload)
    row = rank + architecture.rope_dimension
    padded = -(-heads // _PADDED_HEADS) * _PADDED_HEADS
    queries = workload.batched_tokens * (heads * (row + rank) + padded * (row + rank))
    return _HALF * (_gathered(workload) * row + queries)


def _scores(architecture: Architecture, workload: Workload, sequences: int) -> int:
    """What an indexer scores keys in, for a step's tokens or one for each request."""
    if not _has_indexer(architecture):
        return 0
    pooled = architecture.indexer_pool > 1
    keys = workload.context_length // architecture.indexer_pool
    return max(_SCORES, _FLOAT * sequences * keys if pooled else 0)


def _has_indexer(architecture: Architecture) -> bool:
    is_compressed = architecture.kv_lora_rank or _SPARSE_RATIO in architecture.compress_ratios
    return bool(architecture.indexer_length and is_compressed)


def _gathered(workload: Workload) -> int:
    context = workload.context_length
    return context * (_REQUESTS if context <= _LONG else _LONG_REQUESTS)


def _rows(workload: Workload, sequences: int) -> int:
    whole = _WHOLE_REQUESTS * workload.context_length
    return min(_MOST_ROWS, max(whole, _PAGES * sequences * _BLOCK))


def _heads(architecture: Architecture, workload: Workload) -> int:
    return -(-architecture.heads // max(1, workload.gpus))
