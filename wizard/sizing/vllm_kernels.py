"""Which of vLLM's kernels attends, as far as a card's memory and refusals go by it.

FlashAttention comes first, but on Blackwell of data centres, and it reads caches of 8 bits
on Hopper alone; then FlashInfer; Triton's reads all else, 8 bits from Ada on
(``_get_backend_priorities`` in ``vllm/platforms/cuda.py``, each backend's
``validate_configuration``, ``TritonAttentionImpl`` and ``TritonMLAImpl``).
"""

from __future__ import annotations

from wizard.registry.values import Architecture
from wizard.sizing.values import KvType, Workload

Capability = tuple[int, int]
# What FlashInfer runs on, and what Triton's kernels need to read 8 bits.
FLASHINFER_LEAST: Capability = (8, 0)
TRITON_FP8_LEAST: Capability = (8, 9)
# Kernels that choose which rows to read there are from Hopper on.
SPARSE_LEAST: Capability = (9, 0)
_HOPPER, _BLACKWELL = 9, 10
_HEADS = (64, 128, 256, 512)
_LONGEST_FLASH_ATTENTION = 256
# Layers attend to a sink of their own, which FlashInfer knows on Blackwell alone
# (``supports_sink``).
_SINKS = ("gpt_oss", "granite_swa", "granitemoe_swa", "laguna", "mimo_v2")
# Images are looked at both ways (``is_mm_prefix_lm``), which FlashInfer does not.
_BOTH_WAYS = (
    *("BagelForConditionalGeneration", "Gemma3ForConditionalGeneration", "HfMoondream"),
    *("Molmo2ForConditionalGeneration", "Moondream3ForCausalLM"),
    "PaliGemmaForConditionalGeneration",
)
# These make their caches without asking which type is wanted (``falcon.py``).
_UNASKED = ("falcon",)
# Blackwell of data centres keeps 8 bits of these unless told otherwise
# (``GlmMoeDsaForCausalLM`` and ``Glm5NextModelConfig`` in ``models/config.py``).
_PREFERRING = ("glm_moe_dsa", "glm5_next")


def cache_type(architecture: Architecture, workload: Workload) -> KvType:
    """What “auto” means: a checkpoint may bring scales for an 8-bit cache, or a card prefer it."""
    if architecture.name in _UNASKED:
        return KvType.F16
    is_blackwell = workload.card.compute_capability[0] == _BLACKWELL
    prefers = is_blackwell and architecture.name.startswith(_PREFERRING)
    is_auto = workload.kv_type is KvType.F16
    if is_auto and (prefers or architecture.kv_cache_type == "fp8"):
        return KvType.FP8
    return workload.kv_type


def flashinfer_can(architecture: Architecture) -> bool:
    """Whether FlashInfer's kernels attend as the model wants it, on cards before Blackwell.

    Layers with heads of several lengths are left to one kernel that knows them all, which is
    Triton's (``Gemma4Config``).
    """
    lengths = {architecture.key_length, architecture.value_length}
    lengths |= {architecture.key_length_swa, architecture.value_length_swa} - {0}
    is_plain = not (architecture.kv_lora_rank or architecture.indexer_length)
    if not is_plain or len(lengths) > 1 or architecture.key_length not in _HEADS:
        return False
    return not (architecture.name.startswith(_SINKS) or _looks_both_ways(architecture))


def _looks_both_ways(architecture: Architecture) -> bool:
    is_gemma4 = architecture.name.startswith("gemma4")
    told = is_gemma4 and architecture.encoder_item_tokens > 0
    return told or any(name in _BOTH_WAYS for name in architecture.hf_architectures)


def is_sparse(architecture: Architecture) -> bool:
    """Whether compressed attention reads chosen rows alone."""
    chosen = architecture.kv_lora_rank and architecture.indexer_length
    return bool(chosen or architecture.compress_ratios)


def takes_flashinfer(architecture: Architecture, workload: Workload) -> bool:
    """Whether FlashInfer attends, with a workspace of its own."""
    capability = workload.card.compute_capability
    if capability[0] in (_HOPPER, _BLACKWELL):
        return capability[0] == _BLACKWELL
    is_fp8 = cache_type(architecture, workload) is KvType.FP8
    is_wanted = is_fp8 or architecture.key_length > _LONGEST_FLASH_ATTENTION
    if not is_wanted or not any(architecture.kv_heads):
        return False
    return capability >= FLASHINFER_LEAST and flashinfer_can(architecture)


def takes_triton_mla(architecture: Architecture, workload: Workload) -> bool:
    """Whether Triton's kernel reads compressed rows: others want Hopper or Blackwell."""
    is_dense = bool(architecture.kv_lora_rank) and not architecture.indexer_length
    return is_dense and workload.card.compute_capability[0] not in (_HOPPER, _BLACKWELL)


def packs_on_hopper(architecture: Architecture, workload: Workload) -> bool:
    """Whether Hopper keeps a sparse attention's rows packed: where 8 bits are asked for."""
    is_asked = architecture.indexer_length and workload.kv_type is KvType.FP8
    return bool(is_asked) and workload.card.compute_capability[0] == _HOPPER


def fp8_capability(architecture: Architecture, workload: Workload) -> Capability | None:
    """The oldest card whose kernels read an 8-bit cache; None where it has 16."""
    if cache_type(architecture, workload) is not KvType.FP8:
        return None
    return FLASHINFER_LEAST if flashinfer_can(architecture) else TRITON_FP8_LEAST
