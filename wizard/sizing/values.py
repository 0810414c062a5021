"""What sizing takes and gives. Bytes and tokens; nothing here does any work."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EngineFamily(StrEnum):
    """Which engine's arithmetic applies: Ollama and our runtime are llama.cpp."""

    LLAMA_CPP = "llama.cpp"
    VLLM = "vllm"


class KvType(StrEnum):
    """Type of the KV cache's elements."""

    F16 = "f16"
    Q8_0 = "q8_0"
    Q4_0 = "q4_0"
    FP8 = "fp8"
    F32 = "f32"
    BF16 = "bf16"
    Q5_1 = "q5_1"
    Q5_0 = "q5_0"
    Q4_1 = "q4_1"
    IQ4_NL = "iq4_nl"


@dataclass(frozen=True)
class CudaCard:
    """What CUDA's own memory goes by: multiprocessors, and (8, 6) for 8.6."""

    multiprocessors: int
    compute_capability: tuple[int, int]


# Where no card is named, an H100 or H200 is meant: smaller cards keep less for themselves.
HOPPER = CudaCard(132, (9, 0))


@dataclass(frozen=True)
class Workload:
    """How a model is to be run.

    ``context_length`` is what one request may use, in tokens; ``slots`` is how
    many requests run at the same time with that much each. ``gpus`` is the
    tensor-parallel size under vLLM and the number of cards that layers are
    split over under llama.cpp; 0 is CPU only. ``nodes`` > 1 is pipeline
    parallel over hosts (vLLM only), ``gpus`` then being the cards per node.

    ``flash_attention`` is whether llama.cpp is asked for it; it may find that it cannot
    where ``auto_flash_attention`` (``--flash-attn auto``, its default).

    ``ubatch`` is llama.cpp's tokens per step; where ``whole_texts``, texts to embed are
    read at once, so that it is the longest and a slot's context may be less.
    ``batched_tokens`` are vLLM's, whose
    kernels for mxfp4 want rounder experts where ``pads_experts``, and whose kernels for
    delta nets keep a checkpoint of a prompt's state where it ``exports_states``.
    ``sequences`` is vLLM's ``--max-num-seqs``; 0 is the card's default.
    ``adapter_bytes`` are LoRA adapters, loaded beside the weights they change.
    ``kv_type`` is that of keys, and of values where ``v_type`` names no other one
    (llama-server's ``--cache-type-k`` and ``--cache-type-v``).
    ``experts_on_host`` leaves the experts of a mixture in RAM (``--cpu-moe``), those of the
    first ``expert_layers`` layers where that is told (``--n-cpu-moe``).
    ``embeds`` is llama-server's ``--embeddings``: the output is computed for every
    token of a step, not for each slot's last; and vLLM's ``--runner pooling``.
    ``gpu_layers`` is llama.cpp's ``--gpu-layers``: so many of the last layers go to the
    cards, the output as the first of them; None for all.
    ``card`` is the kind of card, which decides what CUDA takes for itself.
    ``unified_kv`` is llama.cpp's ``--kv-unified``: one cache of
    ``context_length`` cells that all slots share, instead of one for each. ``swa_full``
    is its ``--swa-full``: layers that slide keep as much as the others. ``drafts`` are
    tokens that the model's own prediction layers draft at a time
    (``--spec-type draft-mtp``, ``--spec-draft-n-max``), 0 for none.
    """

    context_length: int
    slots: int = 4
    kv_type: KvType = KvType.F16
    family: EngineFamily = EngineFamily.LLAMA_CPP
    gpus: int = 1
    nodes: int = 1
    ubatch: int = 512
    flash_attention: bool = True
    auto_flash_attention: bool = True
    batched_tokens: int = 2048
    unified_kv: bool = False
    pads_experts: bool = False
    exports_states: bool = True
    sequences: int = 0
    adapter_bytes: int = 0
    experts_on_host: bool = False
    expert_layers: int | None = None
    embeds: bool = False
    whole_texts: bool = False
    gpu_layers: int | None = None
    swa_full: bool = False
    card: CudaCard = HOPPER
    v_type: KvType | None = None
    drafts: int = 0

    @property
    def values_type(self) -> KvType:
        """Type of the cache's values."""
        return self.v_type or self.kv_type


@dataclass(frozen=True)
class Part:
    """One buffer of an estimate: bytes on all cards together, and its formula in words."""

    name: str
    label: str
    size: int
    formula: str


@dataclass(frozen=True)
class MemoryEstimate:
    """Memory that a workload takes. All sizes are bytes.

    ``weights … runtime`` are sums over all cards; ``largest_gpu`` is what the
    fullest card holds, which is what decides a fit. ``host`` is the RAM that
    the container needs, ``disk`` the volume for the weights; on several nodes
    both are for one node. For CPU only the same buffers lie in RAM: ``host``
    holds them all, and ``largest_gpu`` is 0. ``host_weights`` and
    ``host_compute`` lie in RAM beside cards, and are part of ``host``; so do
    ``host_kv_cache`` and ``host_state`` of layers that are left there.
    ``repacked`` is what the CPU has a second time, in an order of its own: the
    pages of the file that it was made of are resident, and given back on demand.
    """

    weights: int
    kv_cache: int
    recurrent_state: int
    compute: int
    projector: int
    runtime: int
    host: int
    disk: int
    largest_gpu: int
    parts: tuple[Part, ...]
    exact: bool = True
    host_weights: int = 0
    host_compute: int = 0
    host_kv_cache: int = 0
    host_state: int = 0
    repacked: int = 0

    @property
    def total(self) -> int:
        """Bytes on all cards together."""
        return (
            self.weights
            + self.kv_cache
            + self.recurrent_state
            + self.compute
            + self.projector
            + self.runtime
        )
