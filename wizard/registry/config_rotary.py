"""Positions, and their tables of sines and cosines, which vLLM keeps whole on every card.

A table for each way of rotating, as long as the model reads and as wide as what is
rotated (``vllm/model_executor/layers/rotary_embedding``). On eight cards they
are several percent of a small model's share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Positions are learned, biased, or told by recurrence: nothing is rotated.
_NONE = (
    *("gpt2", "gpt_bigcode", "opt", "bloom", "mpt", "bert", "roberta", "xlm-roberta"),
    *("jamba", "mamba", "mamba2", "falcon_mamba", "nemotron_h", "kimi_linear", "zamba2"),
)
# They count from behind the padding's place (``create_position_ids_from_input_ids`` in
# transformers' ``modeling_roberta.py``): what is before it no token takes.
_AFTER_PADDING = ("camembert", "roberta", "xlm-roberta", "xlm-roberta-xl")
# Run by transformers' own code (``vllm/model_executor/models/transformers``), which
# works the numbers out anew.
_NO_TABLES = (
    *("arcee", "cwm", "flex_olmo", "glm", "gpt_neox", "hunyuan_v1_dense", "hunyuan_v1_moe"),
    *("jais2", "kolibri1", "mellum", "nanbeige", "olmo", "olmo2", "olmo3", "phi", "seed_oss"),
    *("smollm3", "starcoder2", "vaultgemma", "emu3_text_model", "hunyuan_vl_text"),
)
# Half of a head is rotated unless told otherwise (``Glm4Attention``, which its pictures'
# readers share).
_HALF_ROTATED = ("chatglm", "glm4", "glm4v_text", "glm_ocr_text")
# Layers with a window rotate in a way of their own, also where nothing is told.
_TWO_TABLES = ("gemma3_text", "gemma4_text", "embedding_gemma2", "modernbert")
# Positions of images run ahead of those of tokens, except in families that count anew.
_IMAGE_FACTOR = 4
_PLAIN_IMAGES = ("qwen3", "qwen4")
# Their class has images' positions by default, and a config need not tell.
_IMAGES_UNTOLD = ("cosmos3_edge_text",)
# Layers without compressed rows have a table of their own (``deepseek_v4/common/rope.py``).
_COMPRESSED = ("deepseek_v4", "deepseek_ref")
# Their rotated numbers stay at 32 bits.
_WIDE = ("gpt_oss", *_COMPRESSED)
_MAX_POSITIONS = 1 << 28


def positions(config: Mapping[str, Any], rows: int) -> int:
    """Tokens that a text config has positions for, of as many ``rows`` as it tells."""
    if config.get("model_type") not in _AFTER_PADDING:
        return rows
    told = config.get("pad_token_id")
    padding = told if isinstance(told, int) and 0 <= told < rows - 1 else 1
    return max(rows - padding - 1, 0)


def table_bytes(config: Mapping[str, Any], positions: int, widths: tuple[int, ...]) -> int:
    """Bytes of all tables of a text config.

    ``positions`` is what the model was trained for; ``widths`` are the head
    sizes of its kinds of layers, or what MLA rotates.
    """
    name = str(config.get("model_type"))
    if name in _NONE or name in _NO_TABLES or config.get("position_embedding_type") == "nope":
        return 0
    if config.get("alibi") is True or not any(widths):
        return 0
    count = 2 if config.get("index_head_dim") and config.get("kv_lora_rank") else 1
    count += name in _COMPRESSED and _has_plain_layers(config)
    rows = _rows(config, name, widths)
    return count * sum(_bytes(config, kind, positions, width) for kind, width in rows)


def _has_plain_layers(config: Mapping[str, Any]) -> bool:
    told, layers = config.get("compress_ratios"), config.get("num_hidden_layers")
    if not isinstance(told, list) or not isinstance(layers, int):
        return False
    return any(isinstance(ratio, int) and ratio < 2 for ratio in told[:layers])


def _rows(
    config: Mapping[str, Any], name: str, widths: tuple[int, ...]
) -> list[tuple[Mapping[str, Any], int]]:
    """Parameters and width of each way of rotating; ``widths`` begin with sliding layers'."""
    told = config.get("rope_parameters") or config.get("rope_scaling")
    if not isinstance(told, Mapping):
        told = {}
    nested = {key: each for key, each in told.items() if isinstance(each, Mapping)}
    if nested:
        return [
            (each, widths[0] if key == "sliding_attention" else widths[-1])
            for key, each in nested.items()
        ]
    if name in _TWO_TABLES or config.get("rope_local_base_freq"):
        return [(told, widths[-1]), ({}, widths[0])]
    return [(told, widths[-1])]


def _bytes(config: Mapping[str, Any], kind: Mapping[str, Any], positions: int, width: int) -> int:
    model = str(config.get("model_type"))
    name = kind.get("rope_type") or kind.get("type") or "default"
    is_wide = model in _WIDE or (config.get("kv_lora_rank") and name == "yarn")
    # Gemma 4 turns a part of the global heads, with a table for the whole.
    part = 1.0 if name == "proportional" else _part(config, kind)
    original = _original(config, kind) or positions
    length = min(_MAX_POSITIONS, _length(name, kind, positions, original))
    has_images = "mrope_section" in kind or model in _IMAGES_UNTOLD
    if has_images and not model.startswith(_PLAIN_IMAGES):
        length *= _IMAGE_FACTOR
    return int(length * int(width * part) * (4 if is_wide else 2))


def _part(config: Mapping[str, Any], kind: Mapping[str, Any]) -> float:
    """Share of a head that is rotated; MLA's width is that share already."""
    if config.get("kv_lora_rank"):
        return 1.0
    usual = 0.5 if config.get("model_type") in _HALF_ROTATED else 1.0
    names = ("partial_rotary_factor", "rotary_pct")
    told = next((level[n] for level in (kind, config) for n in names if n in level), usual)
    return float(told) if isinstance(told, int | float) and 0 < told <= 1 else usual


def _original(config: Mapping[str, Any], kind: Mapping[str, Any]) -> int:
    """What a model read before it was stretched, as either place tells; 0 without."""
    for level in (kind, config):
        told = level.get("original_max_position_embeddings")
        if isinstance(told, int) and told > 0:
            return told
    return 0


def _length(name: object, kind: Mapping[str, Any], positions: int, original: int) -> float:
    factor = kind.get("factor")
    factor = factor if isinstance(factor, int | float) and factor > 0 else 1
    if name == "linear":
        return positions * factor
    if name in ("yarn", "deepseek_yarn"):
        return original * factor
    if name in ("longrope", "su"):
        return original + positions
    return positions
