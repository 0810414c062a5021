"""Which layers keep keys and values, and how much one token takes in each.

Sources: llama.cpp ``src/llama-kv-cache.cpp`` and ``src/llama-hparams.cpp``,
vLLM ``vllm/v1/kv_cache_interface.py``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, TypeVar

from wizard.registry.values import Architecture

_Item = TypeVar("_Item", int, bool)


class KvLayer(NamedTuple):
    """A layer that keeps keys and values: elements a token, and its window.

    ``window`` is in tokens, 0 for full attention. Under MLA ``keys`` is the
    one compressed row that serves as both, and ``values`` is 0. ``indexer`` are
    elements of a sparse attention's indexer, cached beside.
    """

    heads: int
    keys: int
    values: int
    window: int
    is_latent: bool = False
    indexer: int = 0


@lru_cache(maxsize=512)
def kv_layers(architecture: Architecture) -> dict[int, KvLayer]:
    """The layers with a cache of their own, by index; none for encoders, as a rule."""
    if not architecture.causal and not architecture.bidirectional_cache:
        return {}
    own = max(0, architecture.layers - architecture.shared_kv_layers)
    found = enumerate(all_layers(architecture)[:own])
    return {index: layer for index, layer in found if layer.keys or layer.values}


@lru_cache(maxsize=512)
def kv_kinds(architecture: Architecture) -> tuple[KvLayer, ...]:
    """Each kind of them once."""
    return tuple(dict.fromkeys(kv_layers(architecture).values()))


def widest_kv(architecture: Architecture) -> int:
    """Elements of a token's new keys and values in the layer that has the most."""
    return max((layer.keys + layer.values for layer in kv_kinds(architecture)), default=0)


@lru_cache(maxsize=512)
def all_layers(architecture: Architecture) -> tuple[KvLayer, ...]:
    """Every layer, whether it has a cache of its own or not."""
    count = architecture.layers
    told = list(
        zip(
            _padded(architecture.kv_heads, count, architecture.heads),
            _padded(architecture.sliding_layers, count, False),
            _padded(architecture.indexer_layers, count, not architecture.indexer_layers),
            strict=True,
        )
    )
    # Few are unlike all the others.
    made = {each: _kv_layer(architecture, *each) for each in set(told)}
    return tuple(made[each] for each in told)


def kv_layer(architecture: Architecture, index: int) -> KvLayer:
    """One layer, whether it has a cache of its own or not."""
    return all_layers(architecture)[index]


def _kv_layer(
    architecture: Architecture, heads: int, is_sliding: bool, is_indexed: bool
) -> KvLayer:
    slides = bool(architecture.sliding_window) and is_sliding
    window = architecture.sliding_window if slides else 0
    indexer = 0
    if architecture.indexer_length and heads:
        indexer = is_indexed * (architecture.indexer_length + architecture.indexer_value_length)
    key = architecture.key_length_swa if slides else 0
    value = architecture.value_length_swa if slides else 0
    if heads and architecture.kv_lora_rank:
        width = key or architecture.kv_lora_rank + architecture.rope_dimension
        return KvLayer(1, width, 0, window, is_latent=True, indexer=indexer)
    return KvLayer(
        heads,
        heads * (key or architecture.key_length),
        heads * (value or architecture.value_length),
        window,
        indexer=indexer,
    )


def _padded(items: tuple[_Item, ...], count: int, default: _Item) -> tuple[_Item, ...]:
    return items[:count] + (default,) * (count - len(items))


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
