"""Documents that tell a header in JSON: forms that tools and people write."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.standins import gguf
from wizard.registry import header_document
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


def read(keys: Mapping[str, Any], **more: Any) -> Architecture:
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
    document = {"keys": KEYS, "file_bytes": BYTES, "tensors": tensors}
    assert header_document.document(document).header.repacked == 4096 * 4096 // 32 * 18
    unknown = {**document, "tensors": {"blk.0.attn_q.weight": 9437184}}
    assert header_document.document(unknown).header.repacked is None


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
