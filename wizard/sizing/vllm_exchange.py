"""What each card of several keeps for what cards tell each other.

vLLM's own share follows from its sources: the workspace of the kernel that sums results
of all cards and norms them at once (``AllReduceFusionPass``, FlashInfer's
``trtllm_create_ipc_workspace_for_all_reduce_fusion``), and what a stage of a pipeline
takes in (``make_empty_intermediate_tensors``). NCCL's channels, by far the most, are in no
source of vLLM's: those are what others measured (docs/estimate-evidence.md).
"""

from __future__ import annotations

from wizard.registry.values import Architecture
from wizard.sizing import vllm_compute
from wizard.sizing.values import Workload

MIB = 1 << 20
# NCCL's channels and the all-reduce buffers of each card of several: what others measured
# on pairs and fours of H100, less the workspace below, and on cards that NVLink does not join.
_NVLINK_PAIR, _NVLINK, _PLAIN = 1536 * MIB, 2048 * MIB, 512 * MIB
# NCCL's own part of it is there before vLLM looks at the card, beside CUDA's context.
_NVLINK_CHANNELS, _CHANNELS = 1024 * MIB, 320 * MIB
# The largest sum that is made at once with the norm behind it, by the card's generation and
# the number of cards (``FI_ALLREDUCE_FUSION_MAX_SIZE_MB``).
_FUSED = {
    (9, 0): {2: 64 * MIB, 4: 2 * MIB, 8: MIB // 2},
    (10, 0): {2: 64 * MIB, 4: 32 * MIB, 8: MIB, 16: 64 * MIB},
    (10, 3): {2: 64 * MIB, 4: 64 * MIB, 8: 4 * MIB, 16: 64 * MIB},
}
_PAIR = 2
# One buffer of what all cards send, and three that take turns.
_BUFFERS = 4
# A stage takes in what the one before computed, and its residual.
_TAKEN_IN, _HALF = 2, 2


def outside(workload: Workload) -> int:
    """Bytes of NCCL's that are there before vLLM looks.

    Large cards are taken to have NVLink.
    """
    if workload.gpus * workload.nodes < 2:
        return 0
    return _NVLINK_CHANNELS if _is_linked(workload) else _CHANNELS


def inside(architecture: Architecture, workload: Workload) -> int:
    """Bytes on one card within vLLM's budget.

    Stages tell each other nothing before the pool is made: vLLM measures itself with
    tensors of each stage's own.
    """
    found = 0
    if workload.nodes > 1:
        width = architecture.embedding_length
        found += _TAKEN_IN * _HALF * workload.batched_tokens * width
    if workload.gpus < 2:
        return found
    if not _is_linked(workload):
        return found + _PLAIN
    found += _NVLINK_PAIR if workload.gpus == _PAIR else _NVLINK
    return found + _fused(architecture, workload)


def _is_linked(workload: Workload) -> bool:
    return workload.batched_tokens >= vllm_compute.LONG_STEP


def _fused(architecture: Architecture, workload: Workload) -> int:
    """Bytes of the workspace of sums that are normed at once."""
    row = _HALF * architecture.embedding_length
    sizes = _FUSED.get(workload.card.compute_capability, {})
    most = sizes.get(workload.gpus, 0)
    if not most or not row:
        return 0
    tokens = min(most // row, workload.batched_tokens)
    return _BUFFERS * workload.gpus * tokens * row
