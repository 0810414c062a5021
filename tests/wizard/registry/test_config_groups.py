"""Numbers of quantised groups that cards must divide, as vLLM 0.33's classes refuse them."""

from __future__ import annotations

from typing import Any

import pytest

from wizard.registry import config_json

AWQ = {"quant_method": "awq", "bits": 4, "group_size": 128}
FP8 = {"quant_method": "fp8", "weight_block_size": [128, 128]}
DENSE: dict[str, Any] = {
    "model_type": "qwen2",
    "num_hidden_layers": 48,
    "hidden_size": 5120,
    "intermediate_size": 13_824,
    "num_attention_heads": 40,
    "num_key_value_heads": 8,
    "vocab_size": 152_064,
    "max_position_embeddings": 32_768,
}
MIXTURE: dict[str, Any] = {
    "model_type": "qwen3_next",
    "num_hidden_layers": 48,
    "hidden_size": 2048,
    "intermediate_size": 5120,
    "moe_intermediate_size": 512,
    "shared_expert_intermediate_size": 512,
    "num_experts": 512,
    "num_experts_per_tok": 10,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
    "head_dim": 256,
    "vocab_size": 151_936,
    "max_position_embeddings": 262_144,
}


def _packed(**weights: Any) -> dict[str, Any]:
    return {
        "quant_method": "compressed-tensors",
        "config_groups": {"group_0": {"weights": weights}},
    }


def _counts(config: dict[str, Any], told: dict[str, Any]) -> tuple[int, ...]:
    return config_json.architecture({**config, "quantization_config": told}).weight_groups


def test_it_works() -> None:
    """Qwen2.5 14B in AWQ: eight cards would each have 13.5 groups of what feeds forward."""
    assert _counts(DENSE, AWQ) == (40, 108)
    rounded = {**AWQ, "quant_method": "auto-round", "packing_format": "auto_round:auto_awq"}
    assert _counts(DENSE, rounded) == (40, 108)


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"quant_method": "gptq", "bits": 4, "group_size": 128},
        {"quant_method": "auto-round", "bits": 4, "group_size": 128},
        {"quant_method": "awq", "bits": 4, "group_size": -1},
        {"quant_method": "awq", "bits": 4, "group_size": "128"},
        {"quant_method": "fp8"},
        {"quant_method": "fp8", "weight_block_size": []},
        {"quant_method": "fp8", "weight_block_size": "128"},
        _packed(num_bits=8, type="float", strategy="channel"),
        _packed(num_bits=4, type="float", strategy="tensor_group", group_size=16),
        {"quant_method": "compressed-tensors", "config_groups": {"group_0": None}},
    ],
)
def test_what_cards_may_cut_or_has_no_groups_divides_nothing(told: dict[str, Any]) -> None:
    assert _counts(DENSE, told) == ()


def test_several_kinds_of_groups_claim_nothing() -> None:
    told = _packed(num_bits=4, type="int", group_size=128)
    told["config_groups"]["group_1"] = told["config_groups"]["group_0"]
    assert _counts(DENSE, told) == ()


def test_a_width_without_whole_groups_is_for_one_card() -> None:
    """DeepSeek-V2-Lite's dense layer has 10,944 columns."""
    assert _counts({**DENSE, "intermediate_size": 10_944}, AWQ) == (1, 40)


def test_shared_experts_are_cut_by_no_kernel_and_fp8_s_others_down_to_32() -> None:
    assert _counts(MIXTURE, FP8) == (4, 16, 32)
    assert _counts(MIXTURE, AWQ) == (4, 32)
    assert _counts(MIXTURE, _packed(num_bits=4, type="int", group_size=64)) == (8, 64)
    block = _packed(num_bits=8, type="float", strategy="block", block_structure=[128, 128])
    assert _counts(MIXTURE, block) == (4, 32)


def test_what_a_list_leaves_alone_has_no_groups() -> None:
    left = ["re:.*self_attn.*", "model.layers.0.mlp.shared_expert.down_proj", "mlp.gate"]
    assert _counts(MIXTURE, {**FP8, "modules_to_not_convert": left}) == (16,)
    assert _counts(DENSE, {**FP8, "ignored_layers": ["model.layers.0.mlp.down_proj"]}) == (40,)
    encoders = ["model.visual.blocks.0.mlp.down_proj", "vision_tower.layers.0.self_attn.o_proj"]
    assert _counts(DENSE, {**AWQ, "modules_to_not_convert": encoders}) == (40, 108)
