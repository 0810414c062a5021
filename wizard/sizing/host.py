"""RAM of the container and space on its disk."""

from __future__ import annotations

from wizard.registry.values import Architecture, Variant
from wizard.sizing.cells import told_step
from wizard.sizing.values import Workload

MIB = 1 << 20
GIB = 1 << 30

# A llama.cpp process with its libraries, beside what the model needs.
_PROCESS = 1 * GIB
# llama-server keeps prompts that left the cache in RAM, up to this much
# (``--cache-ram``, 8192 MiB by default).
PROMPT_CACHE = 8 * GIB
# A vLLM process with PyTorch and CUDA's libraries; one for each card, and one
# that serves HTTP.
_VLLM_PROCESS = 4 * GIB
# torch.compile's cache and CUDA's.
_VLLM_CACHES = 5 * GIB
_LLAMA_CPP_CACHES = 1 * GIB


def llama_cpp_host(architecture: Architecture, workload: Workload, buffers: int) -> int:
    """Bytes of RAM under llama.cpp; ``buffers`` are those that lie there.

    The mapped file's other pages are page cache, which the kernel takes back:
    they need no room of their own. Each output of a step has its logits here: one
    for each slot, or for every token where an embedding is asked for
    (``llama_context::output_reserve``).
    """
    outputs = told_step(workload) if workload.embeds else workload.slots
    logits = 4 * architecture.vocab_size * max(1, outputs)
    prompts = PROMPT_CACHE if architecture.causal else 0
    return _PROCESS + logits + prompts + buffers


def vllm_host(variant: Variant, workload: Workload, per_card: int) -> int:
    """Bytes of RAM of one node under vLLM: its processes, and the largest file being read."""
    largest_file = max((file.size for file in variant.files), default=0)
    processes = _VLLM_PROCESS * (workload.gpus + 1)
    return processes + min(largest_file, max(per_card, 0))


def disk(variant: Variant, *, is_vllm: bool = False) -> int:
    """Bytes of the volume: what is downloaded, 5 % and the engine's caches.

    10 % where the registry only gives rounded sizes.
    """
    percent = 105 if variant.size_is_exact else 110
    caches = _VLLM_CACHES if is_vllm else _LLAMA_CPP_CACHES
    return variant.download_bytes * percent // 100 + caches
