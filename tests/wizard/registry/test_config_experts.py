"""What configs tell of a mixture beside the number of its experts."""

from __future__ import annotations

from typing import Any

from wizard.registry import config_experts


def _whole(**told: int) -> Any:
    return lambda key: told.get(key, 0)


def test_it_works() -> None:
    """Nemotron 3 Super: one shared expert, twice as wide as others; all others read 1,024."""
    whole = _whole(
        moe_intermediate_size=2688,
        n_shared_experts=1,
        moe_shared_expert_intermediate_size=5376,
        moe_latent_size=1024,
    )
    assert config_experts.shared_length({}, whole) == 5376
    assert config_experts.width(whole) == 1024


def test_shared_experts_are_as_wide_as_others_where_nothing_else_is_told() -> None:
    whole = _whole(moe_intermediate_size=2048, num_shared_experts=2)
    assert config_experts.shared_length({}, whole) == 4096
    assert config_experts.width(whole) == 0


def test_dense_layers_come_first_as_listed_or_counted() -> None:
    listed = {"moe_layer_freq": [0, 0, 0, 1, 1, 1]}
    assert config_experts.dense_layers(listed, _whole()) == 3
    assert config_experts.dense_layers({"moe_layer_freq": 1}, _whole(num_dense_layers=2)) == 2
    assert config_experts.dense_layers({}, _whole()) == 0


def test_what_feeds_forward_beside_experts_is_shared() -> None:
    """Gemma 4's mixtures."""
    whole = _whole(intermediate_size=2112, moe_intermediate_size=704)
    assert config_experts.shared_length({"enable_moe_block": True}, whole) == 2112
    assert config_experts.shared_length({"enable_moe_block": False}, whole) == 0


def test_qwen3_next_predicts_without_a_word() -> None:
    """3.3 GB of its 163, in its makers' own files alone."""
    assert config_experts.untold_predicting("qwen3_next", "") == 1
    assert config_experts.untold_predicting("qwen3_next", "fp8") == 1
    assert config_experts.untold_predicting("qwen3_next", "awq") == 0
    assert config_experts.untold_predicting("qwen3_moe", "") == 0
