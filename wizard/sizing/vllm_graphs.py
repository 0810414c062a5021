"""What vLLM captures as CUDA graphs, and what they take of a card.

One graph for each piece between two attentions and each number of tokens, and one of
the whole model for each number of requests (``VllmConfig._set_cudagraph_sizes``,
``CudaGraphManager._init_candidates``). The counts and the kernels' room are vLLM's own;
what CUDA keeps for each kernel of a graph and loads of its libraries no source tells:
those two are from logs, see docs/estimate-evidence.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from wizard.registry.values import Architecture
from wizard.sizing import layers, vllm_compute, vllm_kernels, vllm_stages
from wizard.sizing.values import Workload

MIB = 1 << 20
# The largest number of tokens captured, at most twice the requests at a time; more on
# Blackwell of data centres, and always for gpt-oss (``GptOssForCausalLMConfig``).
_LARGEST, _MOST = 512, 1024
_ALWAYS_MOST = ("gpt_oss",)
_BLACKWELL = 10
_FINE, _COARSE, _STEP = 8, 16, 256
# FlashAttention 3 cuts a request into so many parts, each with a result of its own in 32
# bits (``flash_attn_max_num_splits_for_cuda_graph``); its heads are no longer than 256.
_SPLITS, _FLOAT, _LONGEST_HEAD = 32, 4, 256
# FlashInfer's workspace (``VLLM_FLASHINFER_WORKSPACE_BUFFER_SIZE``), where Blackwell of data
# centres keeps to it. Its older kernels' grows with a step, and each number of requests that
# is captured, and what is not, has its own plan
# (``FlashInferMetadataBuilder._get_workspace_buffer``, ``BatchDecodeWithPagedKVCacheWrapper``).
_FLASHINFER, _PLAN, _UNCAPTURED = 394 * MIB, 8 * MIB, 2
_ELEMENT = 16
# Kernels of a layer as they are left when fused: two norms, four products, the rotation and
# the activation; with experts their choice, order and sum and a shared one; MLA's ways into
# and out of its rows; what comes before and after a recurrence; and attention
# itself, which is in whole graphs alone.
_LAYER, _EXPERTS, _LATENT, _RECURRENCE, _ATTENTION = 8, 6, 4, 4, 3
# What cards tell each other after attention and after what follows it.
_EXCHANGES = 2
# What CUDA keeps of each kernel of a graph, and libraries' code that capturing is the first
# to run.
_KERNEL_BYTES = 16 << 10
_LIBRARIES = 320 * MIB


@dataclass(frozen=True)
class Graphs:
    """Numbers of tokens captured in pieces and as a whole, and bytes on a card."""

    pieces: int
    whole: int
    size: int


@lru_cache(maxsize=128)
def _sizes(requests: int, tokens: int, largest: int) -> tuple[int, ...]:
    """Numbers of tokens that are captured, ascending."""
    most = min(largest, tokens)
    found = {1, 2, 4, *range(_FINE, _STEP, _FINE), *range(_STEP, most + 1, _COARSE)}
    return tuple(sorted(size for size in found | {requests, tokens} if size <= most))


def graphs(architecture: Architecture, workload: Workload) -> Graphs:
    """Bytes of all graphs of the fullest stage, on one card."""
    requests = vllm_compute.sequences(workload)
    is_blackwell = workload.card.compute_capability[0] == _BLACKWELL
    largest = min(2 * requests, _MOST if is_blackwell else _LARGEST)
    if architecture.name in _ALWAYS_MOST:
        largest = _MOST
    sizes = _sizes(requests, workload.batched_tokens, largest)
    whole = [size for size in sizes if size <= requests]
    kernels = _kernels(architecture, workload, len(sizes), len(whole))
    room = vllm_compute.step(architecture, workload, sizes[-1])
    room += _attention(architecture, workload, whole)
    return Graphs(len(sizes), len(whole), _LIBRARIES + room + kernels * _KERNEL_BYTES)


def _kernels(architecture: Architecture, workload: Workload, pieces: int, whole: int) -> int:
    """Kernels of all graphs together."""
    each = _LAYER + (_EXPERTS if architecture.experts else 0)
    each += _LATENT if architecture.kv_lora_rank else 0
    each += _EXCHANGES if workload.gpus > 1 else 0
    depth = vllm_stages.most(range(architecture.layers), architecture.layers, workload.nodes)
    recurrent = len(layers.recurrent_layers(architecture)) / architecture.layers
    attending = sum(1 for heads in architecture.kv_heads if heads) / architecture.layers
    piece = each + recurrent * _RECURRENCE
    mixing = min(1.0, attending + recurrent) * _ATTENTION
    return int(depth * (pieces * piece + whole * (piece + mixing)))


def _attention(architecture: Architecture, workload: Workload, whole: list[int]) -> int:
    """Bytes that the kernels of attention work in, whatever number of requests is answered."""
    if not vllm_kernels.takes_flashinfer(architecture, workload):
        return _splits(architecture, workload, whole[-1])
    if workload.card.compute_capability[0] == _BLACKWELL:
        return _FLASHINFER
    heads = -(-architecture.heads // max(1, workload.gpus))
    step = workload.batched_tokens * heads * architecture.key_length * _ELEMENT
    return max(_FLASHINFER, step) + _PLAN * (len(whole) + _UNCAPTURED)


def _splits(architecture: Architecture, workload: Workload, requests: int) -> int:
    """Bytes of the parts' results, which all layers share; on Hopper alone."""
    if workload.pads_experts or not any(architecture.kv_heads):
        return 0
    heads = -(-architecture.heads // max(1, workload.gpus))
    length = architecture.kv_lora_rank or min(architecture.value_length, _LONGEST_HEAD)
    return _SPLITS * _FLOAT * requests * heads * length
