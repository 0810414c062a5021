"""Context and slots from the memory at hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.engine import auto
from inference.engine.auto import Memory
from inference.errors import Unsupported
from inference.gguf import Header, Tensor
from inference.models import LocalFile, LocalModel, Source
from inference.settings import Settings, load

GIB = 1 << 30
LLAMA_8B = {
    "general.architecture": "llama",
    "llama.context_length": 131072,
    "llama.embedding_length": 4096,
    "llama.block_count": 32,
    "llama.attention.head_count": 32,
    "llama.attention.head_count_kv": 8,
    "llama.vocab_size": 128256,
}


def _header(**changed: Any) -> Header:
    return Header(3, {**LLAMA_8B, **changed}, (), 0, 0)


def _settings(*flags: str) -> Settings:
    return load(["--model", "llama3.1:8b", *flags], {})


def test_it_works() -> None:
    context, slots = auto.choose(_header(), 5 * GIB, _settings(), Memory(24 * GIB, on_gpu=True))
    assert slots == 16
    assert 8192 <= context <= 131072


def test_bytes_of_a_token() -> None:
    assert auto.bytes_per_token(_header(), "f16") == 32 * 8 * 256 * 2
    assert auto.bytes_per_token(_header(), "q8_0") == 32 * 8 * 256 * 34 / 32


def test_bytes_of_a_token_where_layers_differ() -> None:
    heads = {"llama.attention.head_count_kv": [8, 0, 8, 0]}
    assert auto.bytes_per_token(_header(**heads), "f16") == 16 * 256 * 2


def test_bytes_of_a_token_with_latent_attention() -> None:
    latent = {"llama.attention.kv_lora_rank": 512, "llama.rope.dimension_count": 64}
    assert auto.bytes_per_token(_header(**latent), "f16") == 32 * 576 * 2


def test_more_memory_gives_more_context() -> None:
    contexts = [
        auto.choose(_header(), 5 * GIB, _settings("--slots", "4"), Memory(size * GIB, on_gpu=True))
        for size in (12, 24, 48, 80)
    ]
    assert contexts == sorted(contexts)
    assert contexts[-1] == (131072, 4)


def test_what_is_set_is_kept() -> None:
    memory = Memory(8 * GIB, on_gpu=True)
    both = _settings("--slots", "3", "--context-length", "5000")
    assert auto.choose(_header(), 5 * GIB, both, memory) == (5000, 3)
    one = _settings("--context-length", "4096")
    assert auto.choose(_header(), 5 * GIB, one, Memory(80 * GIB, on_gpu=True)) == (4096, 16)


def test_experts_in_host_memory_take_none_of_the_card() -> None:
    tensors = (
        Tensor("blk.0.attn_q.weight", (4096, 4096), "F16", 0, 1 * GIB),
        Tensor("blk.0.ffn_up_exps.weight", (4096, 4096, 64), "F16", 1 * GIB, 30 * GIB),
    )
    header = replace(_header(), tensors=tensors)
    model = LocalModel("mixture", Source.LOCAL, (LocalFile(Path("mixture.gguf"), 31 * GIB),))
    card, host = Memory(24 * GIB, on_gpu=True), Memory(64 * GIB, on_gpu=False)
    assert auto.configure(model, header, _settings("--cpu-moe"), card).memory < 24 * GIB
    assert auto.configure(model, header, _settings(), card).memory > 31 * GIB
    assert auto.configure(model, header, _settings("--cpu-moe"), host).memory > 31 * GIB


def test_a_machine_without_gpu_is_not_filled() -> None:
    context, slots = auto.choose(_header(), 5 * GIB, _settings(), Memory(64 * GIB, on_gpu=False))
    assert slots <= 4
    assert context <= 32768


@given(st.integers(1, 8192), st.integers(1, 256), st.booleans())
def test_slots_share_a_step_without_a_rest(ubatch: int, slots: int, up: bool) -> None:
    found = auto.divisible(ubatch, slots, up=up)
    assert found % slots == 0
    assert found >= ubatch if up or ubatch < slots else ubatch - slots < found <= ubatch


def test_more_drafts_than_go_into_one_step_are_refused() -> None:
    """They end llama-server."""
    auto.check_speculation(_header(), "ngram", 56, 512)
    auto.check_speculation(_header(), "off", 64, 512)
    auto.check_speculation(_header(), "ngram", 57, 513)
    with pytest.raises(Unsupported, match="57 slots draft 8 tokens each") as refused:
        auto.check_speculation(_header(), "ngram", 57, 512)
    assert "SLOTS to 56 or less, UBATCH and BATCH to 513 or more" in refused.value.next_step


@pytest.mark.parametrize(
    ("keys", "ubatch"),
    [
        ({"pooling_type": 1}, 8192),
        ({"pooling_type": 3}, 512),
        ({"pooling_type": 4}, 512),
        ({"pooling_type": 3, "attention.causal": False}, 8192),
        ({}, 512),
    ],
)
def test_texts_to_embed_are_read_whole_where_they_must_be(
    keys: dict[str, Any], ubatch: int
) -> None:
    model = LocalModel("embedder", Source.LOCAL, (LocalFile(Path("embedder.gguf"), GIB),))
    header = _header(**{f"llama.{name}": value for name, value in keys.items()})
    settings = _settings("--context-length", "32768", "--slots", "4")
    config = auto.configure(model, header, settings, Memory(80 * GIB, on_gpu=True))
    assert config.ubatch == ubatch
    assert config.reads_in_steps is ("pooling_type" in keys and ubatch == 512)


@pytest.mark.parametrize(
    ("keys", "tensors", "pooling"),
    [
        ({"pooling_type": 4}, [], "rank"),
        ({"attention.causal": False}, ["cls.output.weight"], "rank"),
        ({"attention.causal": False, "pooling_type": 2}, ["cls.weight"], ""),
        ({"attention.causal": False}, ["output.weight"], "mean"),
        ({}, ["cls.output.weight"], "mean"),
    ],
)
def test_a_reranker_is_known_by_what_it_says_or_by_its_classifier(
    keys: dict[str, Any], tensors: list[str], pooling: str
) -> None:
    plain = _header(**{f"llama.{name}": value for name, value in keys.items()})
    found = tuple(Tensor(name, (32, 1), "F32", 0, 128) for name in tensors)
    assert auto.pooling(replace(plain, tensors=found)) == pooling


@pytest.mark.parametrize("kind", ["ngram", "mtp"])
def test_what_only_embeds_drafts_nothing(kind: str) -> None:
    """SPECULATIVE is for all models of a server."""
    model = LocalModel("embedder", Source.LOCAL, (LocalFile(Path("embedder.gguf"), GIB),))
    header = _header(**{"llama.pooling_type": 1})
    settings = _settings("--speculative", kind)
    config = auto.configure(model, header, settings, Memory(24 * GIB, on_gpu=True))
    assert (config.speculative, config.draft) == ("off", 0)


@given(
    memory=st.integers(0, 1 << 41),
    weights=st.integers(0, 1 << 40),
    trained=st.integers(0, 1 << 24),
    on_gpu=st.booleans(),
)
def test_it_is_never_beyond_what_the_model_was_trained_for(
    memory: int, weights: int, trained: int, on_gpu: bool
) -> None:
    header = _header(**{"llama.context_length": trained})
    context, slots = auto.choose(header, weights, _settings(), Memory(memory, on_gpu=on_gpu))
    assert slots >= 1
    assert 256 <= context <= max(trained, auto.GOOD_CONTEXT)


@given(value=st.one_of(st.none(), st.integers(), st.text(), st.lists(st.integers(), max_size=4)))
def test_hostile_headers_give_a_number(value: Any) -> None:
    keys = ("block_count", "attention.head_count", "attention.head_count_kv", "embedding_length")
    header = _header(**{f"llama.{key}": value for key in keys})
    assert auto.bytes_per_token(header, "f16") >= 1
