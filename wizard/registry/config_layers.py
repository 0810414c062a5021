"""What each layer of a config.json is: full, sliding, recurrent, or neither."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wizard.registry.config_values import first, layers_named, whole

_SLIDING = ("sliding_attention", "chunked_attention", "local_attention")
_RECURRENT = ("linear_attention", "mamba", "mamba2", "conv", "recurrent", "kda", "gated_deltanet")
_NO_ATTENTION = (*_RECURRENT, "mlp", "moe")
# Layers that recur, and then attend with weights that all of them share.
_BOTH = ("hybrid",)
# Lists of layers: what the layers are that each names, and what the others are.
_NAMING = {
    "full_attn_idxs": ("full_attention", "conv"),
    "hybrid_layer_ids": ("hybrid", "mamba"),
    "attn_layer_indices": ("full_attention", "mamba"),
}
_GROUPS = ("n_groups", "mamba_n_groups", "mamba_ngroups")
# Period and place of the full layer, by the family's configuration code.
_PERIODS = {"gemma2": 2, "gemma3": 6, "gemma3_text": 6, "cohere2": 4, "gpt_oss": 2, "olmo3": 4}
_PERIODS |= {"cohere2_moe": 4, "gemma3n_text": 5, "gemma4_text": 6, "afmoe": 4, "exaone4": 4}
_FULL_FIRST = {"granite_swa": 4, "granitemoe_swa": 4, "cwm": 4}
# What is told of single layers is told of those that attend to everything, by other names.
_OVERRIDDEN = ("gemma4", "diffusion_gemma", "embedding_gemma2")
_GLOBAL = {"head_dim": "global_head_dim", "num_key_value_heads": "num_global_key_value_heads"}
# Their last layer attends to everything, whatever the pattern.
_LAST_IS_FULL = ("gemma4_text", "diffusion_gemma_text")
# vLLM slides every layer of these when a window is set.
_ALL_SLIDE = ("mistral", "mixtral", "phi3", "phi3_v", "starcoder2", "phimoe")
# Their window is beside compressed rows of all tokens, which have a rule of their own.
_COMPRESSED = ("deepseek_v4", "deepseek_ref")
_RATIOS = {4: 4, 128: 128}
# Every so many layers attend to everything where the config does not tell.
_USUAL_INTERVAL = {"qwen3_next": 4, "qwen3_5": 4, "qwen3_5_text": 4, "qwen3_5_moe": 4}
_USUAL_INTERVAL |= {"qwen3_5_moe_text": 4, "olmo_hybrid": 4}
# Their layers differ: a config that does not tell how is only half of the truth.
_ALWAYS_MIXED = (
    *("nemotron_h", "nemotron-nas", "kimi_linear", "jamba", "bamba", "qwen3_next", "zamba2"),
)
# Their layers run several times, each time with keys and values of their own.
_ROUGH = ("hrm_text",)


@dataclass(frozen=True)
class State:
    """Sizes of one recurrent layer's state, in GGUF's words (``ssm.*``)."""

    conv_kernel: int = 0
    inner_size: int = 0
    state_size: int = 0
    groups: int = 0


@dataclass(frozen=True)
class Pattern:
    """A stack's layers. ``attends`` tells which have keys and values at all."""

    attends: tuple[bool, ...]
    sliding: tuple[bool, ...] = ()
    recurrent: tuple[bool, ...] = ()
    window: int = 0
    kv_heads: tuple[int, ...] = ()
    kv_heads_swa: int = 0
    key_length_swa: int = 0
    value_length_swa: int = 0
    state: State = field(default_factory=State)
    indexers: tuple[bool, ...] = ()
    compress_ratios: tuple[int, ...] = ()
    is_chunked: bool = False
    exact: bool = True


def with_global_heads(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Heads of layers that attend to everything, which newer transformers tell of each such layer.

    ``per_layer_config`` has taken the place of Gemma 4's ``global_head_dim`` and
    ``num_global_key_value_heads`` in what it saves.
    """
    told = config.get("per_layer_config")
    own = next(iter(told.values()), None) if isinstance(told, Mapping) else None
    is_known = str(config.get("model_type")).startswith(_OVERRIDDEN)
    if not is_known or not isinstance(own, Mapping):
        return config
    return {**{_GLOBAL[key]: own[key] for key in _GLOBAL if key in own}, **config}


def listed(config: Mapping[str, Any]) -> int:
    """How many layers the config lists one by one; 0 where it lists none."""
    lists = ("layer_types", "layers_block_type", "hybrid_override_pattern")
    return max(len(told) if isinstance(told := config.get(key), list | str) else 0 for key in lists)


def read(config: Mapping[str, Any], layers: int) -> Pattern:
    """Read the pattern of ``layers`` layers from a text config."""
    if isinstance(config.get("block_configs"), list):
        return _from_blocks(config, layers)
    types = _types(config, layers)
    recurrent = tuple(kind in _RECURRENT or kind in _BOTH for kind in types)
    attends = tuple(kind not in _NO_ATTENTION for kind in types)
    if config.get("model_type") == "falcon_h1":
        recurrent = attends = (True,) * layers
    window = _window(config)
    sliding = tuple(kind in _SLIDING for kind in types) if window else ()
    has_swa = any(sliding)
    global_head = bool(whole(config, "global_head_dim"))
    return Pattern(
        attends=attends,
        sliding=sliding if has_swa else (),
        recurrent=recurrent if any(recurrent) else (),
        window=window if has_swa else _compressed_window(config),
        kv_heads_swa=whole(config, "swa_num_key_value_heads"),
        key_length_swa=whole(config, "head_dim" if global_head else "swa_head_dim"),
        value_length_swa=whole(config, "head_dim" if global_head else "swa_v_head_dim"),
        state=_state(config) if any(recurrent) else State(),
        indexers=_indexers(config, layers),
        compress_ratios=_compress_ratios(config, layers),
        is_chunked=str(config.get("model_type")).startswith("llama4"),
        exact=_is_sure(config, types),
    )


def _indexers(config: Mapping[str, Any], layers: int) -> tuple[bool, ...]:
    """Layers with an indexer of their own, where some take what another chose.

    ``index_topk_pattern``, or every so many (``DeepseekV2MLAAttention``).
    """
    sparse = config.get("sparse_attention_config")
    marks = sparse.get("sparse_attention_freq") if isinstance(sparse, Mapping) else None
    if isinstance(marks, list) and len(marks) >= layers:
        return tuple(mark == 1 for mark in marks[:layers])
    told = config.get("indexer_types") or config.get("index_topk_pattern")
    if isinstance(told, list | str) and len(told) >= layers:
        return tuple(mark in ("full", "F") for mark in told[:layers])
    every = whole(config, "index_topk_freq")
    if every < 2:
        return ()
    offset = config.get("index_skip_topk_offset", 2)
    offset = offset if isinstance(offset, int) else 2
    return tuple(max(layer - offset + 1, 0) % every == 0 for layer in range(layers))


def _compress_ratios(config: Mapping[str, Any], layers: int) -> tuple[int, ...]:
    """Tokens a compressed row of each layer of DeepSeek-V4; 0 for none.

    Without a list the first two are dense, then sparse ones take turns with
    dense ones (``DeepseekV4Config``).
    """
    if config.get("model_type") not in _COMPRESSED:
        return ()
    told = config.get("compress_ratios")
    if isinstance(told, list) and len(told) >= layers:
        return tuple(
            _RATIOS.get(ratio, 0) if isinstance(ratio, int) else 0 for ratio in told[:layers]
        )
    return tuple(4 if layer > 2 and layer % 2 else 128 for layer in range(layers))


def _is_sure(config: Mapping[str, Any], types: tuple[str, ...]) -> bool:
    """Whether the layers' kinds are told or known: no unknown kind, no stray window."""
    known = {"full_attention", "attention", "deepseek_sparse_attention", "indexed_attention"}
    known |= {"heavily_compressed_attention", "compressed_sparse_attention"}
    known |= {*_SLIDING, *_NO_ATTENTION, *_BOTH}
    if config.get("model_type") in _COMPRESSED:
        return True
    if config.get("model_type") in _ROUGH:
        return False
    slides = any(kind in _SLIDING for kind in types)
    recurs = any(kind in _RECURRENT for kind in types)
    if config.get("model_type") in _ALWAYS_MIXED and not recurs:
        return False
    return set(types) <= known and (slides or not _stray_window(config))


def _stray_window(config: Mapping[str, Any]) -> bool:
    window = whole(config, "sliding_window")
    unused = config.get("use_sliding_window") is False
    return bool(window) and not unused and window < whole(config, "max_position_embeddings")


def _types(config: Mapping[str, Any], layers: int) -> tuple[str, ...]:
    """Each layer's kind, in transformers' words."""
    for key in ("layer_types", "layers_block_type"):
        told = config.get(key)
        if isinstance(told, list) and len(told) >= layers:
            return tuple(str(kind) for kind in told[:layers])
    found = _untold(config, layers)
    if found and config.get("model_type") in _LAST_IS_FULL:
        return (*found[:-1], "full_attention")
    return found or ("full_attention",) * layers


def _untold(config: Mapping[str, Any], layers: int) -> tuple[str, ...]:
    """Kinds that follow from other keys; empty where nothing tells that layers differ."""
    for read_types in (_by_letters, _by_linear_attention, _by_attention_period, _by_window):
        found = read_types(config, layers)
        if found:
            return found
    return ()


def _by_letters(config: Mapping[str, Any], layers: int) -> tuple[str, ...]:
    """Nemotron-H: ``M`` Mamba, ``*`` attention, ``-`` MLP, ``E`` experts."""
    letters = config.get("hybrid_override_pattern")
    if not isinstance(letters, str) or len(letters) < layers:
        return ()
    kinds = {"M": "mamba", "*": "full_attention", "-": "mlp", "E": "moe"}
    return tuple(kinds.get(letter, "unknown") for letter in letters[:layers])


def _by_linear_attention(config: Mapping[str, Any], layers: int) -> tuple[str, ...]:
    """Kimi Linear counts its layers from 1; Qwen3-Next tells an interval."""
    told = config.get("linear_attn_config")
    full = layers_named(told, "full_attn_layers") if isinstance(told, Mapping) else None
    if full is not None:
        return tuple("full_attention" if i + 1 in full else "kda" for i in range(layers))
    usual = _USUAL_INTERVAL.get(str(config.get("model_type")), 0)
    interval = whole(config, "full_attention_interval") or usual
    if not interval or not (usual or whole(config, "linear_num_value_heads")):
        return ()
    return tuple(
        "linear_attention" if (i + 1) % interval else "full_attention" for i in range(layers)
    )


def _by_attention_period(config: Mapping[str, Any], layers: int) -> tuple[str, ...]:
    """Jamba's period and offset, Bamba's list, Mamba alone."""
    if config.get("model_type") in ("mamba", "mamba2", "falcon_mamba", "granitemoehybrid"):
        return ("mamba",) * layers
    for key, (kind, other) in _NAMING.items():
        named = layers_named(config, key)
        if named is not None:
            return tuple(kind if i in named else other for i in range(layers))
    period = whole(config, "attn_layer_period")
    if not period:
        return ()
    offset = whole(config, "attn_layer_offset") % period
    return tuple("full_attention" if i % period == offset else "mamba" for i in range(layers))


def _by_window(config: Mapping[str, Any], layers: int) -> tuple[str, ...]:
    """Sliding layers where only a window, a period or a 0/1 list is told."""
    name, window = str(config.get("model_type")), _window(config)
    marks = config.get("hybrid_layer_pattern")
    if window and isinstance(marks, list) and len(marks) >= layers:
        return tuple(_kind(slides=mark == 1) for mark in marks[:layers])
    if not window or config.get("use_sliding_window") is False:
        return ()
    if name.startswith("llama4"):
        return tuple(_kind(slides=(i + 1) % 4 != 0) for i in range(layers))
    period = whole(config, "sliding_window_pattern") or _PERIODS.get(name, 0)
    if every := _FULL_FIRST.get(name, 0):
        return tuple(_kind(slides=i % every != 0) for i in range(layers))
    if period:
        return tuple(_kind(slides=(i + 1) % period != 0) for i in range(layers))
    return ("sliding_attention",) * layers if name in _ALL_SLIDE else ()


def _compressed_window(config: Mapping[str, Any]) -> int:
    is_compressed = config.get("model_type") in _COMPRESSED
    return whole(config, "sliding_window") if is_compressed else 0


def _kind(*, slides: bool) -> str:
    return "sliding_attention" if slides else "full_attention"


def _window(config: Mapping[str, Any]) -> int:
    if config.get("model_type") in _COMPRESSED:
        return 0
    if str(config.get("model_type")).startswith("llama4"):
        return whole(config, "attention_chunk_size") or 8192
    return whole(config, "sliding_window") or whole(config, "sliding_window_size")


def _from_blocks(config: Mapping[str, Any], layers: int) -> Pattern:
    """Nemotron-NAS: each block has its own number of heads, or no attention."""
    heads = whole(config, "num_attention_heads")
    blocks = [block if isinstance(block, Mapping) else {} for block in config["block_configs"]]
    if len(blocks) < layers:
        return Pattern(attends=(True,) * layers, exact=False)
    groups = [whole(block.get("attention"), "n_heads_in_group") for block in blocks[:layers]]
    kv_heads = tuple(heads // group if group else 0 for group in groups)
    return Pattern(attends=tuple(count > 0 for count in kv_heads), kv_heads=kv_heads)


def _state(config: Mapping[str, Any]) -> State:
    """Sizes of the recurrent state: Gated DeltaNet, Kimi's KDA, short convolution, Mamba."""
    if value_heads := whole(config, "linear_num_value_heads"):
        return State(
            whole(config, "linear_conv_kernel_dim") or 4,
            value_heads * whole(config, "linear_value_head_dim"),
            whole(config, "linear_key_head_dim"),
            whole(config, "linear_num_key_heads"),
        )
    if isinstance(kimi := config.get("linear_attn_config"), Mapping):
        heads, size = whole(kimi, "num_heads"), whole(kimi, "head_dim")
        return State(whole(kimi, "short_conv_kernel_size") or 4, heads * size, size, heads)
    if short := whole(config, "conv_L_cache"):
        return State(short, whole(config, "hidden_size"), 0, 0)
    return _mamba_state(config)


def _mamba_state(config: Mapping[str, Any]) -> State:
    names = ("mamba_num_heads", "mamba_n_heads", "n_mamba_heads")
    heads = first(config, names)
    size = whole(config, "mamba_head_dim") or whole(config, "mamba_d_head")
    expand = whole(config, "mamba_expand") or whole(config, "expand") or 2
    inner = whole(config, "mamba_d_ssm") or heads * size
    if config.get("model_type") in ("mamba", "falcon_mamba"):
        inner = whole(config, "intermediate_size")
    return State(
        whole(config, "conv_kernel") or whole(config, "mamba_d_conv") or 4,
        inner or expand * whole(config, "hidden_size"),
        whole(config, "ssm_state_size")
        or whole(config, "mamba_d_state")
        or whole(config, "state_size"),
        first(config, _GROUPS),
    )
