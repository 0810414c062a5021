"""Whether a card has kernels for flash attention (``ggml_cuda_get_best_fattn_kernel``)."""

from __future__ import annotations

from functools import lru_cache

from wizard.registry.values import Architecture
from wizard.sizing import attention, layers
from wizard.sizing.cells import PLAIN
from wizard.sizing.values import KvType, Workload

# Head sizes that CUDA has flash attention for, and
# pairs of them, with the queries that have to share a head of keys: a multiple of so many.
_FUSED_HEADS = frozenset({40, 64, 72, 80, 96, 112, 128, 256})
_FUSED_PAIRS = {(192, 128): 8, (320, 256): 32, (512, 512): 1, (576, 512): 1}


def is_fused(architecture: Architecture, workload: Workload) -> bool:
    """Whether attention runs without writing its scores: asked for, and possible.

    llama-server turns flash attention off where a card has no kernel for a layer,
    unless values are quantised: then RAM has one.
    """
    if not workload.flash_attention or architecture.name in attention.NEVER_FUSED:
        return False
    if not workload.gpus or workload.values_type not in PLAIN:
        return True
    return has_kernels(architecture, workload)


def has_kernels(architecture: Architecture, workload: Workload) -> bool:
    """Whether CUDA has flash attention for all layers, and for the cache's types."""
    kinds = (workload.kv_type, workload.values_type)
    return KvType.IQ4_NL not in kinds and _fits(architecture)


@lru_cache(maxsize=512)
def _fits(architecture: Architecture) -> bool:
    """Whether CUDA has flash attention for the heads of all layers."""
    found = layers.kv_layers(architecture)
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
