from __future__ import annotations

import pytest

from wizard.registry import quantisation


def test_it_works() -> None:
    assert quantisation.describe("Q4_K_M").startswith("4 bits")


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("Qwen3-8B-Q4_K_M.gguf", "Q4_K_M"),
        ("Qwen3-8B-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("gemma-3-12b-it-f16.gguf", "F16"),
        ("model-fp16.gguf", "FP16"),
        ("gpt-oss-120b-mxfp4.gguf", "MXFP4"),
        ("gpt-oss-20b-MXFP4_MOE.gguf", "MXFP4_MOE"),
        ("Llama-3.2-1B-Instruct-IQ3_XXS.gguf", "IQ3_XXS"),
        ("llama-2-7b.Q4_0.gguf", "Q4_0"),
        ("model.q5_k_s.gguf", "Q5_K_S"),
        ("phi-Q4_0_4_8.gguf", "Q4_0_4_8"),
        ("Qwen3-8B-BF16-Q6_K.gguf", "Q6_K"),
        ("Q4_K_M/model-00001-of-00002.gguf", "Q4_K_M"),
        ("Qwen3-8B.gguf", ""),
        ("SEQ2_KIT.gguf", ""),
    ],
)
def test_a_file_s_name_tells_its_quantisation(file: str, name: str) -> None:
    assert quantisation.in_file_name(file) == name


@pytest.mark.parametrize(
    "name",
    ["UD-Q4_K_XL", "q4_k_m", "FP16", "MXFP4_MOE", "Q4_0_4_8", "Q6_K_L", "UD-IQ1_S", "Q8_K_XL"],
)
def test_makers_additions_are_described(name: str) -> None:
    assert quantisation.describe(name).endswith(".")


def test_an_unknown_name_has_no_sentence() -> None:
    assert quantisation.describe("Q99_Z") == ""


def test_file_types_and_methods() -> None:
    assert quantisation.of_file_type(0) == "F32"
    assert quantisation.of_file_type(15) == "Q4_K_M"
    assert quantisation.of_file_type(1024 + 7) == "Q8_0"
    assert quantisation.of_file_type(-1) == quantisation.of_file_type(500) == ""
    assert quantisation.of_method("compressed-tensors") == "COMPRESSED-TENSORS"
    assert quantisation.of_method("gptq_marlin") == "GPTQ"
