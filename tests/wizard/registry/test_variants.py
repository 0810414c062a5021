from __future__ import annotations

import pytest

from wizard.registry import variants
from wizard.registry.errors import VariantNotFound
from wizard.registry.values import Format, ModelFile, Variant


def files(*paths: str) -> list[ModelFile]:
    """Files whose sizes are 1000, 1001, …, so that each can be told apart."""
    return [ModelFile(path, 1000 + number) for number, path in enumerate(paths)]


def names(found: tuple[Variant, ...]) -> list[str]:
    return [variant.name for variant in found]


def paths(variant: Variant) -> list[str]:
    return [file.path for file in variant.files]


def test_it_works() -> None:
    found = variants.from_gguf(files("M-Q4_K_M.gguf", "M-Q8_0.gguf", "README.md"), parameters=2000)
    assert names(found) == ["Q4_K_M", "Q8_0"]
    assert found[0].format is Format.GGUF
    assert found[0].bits_per_weight == 4.0


def test_parts_are_one_variant_in_their_order() -> None:
    found = variants.from_gguf(
        files("BF16/M-BF16-00002-of-00002.gguf", "BF16/M-BF16-00001-of-00002.gguf")
    )
    assert paths(found[0]) == ["BF16/M-BF16-00001-of-00002.gguf", "BF16/M-BF16-00002-of-00002.gguf"]
    assert found[0].weight_bytes == 2001


@pytest.mark.parametrize(
    "broken",
    ["M-Q8_0-00001-of-00002.gguf", "M-Q8_0-00002-of-00002.gguf", "M-Q8_0-00001-of-99999.gguf"],
)
def test_a_split_that_lacks_parts_is_left_out(broken: str) -> None:
    assert variants.from_gguf(files(broken)) == ()


def test_the_best_projector_goes_with_every_variant() -> None:
    found = variants.from_gguf(
        files("M-Q4_0.gguf", "M-Q8_0.gguf", "mmproj-M-F32.gguf", "mmproj-M-f16.gguf")
    )
    assert [variant.projector and variant.projector.path for variant in found] == [
        "mmproj-M-f16.gguf"
    ] * 2
    assert found[0].download_bytes == 1000 + 1003


def test_what_is_no_weights_is_left_out() -> None:
    found = variants.from_gguf(
        files("M-Q4_0.gguf", "imatrix.gguf", "M-lora-f16.gguf", "ggml-vocab-x.gguf", ".gguf")
    )
    assert names(found) == ["Q4_0"]


def test_a_shared_quantisation_is_named_by_its_file() -> None:
    found = variants.from_gguf(files("A-Q4_0.gguf", "A-long-Q4_0.gguf", "x/A-long-Q4_0.gguf"))
    assert sorted(names(found)) == ["A-long-Q4_0", "Q4_0", "x/A-long-Q4_0"]


def test_a_quantisation_may_be_the_folder_s_name() -> None:
    assert names(variants.from_gguf(files("Q6_K/model.gguf"))) == ["Q6_K"]


def test_a_file_that_tells_none_is_named_by_itself() -> None:
    assert names(variants.from_gguf(files("whatever.gguf"))) == ["whatever"]


def test_safetensors_are_those_of_the_index() -> None:
    own = files("a.safetensors", "b.safetensors", "c.safetensors", "config.json")
    listed = frozenset({"a.safetensors", "b.safetensors"})
    found = variants.from_safetensors(own, listed, quantisation="BF16")
    assert (names(found), paths(found[0])) == (["BF16"], ["a.safetensors", "b.safetensors"])


def test_an_index_that_names_a_missing_file_is_no_variant() -> None:
    listed = frozenset({"a.safetensors", "gone.safetensors"})
    assert variants.from_safetensors(files("a.safetensors"), listed, quantisation="") == ()


def test_copies_of_the_same_weights_are_not_counted() -> None:
    own = files(
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "consolidated.safetensors",
        "original/model-00001-of-00001.safetensors",
        "model.safetensors.index.json",
    )
    assert not variants.needs_index(own)
    found = variants.from_safetensors(own, None, quantisation="BF16")
    assert found[0].weight_bytes == 2001


def test_the_index_is_asked_where_names_do_not_settle_it() -> None:
    own = files("a.safetensors", "b.safetensors", "model.safetensors.index.json")
    assert variants.needs_index(own)
    assert not variants.needs_index(own[:2])


def test_a_single_file_wins_over_its_variants() -> None:
    own = files("model.fp16.safetensors", "model.safetensors")
    assert paths(variants.from_safetensors(own, None, quantisation="")[0]) == ["model.safetensors"]


def test_an_adapter_is_no_variant() -> None:
    assert (
        variants.from_safetensors(files("adapter_model.safetensors"), None, quantisation="") == ()
    )


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("q4_k_m", "Q4_K_M"),
        ("M-Q8_0.gguf", "Q8_0"),
        ("sub/m-q8_0.gguf", "Q8_0"),
        ("UD-Q2_K_XL", "UD-Q2_K_XL"),
        ("Q2_K_XL", "UD-Q2_K_XL"),
    ],
)
def test_matching_by_name_file_and_plain_quantisation(asked: str, name: str) -> None:
    found = variants.from_gguf(files("M-Q4_K_M.gguf", "sub/M-Q8_0.gguf", "M-UD-Q2_K_XL.gguf"))
    assert variants.matching(found, asked).name == name


def test_a_variant_that_is_not_there_answers_the_list() -> None:
    found = variants.from_gguf(files("M-Q4_K_M.gguf", "M-Q8_0.gguf"))
    with pytest.raises(VariantNotFound) as raised:
        variants.matching(found, "Q3_K_M")
    assert raised.value.next_step == "Choose one of: Q4_K_M, Q8_0."
