"""Small models of random shapes, of the families whose caches are laid out differently."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

_Config = dict[str, Any]
_SLIDING, _FULL = "sliding_attention", "full_attention"
CARDS = (1, 2, 4)


def _plain(draw: random.Random, name: str, **more: Any) -> _Config:
    heads = draw.choice((4, 8, 16))
    size = draw.choice((32, 64, 128))
    return {
        "architectures": [name],
        "hidden_size": heads * size,
        "intermediate_size": 512,
        "num_hidden_layers": draw.randint(4, 24),
        "num_attention_heads": heads,
        "num_key_value_heads": draw.choice([each for each in (1, 2, 4, 8) if each <= heads]),
        "head_dim": size,
        "vocab_size": 1024,
        "max_position_embeddings": 262_144,
        "torch_dtype": "bfloat16",
        **more,
    }


def _window(draw: random.Random) -> int:
    return draw.choice((128, 512, 1000, 1024, 4096, 8192, 32_768))


def _kinds(draw: random.Random, layers: int, other: str) -> list[str]:
    """Every so many layers attend to everything, or any of them do."""
    if draw.random() < 0.3:
        kinds = [draw.choice((other, _FULL)) for _ in range(layers)]
        return [*kinds[:-2], other, _FULL]
    period = draw.randint(2, min(8, layers))
    return [_FULL if (i + 1) % period == 0 else other for i in range(layers)]


def _full(draw: random.Random) -> _Config:
    return _plain(draw, "LlamaForCausalLM", model_type="llama")


def _all_sliding(draw: random.Random) -> _Config:
    found = _plain(draw, "MistralForCausalLM", model_type="mistral")
    return found | {"sliding_window": _window(draw)}


def _mixed(draw: random.Random, name: str, kind: str) -> _Config:
    found = _plain(draw, name, model_type=kind)
    kinds = _kinds(draw, found["num_hidden_layers"], _SLIDING)
    return found | {"sliding_window": _window(draw), "layer_types": kinds}


def _gemma3(draw: random.Random) -> _Config:
    return _mixed(draw, "Gemma3ForCausalLM", "gemma3_text")


def _gemma4(draw: random.Random) -> _Config:
    """Global layers with heads of another size and number, and layers that share."""
    found = _mixed(draw, "Gemma4ForCausalLM", "gemma4_text")
    found["layer_types"][-1] = _FULL
    found["num_key_value_heads"] = draw.choice((2, 4, 8))
    found["num_attention_heads"] = 16
    return found | {
        "head_dim": draw.choice((64, 128, 256)),
        "global_head_dim": draw.choice((128, 256, 512)),
        "num_global_key_value_heads": draw.choice((1, 2, 4)),
        "attention_k_eq_v": draw.random() < 0.5,
        "num_kv_shared_layers": 0,
        "hidden_size_per_layer_input": 0,
    }


def _cohere2(draw: random.Random) -> _Config:
    return _mixed(draw, "Cohere2ForCausalLM", "cohere2")


def _latent(draw: random.Random) -> _Config:
    found = _plain(draw, "DeepseekV3ForCausalLM", model_type="deepseek_v3")
    return found | {
        "num_key_value_heads": found["num_attention_heads"],
        "kv_lora_rank": draw.choice((256, 512)),
        "q_lora_rank": draw.choice((None, 256)),
        "qk_nope_head_dim": 128,
        "qk_rope_head_dim": 64,
        "v_head_dim": 128,
        "n_routed_experts": 8,
        "n_shared_experts": 1,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 128,
        "first_k_dense_replace": 1,
        "moe_layer_freq": 1,
        "n_group": 1,
        "topk_group": 1,
        "topk_method": "noaux_tc",
        "scoring_func": "sigmoid",
        "norm_topk_prob": True,
        "routed_scaling_factor": 1.0,
        "num_nextn_predict_layers": 0,
        "tie_word_embeddings": False,
    }


def _delta_net(draw: random.Random) -> _Config:
    found = _plain(draw, "Qwen3NextForCausalLM", model_type="qwen3_next")
    keys = draw.choice((4, 8, 16))
    return found | {
        "num_key_value_heads": draw.choice((1, 2, 4)),
        "head_dim": draw.choice((64, 128, 256)),
        "layer_types": _kinds(draw, found["num_hidden_layers"], "linear_attention"),
        "linear_num_key_heads": keys,
        "linear_num_value_heads": keys * draw.choice((1, 2, 4)),
        "linear_key_head_dim": draw.choice((64, 128)),
        "linear_value_head_dim": draw.choice((64, 128)),
        "linear_conv_kernel_dim": 4,
        "num_experts": 8,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 128,
        "shared_expert_intermediate_size": 128,
        "norm_topk_prob": True,
    }


def _mamba_sizes(draw: random.Random, width: int) -> _Config:
    size = draw.choice((32, 64))
    return {
        "mamba_n_heads": 2 * width // size,
        "mamba_d_head": size,
        "mamba_d_state": draw.choice((64, 128, 256)),
        "mamba_n_groups": draw.choice((1, 2, 4, 8)),
        "mamba_d_conv": 4,
        "mamba_expand": 2,
    }


def _granite(draw: random.Random) -> _Config:
    found = _plain(draw, "GraniteMoeHybridForCausalLM", model_type="granitemoehybrid")
    kinds = _kinds(draw, found["num_hidden_layers"], "mamba")
    return found | {
        **_mamba_sizes(draw, found["hidden_size"]),
        "layer_types": ["attention" if kind == _FULL else kind for kind in kinds],
        "shared_intermediate_size": 256,
        "num_local_experts": 0,
        "num_experts_per_tok": 0,
        "position_embedding_type": "nope",
    }


def _nemotron(draw: random.Random) -> _Config:
    found = _plain(draw, "NemotronHForCausalLM", model_type="nemotron_h")
    letters = "".join(draw.choice("MMM--*") for _ in range(found["num_hidden_layers"] - 2))
    sizes = _mamba_sizes(draw, found["hidden_size"])
    return found | {
        "hybrid_override_pattern": f"{letters}M*",
        "mamba_num_heads": sizes["mamba_n_heads"],
        "mamba_head_dim": sizes["mamba_d_head"],
        "ssm_state_size": sizes["mamba_d_state"],
        "n_groups": sizes["mamba_n_groups"],
        "conv_kernel": 4,
        "expand": 2,
        "mlp_hidden_act": "relu2",
        "tie_word_embeddings": False,
    }


_FAMILIES: tuple[Callable[[random.Random], _Config], ...] = (
    *(_full, _all_sliding, _gemma3, _gemma4, _cohere2, _latent, _delta_net, _granite, _nemotron),
)


def drawn(seed: int) -> tuple[str, _Config, list[dict[str, Any]]]:
    """A name, a config, and a way to divide it. The same seed gives the same."""
    draw = random.Random(seed)  # noqa: S311 - shapes, no secrets
    family = _FAMILIES[seed % len(_FAMILIES)]
    config = family(draw)
    run = {"tensor_parallel": draw.choice(CARDS), "kv": draw.choice(("auto", "auto", "fp8"))}
    return f"{family.__name__[1:]}-{seed}", config, [run]
