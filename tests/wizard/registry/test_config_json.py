from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.standins.huggingface_models import GPT_OSS_CONFIG, LLAMA_70B_CONFIG, QWEN3_CONFIG
from wizard.registry import config_json
from wizard.registry.errors import UnreadableHeader

PLAIN: dict[str, Any] = {
    "model_type": "llama",
    "num_hidden_layers": 4,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 100,
    "max_position_embeddings": 1000,
}


def test_it_works() -> None:
    found = config_json.architecture(QWEN3_CONFIG)
    assert (found.layers, found.kv_heads, found.key_length) == (36, (8,) * 36, 128)
    assert (found.context_length, found.vocab_size, found.dtype) == (40_960, 151_936, "bfloat16")
    assert found.hf_architectures == ("Qwen3ForCausalLM",)
    assert found.exact
    assert not found.tied_embeddings


def test_a_head_s_length_follows_from_the_sizes() -> None:
    assert config_json.architecture(LLAMA_70B_CONFIG).key_length == 128


def test_listed_sliding_layers_and_the_quantisation() -> None:
    found = config_json.architecture(GPT_OSS_CONFIG)
    assert (found.sliding_window, sum(found.sliding_layers)) == (128, 18)
    assert (found.quant_method, found.experts, found.experts_used) == ("mxfp4", 128, 4)


def test_a_vision_model_nests_its_text_config() -> None:
    nested = {
        "architectures": ["Qwen3VLForConditionalGeneration"],
        "model_type": "qwen3_vl",
        "text_config": {**PLAIN, "tie_word_embeddings": True},
        "vision_config": {"hidden_size": 9},
        "auto_map": {"AutoConfig": "x.Y"},
    }
    found = config_json.architecture(nested)
    assert (found.layers, found.embedding_length, found.tied_embeddings) == (4, 64, True)
    assert (found.custom_code, found.hf_architectures) == (
        True,
        ("Qwen3VLForConditionalGeneration",),
    )


def test_an_omni_model_nests_twice() -> None:
    nested = {"thinker_config": {"text_config": PLAIN}, "model_type": "omni"}
    assert config_json.architecture(nested).layers == 4


def test_latent_rows_may_rotate_nothing_and_an_indexer_s_key_stand_for_several_tokens() -> None:
    """GLM-5.3-Flash's, whose states tell where a token is."""
    mla = {"kv_lora_rank": 512, "qk_rope_head_dim": 0, "qk_nope_head_dim": 256, "v_head_dim": 256}
    sparse = {"index_head_dim": 128, "index_n_heads": 32, "index_kpool": 4}
    found = config_json.architecture({**PLAIN, "model_type": "glm5_next_text", **mla, **sparse})
    assert (found.kv_lora_rank, found.rope_dimension, found.rotary_bytes) == (512, 0, 0)
    assert (found.indexer_length, found.indexer_pool) == (128, 4)


def test_latent_attention() -> None:
    mla = {"kv_lora_rank": 512, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 96}
    found = config_json.architecture({**PLAIN, "model_type": "deepseek_v3", **mla})
    assert (found.kv_lora_rank, found.rope_dimension) == (512, 64)
    assert (found.key_length, found.value_length) == (192, 96)


def test_a_sparse_indexer_s_key_is_cached_too() -> None:
    mla = {"kv_lora_rank": 512, "qk_rope_head_dim": 64, "index_head_dim": 128}
    found = config_json.architecture({**PLAIN, "model_type": "deepseek_v32", **mla})
    assert (found.rope_dimension, found.indexer_length) == (64, 128)


def test_some_layers_take_what_another_s_indexer_chose() -> None:
    mla = {"model_type": "glm_moe_dsa", "kv_lora_rank": 512, "index_head_dim": 128}
    every = config_json.architecture({**PLAIN, **mla, "index_topk_freq": 2})
    assert every.indexer_layers == (True, True, False, True)
    told = config_json.architecture({**PLAIN, **mla, "index_topk_pattern": "FSSF"})
    assert told.indexer_layers == (True, False, False, True)


def test_latent_attention_that_vllm_unpacks_into_heads() -> None:
    mla = {"kv_lora_rank": 256, "qk_rope_head_dim": 32, "qk_nope_head_dim": 64, "v_head_dim": 64}
    found = config_json.architecture({**PLAIN, "model_type": "minicpm3", **mla})
    assert (found.kv_lora_rank, found.key_length, found.value_length) == (0, 96, 96)


def test_what_a_nested_config_leaves_out_is_its_class_s_default() -> None:
    """As google/gemma-3-4b-it's is: no heads, no vocabulary, no pattern of layers."""
    text = {"hidden_size": 2560, "num_hidden_layers": 34, "sliding_window": 1024}
    found = config_json.architecture({"model_type": "gemma3", "text_config": text})
    assert (found.name, found.heads, found.kv_heads[0], found.key_length) == (
        *("gemma3_text", 8),
        *(4, 256),
    )
    assert (found.vocab_size, sum(found.sliding_layers), found.tied_embeddings) == (
        *(262_208, 29),
        True,
    )
    assert found.exact


def test_numbers_that_single_families_keep_elsewhere() -> None:
    dbrx = {**PLAIN, "model_type": "dbrx", "attn_config": {"kv_n_heads": 1}}
    del dbrx["num_key_value_heads"]
    assert config_json.architecture(dbrx).kv_heads == (1,) * 4
    lfm = {**PLAIN, "model_type": "lfm2", "conv_L_cache": 3, "full_attn_idxs": [2]}
    found = config_json.architecture(lfm)
    assert (found.kv_heads, found.recurrent_layers) == ((0, 0, 2, 0), (True, True, False, True))
    twice = {**PLAIN, "model_type": "longcat_flash", "num_layers": 4, "kv_lora_rank": 512}
    del twice["num_hidden_layers"]
    assert config_json.architecture(twice).layers == 8


def test_nothing_said_is_not_null() -> None:
    mistral = {**PLAIN, "model_type": "mistral"}
    assert config_json.architecture(mistral).sliding_window == 4096
    assert config_json.architecture({**mistral, "sliding_window": None}).sliding_window == 0


def test_encoders_with_a_decoder_are_refused() -> None:
    with pytest.raises(UnreadableHeader, match="an encoder and writes with a decoder"):
        config_json.architecture({**PLAIN, "model_type": "t5", "is_encoder_decoder": True})


def test_llama4_slides_in_three_of_four_layers() -> None:
    found = config_json.architecture({**PLAIN, "model_type": "llama4_text"})
    assert (found.sliding_window, found.sliding_layers) == (8192, (True, True, True, False))


def test_llama4_has_one_expert_that_all_tokens_use() -> None:
    llama_4 = {**PLAIN, "model_type": "llama4_text", "intermediate_size": 8192}
    found = [config_json.architecture({**llama_4, "num_local_experts": n}) for n in (16, 0)]
    assert [each.shared_feed_forward_length for each in found] == [8192, 0]


def test_mimo_marks_its_sliding_layers() -> None:
    swa = {
        "hybrid_layer_pattern": [0, 1, 1, 0],
        "sliding_window": 128,
        "swa_num_key_value_heads": 8,
        "swa_head_dim": 192,
        "swa_v_head_dim": 128,
    }
    found = config_json.architecture({**PLAIN, "model_type": "mimo_v2_flash", **swa})
    assert found.kv_heads == (2, 8, 8, 2)
    assert (found.key_length_swa, found.value_length_swa) == (192, 128)


def test_short_convolution_and_falcon_s_both() -> None:
    conv = {"layer_types": ["conv", "conv", "full_attention", "conv"], "conv_L_cache": 3}
    found = config_json.architecture({**PLAIN, "model_type": "lfm2", **conv})
    assert (found.ssm_conv_kernel, found.ssm_inner_size) == (3, 64)
    both = config_json.architecture({**PLAIN, "model_type": "falcon_h1", "mamba_d_state": 256})
    assert (both.recurrent_layers, both.kv_heads) == ((True,) * 4, (2,) * 4)
    assert both.ssm_state_size == 256


def test_bamba_lists_its_attention_layers() -> None:
    found = config_json.architecture({**PLAIN, "model_type": "bamba", "attn_layer_indices": [2]})
    assert found.kv_heads == (0, 0, 2, 0)


def test_one_shared_head_of_the_old_falcon() -> None:
    config = {key: value for key, value in PLAIN.items() if key != "num_key_value_heads"}
    assert config_json.architecture({**config, "multi_query": True}).kv_heads == (1,) * 4


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(UnreadableHeader, match="no JSON object"):
        config_json.architecture([])  # type: ignore[arg-type]


def test_qwen_tells_a_window_that_it_does_not_use() -> None:
    config = {**PLAIN, "model_type": "qwen2", "sliding_window": 32, "use_sliding_window": False}
    found = config_json.architecture(config)
    assert (found.sliding_window, found.sliding_layers, found.exact) == (0, (), True)


def test_mistral_slides_in_every_layer() -> None:
    found = config_json.architecture({**PLAIN, "model_type": "mistral", "sliding_window": 32})
    assert found.sliding_layers == (True,) * 4


def test_a_period_by_the_family_or_by_the_config() -> None:
    gemma2 = config_json.architecture({**PLAIN, "model_type": "gemma2", "sliding_window": 32})
    assert gemma2.sliding_layers == (True, False, True, False)
    told = {"model_type": "cohere2", "sliding_window": 32, "sliding_window_pattern": 4}
    assert config_json.architecture({**PLAIN, **told}).sliding_layers == (True, True, True, False)


def test_a_stray_window_makes_the_estimate_rough() -> None:
    found = config_json.architecture({**PLAIN, "model_type": "new_thing", "sliding_window": 32})
    assert (found.sliding_layers, found.exact) == ((), False)


def test_gemma4_s_global_layers_are_wider() -> None:
    config = {
        **PLAIN,
        "model_type": "gemma4_text",
        "head_dim": 256,
        "global_head_dim": 512,
        "num_global_key_value_heads": 1,
        "sliding_window": 1024,
        "layer_types": ["sliding_attention"] * 3 + ["full_attention"],
        "num_kv_shared_layers": 2,
    }
    found = config_json.architecture(config)
    assert found.kv_heads == (2, 2, 2, 1)
    assert (found.key_length, found.key_length_swa, found.shared_kv_layers) == (512, 256, 2)


def test_gated_deltanet_layers() -> None:
    config = {
        **PLAIN,
        "model_type": "qwen3_next",
        "full_attention_interval": 4,
        "linear_num_value_heads": 32,
        "linear_value_head_dim": 128,
        "linear_num_key_heads": 16,
        "linear_key_head_dim": 128,
        "linear_conv_kernel_dim": 4,
    }
    found = config_json.architecture(config)
    assert found.recurrent_layers == (True, True, True, False)
    assert found.kv_heads == (0, 0, 0, 2)
    assert (found.ssm_inner_size, found.ssm_group_count) == (4096, 16)


def test_nemotron_h_tells_its_layers_by_letters() -> None:
    config = {
        **{key: value for key, value in PLAIN.items() if key != "num_hidden_layers"},
        "model_type": "nemotron_h",
        "hybrid_override_pattern": "ME*-",
        "mamba_num_heads": 64,
        "mamba_head_dim": 64,
        "ssm_state_size": 128,
        "n_groups": 8,
        "conv_kernel": 4,
    }
    found = config_json.architecture(config)
    assert found.recurrent_layers == (True, False, False, False)
    assert found.kv_heads == (0, 0, 2, 0)
    assert (found.ssm_inner_size, found.ssm_state_size) == (4096, 128)


def test_kimi_counts_its_layers_from_one() -> None:
    linear = {"full_attn_layers": [4], "num_heads": 32, "head_dim": 128}
    config = {**PLAIN, "model_type": "kimi_linear", "linear_attn_config": linear}
    assert config_json.architecture(config).recurrent_layers == (True, True, True, False)


def test_jamba_s_period() -> None:
    period = {"attn_layer_period": 4, "attn_layer_offset": 1}
    found = config_json.architecture({**PLAIN, "model_type": "jamba", **period})
    assert found.recurrent_layers == (True, False, True, True)


def test_mamba_needs_no_heads() -> None:
    config = {"model_type": "mamba", "num_hidden_layers": 2, "hidden_size": 8, "vocab_size": 5}
    found = config_json.architecture(config)
    assert (found.kv_heads, found.recurrent_layers) == ((0, 0), (True, True))


def test_a_hybrid_that_hides_its_layers_is_rough() -> None:
    assert not config_json.architecture({**PLAIN, "model_type": "nemotron_h"}).exact


def test_nemotron_nas_tells_heads_for_each_block() -> None:
    blocks = [{"attention": {"n_heads_in_group": 2}}, {"attention": {"no_op": True}}] * 2
    found = config_json.architecture({**PLAIN, "block_configs": blocks})
    assert found.kv_heads == (2, 0, 2, 0)


def test_old_names_of_the_same_facts() -> None:
    config = {"model_type": "gpt2", "n_layer": 2, "n_embd": 64, "n_head": 4, "n_positions": 1024}
    found = config_json.architecture({**config, "vocab_size": 100})
    assert (found.layers, found.kv_heads, found.context_length) == (2, (4, 4), 1024)
    assert found.tied_embeddings


def test_encoders_are_not_causal() -> None:
    for name in ("bert", "xlm-roberta", "modernbert", "nomic_bert", "distilbert"):
        assert not config_json.architecture({**PLAIN, "model_type": name}).causal
    assert config_json.architecture(PLAIN).causal


@pytest.mark.parametrize(("padding", "tokens"), [(1, 512), (None, 512), (3, 510)])
def test_positions_before_the_padding_are_no_context(padding: int | None, tokens: int) -> None:
    config = {**PLAIN, "max_position_embeddings": 514, "pad_token_id": padding}
    found = config_json.architecture({**config, "model_type": "xlm-roberta"})
    assert found.context_length == tokens
    assert config_json.architecture({**config, "model_type": "bert"}).context_length == 514


def test_missing_facts_make_it_rough() -> None:
    for key in ("vocab_size", "max_position_embeddings"):
        config = {name: value for name, value in PLAIN.items() if name != key}
        config["model_type"] = "unheard_of"
        assert not config_json.architecture(config).exact


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"num_hidden_layers": None}, "num_hidden_layers"),
        ({"num_hidden_layers": "many"}, "num_hidden_layers"),
        ({"num_hidden_layers": 10**9}, "claims 1000000000 layers"),
        ({"num_hidden_layers": -1}, "num_hidden_layers"),
        ({"num_hidden_layers": float("inf")}, "num_hidden_layers"),
        ({"hidden_size": 0}, "hidden_size"),
        ({"num_attention_heads": 0}, "num_attention_heads"),
        ({"vocab_size": 10**30}, "vocab_size"),
    ],
)
def test_nonsense_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UnreadableHeader, match=sentence):
        config_json.architecture({**PLAIN, **change})


_LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_JSON = (
    _LEAF | st.lists(_LEAF, max_size=5) | st.dictionaries(st.text(max_size=8), _LEAF, max_size=3)
)
_KEYS = st.sampled_from(
    (
        *PLAIN,
        "architectures",
        "attn_layer_period",
        "block_configs",
        "head_dim",
        "hybrid_layer_pattern",
        "hybrid_override_pattern",
        "intermediate_size",
        "kv_lora_rank",
        "layer_types",
        "linear_attn_config",
        "num_kv_shared_layers",
        "partial_rotary_factor",
        "quantization_config",
        "sliding_window",
        "text_config",
        "tie_word_embeddings",
        "torch_dtype",
    )
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(_KEYS, _JSON, max_size=6))
def test_any_config_is_read_or_refused(change: dict[str, Any]) -> None:
    try:
        found = config_json.architecture({**PLAIN, **change})
    except UnreadableHeader as error:
        assert str(error)
    else:
        assert len(found.kv_heads) == found.layers
        assert len(found.sliding_layers) in (0, found.layers)
        assert len(found.recurrent_layers) in (0, found.layers)


@pytest.mark.parametrize(
    "more",
    [
        {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
        {"talker_config": {}, "quantization_config": {"quant_method": "awq", "bits": 4}},
        {"quantization_config": {"quant_method": "of a plugin"}},
        {"model_type": "modernvbert", "text_config": PLAIN},
    ],
)
def test_files_that_are_not_loaded_as_they_are_make_it_rough(more: dict[str, Any]) -> None:
    assert config_json.architecture(PLAIN).exact
    assert not config_json.architecture({**PLAIN, **more}).exact


def test_a_voice_is_told_and_no_reason_to_be_rough() -> None:
    found = config_json.architecture({**PLAIN, "talker_config": {"hidden_size": 896}})
    assert found.has_voice and found.exact


def test_heads_of_each_layer_may_be_a_list() -> None:
    found = config_json.architecture({**PLAIN, "num_key_value_heads": [1, 2, 4, 2]})
    assert found.kv_heads == (1, 2, 4, 2)
    with pytest.raises(UnreadableHeader):
        config_json.architecture({**PLAIN, "num_key_value_heads": [1, 2, 4, -2]})


def test_a_model_that_reads_and_writes_apart_has_a_next_step_of_its_own() -> None:
    with pytest.raises(UnreadableHeader) as refused:
        config_json.architecture({**PLAIN, "is_encoder_decoder": True})
    assert refused.value.next_step == "Choose a model that only writes, or one that only embeds."


def test_ratios_that_are_no_numbers_are_those_of_no_compression() -> None:
    told = {**PLAIN, "model_type": "deepseek_v4", "compress_ratios": [[1], 4, None, 128]}
    assert config_json.architecture(told).compress_ratios == (0, 4, 0, 128)


class _GoneThrough(list[Any]):
    """A list that counts how often it is gone through, to its end or until something is found."""

    times = 0

    def __iter__(self) -> Iterator[Any]:
        self.times += 1
        return super().__iter__()

    def __contains__(self, item: object) -> bool:
        self.times += 1
        return super().__contains__(item)


@pytest.mark.parametrize("key", ["full_attn_idxs", "hybrid_layer_ids", "attn_layer_indices"])
def test_a_stranger_s_list_of_layers_is_gone_through_once(key: str) -> None:
    listed = _GoneThrough([1, [2], "3", None, 1 << 80])
    found = config_json.architecture({**PLAIN, key: listed})
    assert found.kv_heads == (0, 2, 0, 0)
    assert listed.times == 1


def test_what_newer_files_tell_of_each_layer_is_what_older_ones_told_of_all() -> None:
    """Gemma 4's, as transformers 5.20 saves them."""
    types = ["sliding_attention"] * 3 + ["full_attention"]
    text = {**PLAIN, "model_type": "gemma4_text", "layer_types": types, "sliding_window": 512}
    older = {"global_head_dim": 32, "num_global_key_value_heads": 1}
    newer = {"per_layer_config": {"03": {"head_dim": 32, "num_key_value_heads": 1}}}
    found, expected = (
        config_json.architecture({"model_type": "gemma4", "text_config": {**text, **own}})
        for own in (newer, older)
    )
    assert found == expected
    assert (found.key_length, found.kv_heads) == (32, (2, 2, 2, 1))


@pytest.mark.parametrize("told", [{}, [], {"03": None}, {"03": {"head_dim": -1}}, "03"])
def test_what_is_told_of_layers_may_be_nonsense(told: object) -> None:
    config = {**PLAIN, "model_type": "gemma4_text", "per_layer_config": told}
    try:
        assert config_json.architecture(config).layers == 4
    except UnreadableHeader as error:
        assert "global_head_dim" in str(error)
