from __future__ import annotations

from typing import Any

import pytest

from tests.standins import gguf
from wizard.registry import gguf_header
from wizard.registry.errors import UnreadableHeader
from wizard.registry.values import Architecture


def read(name: str, **options: Any) -> Architecture:
    """The architecture of a file with these keys."""
    tensors = options.pop("tensors", None)
    return gguf_header.parse(gguf.file(gguf.llama(name, **options), tensors)).architecture()


def test_it_works() -> None:
    found = read("llama", layers=4, embedding=128, heads=8, kv_heads=2, context=4096, vocab=50)
    assert found.kv_heads == (2, 2, 2, 2)
    assert (found.key_length, found.value_length) == (16, 16)
    assert (found.context_length, found.vocab_size, found.exact) == (4096, 50, True)


@pytest.mark.parametrize(
    ("keys", "pools", "at_end"),
    [
        ({}, False, False),
        ({".pooling_type": 0}, False, False),
        ({".pooling_type": 1}, True, False),
        ({".pooling_type": 3}, True, True),
        ({".pooling_type": 3, ".attention.causal": False}, True, False),
    ],
)
def test_where_a_text_is_pooled(keys: dict[str, Any], pools: bool, at_end: bool) -> None:
    found = read("qwen3", extra=keys)
    assert (found.pools, found.pools_at_end) == (pools, at_end)


def test_missing_kv_heads_are_as_many_as_heads() -> None:
    keys = gguf.llama("gpt2")
    del keys["gpt2.attention.head_count_kv"]
    assert gguf_header.parse(gguf.file(keys)).architecture().kv_heads == (4, 4)


def test_a_period_of_sliding_layers_from_the_table() -> None:
    found = read("gemma3", layers=12, extra={".attention.sliding_window": 1024})
    assert found.sliding_window == 1024
    assert found.sliding_layers == ((True,) * 5 + (False,)) * 2


def test_gpt_oss_slides_every_other_layer() -> None:
    found = read("gpt-oss", layers=4, extra={".attention.sliding_window": 128})
    assert found.sliding_layers == (True, False, True, False)


def test_llama4_is_chunked_without_any_key() -> None:
    found = read("llama4", layers=4)
    assert (found.sliding_window, found.sliding_layers) == (8192, (True, True, True, False))


def test_the_header_s_own_pattern_wins() -> None:
    extra: dict[str, gguf.Value] = {
        ".attention.sliding_window": 512,
        ".attention.sliding_window_pattern": [True, False, False, True],
    }
    assert read("gemma4", layers=4, extra=extra).sliding_layers == (True, False, False, True)
    extra[".attention.sliding_window_pattern"] = 2
    assert read("mimo2", layers=4, extra=extra).sliding_layers == (True, False, True, False)


def test_a_window_that_llama_cpp_ignores_limits_nothing() -> None:
    found = read("phi3", extra={".attention.sliding_window": 2047})
    assert (found.sliding_window, found.sliding_layers, found.exact) == (0, (), True)


def test_a_window_of_an_unknown_family_makes_the_estimate_rough() -> None:
    found = read("never-seen", extra={".attention.sliding_window": 2047})
    assert (found.sliding_layers, found.exact) == ((), False)


def test_exaone4_slides_only_in_its_large_size() -> None:
    assert read("exaone4", layers=30).sliding_layers == ()
    assert sum(read("exaone4", layers=64).sliding_layers) == 48


@pytest.mark.parametrize(("name", "width"), [("qwen2moe", 1408), ("llama", 0)])
def test_experts_share_the_dense_width_where_no_key_tells_theirs(name: str, width: int) -> None:
    extra = {".expert_count": 60, ".expert_used_count": 4}
    assert read(name, feed_forward=5632, extra=extra).expert_feed_forward_length == width
    told = extra | {".expert_feed_forward_length": 768}
    assert read(name, feed_forward=5632, extra=told).expert_feed_forward_length == 768


def test_gemma4_has_its_own_head_sizes_and_shared_layers() -> None:
    extra: dict[str, gguf.Value] = {
        ".attention.head_count_kv": [8, 8, 2, 8],
        ".attention.key_length": 512,
        ".attention.value_length": 512,
        ".attention.key_length_swa": 256,
        ".attention.value_length_swa": 256,
        ".attention.sliding_window": 1024,
        ".attention.sliding_window_pattern": [True, True, False, True],
        ".attention.shared_kv_layers": 1,
    }
    found = read("gemma4", layers=4, extra=extra)
    assert found.kv_heads == (8, 8, 2, 8)
    assert (found.key_length, found.key_length_swa, found.shared_kv_layers) == (512, 256, 1)


def test_gemma3n_shares_its_last_layers() -> None:
    found = read("gemma3n", layers=35, extra={".attention.sliding_window": 512})
    assert found.shared_kv_layers == 15


def test_mla_only_where_the_file_was_converted_for_it() -> None:
    extra: dict[str, gguf.Value] = {
        ".attention.kv_lora_rank": 512,
        ".attention.key_length": 576,
        ".attention.head_count_kv": 1,
        ".rope.dimension_count": 64,
    }
    assert read("deepseek2", extra=extra).kv_lora_rank == 0
    extra[".attention.key_length_mla"] = 192
    found = read("deepseek2", extra=extra)
    assert (found.kv_lora_rank, found.rope_dimension) == (512, 64)


def test_a_sparse_indexer_s_key_is_cached_too() -> None:
    extra: dict[str, gguf.Value] = {
        ".attention.kv_lora_rank": 512,
        ".attention.key_length": 576,
        ".attention.head_count_kv": 1,
        ".attention.key_length_mla": 192,
        ".rope.dimension_count": 64,
        ".attention.indexer.key_length": 128,
        ".attention.indexer.top_k": 2048,
    }
    found = read("glm-dsa", extra=extra)
    assert (found.rope_dimension, found.indexer_length) == (64, 128)
    assert all(found.indexer_layers)
    marked = read("glm-dsa", layers=3, extra={**extra, ".attention.indexer.types": [1, 0, 1]})
    assert marked.indexer_layers == (True, False, True)


def test_a_cache_that_is_not_modelled_makes_the_estimate_rough() -> None:
    assert not read("t5").exact


def test_deepseek_v4_compresses_its_cells() -> None:
    extra: dict[str, gguf.Value] = {
        ".attention.compress_ratios": [0, 4],
        ".attention.indexer.key_length": 128,
        ".attention.sliding_window": 128,
    }
    found = read("deepseek4", layers=2, extra=extra)
    assert (found.compress_ratios, found.indexer_length) == ((0, 4), 128)
    assert found.sliding_layers == (True, True)


def test_a_full_layer_may_come_first() -> None:
    found = read("cohere2moe", layers=4, extra={".attention.sliding_window": 4096})
    assert found.sliding_layers == (False, True, True, True)


def test_rwkv_s_state() -> None:
    keys = gguf.llama("rwkv7", embedding=2048, extra={".wkv.head_size": 64})
    found = gguf_header.parse(gguf.file(keys)).architecture()
    assert (found.ssm_conv_kernel, found.ssm_inner_size, found.ssm_state_size) == (3, 2048, 64)


def test_kimi_s_state() -> None:
    extra: dict[str, gguf.Value] = {
        ".kda.head_dim": 128,
        ".ssm.conv_kernel": 4,
        ".attention.head_count_kv": [0, 0, 0, 32],
    }
    found = read("kimi-linear", layers=4, heads=32, embedding=2304, extra=extra)
    assert (found.ssm_inner_size, found.ssm_state_size, found.ssm_group_count) == (4096, 128, 32)
    assert found.recurrent_layers == (True, True, True, False)


def test_mtp_blocks_are_no_layers() -> None:
    found = read("glm4moe", layers=47, extra={".nextn_predict_layers": 1})
    assert (found.layers, found.nextn_layers, len(found.kv_heads)) == (46, 1, 46)


def test_a_hybrid_by_interval() -> None:
    extra: dict[str, gguf.Value] = {
        ".full_attention_interval": 4,
        ".ssm.conv_kernel": 4,
        ".ssm.inner_size": 4096,
        ".ssm.state_size": 128,
        ".ssm.group_count": 16,
    }
    found = read("qwen3next", layers=8, extra=extra)
    assert found.recurrent_layers == (True, True, True, False) * 2
    assert found.kv_heads == (0, 0, 0, 2) * 2
    assert (found.ssm_conv_kernel, found.ssm_inner_size, found.ssm_state_size) == (4, 4096, 128)


def test_a_hybrid_by_kv_heads() -> None:
    extra: dict[str, gguf.Value] = {".attention.head_count_kv": [0, 0, 8, 0]}
    assert read("granitehybrid", layers=4, extra=extra).recurrent_layers == (
        True,
        True,
        False,
        True,
    )


def test_nemotron_h_has_layers_that_only_feed_forward() -> None:
    extra: dict[str, gguf.Value] = {
        ".attention.head_count_kv": [0, 8, 0],
        ".feed_forward_length": [0, 0, 512],
    }
    assert read("nemotron_h", layers=3, extra=extra).recurrent_layers == (True, False, False)


def test_falcon_h1_does_both_in_every_layer() -> None:
    found = read("falcon-h1")
    assert (found.recurrent_layers, found.kv_heads) == ((True, True), (2, 2))


def test_mamba_has_no_heads() -> None:
    keys = gguf.llama("mamba")
    del keys["mamba.attention.head_count"], keys["mamba.attention.head_count_kv"]
    found = gguf_header.parse(gguf.file(keys)).architecture()
    assert (found.kv_heads, found.recurrent_layers) == ((0, 0), (True, True))


def test_short_convolution_states() -> None:
    found = read("lfm2", embedding=2048, heads=32, extra={".shortconv.l_cache": 3})
    assert (found.ssm_conv_kernel, found.ssm_inner_size, found.ssm_state_size) == (3, 2048, 0)


def test_tied_by_the_tensors_else_by_the_family() -> None:
    assert read("qwen3", tensors={"token_embd.weight": [2, 2]}).tied_embeddings
    untied = {"token_embd.weight": [2, 2], "output.weight": [2, 2]}
    assert not read("gemma3", tensors=untied).tied_embeddings
    large = {"embedding": 4096, "heads": 32}
    assert read("gemma3", **large).tied_embeddings
    assert not read("qwen3", **large).tied_embeddings


def test_an_embedding_model_is_not_causal() -> None:
    assert not read("bert", extra={".attention.causal": False}).causal
    assert not read("nomic-bert").causal
    assert read("llama").causal


def test_experts() -> None:
    found = read("qwen3moe", extra={".expert_count": 128, ".expert_used_count": 8})
    assert (found.experts, found.experts_used) == (128, 8)


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        ({".block_count": 0}, "block_count"),
        ({".block_count": 513}, "block_count"),
        ({".block_count": 1 << 31}, "block_count"),
        ({".block_count": "36"}, "block_count"),
        ({".block_count": -4}, "block_count"),
        ({".embedding_length": 0}, "embedding_length"),
        ({".context_length": 0}, "context_length"),
        ({".attention.head_count": 0}, "head_count"),
        ({".attention.head_count_kv": [1]}, "head_count_kv"),
        ({".attention.key_length": float("inf")}, "key_length"),
        ({".attention.key_length": float("nan")}, "key_length"),
        ({".nextn_predict_layers": 9}, "block_count"),
        ({".attention.sliding_window": 4, ".attention.sliding_window_pattern": []}, "pattern"),
        ({"general.type": "mmproj"}, "projector"),
        ({"general.type": "adapter"}, "LoRA"),
    ],
)
def test_nonsense_is_refused(extra: dict[str, gguf.Value], sentence: str) -> None:
    with pytest.raises(UnreadableHeader, match=sentence):
        read("llama", extra=extra)


@pytest.mark.parametrize(
    "key", ["general.architecture", "llama.block_count", "llama.context_length"]
)
def test_a_missing_key_is_named(key: str) -> None:
    keys = gguf.llama("llama")
    del keys[key]
    with pytest.raises(UnreadableHeader, match=key):
        gguf_header.parse(gguf.file(keys)).architecture()
