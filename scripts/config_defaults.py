"""Write what transformers assumes where a config.json is silent.

``config.json`` leaves out what a class has by default, above all in nested text
configs. Run it with a Python that has the transformers release which our vLLM
image has; the project itself does not need transformers:

    uv run --no-project --with transformers==5.20.2 python scripts/config_defaults.py
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "wizard" / "registry" / "config_defaults.json"
# Names that `wizard.registry.config_json` and `config_layers` read.
KEYS = (
    *("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers"),
    *("hidden_size", "n_embd", "d_model", "dim", "num_attention_heads", "n_head", "n_heads"),
    *("num_key_value_heads", "num_kv_heads", "n_head_kv", "multi_query", "head_dim"),
    *("kv_channels", "vocab_size", "max_position_embeddings", "n_positions", "intermediate_size"),
    *("ffn_hidden_size", "n_inner", "ffn_dim", "num_local_experts", "n_routed_experts"),
    *("num_experts", "moe_num_experts", "num_experts_per_tok", "moe_k", "moe_intermediate_size"),
    *("n_shared_experts", "shared_expert_intermediate_size", "first_k_dense_replace"),
    *("moe_layer_start_index", "num_nextn_predict_layers", "num_kv_shared_layers"),
    *("sliding_window", "use_sliding_window", "max_window_layers", "attention_chunk_size"),
    *("sliding_window_pattern", "local_attention", "global_attn_every_n_layers"),
    *("kv_lora_rank", "q_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"),
    *("index_head_dim", "index_n_heads", "global_head_dim", "num_global_key_value_heads"),
    *("linear_num_value_heads", "linear_num_key_heads", "linear_value_head_dim"),
    *("linear_key_head_dim", "linear_conv_kernel_dim", "full_attention_interval"),
    *("conv_L_cache", "state_size", "conv_kernel", "expand", "n_groups", "num_heads"),
    *("mamba_d_state", "mamba_d_conv", "mamba_n_heads", "mamba_d_head", "mamba_n_groups"),
    *("mamba_num_heads", "mamba_head_dim", "ssm_state_size", "mamba_expand", "mamba_d_ssm"),
    *("attn_layer_period", "attn_layer_offset", "hidden_size_per_layer_input"),
    *("vocab_size_per_layer_input", "partial_rotary_factor", "tie_word_embeddings"),
    *("d_model", "encoder_layers", "encoder_ffn_dim", "encoder_attention_heads", "num_mel_bins"),
    *("max_source_positions", "depth", "embed_dim", "scale_factor", "attention_k_eq_v"),
    *("spatial_merge_size", "patch_size", "temporal_patch_size"),
)
# What a class takes out of its other arguments, and does not declare.
UNDECLARED = {"gemma4_text": {"global_head_dim": 512}}
ENCODERS = ("vision_config", "audio_config")
NESTED = ("text_config", "llm_config", "language_config", "thinker_config")


def _defaults(config_class: Any) -> dict[str, Any]:
    """The class's own defaults, not what it works out from them."""
    told = {field.name: field.default for field in dataclasses.fields(config_class)}
    found = {key: told[key] for key in KEYS if isinstance(told.get(key), int | float)}
    rotated = _of_instance(config_class, "rope_parameters")
    if isinstance(rotated, dict) and "partial_rotary_factor" in rotated:
        found["partial_rotary_factor"] = rotated["partial_rotary_factor"]
    found |= UNDECLARED.get(getattr(config_class, "model_type", ""), {})
    text = next(filter(None, (_type_of(config_class, name) for name in NESTED)), "")
    if text:
        found["text_model_type"] = text
    for name in ENCODERS:
        if encoder := _type_of(config_class, name):
            found[f"{name}_type"] = encoder
    return found


def _type_of(config_class: Any, name: str) -> str:
    """The model type of a nested config, by default; empty where there is none."""
    inner = getattr(config_class, "sub_configs", {}).get(name)
    told = getattr(inner, "model_type", "")
    return told or getattr(_of_instance(config_class, name), "model_type", "") or ""


def _of_instance(config_class: Any, name: str) -> Any:
    """What a class made of nothing has; None where it cannot be made so."""
    try:
        return getattr(config_class(), name, None)
    except Exception:
        return None


def _holds_text(config_class: Any) -> bool:
    return any(name in getattr(config_class, "sub_configs", {}) for name in NESTED)


def main() -> None:
    """Write one line for each model type that is, or holds, a language model."""
    from transformers.models.auto import modeling_auto  # noqa: PLC0415
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING  # noqa: PLC0415

    todo = {
        *modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        *modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
        *modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
        *(name for name in CONFIG_MAPPING if _holds_text(CONFIG_MAPPING[name])),
    }
    found: dict[str, dict[str, Any]] = {}
    while todo:
        name = todo.pop()
        if name in found or name not in CONFIG_MAPPING:
            continue
        found[name] = _defaults(CONFIG_MAPPING[name])
        nested = ("text_model_type", *(f"{each}_type" for each in ENCODERS))
        todo |= {found[name].get(key, name) for key in nested} - {name}
    rows = (f"{json.dumps(name)}: {json.dumps(found[name])}" for name in sorted(found))
    TARGET.write_text("{\n" + ",\n".join(rows) + "\n}\n")


if __name__ == "__main__":
    main()
