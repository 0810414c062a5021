"""Which layers keep keys and values, and how much one token takes in each.

Sources: llama.cpp ``src/llama-kv-cache.cpp`` and ``src/llama-hparams.cpp``,
vLLM ``vllm/v1/kv_cache_interface.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from wizard.registry.values import Architecture

_Item = TypeVar("_Item", int, bool)


@dataclass(frozen=True)
class KvLayer:
    """One layer that keeps keys and values: elements a token, and its window.

    ``window`` is in tokens, 0 for full attention. Under MLA ``keys`` is the
    one compressed row that serves as both, and ``values`` is 0. ``indexer`` are
    elements of a sparse attention's indexer, cached beside.
    """

    index: int
    heads: int
    keys: int
    values: int
    window: int
    is_latent: bool = False
    indexer: int = 0


@lru_cache(maxsize=512)
def kv_layers(architecture: Architecture) -> tuple[KvLayer, ...]:
    """The layers with a cache of their own; none for encoders, as a rule."""
    if not architecture.causal and not architecture.bidirectional_cache:
        return ()
    own = max(0, architecture.layers - architecture.shared_kv_layers)
    found = (kv_layer(architecture, index) for index in range(own))
    return tuple(layer for layer in found if layer.keys or layer.values)


def kv_layer(architecture: Architecture, index: int) -> KvLayer:
    """One layer, whether it has a cache of its own or not."""
    heads = _at(architecture.kv_heads, index, architecture.heads)
    slides = bool(architecture.sliding_window) and _at(architecture.sliding_layers, index, False)
    window = architecture.sliding_window if slides else 0
    indexer = 0
    if architecture.indexer_length and heads:
        marked = _at(architecture.indexer_layers, index, not architecture.indexer_layers)
        indexer = marked * (architecture.indexer_length + architecture.indexer_value_length)
    key = architecture.key_length_swa if slides else 0
    value = architecture.value_length_swa if slides else 0
    if heads and architecture.kv_lora_rank:
        width = key or architecture.kv_lora_rank + architecture.rope_dimension
        return KvLayer(index, 1, width, 0, window, is_latent=True, indexer=indexer)
    return KvLayer(
        index,
        heads,
        heads * (key or architecture.key_length),
        heads * (value or architecture.value_length),
        window,
        indexer=indexer,
    )


def _at(items: tuple[_Item, ...], index: int, default: _Item) -> _Item:
    return items[index] if index < len(items) else default


def recurrent_layers(architecture: Architecture) -> tuple[int, ...]:
    """Indexes of the layers with a recurrent state."""
    return tuple(index for index, recurs in enumerate(architecture.recurrent_layers) if recurs)


def convolution_elements(architecture: Architecture) -> int:
    """Elements of one layer's convolution state (llama.cpp ``n_embd_r``)."""
    kernel = max(0, architecture.ssm_conv_kernel - 1)
    groups = 2 * architecture.ssm_group_count * architecture.ssm_state_size
    return kernel * (architecture.ssm_inner_size + groups)


def state_elements(architecture: Architecture) -> int:
    """Elements of one layer's recurrent state (llama.cpp ``n_embd_s``)."""
    return architecture.ssm_state_size * architecture.ssm_inner_size


def has_missing_state(architecture: Architecture) -> bool:
    """Whether layers recur but the sizes of their state are not known."""
    elements = convolution_elements(architecture) + state_elements(architecture)
    return bool(recurrent_layers(architecture)) and not elements
