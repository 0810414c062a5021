"""Where a file's bytes go when only its header's keys are known.

The bytes of each model's tensors are those that ``llama-quantize --dry-run`` of
llama.cpp b11549 gives its published shape; files have their tokenizer beside.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.standins import gguf
from tests.wizard.sizing import families, shapes
from wizard.registry import gguf_architecture, header_document
from wizard.registry.values import Architecture, Variant
from wizard.sizing import by_shape, estimate, matrices, quantiser, weights
from wizard.sizing.values import Workload

TOLERANCE = 0.01


@dataclass(frozen=True)
class Case:
    """A released model: its shape, and bytes of all tensors and of the embeddings."""

    architecture: str
    layers: int
    width: int
    forward: int
    heads: int
    kv_heads: int
    head: int
    vocabulary: int
    quantisation: str
    tensors: int
    embeddings: int
    tokenizer: int
    is_tied: bool
    extra: tuple[tuple[str, int], ...] = ()

    @property
    def on_card(self) -> int:
        return self.tensors if self.is_tied else self.tensors - self.embeddings

    def read(self) -> Architecture:
        lengths: dict[str, gguf.Value] = {
            ".attention.key_length": self.head,
            ".attention.value_length": self.head,
            ".vocab_size": self.vocabulary,
        }
        keys = gguf.llama(
            self.architecture,
            layers=self.layers,
            embedding=self.width,
            heads=self.heads,
            kv_heads=self.kv_heads,
            feed_forward=self.forward,
            extra=lengths | {f".{key}": value for key, value in self.extra},
        )
        plain = {key: value for key, value in keys.items() if isinstance(value, str | int)}
        return gguf_architecture.architecture(plain, {})


EXPERTS = (
    ("expert_count", 128),
    ("expert_used_count", 8),
    ("expert_feed_forward_length", 768),
)
# fmt: off
CASES = {
    "Llama 3.2 1B": Case("llama", 16, 2048, 8192, 32, 8, 64, 128256, "Q4_K_M",
                         799_862_784, 215_470_080, 7_836_000, True),
    "Llama 3.1 8B": Case("llama", 32, 4096, 14336, 32, 8, 128, 128256, "Q4_K_M",
                         4_912_898_048, 295_501_824, 7_836_000, False),
    "SmolLM2 135M": Case("llama", 30, 576, 1536, 9, 3, 64, 49152, "Q4_K_M",
                         103_668_480, 30_081_024, 1_786_000, True),
    "Qwen 2.5 0.5B": Case("qwen2", 24, 896, 4864, 14, 2, 64, 151936, "Q4_K_M",
                          391_859_712, 144_643_072, 5_950_000, True),
    "DeepSeek R1 Distill Qwen 1.5B": Case("qwen2", 28, 1536, 8960, 12, 2, 128, 151936, "Q4_K_M",
                                          1_111_370_240, 131_272_704, 5_950_000, False),
    "Qwen 3 0.6B": Case("qwen3", 28, 1024, 3072, 16, 8, 128, 151936, "Q8_0",
                        633_495_552, 165_306_368, 5_951_000, True),
    "Qwen 3 30B A3B": Case("qwen3moe", 48, 2048, 6144, 32, 4, 128, 151936, "Q4_K_M",
                           18_550_716_416, 175_030_272, 5_950_000, False, EXPERTS),
    "Gemma 3 270M": Case("gemma3", 18, 640, 2048, 4, 1, 256, 262144, "Q8_0",
                         285_018_624, 178_257_920, 6_532_000, True),
    "Phi 4 mini": Case("phi3", 32, 3072, 8192, 24, 8, 128, 200064, "Q4_K_M",
                       2_433_684_480, 504_161_280, 9_000_000, True),
    "EXAONE 3.5 2.4B": Case("exaone", 30, 2560, 7168, 32, 8, 80, 102400, "IQ4_XS",
                            1_370_429_440, 215_040_000, 4_500_000, True),
}
# fmt: on


@pytest.mark.parametrize("name", CASES)
def test_it_works(name: str) -> None:
    case = CASES[name]
    variant = shapes.gguf(case.tensors + case.tokenizer, case.quantisation)
    found = weights.split(case.read(), variant)
    on_card = found.output + found.tied + sum(found.blocks)
    assert on_card == pytest.approx(case.on_card, rel=TOLERANCE)
    assert found.embeddings == pytest.approx(case.embeddings, rel=TOLERANCE)
    assert bool(found.tied) is case.is_tied


@pytest.mark.parametrize("is_tied", [True, False])
def test_a_family_decides_where_the_size_tells_nothing(is_tied: bool) -> None:
    guessed = replace(shapes.LLAMA_8B, tied_embeddings=is_tied, tie_is_guessed=True)
    for size in (2_000_000_000, 9_000_000_000):
        assert bool(weights.split(guessed, shapes.gguf(size)).tied) is is_tied


def test_encoders_have_no_output_on_a_card() -> None:
    encoder = replace(shapes.BGE_M3, has_output=False, learned_positions=True)
    found = weights.split(encoder, shapes.gguf(630_000_000, "Q8_0"))
    positions = 4 * encoder.context_length * encoder.embedding_length
    assert found.tied == found.output == 0
    assert found.embeddings == encoder.vocab_size * encoder.embedding_length * 17 // 16 + positions


def test_what_tokenizers_differ_by_is_no_layers() -> None:
    """BGE-M3's layers as ``llama-quantize`` makes them, beside any quarter of a million tokens."""
    encoder = replace(shapes.BGE_M3, has_output=False, learned_positions=True)
    tables = encoder.vocab_size * encoder.embedding_length * 17 // 16
    tables += 4 * encoder.context_length * encoder.embedding_length
    for each in (20, 27, 60):
        file = 322_142_208 + tables + each * encoder.vocab_size
        found = weights.split(encoder, shapes.gguf(file, "Q8_0"))
        assert sum(found.blocks) == pytest.approx(322_142_208, rel=0.0001)


def test_experts_are_most_of_a_mixture() -> None:
    architecture, variant = CASES["Qwen 3 30B A3B"].read(), shapes.gguf(18_556_666_000)
    found = weights.split(architecture, variant)
    matrix = 128 * 768 * 2048 / 8
    # Gate and up, and down, which half of the layers have with more bits.
    experts = 48 * matrix * (2 * 4.5 + (4.5 + 6.5625) / 2)
    assert sum(found.experts) == pytest.approx(experts, rel=0.0005)
    assert found.largest_expert == pytest.approx(6.5625 * matrix, rel=0.005)


def test_experts_of_an_untold_width_are_what_the_file_leaves() -> None:
    """Ollama's pages tell a mixture's experts, not how wide one is."""
    told, variant = CASES["Qwen 3 30B A3B"].read(), shapes.gguf(18_556_666_000)
    untold = replace(told, expert_feed_forward_length=0, feed_forward_length=6144)
    experts = [sum(weights.split(each, variant).experts) for each in (told, untold)]
    assert experts[1] == pytest.approx(experts[0], rel=0.02)


def test_experts_alone_are_packed_in_mxfp4() -> None:
    packed, plain = (matrices.blocks(shapes.GPT_OSS_20B, name)[0] for name in ("MXFP4", "Q8_0"))
    rest = plain.total - plain.experts
    assert packed.experts == pytest.approx(plain.experts / 2, rel=0.001)
    assert packed.total - packed.experts == pytest.approx(rest)


def test_experts_are_left_in_mxfp4_by_files_of_other_names() -> None:
    named, kept = shapes.GPT_OSS_20B, quantiser.KEPT_EXPERTS
    sizes = [_sized(named, name).weight_bytes for name in ("F16", "F16" + kept)]
    found = [weights.split(named, shapes.gguf(size, "F16")) for size in sizes]
    assert all(abs(each.off) < 0.001 for each in found)
    assert sum(found[1].experts) == pytest.approx(sum(found[0].experts) * 4.25 / 16, rel=0.001)


@pytest.mark.parametrize("is_tied", [True, False])
@pytest.mark.parametrize(
    ("name", "embeddings", "output"),
    [("Q4_K_M", 8.5, 8.5), ("Q5_K_M", 8.5, 8.5), ("Q4_0", 16, 16), ("Q2_K", 4.5, 6.5625)],
)
def test_tables_of_a_makers_own_are_told_by_the_files_size(
    name: str, embeddings: float, output: float, is_tied: bool
) -> None:
    """Headers tell the mix alone: bartowski's Q4_K_L says Q4_K_M."""
    model = replace(shapes.LLAMA_8B, tied_embeddings=is_tied)
    elements = model.vocab_size * model.embedding_length
    bits = embeddings if is_tied else embeddings + output
    size = int(matrices.total(model, name) + elements * bits / 8) + 35 * model.vocab_size
    found = weights.split(model, shapes.gguf(size, name))
    assert found.embeddings == int(elements * embeddings / 8)
    assert bool(found.tied) is is_tied
    assert abs(found.off) < 0.0001


def test_unsloths_own_mixes_are_not_taken_for_another_makers() -> None:
    model = shapes.LLAMA_8B
    elements = model.vocab_size * model.embedding_length
    size = int(matrices.total(model, "Q4_K_M") + elements * 17 / 8) + 35 * model.vocab_size
    found = weights.split(model, shapes.gguf(size, "UD-Q4_K_M"))
    assert found.embeddings == int(elements * 4.5 / 8)
    assert not estimate(model, shapes.gguf(size, "UD-Q4_K_M"), Workload(4096)).exact


@pytest.mark.parametrize(
    ("name", "width", "embeddings", "output"),
    [
        ("F16", 4096, 16, 16),
        ("UD-Q4_K_XL", 4096, 4.5, 6.5625),
        ("Q4_K_M", 2880, 5.5, 8.5),
        ("Q4_K_L", 4096, 8.5, 8.5),
        ("Q3_K_L", 4096, 3.4375, 6.5625),
        ("IQ2_XXS", 4096, 2.625, 5.5),
        ("IQ3_M", 2880, 4.5, 8.5),
        ("unheard of", 4096, 2.625, 5.5),
    ],
)
def test_bits_of_embeddings(name: str, width: int, embeddings: float, output: float) -> None:
    mix = quantiser.mix(name)
    assert quantiser.embedding_bits(mix, width) == embeddings
    assert quantiser.output_bits(mix, width) == output


def test_values_have_fewer_bits_where_few_heads_share_them() -> None:
    mix, alone = quantiser.mix("Q2_K"), replace(shapes.LLAMA_8B, kv_heads=(32,) * 32)
    assert quantiser.value(mix, shapes.LLAMA_8B, 0, 32) == "Q4_K"
    assert quantiser.value(mix, alone, 0, 32) == "Q3_K"


def test_the_first_and_last_layers_have_more_bits_and_every_third_between() -> None:
    mix = quantiser.mix("Q4_K_M")
    kinds = [quantiser.value(mix, shapes.LLAMA_8B, index, 32) for index in range(32)]
    assert [index for index, kind in enumerate(kinds) if kind == "Q6_K"] == [
        *range(4), *range(6, 28, 3), *range(28, 32)
    ]  # fmt: skip


def test_attention_has_more_bits_beside_eight_experts() -> None:
    mixtral = replace(shapes.LLAMA_8B, experts=8)
    assert quantiser.value(quantiser.mix("Q4_K_M"), mixtral, 0, 32) == "Q8_0"
    assert quantiser.out(quantiser.mix("Q4_K_M"), mixtral, 0, 32) == "Q5_K"
    assert quantiser.key(quantiser.mix("IQ2_M"), mixtral) == "Q4_K"


def _sized(architecture: Architecture, name: str, scale: float = 1.0) -> Variant:
    """A file as large as the quantiser makes it, or so much larger."""
    blocks = sum(block.total for block in matrices.blocks(architecture, name))
    mix, width = quantiser.mix(name), architecture.embedding_length
    bits = quantiser.embedding_bits(mix, width) + quantiser.output_bits(mix, width)
    tables = architecture.vocab_size * width * bits / 8
    tokenizer = 35 * architecture.vocab_size
    return shapes.gguf(int(scale * (blocks + tables)) + tokenizer, name)


def test_a_file_without_a_name_is_taken_for_what_its_size_is_nearest_to() -> None:
    named = _sized(shapes.LLAMA_8B, "Q4_K_M")
    found, told = (
        weights.split(shapes.LLAMA_8B, replace(named, quantisation=name)) for name in ("", "Q4_K_M")
    )
    assert found == told
    assert abs(found.off) < 0.001


def test_an_indexers_matrices_are_a_layers_own_where_it_has_one() -> None:
    """With experts in RAM they are 4 % of what GLM-5's card has."""
    document = {"keys": families.HEADERS["glm-dsa"], "file_bytes": 1}
    glm = header_document.document(document).header.architecture()
    every_other = replace(glm, indexer_layers=(True, False) * (glm.layers // 2))
    found = matrices.blocks(every_other, "Q8_0")
    plain = matrices.blocks(replace(every_other, name="deepseek2"), "Q8_0")
    own = (2048 * 32 * 128 + 6144 * (128 + 32)) * 34 / 32
    assert [found[index].total - plain[index].total for index in (40, 41)] == [own, 0]


def test_layers_that_share_their_weights_have_them_once() -> None:
    looped = replace(shapes.LLAMA_8B, weight_layers=(*range(16), *range(16)))
    found = matrices.blocks(looped, "Q8_0")
    assert sum(block.total > 0 for block in found) == 16
    assert found[15] == matrices.blocks(shapes.LLAMA_8B, "Q8_0")[15]


def test_layers_may_differ_in_width() -> None:
    lengths = (7168,) * 16 + (14336,) * 16
    found = matrices.blocks(replace(shapes.LLAMA_8B, feed_forward_lengths=lengths), "Q8_0")
    assert found[0].total < found[31].total
    assert found[31] == matrices.blocks(shapes.LLAMA_8B, "Q8_0")[31]


@pytest.mark.parametrize(("bits", "is_told"), [(4.5, True), (5.5, True), (5.0, False)])
def test_tables_of_a_small_gemma_are_told_by_the_files_size(bits: float, is_told: bool) -> None:
    gemma = replace(shapes.GEMMA3N_E4B, per_layer_embedding=256)
    rows = gemma.vocab_size * (gemma.embedding_length + 35 * 256)
    blocks = sum(block.total for block in matrices.blocks(gemma, "Q4_0"))
    file = int(blocks + rows * bits / 8) + 35 * gemma.vocab_size
    found = weights.split(gemma, shapes.gguf(file, "Q4_0"))
    assert (abs(found.off) < by_shape.ODD) is is_told
    if is_told:
        assert found.embeddings == pytest.approx(rows * bits / 8, rel=0.001)


@pytest.mark.parametrize("scale", [0.85, 1.15])
def test_a_file_of_another_size_than_its_name_says_is_marked_rough(scale: float) -> None:
    workload = Workload(4096)
    plain = estimate(shapes.LLAMA_8B, _sized(shapes.LLAMA_8B, "Q4_K_M"), workload)
    packed = estimate(shapes.LLAMA_8B, _sized(shapes.LLAMA_8B, "Q4_K_M", scale), workload)
    assert plain.exact
    assert not packed.exact
    words = next(part.formula for part in packed.parts if part.name == "weights")
    assert f"{abs(scale - 1) / scale:.0%}" in words
    assert ("smaller" if scale < 1 else "larger") in words


@pytest.mark.parametrize(("is_tied", "gpus"), [(True, 1), (False, 1), (False, 0)])
def test_a_file_a_little_larger_is_rough_where_embeddings_lie_apart(
    is_tied: bool, gpus: int
) -> None:
    model = replace(shapes.LLAMA_8B, tied_embeddings=is_tied)
    blocks, elements = matrices.total(model, "Q4_K_M"), model.vocab_size * model.embedding_length
    tables = elements * (6.5625 if is_tied else 4.5 + 6.5625) / 8
    size = int(1.03 * blocks + tables) + 35 * model.vocab_size
    found = estimate(model, shapes.gguf(size, "Q4_K_M"), Workload(4096, gpus=gpus))
    assert found.exact is (is_tied or not gpus)


@pytest.mark.parametrize("workload", [{"gpu_layers": 20}, {"experts_on_host": True}])
def test_a_file_a_little_larger_is_rough_where_it_is_divided(workload: dict[str, Any]) -> None:
    model = replace(CASES["Qwen 3 30B A3B"].read(), tied_embeddings=True, tie_is_guessed=False)
    variants = [_sized(model, "Q8_0", scale) for scale in (1.0, 1.03)]
    whole, divided = Workload(4096), Workload(4096, **workload)
    assert [estimate(model, variant, divided).exact for variant in variants] == [True, False]
    assert all(estimate(model, variant, whole).exact for variant in variants)


def test_a_tie_that_only_a_size_tells_is_rough() -> None:
    untied = replace(shapes.LLAMA_8B, tied_embeddings=False, tie_is_guessed=True)
    table = untied.vocab_size * untied.embedding_length * 6.5625 / 8
    size = int(0.98 * (matrices.total(untied, "Q4_K_M") + table)) + 35 * untied.vocab_size
    variant = shapes.gguf(size, "Q4_K_M")
    assert weights.split(untied, variant).tied
    assert not estimate(untied, variant, Workload(4096)).exact
