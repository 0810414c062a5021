"""Bits of quantised weights, and caches that checkpoints bring scales for."""

from __future__ import annotations

from typing import Any

import pytest

from wizard.registry import config_quantisation as quantisation

INT4 = {"weights": {"num_bits": 4, "type": "int", "group_size": 128}}
FP8 = {"weights": {"num_bits": 8, "type": "float", "strategy": "channel"}}


@pytest.mark.parametrize(
    ("told", "bits"),
    [
        ({}, 0),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, 8),
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, 4.125),
        ({"quant_method": "gptq", "bits": 8, "group_size": -1}, 8),
        ({"quant_method": "compressed-tensors", "config_groups": {"group_0": INT4}}, 4.125),
        ({"quant_method": "compressed-tensors", "config_groups": {"group_0": FP8}}, 8),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, 4.5),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, 8),
        (
            {
                "quant_method": "bitsandbytes",
                "load_in_4bit": True,
                "bnb_4bit_use_double_quant": True,
            },
            4 + 8 / 64 + 32 / (64 * 256),
        ),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, 4.5),
        ({"quant_method": "modelopt", "quantization": {"quant_algo": "FP8"}}, 8),
        # Experts only: the layers that are repeated on cards have 16 bits.
        ({"quant_method": "mxfp4"}, 16),
        ({"quant_method": "awq", "bits": "four", "group_size": None}, 0),
        ({"quant_method": "x", "config_groups": {"group_0": None}}, 0),
    ],
)
def test_it_works(told: dict[str, Any], bits: float) -> None:
    assert quantisation.weight_bits(told) == bits


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"quant_method": "fp8"}, ""),
        ({"quant_method": "modelopt", "kv_cache_quant_algo": "FP8"}, "fp8"),
        ({"quant_method": "modelopt", "quantization": {"kv_cache_quant_algo": "FP8"}}, "fp8"),
        ({"quant_method": "modelopt", "kv_cache_quant_algo": None}, ""),
        (
            {
                "quant_method": "compressed-tensors",
                "kv_cache_scheme": {"num_bits": 8, "type": "float"},
            },
            "fp8",
        ),
        ({"quant_method": "compressed-tensors", "kv_cache_scheme": None}, ""),
        (
            {
                "quant_method": "compressed-tensors",
                "kv_cache_scheme": {"num_bits": 8, "type": "int"},
            },
            "",
        ),
    ],
)
def test_the_cache_that_auto_means(told: dict[str, Any], kind: str) -> None:
    assert quantisation.cache_type(told) == kind


def test_it_is_found_under_either_name() -> None:
    assert quantisation.quant_method({"compression_config": {"quant_method": "X"}}) == "x"
    assert quantisation.quant_method({"quantization_config": "none"}) == ""


@pytest.mark.parametrize(
    ("told", "is_left"),
    [
        ({}, False),
        ({"ignore": ["re:.*self_attn.*", "re:.*lm_head.*"]}, True),
        ({"ignore": ["lm_head", "model.layers.10.self_attn*"]}, True),
        (
            {"quantization": {"exclude_modules": ["model.layers.0.self_attn.kv_a_proj_with_mqa"]}},
            True,
        ),
        ({"modules_to_not_convert": ["model.layers.59.self_attn.kv_a_layernorm"]}, False),
        ({"ignore": "self_attn"}, False),
        ({"ignore": [None, 3, ["self_attn"]]}, False),
    ],
)
def test_attention_may_be_left_as_it_was(told: dict[str, Any], is_left: bool) -> None:
    assert quantisation.leaves_attention(told) is is_left
