"""What a llama.cpp process takes beside a model: CUDA's context and libraries, or itself."""

from __future__ import annotations

from wizard.registry.values import Architecture
from wizard.sizing.cells import step
from wizard.sizing.values import CudaCard, Workload

MIB = 1 << 20

# A context has its share of local memory for each thread that can be resident (a
# stack of 1 KiB by default, ``cudaLimitStackSize``) and as much again of the driver's
# own. Measured bare: 555 MiB on an RTX PRO 6000 of 188 multiprocessors, 107 MiB on
# an RTX 4060 Ti of 34 (https://github.com/ggml-org/llama.cpp/pull/23604). A Titan V's
# 319 MiB (https://github.com/pytorch/pytorch/issues/28394) is then met within 1 MiB.
_CONTEXT = 8 * MIB
_THREAD = 1986
# Kernels of llama.cpp and of cuBLAS, loaded when they are first used: what is left of
# the 451 to 456 MiB that three RTX 4090 kept
# (https://github.com/ggml-org/llama.cpp/pull/15860).
_KERNELS = 40 * MIB
# ``ggml_backend_cuda_context::cublas_handle``.
_WORKSPACE, _HOPPER_WORKSPACE = 4 * MIB, 32 * MIB
_HOPPER = 9
# A product's right side as blocks of 8 bits (``block_q8_1_mmq``), and one tile a
# multiprocessor that is put together at the end (``launch_mul_mat_q``).
_BLOCK_BYTES, _BLOCK = 144, 128
_TILE = 4 * 128 * 128
# Cards without products of 8-bit integers turn a whole matrix into floats of so many
# bytes first (``ggml_cuda_should_use_mmq``).
_UNPACKED = {(5, 2): 4, (6, 0): 2, (7, 0): 2}

# A llama-server without a card, and what it keeps of each token of the vocabulary
# (text, score, attributes, and a place in two hash tables).
_PROCESS = 32 * MIB
_TOKEN = 256


def size(architecture: Architecture, workload: Workload) -> int:
    """Bytes on each card; without cards, in RAM."""
    if not workload.gpus:
        return _PROCESS + _TOKEN * architecture.vocab_size
    return context(workload.card) + libraries(workload.card) + _products(architecture, workload)


def context(card: CudaCard) -> int:
    """Bytes of CUDA's context, which grows with the threads that can be resident."""
    return _CONTEXT + _THREAD * card.multiprocessors * _resident(card)


def _resident(card: CudaCard) -> int:
    """Threads that a multiprocessor holds at once (CUDA's table of compute capabilities)."""
    major, minor = card.compute_capability
    if major == 12 or (major == 8 and minor):
        return 1536
    return 1024 if (major, minor) == (7, 5) else 2048


def libraries(card: CudaCard) -> int:
    """Bytes of kernels' code, and of cuBLAS's workspace."""
    is_late = card.compute_capability[0] >= _HOPPER
    return _KERNELS + (_HOPPER_WORKSPACE if is_late else _WORKSPACE)


def _products(architecture: Architecture, workload: Workload) -> int:
    """Bytes of the pool that matrix products take turns in, after a full step."""
    rows = step(workload) * _widest(architecture)
    pool = rows * _BLOCK_BYTES // _BLOCK + _TILE * workload.card.multiprocessors
    each = _UNPACKED.get(workload.card.compute_capability, 0)
    return pool + each * architecture.embedding_length * max(_inner(architecture))


def _widest(architecture: Architecture) -> int:
    """Elements a token of the widest right side of a product."""
    width = max(architecture.embedding_length, *_inner(architecture))
    expert = max(architecture.embedding_length, architecture.expert_feed_forward_length)
    return max(width, architecture.experts_used * expert)


def _inner(architecture: Architecture) -> tuple[int, ...]:
    return (
        architecture.feed_forward_length,
        architecture.heads * architecture.value_length,
        architecture.ssm_inner_size,
    )
