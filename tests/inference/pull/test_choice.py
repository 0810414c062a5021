"""Which files a quantisation's name means, in the ways in which people name files."""

from __future__ import annotations

import pytest

from inference.errors import ModelNotFound, Unsupported
from inference.pull.choice import choose, exact, groups, label_of, projector

NAME = "hf.co/user/repo"


def test_it_works() -> None:
    paths = ("m-Q4_K_M.gguf", "m-Q8_0.gguf", "mmproj-m-f16.gguf", "README.md")
    assert choose(paths, "q8_0", NAME).paths == ("m-Q8_0.gguf",)
    assert projector(paths, "m-Q8_0.gguf") == "mmproj-m-f16.gguf"


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("Qwen3-8B-Q4_K_M.gguf", "Q4_K_M"),
        ("qwen3-8b.q4_k_m.gguf", "Q4_K_M"),
        ("Qwen3-8B-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("Llama-3.2-1B-Instruct-f16.gguf", "F16"),
        ("ggml-model-fp16.gguf", "F16"),
        ("m-BF16.gguf", "BF16"),
        ("m-bf16-Q4_0.gguf", "Q4_0"),
        ("m-IQ2_XXS.gguf", "IQ2_XXS"),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4"),
        ("m-TQ1_0.gguf", "TQ1_0"),
        ("Q4_K_M/model-00001-of-00002.gguf", "Q4_K_M"),
        ("BF16/m-BF16-00001-of-00004.gguf", "BF16"),
        ("Q8_0/m-Q4_0.gguf", "Q4_0"),
        ("model.gguf", ""),
        ("Qwen3-8B.gguf", ""),
        ("aQ4_Kb.gguf", ""),
    ],
)
def test_a_label_is_read_from_a_path(path: str, label: str) -> None:
    assert label_of(path) == label


def test_parts_are_kept_together_in_their_order() -> None:
    parts = [f"Q8_0/m-Q8_0-0000{number}-of-00003.gguf" for number in (3, 1, 2)]
    found = groups([*parts, "m-Q4_0.gguf"])
    assert [group.paths for group in found] == [tuple(sorted(parts)), ("m-Q4_0.gguf",)]


def test_an_incomplete_split_is_no_choice() -> None:
    assert groups(["m-Q8_0-00001-of-00002.gguf"]) == ()


def test_what_is_no_weights_is_no_choice() -> None:
    assert groups(["mmproj-F16.gguf", "m.imatrix.gguf", "imatrix_unsloth.gguf", "a.bin"]) == ()


def test_the_default_is_the_first_preferred_one() -> None:
    paths = ["m-Q8_0.gguf", "m-UD-Q4_K_XL.gguf", "m-Q2_K.gguf"]
    assert choose(paths, "", NAME).label == "UD-Q4_K_XL"
    assert choose(["m-Q2_K.gguf"], "latest", NAME).label == "Q2_K"


def test_a_file_without_a_label_is_named_by_its_stem() -> None:
    assert choose(["model.gguf", "other.gguf"], "model", NAME).paths == ("model.gguf",)
    assert choose(["model.gguf", "other.gguf"], "other.gguf", NAME).paths == ("other.gguf",)


def test_the_shallowest_of_equals_is_meant() -> None:
    assert choose(["old/m-Q8_0.gguf", "m-Q8_0.gguf"], "Q8_0", NAME).first == "m-Q8_0.gguf"


def test_several_models_in_one_repository_are_to_be_named() -> None:
    with pytest.raises(ModelNotFound, match="several files") as refused:
        choose(["a-Q8_0.gguf", "b-Q8_0.gguf"], "Q8_0", NAME)
    assert "a-Q8_0.gguf, b-Q8_0.gguf" in refused.value.next_step


def test_long_lists_are_shortened() -> None:
    with pytest.raises(ModelNotFound) as refused:
        choose([f"m-{number}.gguf" for number in range(40)], "Q8_0", NAME)
    assert "and 24 more" in refused.value.next_step


def test_an_exact_file_that_is_no_gguf_is_refused() -> None:
    with pytest.raises(Unsupported):
        exact(["model.safetensors"], "model.safetensors", NAME)


@pytest.mark.parametrize(
    ("paths", "chosen"),
    [
        (["mmproj-BF16.gguf", "mmproj-F16.gguf", "mmproj-F32.gguf"], "mmproj-F16.gguf"),
        (["mmproj-BF16.gguf", "mmproj-F32.gguf"], "mmproj-BF16.gguf"),
        (["mmproj-model.gguf"], "mmproj-model.gguf"),
        (["sub/mmproj-F16.gguf", "mmproj-F32.gguf"], "mmproj-F32.gguf"),
        (["Q8_0/mmproj-F32.gguf", "mmproj-F16.gguf"], "Q8_0/mmproj-F32.gguf"),
        (["m-Q8_0.gguf"], ""),
    ],
)
def test_the_projector_beside_the_weights_is_taken(paths: list[str], chosen: str) -> None:
    weights = "Q8_0/m-Q8_0.gguf" if chosen.startswith("Q8_0/") else "m-Q8_0.gguf"
    assert projector(paths, weights) == chosen
