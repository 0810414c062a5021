"""Whether attention runs as flash attention.

That is where a card has kernels for it (``ggml_cuda_get_best_fattn_kernel``) and each layer's
runs where the layer lies (``llama_context::resolve_fused_ops``).
"""

from __future__ import annotations

from functools import lru_cache

from wizard.registry.values import Architecture
from wizard.sizing import attention, layers, matrices, placement
from wizard.sizing.cells import PLAIN
from wizard.sizing.values import KvType, Workload

# Head sizes that CUDA has flash attention for, and
# pairs of them, with the queries that have to share a head of keys: a multiple of so many.
_FUSED_HEADS = frozenset({40, 64, 72, 80, 96, 112, 128, 256})
_FUSED_PAIRS = {(192, 128): 8, (320, 256): 32, (512, 512): 1, (576, 512): 1}
# A card takes over an operation on so many rows, although its weights lie in RAM
# (``ggml_backend_cuda_device_offload_op``).
OFFLOADED_ROWS = 32


def is_fused(architecture: Architecture, workload: Workload) -> bool:
    """Whether attention runs without writing its scores: asked for, and possible.

    llama.cpp turns flash attention off where a layer's would run elsewhere than the layer
    lies, unless it is told not to look (``--flash-attn on``) or values are quantised: then
    RAM computes what a card has no kernel for.
    """
    if not workload.flash_attention or architecture.name in attention.NEVER_FUSED:
        return False
    is_looked_at = workload.auto_flash_attention and workload.values_type in PLAIN
    if not workload.gpus or not is_looked_at:
        return True
    first = placement.first_on_card(architecture, workload)
    has_card = first < architecture.layers
    if has_card and not has_kernels(architecture, workload):
        return False
    return not first or not _leaves_ram(architecture, first, workload.slots)


@lru_cache(maxsize=512)
def _leaves_ram(architecture: Architecture, first: int, slots: int) -> bool:
    """Whether a card computes the attention of a layer before the first that lies on it.

    A step of one token a slot is looked at. Many slots make all its products large enough
    to be taken over; and the norm of queries, which has a row for each head, is so before.
    Where no cache is written between them, attention follows the queries. And it follows a
    state on a card that is fetched before attention's result is read.
    """
    if slots >= OFFLOADED_ROWS:
        return True
    has_shared = architecture.shared_kv_layers > max(0, architecture.layers - first)
    if has_shared and architecture.heads * slots >= OFFLOADED_ROWS:
        return True
    return any(index < first <= behind for index, behind in fetched_behind(architecture).items())


@lru_cache(maxsize=512)
def fetched_behind(architecture: Architecture) -> dict[int, int]:
    """Layers that attend, each with the one whose state is fetched before its result is read.

    Gates, and the weights of experts, read it at once (``ggml_build_forward_expand``).
    """
    if architecture.experts or architecture.name in matrices.GATED_QUERIES:
        return {}
    attending = list(layers.kv_layers(architecture))
    recurrent = layers.recurrent_layers(architecture)
    behind = {
        index: next((each for each in recurrent if index <= each <= after), None)
        for index, after in zip(attending, [*attending, architecture.layers][1:], strict=True)
    }
    return {index: each for index, each in behind.items() if each is not None}


def attends_in_ram(architecture: Architecture, workload: Workload) -> bool:
    """Whether attention runs in RAM although its layers lie on cards."""
    is_hosted = workload.gpus > 0 and is_fused(architecture, workload)
    return is_hosted and not has_kernels(architecture, workload)


def has_kernels(architecture: Architecture, workload: Workload) -> bool:
    """Whether CUDA has flash attention for all layers, and for the cache's types."""
    kinds = (workload.kv_type, workload.values_type)
    return KvType.IQ4_NL not in kinds and _fits(architecture)


@lru_cache(maxsize=512)
def _fits(architecture: Architecture) -> bool:
    """Whether CUDA has flash attention for the heads of all layers."""
    found = layers.kv_kinds(architecture)
    if not found:
        key, value = architecture.key_length, architecture.value_length
        return not architecture.heads or _has_kernel(key, value, 1)
    sizes = {(layer.keys, _latent_values(architecture, layer), layer.heads) for layer in found}
    return all(
        _has_kernel(keys // heads, values // heads, architecture.heads // heads)
        for keys, values, heads in sizes
    )


def _latent_values(architecture: Architecture, layer: layers.KvLayer) -> int:
    """Elements of a layer's values, which under MLA are a part of its keys."""
    if not layer.is_latent:
        return layer.values
    sliding = architecture.value_length_swa if layer.window else 0
    return sliding or architecture.kv_lora_rank


def _has_kernel(key: int, value: int, sharing: int) -> bool:
    """Whether CUDA has one for heads of these lengths, so many queries sharing each."""
    if key == value and key in _FUSED_HEADS:
        return True
    multiple = _FUSED_PAIRS.get((key, value))
    return multiple is not None and sharing > 1 and sharing % multiple == 0
