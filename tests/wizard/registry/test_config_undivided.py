"""What vLLM keeps whole on every card, counted by hand from its classes."""

from __future__ import annotations

from typing import Any

import pytest

from wizard.registry import config_undivided

SOUND = {"d_model": 1280, "encoder_layers": 32, "encoder_ffn_dim": 5120, "num_mel_bins": 128}
SOUND |= {"max_source_positions": 1500, "encoder_attention_heads": 20}
# Layers, two convolutions of three, and places.
LAYERS = 32 * (4 * 1280**2 + 2 * 1280 * 5120)
TOWER = LAYERS + 3 * 1280 * (128 + 1280) + 1500 * 1280


def _read(outer: dict[str, Any], width: int = 4096, **text: Any) -> config_undivided.Undivided:
    return config_undivided.read(outer, text, width)


def test_it_works() -> None:
    found = _read({"model_type": "qwen2_audio", "audio_config": SOUND})
    assert found == config_undivided.Undivided(TOWER + 1280 * 4096, encoders=TOWER)


def test_a_text_model_has_nothing_of_it() -> None:
    assert _read({"model_type": "llama"}, model_type="llama") == config_undivided.Undivided()


def test_what_an_encoder_of_texts_says_is_not_divided() -> None:
    bert = {"model_type": "bert", "architectures": ["BertForMaskedLM"]}
    assert _read(bert, 768, vocab_size=30_522).always == 768 * (768 + 30_522)
    ranks = {"model_type": "xlm-roberta", "architectures": ["XLMRobertaForSequenceClassification"]}
    assert _read(ranks, 1024).always == 2 * 1024**2


def test_some_are_whole_only_where_heads_do_not_divide() -> None:
    parts = {"model_type": "qwen3_omni_moe_thinker", "audio_config": SOUND, "vision_config": None}
    found = _read({"model_type": "qwen3_omni_moe", "thinker_config": parts})
    # Three convolutions to 480 channels of 16 bands, and three matrices behind them.
    whole = 2 * 9 * 480**2 + 1280 * (480 * 16 + 1280 + 4096)
    assert found == config_undivided.Undivided(whole, LAYERS, 20, TOWER)


def test_a_whisper_s_convolutions_are_whole_before_divided_layers() -> None:
    found = _read({"model_type": "moss_transcribe_diarize", "audio_config": SOUND}, 1024)
    assert found.always == TOWER - LAYERS + 4 * 1280 * 1024 + 1024**2


def test_glm_merges_patches_by_a_convolution() -> None:
    """GLM-OCR: two by two."""
    image = {"hidden_size": 1024, "out_hidden_size": 1536, "spatial_merge_size": 2}
    assert _read({"model_type": "glm_ocr", "vision_config": image}).always == 4 * 1024 * 1536


def test_glm_s_heads_must_divide_among_the_cards() -> None:
    """vLLM does not start GLM-4.5V on eight: “12 is not divisible by 8”."""
    image = {"hidden_size": 1536, "num_heads": 12, "depth": 24}
    found = _read({"model_type": "glm4v_moe", "vision_config": image})
    assert (found.heads, found.by_heads) == (12, 0)
    gated = {"hidden_size": 1280, "num_heads": 16, "intermediate_size": 3420, "depth": 32}
    assert _read({"model_type": "qwen2_5_vl", "vision_config": gated}).heads == 4


def test_granite_hears_with_a_conformer_and_a_q_former() -> None:
    """Granite Speech 3.3: attention and convolutions are whole, forward parts are divided."""
    conformer = {"hidden_dim": 1024, "num_layers": 16, "num_heads": 8, "dim_head": 128}
    conformer |= {"conv_expansion_factor": 2, "feedforward_mult": 4}
    former = {"hidden_size": 1024, "num_hidden_layers": 2, "num_attention_heads": 16}
    former |= {"intermediate_size": 4096, "encoder_hidden_size": 1024}
    former |= {"cross_attention_frequency": 1}
    parts = {"encoder_config": conformer, "projector_config": former}
    found = _read({"model_type": "granite_speech", **parts}, 2048)
    assert found.always == (16 * 10 + 2 * (4 + 8 + 4) + 2) * 1024**2
    assert found.encoders == found.always + 16 * 16 * 1024**2


def test_25_heads_of_an_image_s_attention_do_not_divide() -> None:
    """InternViT-6B; its projector mixes four patches."""
    image = {"hidden_size": 3200, "intermediate_size": 12_800, "num_hidden_layers": 45}
    image |= {"num_attention_heads": 25}
    found = _read({"model_type": "internvl_chat", "vision_config": image}, 5120)
    assert (found.by_heads, found.heads) == (4 * 45 * 3200**2, 25)
    assert found.always == 4 * 3200 * 5120 + 5120**2


def test_a_silent_part_is_its_class_s() -> None:
    """Qwen2-Audio's encoder is the same by default."""
    assert _read({"model_type": "qwen2_audio"}).always == TOWER + 1280 * 4096
    assert _read({"model_type": "qwen2_audio", "audio_config": None}).always == 0


def test_gemma_4_sees_with_transformers_code() -> None:
    image = {"model_type": "gemma4_vision", "hidden_size": 1152, "intermediate_size": 4304}
    image |= {"num_hidden_layers": 27, "num_attention_heads": 16, "head_dim": 72}
    found = _read({"model_type": "gemma4", "vision_config": image, "audio_config": None}, 5376)
    layers = 27 * (4 * 1152**2 + 3 * 1152 * 4304)
    assert found.always == layers + 2 * 10_240 * 1152 + 1152 * 5376


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        (
            {"model_type": "gemma4_text", "num_hidden_layers": 42}
            | {"hidden_size_per_layer_input": 256},
            2 * 42 * 4096 * 256,
        ),
        (
            {"model_type": "minicpm3", "num_hidden_layers": 62, "kv_lora_rank": 256}
            | {"qk_rope_head_dim": 32, "q_lora_rank": 768},
            62 * 4096 * (256 + 32 + 768),
        ),
        ({"model_type": "gpt_bigcode", "n_layer": 52, "n_inner": 24_576}, 2 * 52 * 4096 * 24_576),
        (
            {"model_type": "diffusion_gemma_text", "intermediate_size": 9216},
            3 * 4096 * 9216,
        ),
        ({"model_type": "zamba2", "hybrid_layer_ids": [6, 11]}, 2 * 4096 * 4096),
    ],
)
def test_projections_of_the_text_model(text: dict[str, Any], elements: int) -> None:
    assert _read({"model_type": text["model_type"]}, **text).always == elements


@pytest.mark.parametrize("nonsense", [-1, True, "1280", None, 1 << 40, [1280]])
def test_nonsense_is_nothing(nonsense: object) -> None:
    image = {"model_type": "gemma4_vision", "hidden_size": nonsense, "num_hidden_layers": nonsense}
    found = _read({"model_type": "gemma4", "vision_config": image, "audio_config": None}, 64)
    assert found.always >= 0
    assert _read({"model_type": "granite_speech", "encoder_config": nonsense}).always == 0


def test_some_encoders_heads_must_be_divided() -> None:
    """Voxtral's 20 over eight cards: vLLM refuses, where others keep the encoder whole."""
    sound = {"model_type": "voxtral_encoder", "num_attention_heads": 20, "hidden_size": 1280}
    found = _read({"model_type": "voxtral", "audio_config": sound})
    assert (found.heads, found.by_heads) == (20, 0)
