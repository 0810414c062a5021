"""llama.cpp's compute buffer: what one step needs beside weights and caches.

Derived from the graphs that ``src/llama-graph.cpp`` builds.
"""

from __future__ import annotations

from wizard.registry.values import Architecture
from wizard.sizing import layers
from wizard.sizing.cells import cells
from wizard.sizing.values import KvType, Workload

# ggml keeps this many copies of a graph's inputs when steps overlap on several
# cards (``GGML_SCHED_MAX_COPIES``).
_COPIES = 4


def scratch(architecture: Architecture, workload: Workload) -> int:
    """Bytes of a step's activations, 32-bit floats.

    ``ggml-alloc`` reuses memory, so that the widest stage decides: gate, up and
    their product of the feed-forward part, queries and the attention's result,
    or a recurrent layer's projections; beside it five rows of the model's
    width. llama-server asks for the logits of one token a slot
    (``n_outputs_max``). How wide an expert is is not among our facts: the
    dense width is taken for each that is used, an upper bound.
    """
    width, span = architecture.embedding_length, cells(architecture, workload)
    experts = max(1, architecture.experts_used)
    forward = experts * 3 * architecture.feed_forward_length
    if experts > 1:
        forward += experts * 2 * width
    head = max(architecture.key_length, architecture.value_length)
    attention = 2 * architecture.heads * head
    if not workload.flash_attention and architecture.causal:
        attention += architecture.heads * span.full_mask
    recurrent = 8 * architecture.ssm_inner_size
    stage = max(forward, attention, recurrent) + 5 * width
    logits = workload.slots * (architecture.vocab_size + width) if architecture.causal else 0
    return 4 * max(workload.ubatch * stage, logits)


def _inputs(architecture: Architecture, workload: Workload) -> int:
    """Bytes of a step's small inputs: tokens, positions, and rows of the caches.

    64-bit row indexes of keys and values for each cache; without flash
    attention one for each element of the transposed values.
    """
    each = 2 * 4 + 2 * 3 * 8 + 8
    if not workload.flash_attention:
        found = layers.kv_layers(architecture)
        each += 8 * max((layer.values for layer in found), default=0)
    return each * workload.ubatch


def unpacked(architecture: Architecture, workload: Workload) -> int:
    """Bytes of one layer's quantised cache as 16-bit floats.

    CUDA's flash attention unpacks it for steps of many tokens
    (``launch_fattn``, ``need_f16_K``).
    """
    if workload.kv_type is KvType.F16 or not workload.gpus:
        return 0
    found = layers.kv_layers(architecture)
    widest = max((layer.keys + layer.values for layer in found if not layer.window), default=0)
    return 2 * widest * cells(architecture, workload).full


def masks(architecture: Architecture, workload: Workload) -> int:
    """Bytes of the attention masks, 16-bit with flash attention (``build_kq_mask``)."""
    width = 2 if workload.flash_attention else 4
    if not architecture.causal:
        return width * workload.ubatch * workload.ubatch
    span = cells(architecture, workload)
    spanned = span.full_mask + (span.sliding_mask if any(architecture.sliding_layers) else 0)
    copies = _COPIES if workload.gpus > 1 else 1
    return width * copies * workload.ubatch * spanned


def buffer_bytes(architecture: Architecture, workload: Workload) -> int:
    """Bytes of one card's compute buffer, and what kernels unpack beside it."""
    return (
        scratch(architecture, workload)
        + masks(architecture, workload)
        + _inputs(architecture, workload)
        + unpacked(architecture, workload)
    )
