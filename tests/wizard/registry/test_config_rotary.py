"""Tables of sines and cosines, worked out by hand from vLLM's rotary embeddings."""

from __future__ import annotations

from typing import Any

import pytest

from wizard.registry import config_rotary

LOCAL = {"rope_type": "default", "rope_theta": 10_000.0}


def _bytes(config: dict[str, Any], positions: int = 1000, sliding: int = 128) -> int:
    return config_rotary.table_bytes(config, positions, (sliding, 128))


def test_it_works() -> None:
    assert _bytes({"model_type": "llama"}) == 1000 * 128 * 2


@pytest.mark.parametrize(
    ("config", "elements"),
    [
        ({"partial_rotary_factor": 0.25}, 1000 * 32),
        ({"model_type": "glm_ocr_text"}, 1000 * 64),
        (
            {"model_type": "glm_ocr_text", "rope_parameters": {"partial_rotary_factor": 1.0}},
            1000 * 128,
        ),
        ({"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.5}}, 1000 * 64),
        ({"rope_scaling": {"rope_type": "linear", "factor": 8.0}}, 8000 * 128),
        ({"rope_scaling": {"type": "dynamic", "factor": 4.0}}, 1000 * 128),
        (
            {
                "rope_scaling": {
                    "rope_type": "yarn",
                    "factor": 4,
                    "original_max_position_embeddings": 500,
                }
            },
            2000 * 128,
        ),
        (
            {"rope_scaling": {"type": "longrope", "original_max_position_embeddings": 100}},
            1100 * 128,
        ),
        ({"rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}}, 4000 * 128),
        ({"model_type": "cosmos3_edge_text"}, 4000 * 128),
        (
            {
                "model_type": "qwen3_vl_text",
                "rope_scaling": {"rope_type": "default", "mrope_section": [24, 20, 20]},
            },
            1000 * 128,
        ),
        ({"rope_scaling": {"rope_type": "linear", "factor": -1}}, 1000 * 128),
        ({"rope_scaling": "much"}, 1000 * 128),
        ({"model_type": "gpt_oss"}, 2 * 1000 * 128),
        ({"model_type": "gemma3_text"}, 2 * 1000 * 128),
        ({"model_type": "nemotron_h"}, 0),
        ({"model_type": "olmo2"}, 0),
        ({"position_embedding_type": "nope"}, 0),
        ({"alibi": True}, 0),
    ],
)
def test_how_long_and_how_wide(config: dict[str, Any], elements: int) -> None:
    assert _bytes({"model_type": "llama", **config}) == 2 * elements


def test_kinds_of_layers_have_their_own() -> None:
    both = {"sliding_attention": LOCAL, "full_attention": {"rope_type": "proportional"}}
    config = {"model_type": "gemma4_text", "rope_parameters": both}
    assert _bytes(config, sliding=64) == 1000 * (64 + 128) * 2


def test_latent_attention_and_its_indexer() -> None:
    yarn = {"type": "yarn", "factor": 40, "original_max_position_embeddings": 4096}
    config = {"model_type": "deepseek_v32", "kv_lora_rank": 512, "rope_scaling": yarn}
    one = config_rotary.table_bytes(config, 163_840, (64, 64))
    assert one == 163_840 * 64 * 4
    assert (
        config_rotary.table_bytes({**config, "index_head_dim": 128}, 163_840, (64, 64)) == 2 * one
    )
