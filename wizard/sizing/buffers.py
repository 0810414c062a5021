"""An estimate as the buffers that an engine reports: where each of them lies."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from wizard.registry.values import Architecture, Variant
from wizard.sizing import llama_cpp, vllm, weights
from wizard.sizing.values import EngineFamily, MemoryEstimate, Workload


@dataclass(frozen=True)
class Buffers:
    """Bytes of each buffer, over all cards. On the CPU all of them lie on the host."""

    weights_gpu: int
    weights_host: int
    kv_cache: int
    recurrent_state: int
    compute: int
    projector: int
    runtime: int
    total_gpu: int
    total_host: int

    def document(self) -> dict[str, int]:
        """The buffers by name, in bytes."""
        return asdict(self)


def buffers(architecture: Architecture, variant: Variant, workload: Workload) -> Buffers:
    """The buffers of a workload, each in bytes."""
    if workload.family is EngineFamily.VLLM:
        return _buffers(vllm.estimate(architecture, variant, workload), workload, 0)
    found = llama_cpp.estimate(architecture, variant, workload)
    return _buffers(found, workload, weights.split(architecture, variant).embeddings)


def _buffers(found: MemoryEstimate, workload: Workload, embeddings: int) -> Buffers:
    on_gpu = workload.gpus > 0
    host = embeddings if on_gpu else found.weights
    return Buffers(
        weights_gpu=found.weights if on_gpu else 0,
        weights_host=host,
        kv_cache=found.kv_cache,
        recurrent_state=found.recurrent_state,
        compute=found.compute,
        projector=found.projector,
        runtime=found.runtime,
        total_gpu=found.total if on_gpu else 0,
        total_host=host if on_gpu else found.total,
    )
