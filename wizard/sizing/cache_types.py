"""Types of keys and values that llama.cpp refuses for a model (``llama_init_from_model``)."""

from __future__ import annotations

from wizard.registry.values import Architecture
from wizard.sizing.cells import BLOCKS, PLAIN
from wizard.sizing.values import Workload

_NEVER_FUSED = frozenset({"grok"})
# Phi-3 medium, Phi-4 and a mixture of Cohere's have so few tensors that the room for a
# graph's nodes, eight for each of them, is not enough (``graph_max_nodes``).
_FULL = frozenset({("phi3", 40), ("cohere2moe", 32)})


def refusal(architecture: Architecture, workload: Workload) -> str:
    """Why llama.cpp does not load the model with such a cache, or an empty string."""
    keys, values = workload.kv_type, workload.values_type
    is_fused = workload.flash_attention and architecture.name not in _NEVER_FUSED
    if not is_fused and values not in PLAIN:
        return (
            f"llama.cpp keeps {values.value} values with flash attention only, and runs this "
            "model without. Choose f16."
        )
    if keys is not values and (architecture.kv_lora_rank or architecture.compress_ratios):
        return "This model compresses keys and values into one. Choose one type for both."
    is_quantised = keys not in PLAIN and values not in PLAIN
    has_own = workload.slots > 1 and not workload.unified_kv
    if is_quantised and has_own and (architecture.name, architecture.layers) in _FULL:
        return (
            "llama.cpp ends as it lays out this model with a quantised cache for each of several "
            "slots. Choose f16, or one slot."
        )
    if length := _uneven(architecture, workload):
        return (
            f"A quantised cache has blocks of 32 elements, and this model's heads have {length}, "
            "which llama.cpp refuses. Choose f16."
        )
    return ""


def _uneven(architecture: Architecture, workload: Workload) -> int:
    """Elements of a head that the cache's blocks do not divide; else 0."""
    _, keys = BLOCKS[workload.kv_type]
    _, values = BLOCKS[workload.values_type]
    lengths = (
        (architecture.key_length, keys),
        (architecture.key_length_swa, keys),
        (architecture.value_length, values),
        (architecture.value_length_swa, values),
    )
    return next((length for length, block in lengths if length % block), 0)
