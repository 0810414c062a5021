"""What encoding takes for each token, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from wizard.registry import config_encoders

IMAGE = {"hidden_size": 1280, "intermediate_size": 3420, "patch_size": 14, "temporal_patch_size": 2}
# Three streams, the wide part with two matrices into it, and the patch's pixels of two frames.
PATCH = 3 * 1280 + 3 * 3420 + 3 * 2 * 14 * 14


def _read(name: str, **parts: Any) -> config_encoders.Encoding:
    return config_encoders.read({"model_type": name, **parts})


def test_it_works() -> None:
    image = {**IMAGE, "model_type": "qwen2_5_vl", "spatial_merge_size": 2}
    found = _read("qwen2_5_vl", vision_config=image)
    assert found == config_encoders.Encoding(4 * PATCH, 16_384)


def test_a_text_model_encodes_nothing() -> None:
    assert _read("llama") == config_encoders.Encoding()


@pytest.mark.parametrize(
    ("image", "outer", "patches"),
    [
        ({}, {}, 1),
        ({}, {"spatial_merge_size": 2}, 4),
        ({"merge_kernel_size": [2, 2]}, {}, 4),
        ({}, {"downsample_ratio": 0.5}, 4),
        ({"image_size": 896}, {"mm_tokens_per_image": 256}, 16),
        ({"image_size": 896, "patch_size": 0}, {"mm_tokens_per_image": 256}, 1),
        ({}, {"downsample_ratio": 0}, 1),
        ({}, {"downsample_ratio": 1e-200}, 1),
    ],
)
def test_patches_of_a_token(image: dict[str, Any], outer: dict[str, Any], patches: int) -> None:
    found = _read("llava", vision_config={**IMAGE, **image}, **outer)
    pixels = 3 * 2 * image.get("patch_size", 14) ** 2
    assert found.token_elements == patches * (3 * 1280 + 2 * 3420 + pixels)


def test_sound_counts_where_it_takes_more() -> None:
    sound = {"d_model": 1280, "encoder_ffn_dim": 5120}
    assert _read("llama", audio_config=sound).token_elements == 2 * (3 * 1280 + 2 * 5120)


def test_parts_may_be_nested() -> None:
    image = {**IMAGE, "model_type": "qwen2_5_omni_vision_encoder", "spatial_merge_size": 2}
    found = _read("qwen2_5_omni", thinker_config={"vision_config": image})
    assert found == config_encoders.Encoding(4 * PATCH, 16_384)


def test_a_video_of_gemma_4_is_seen_at_once() -> None:
    """32 frames of 70 tokens, each with 8 that tell when, where images are seen both ways."""
    text: dict[str, Any] = {"use_bidirectional_attention": "vision"}
    assert _read("gemma4", vision_config=IMAGE, text_config=text).item_tokens == 32 * 78
    assert _read("gemma4", vision_config=IMAGE, text_config={}).item_tokens == 0
    assert _read("gemma4", vision_config=None, text_config=text).item_tokens == 0


def test_features_for_the_first_layers_are_kept_for_each_token() -> None:
    text = {"hidden_size": 4096, "model_type": "qwen3_vl_text"}
    image = {**IMAGE, "deepstack_visual_indexes": [8, 16, 24]}
    told = config_encoders.kept({"model_type": "qwen3_vl", "vision_config": image}, text)
    assert told == 3 * 4096
    usual = config_encoders.kept({"model_type": "qwen3_vl_moe", "vision_config": IMAGE}, text)
    assert usual == 3 * 4096
    assert config_encoders.kept({"model_type": "qwen2_5_vl", "vision_config": IMAGE}, text) == 0
    none = {**IMAGE, "deepstack_visual_indexes": []}
    assert config_encoders.kept({"model_type": "qwen3_5", "vision_config": none}, text) == 0
    for name in ("llama", "qwen3_vl_moe"):
        assert config_encoders.kept({"model_type": name, "vision_config": None}, text) == 0


def test_embeddings_of_each_layer_are_kept_where_there_are_images() -> None:
    """Gemma 4 E4B's; its text model alone looks them up anew."""
    text: dict[str, Any] = {"num_hidden_layers": 42, "hidden_size_per_layer_input": 256}
    text |= {"model_type": "gemma4_text"}
    assert config_encoders.kept({"model_type": "gemma4"}, text) == 42 * 256
    assert config_encoders.kept({"model_type": "gemma4_text"}, text) == 0
