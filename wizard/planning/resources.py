"""CPU, memory and disk that a replica asks for on each node."""

from __future__ import annotations

import math

from wizard.planning.price import GIB
from wizard.sdl.values import Resources, StorageClass
from wizard.sizing.values import EngineFamily, MemoryEstimate

# Logs, the CUDA cache and temporary files; the image itself is not counted.
ROOT_DISK = 8 * GIB
# NCCL and vLLM's workers exchange buffers through /dev/shm
# (https://docs.vllm.ai, "Deployment with Docker"): 2 GiB a card is ample.
SHARED_MEMORY_PER_CARD = 2 * GIB
_SAMPLING_CPU, _COMPUTING_CPU, _LARGEST_CPU = 4, 8, 32


def resources_for(
    estimate: MemoryEstimate,
    family: EngineFamily,
    *,
    count: int,
    nodes: int,
    cpu_moe: bool = False,
    storage_class: StorageClass,
    storage_gib: int | None,
) -> Resources:
    """What one node needs; ``count`` is its cards, 0 for CPU only. Whole GiB.

    ``cpu_moe`` tells that the CPU computes a mixture's experts.
    """
    disk = storage_gib * GIB if storage_gib else whole_gib(estimate.disk)
    is_ephemeral = storage_class is StorageClass.EPHEMERAL
    needs_shared_memory = family is EngineFamily.VLLM and (count > 1 or nodes > 1)
    return Resources(
        cpu=_cpu(family, count, cpu_moe=cpu_moe),
        memory=whole_gib(estimate.host),
        root_disk=ROOT_DISK + (disk if is_ephemeral else 0),
        volume=0 if is_ephemeral else disk,
        shared_memory=SHARED_MEMORY_PER_CARD * count if needs_shared_memory else 0,
    )


def whole_gib(size: int) -> int:
    """Bytes rounded up to whole GiB, at least one."""
    return max(1, math.ceil(size / GIB)) * GIB


def _cpu(family: EngineFamily, count: int, *, cpu_moe: bool) -> float:
    """Cores: tokens are sampled on the CPU, and vLLM runs a process for each card."""
    per_card = 4 if family is EngineFamily.VLLM else 2
    least = _COMPUTING_CPU if cpu_moe or not count else _SAMPLING_CPU
    return min(_LARGEST_CPU, max(least, per_card * count))
