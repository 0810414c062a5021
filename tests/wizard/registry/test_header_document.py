"""Documents that tell a header in JSON: forms that tools and people write."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.standins import gguf
from wizard.registry import header_document, vocabularies
from wizard.registry.errors import UnreadableHeader
from wizard.registry.values import Architecture

VOCABULARY = 128256
KEYS: dict[str, Any] = {
    "general.architecture": "llama",
    "llama.context_length": 131072,
    "llama.block_count": 32,
    "llama.embedding_length": 4096,
    "llama.feed_forward_length": 14336,
    "llama.attention.head_count": 32,
    "llama.attention.head_count_kv": 8,
    "llama.vocab_size": VOCABULARY,
}
BYTES = 4_920_734_272


def read(keys: Mapping[str, Any] | list[Any], **more: Any) -> Architecture:
    return header_document.document(
        {"keys": keys, "file_bytes": BYTES, **more}
    ).header.architecture()


def without_vocabulary(**more: Any) -> dict[str, Any]:
    return {name: value for name, value in KEYS.items() if name != "llama.vocab_size"} | more


def test_it_works() -> None:
    found = read(KEYS)
    assert (found.layers, found.kv_heads[0], found.vocab_size) == (32, 8, VOCABULARY)
    assert found.exact


@pytest.mark.parametrize("name", ["keys", "metadata", "kv"])
def test_the_keys_may_be_called_as_tools_do(name: str) -> None:
    found = header_document.document({name: KEYS, "file_bytes": BYTES})
    assert found.header.architecture() == read(KEYS)


def test_numbers_may_be_texts_or_have_a_point() -> None:
    texts = {name: str(value) for name, value in KEYS.items()}
    points = {
        name: float(value) if isinstance(value, int) else value for name, value in KEYS.items()
    }
    assert read(texts) == read(points) == read(KEYS)


def test_values_may_stand_beside_their_types() -> None:
    wrapped = {
        name: {"type": "UINT32", "value": value} if isinstance(value, int) else {"value": value}
        for name, value in KEYS.items()
    }
    assert read(wrapped) == read(KEYS)


@pytest.mark.parametrize(
    "tokens",
    [VOCABULARY, ["a"] * VOCABULARY, f"arr[str,{VOCABULARY}]"],
    ids=["number", "list", "summary"],
)
def test_a_vocabulary_may_be_counted(tokens: object) -> None:
    assert read(without_vocabulary(**{"tokenizer.ggml.tokens": tokens})) == read(KEYS)


def test_the_embeddings_shape_tells_the_vocabulary() -> None:
    tensors = [{"name": "token_embd.weight", "type": "Q4_K", "shape": [4096, VOCABULARY]}]
    assert read(without_vocabulary(), tensors=tensors).vocab_size == VOCABULARY


def test_an_excerpt_of_tokens_is_no_vocabulary() -> None:
    found = read(without_vocabulary(**{"tokenizer.ggml.tokens": ["<s>", "</s>", "…"]}))
    assert not found.exact


def test_what_the_cpu_keeps_twice_is_counted_where_types_are_told() -> None:
    shape = {"shape": [4096, 4096]}
    tensors = [
        {"name": "blk.0.attn_q.weight", "type": "Q4_0", **shape},
        {"name": "blk.0.attn_k.weight", "type": "Q8_0", **shape},
    ]
    document = {"keys": KEYS, "tensors": tensors}
    assert header_document.document(document).header.repacked == 4096 * 4096 // 32 * 18
    unknown = {**document, "tensors": {"blk.0.attn_q.weight": 9437184}}
    assert header_document.document(unknown).header.repacked is None


def test_bytes_may_be_those_of_the_tensors() -> None:
    tensors = {"token_embd.weight": 100, "output.weight": 200}
    assert header_document.document({"keys": KEYS, "tensors": tensors}).file_bytes == 300
    assert header_document.document({"keys": KEYS}, BYTES).file_bytes == BYTES
    in_parts = {"keys": KEYS, "file_bytes": [BYTES, "200"]}
    assert header_document.document(in_parts).file_bytes == BYTES + 200


@pytest.mark.parametrize(
    "tensor",
    [
        {"name": "output.weight", "type": "GGML_TYPE_Q8_0", "shape": "4096 x 1000"},
        {"tensor": "output.weight", "type": "GGMLQuantizationType.Q8_0", "dims": "[4096, 1000]"},
        ["output.weight", "q8_0", [4096, 1000]],
        ["output.weight", [4096, 1000], 8],
        ["output.weight", "4,352,000"],
    ],
)
def test_tensors_may_be_told_as_tools_do(tensor: object) -> None:
    found = header_document.document({"keys": KEYS, "tensors": [tensor]})
    assert found.header.tensors == {"output.weight": 4096 * 1000 // 32 * 34}


def test_an_excerpt_of_the_tensors_is_no_list_of_them() -> None:
    tensors = {"token_embd.weight": 10**8, "output.weight": 10**8}
    assert header_document.document({"keys": KEYS, "file_bytes": BYTES, "tensors": tensors}) == (
        header_document.document({"keys": KEYS, "file_bytes": BYTES})
    )


@pytest.mark.parametrize("value", ["[8, 8, …]", [8, 8, "..."], str([8] * 32), "(8, ...)"])
def test_a_list_may_be_a_text_or_an_excerpt_of_equal_values(value: object) -> None:
    assert read(KEYS | {"llama.attention.head_count_kv": value}).kv_heads == (8,) * 32


@pytest.mark.parametrize(
    "value",
    [
        "arr[i32,32] = [8, 8, 8, 8, 8, 1, 8, 8, 8, 8, 8, 1, ...",
        "arr[i32,32] = [8, 8, 8, 8, 8, 1, 8, 8, 8, 8, 8, 1, 8...",
        [8, 8, 8, 8, 8, 1, 8, 8, 8, 8, 8, 1, "…"],
        "[8, 8, 8, 8, 8, 1, 8, 8, 8, 8, 8, 1, 8, 8, …]",
    ],
)
def test_an_excerpt_that_repeats_itself_goes_on(value: object) -> None:
    found = read(KEYS | {"llama.attention.head_count_kv": value}).kv_heads
    assert found == ((8, 8, 8, 8, 8, 1) * 6)[:32]


@pytest.mark.parametrize(
    "value", ["arr[bool,32] = [true, true, true, true, false, true, ...", [True, True, False, "…"]]
)
def test_an_excerpt_of_a_pattern_may_be_one_round_of_it(value: object) -> None:
    keys = {name.replace("llama", "gemma4"): told for name, told in KEYS.items()}
    keys |= {"general.architecture": "gemma4", "gemma4.attention.sliding_window": 512}
    found = read(keys | {"gemma4.attention.sliding_window_pattern": value}).sliding_layers
    period = 3 if isinstance(value, list) else 5
    assert found == tuple((layer + 1) % period != 0 for layer in range(32))


@pytest.mark.parametrize(
    "value",
    [
        [8, 8, 1, "…"],
        "[8, 8, 1, ...]",
        "arr[i32,32] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...",
        "arr[i32,32]",
        {"length": 32},
    ],
)
def test_layers_that_an_excerpt_leaves_out_are_asked_for(value: object) -> None:
    with pytest.raises(UnreadableHeader, match="head_count_kv in part") as refused:
        read(KEYS | {"llama.attention.head_count_kv": value})
    assert "all of its values" in refused.value.next_step


def test_lists_may_be_left_out_as_gguf_dump_does() -> None:
    bare = {"index": 5, "type": "ARRAY", "array_types": ["STRING"], "offset": 9}
    names = ("general.tags", "tokenizer.ggml.tokens", "llama.rope.scaling.short_factor")
    found = header_document.document(
        {"metadata": {**KEYS, **dict.fromkeys(names, bare)}, "file_bytes": BYTES}
    )
    assert found.header.architecture() == read(KEYS)
    with pytest.raises(UnreadableHeader, match="head_count_kv in part"):
        read(KEYS | {"llama.attention.head_count_kv": bare})


def test_an_excerpt_of_what_a_table_has_is_left_out() -> None:
    keys = {name.replace("llama", "gemma3"): told for name, told in KEYS.items()}
    keys |= {"general.architecture": "gemma3", "gemma3.attention.sliding_window": 512}
    cut = keys | {"gemma3.attention.sliding_window_pattern": {"length": 32}}
    assert read(cut) == read(keys)


@pytest.mark.parametrize("name", ["scores", "token_type"])
def test_other_lists_of_tokens_tell_the_vocabulary(name: str) -> None:
    keys = without_vocabulary() | {f"tokenizer.ggml.{name}": {"length": 64000}}
    assert read(keys).vocab_size == 64000
    short = without_vocabulary() | {f"tokenizer.ggml.{name}": [1, 1, "…"]}
    assert not read(short).exact


@pytest.mark.parametrize(
    ("architecture", "width", "tokenizer", "size"),
    [
        ("llama", 4096, {"pre": "llama-bpe"}, 128_256),
        ("llama", 4096, {"model": "llama", "pre": "default"}, 32_000),
        ("qwen2", 2048, {"pre": "qwen2"}, 151_936),
        ("qwen2", 5120, {"pre": "deepseek-r1-qwen"}, 152_064),
        ("qwen3", 5120, {"pre": "qwen2"}, 151_936),
        ("phi3", 3072, {"pre": "gpt-4o"}, 200_064),
        ("phi3", 5120, {"pre": "dbrx"}, 100_352),
        ("phi3", 3072, {}, 32_064),
        ("gpt-oss", 2880, {"pre": "gpt-4o"}, 201_088),
        ("deepseek2", 2048, {"pre": "glm4"}, 154_880),
        ("deepseek2", 7168, {"pre": "deepseek-v3"}, 129_280),
        ("glm4moe", 4096, {"pre": "glm4"}, 151_552),
        ("bert", 1024, {"model": "t5"}, 250_002),
        ("bert", 1024, {"model": "bert"}, 30_522),
        ("mistral3", 3072, {}, 131_072),
        ("unheard-of", 3072, {}, 0),
    ],
)
def test_usual_vocabularies(
    architecture: str, width: int, tokenizer: dict[str, str], size: int
) -> None:
    keys: dict[str, object] = {f"tokenizer.ggml.{name}": v for name, v in tokenizer.items()}
    assert vocabularies.size(keys | {f"{architecture}.embedding_length": width}, architecture) == (
        size
    )


@pytest.mark.parametrize(
    "keys", [list(KEYS.items()), [{"key": k, "value": v} for k, v in KEYS.items()]]
)
def test_keys_may_be_a_list_of_pairs(keys: list[Any]) -> None:
    pairs = [list(pair) if isinstance(pair, tuple) else pair for pair in keys]
    assert read(pairs) == read(KEYS)


def test_the_document_may_be_its_keys() -> None:
    assert header_document.document({**KEYS, "file_bytes": BYTES}).header.architecture() == read(
        KEYS
    )


@pytest.mark.parametrize(
    ("document", "problem", "step"),
    [
        ({}, "no “keys”", "general.architecture"),
        ({"keys": KEYS}, "file_bytes", "--file-bytes"),
        ({"keys": KEYS, "file_bytes": "much"}, "file_bytes", "--file-bytes"),
        ({"keys": KEYS, "file_bytes": [BYTES, None]}, "file_bytes", "--file-bytes"),
        ({"keys": {"a": {"b": 1}}, "file_bytes": 1}, "'a'", "length"),
        ({"keys": KEYS, "file_bytes": 1, "tensors": 7}, "tensors", "leave it out"),
        ({"keys": KEYS, "file_bytes": 1, "tensors": [{}]}, "no name", "name"),
        ({"keys": KEYS, "file_bytes": 1, "tensors": {"a": -1}}, "'a'", "type and shape"),
        ({"keys": KEYS, "file_bytes": 9, "tensors": {"a": 100}}, "100 bytes", "Correct"),
    ],
)
def test_a_refusal_says_what_to_do(document: dict[str, Any], problem: str, step: str) -> None:
    with pytest.raises(UnreadableHeader, match=problem) as refused:
        header_document.document(document)
    assert step in refused.value.next_step


def test_too_few_values_are_counted() -> None:
    with pytest.raises(UnreadableHeader, match=r"has 2 values for .+, and 32 layers"):
        read(KEYS | {"llama.attention.head_count_kv": [8, 4]})


def test_a_file_cut_off_within_its_header_tells_what_it_has(tmp_path: Path) -> None:
    keys = gguf.llama(layers=2, embedding=64, heads=4, kv_heads=2, vocab=5000)
    whole = gguf.file(keys, {"token_embd.weight": [64, 5000], "output.weight": [64, 5000]})
    path = tmp_path / "model.gguf"
    path.write_bytes(whole[: len(gguf.header(keys)) - 100])
    found = header_document.read(path)
    assert found.is_cut
    assert found.header.architecture().layers == 2
    assert not found.header.complete


def test_a_file_cut_off_before_its_keys_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf.header(gguf.llama())[:40])
    with pytest.raises(UnreadableHeader):
        header_document.read(path)
