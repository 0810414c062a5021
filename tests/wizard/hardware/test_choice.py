"""Which cards are offered, in which order, and which an SDL names."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wizard.sizing import shapes
from wizard.hardware.choice import COUNTS, cheapest, largest_contexts, named_gpus, offers
from wizard.hardware.gpus import bundled
from wizard.hardware.prices import bundled_price_list
from wizard.hardware.values import Fit, Offer
from wizard.registry.values import Architecture, Variant
from wizard.sizing.values import EngineFamily, KvType, Workload
from wizard.sizing.words import size

PRICES = bundled_price_list("Offline.")
LLAMA_CPP = Workload(8192, slots=4)
VLLM = Workload(8192, slots=16, family=EngineFamily.VLLM)
DEEPSEEK = shapes.safetensors(688_000_000_000, parameters=671_000_000_000)


def find(
    architecture: Architecture = shapes.LLAMA_8B,
    variant: Variant = shapes.LLAMA_8B_Q4,
    workload: Workload = LLAMA_CPP,
) -> tuple[Offer, ...]:
    return offers(architecture, variant, workload, PRICES)


def pick(found: tuple[Offer, ...], model: str, count: int = 1, ram: str = "") -> Offer:
    return next(
        offer
        for offer in found
        if offer.gpu
        and offer.gpu.model == model
        and offer.count == count
        and ram in ("", offer.gpu.ram_label)
    )


def test_it_works() -> None:
    found = find()
    assert len(found) == len(bundled()) * len(COUNTS) + 1
    offer = pick(found, "rtx3090")
    assert offer.fit is Fit.FITS
    assert offer.usd_per_hour == 0.16
    assert offer.tokens_per_second and offer.tokens_per_second > 10
    assert offer.title == "RTX 3090"


def test_fitting_first_then_cheapest_then_unknown_prices() -> None:
    found = [offer for offer in find() if offer.gpu]
    fits = [offer.fit is not Fit.NO for offer in found]
    assert fits == sorted(fits, reverse=True)
    fitting = [offer.usd_per_hour for offer in found if offer.fit is not Fit.NO]
    known = [price for price in fitting if price is not None]
    assert fitting[: len(known)] == sorted(known)
    assert None in fitting


def test_each_that_does_not_fit_says_why() -> None:
    offer = pick(find(), "rtx3060m")
    assert offer.fit is Fit.NO
    assert offer.headroom_bytes < 0
    assert offer.reason == f"Needs {size(offer.needed_bytes)}, has 6.25 GB."


def test_vllm_says_which_share_it_takes() -> None:
    offer = pick(find(variant=shapes.LLAMA_8B_BF16, workload=VLLM), "rtx4080")
    assert offer.fit is Fit.NO
    assert "(92% of 16.8 GB, and CUDA's context)" in offer.reason


def test_tight_is_within_a_twelfth() -> None:
    room = pick(find(), "rtx3090")
    usable = room.needed_bytes + room.headroom_bytes
    more = shapes.gguf(shapes.LLAMA_8B_Q4.weight_bytes + room.headroom_bytes - usable // 50)
    offer = pick(find(variant=more), "rtx3090")
    assert offer.fit is Fit.TIGHT
    assert offer.reason.startswith("Tight:")


def test_cpu_is_offered_for_small_models_only() -> None:
    fitting = [offer for offer in find() if offer.fit is not Fit.NO]
    assert [offer.title for offer in fitting if offer.gpu is None] == ["CPU only"]
    assert fitting[-1].gpu is None
    large = find(shapes.LLAMA_70B, shapes.gguf(42_520_000_000))
    assert all(offer.gpu for offer in large)
    assert all(offer.gpu for offer in find(variant=shapes.LLAMA_8B_BF16, workload=VLLM))


def test_heads_must_divide_by_the_cards() -> None:
    odd = replace(shapes.LLAMA_8B, heads=12)
    offer = pick(find(odd, shapes.LLAMA_8B_BF16, VLLM), "h100", 8)
    assert offer.fit is Fit.NO
    assert offer.reason == "vLLM cannot divide 12 attention heads evenly over 8 cards."
    assert pick(find(odd), "h100", 8).fit is Fit.FITS


def test_kv_heads_divide_or_are_repeated_evenly() -> None:
    """Phi-4 has 10 of them: 2 cards have 5 each, 4 cannot."""
    ten = replace(shapes.LLAMA_8B, heads=40, kv_heads=(10,) * 32)
    found = find(ten, shapes.LLAMA_8B_BF16, VLLM)
    assert pick(found, "h100", 2).fit is Fit.FITS
    assert pick(found, "h100", 4).reason == "vLLM cannot divide 10 KV heads evenly over 4 cards."
    few = replace(shapes.LLAMA_8B, kv_heads=(2,) * 32)
    assert pick(find(few, shapes.LLAMA_8B_BF16, VLLM), "h100", 8).fit is Fit.FITS


def test_a_model_that_writes_nothing_has_no_speed_of_writing() -> None:
    found = find(shapes.BGE_M3, shapes.gguf(1_160_000_000))
    assert {offer.tokens_per_second for offer in found} == {None}
    assert {offer.usd_per_million_tokens for offer in found} == {None}


@pytest.mark.parametrize(
    ("model", "architecture", "words"),
    [
        ("p40", shapes.LLAMA_8B, "vLLM needs compute capability 7.5; P40 has 6.1."),
        ("v100", shapes.LLAMA_8B, "vLLM needs compute capability 7.5; V100"),
        (
            "rtx8000",
            replace(shapes.LLAMA_8B, quant_method="mxfp4"),
            "mxfp4 under vLLM needs compute capability 8.0",
        ),
        (
            "rtx8000",
            replace(shapes.LLAMA_8B, kv_cache_type="fp8"),
            "An fp8 KV cache of this model under vLLM needs compute capability 8.0",
        ),
        (
            "a100",
            replace(shapes.LLAMA_8B, kv_cache_type="fp8", key_length=96, value_length=96),
            "An fp8 KV cache of this model under vLLM needs compute capability 8.9",
        ),
        (
            "a100",
            replace(shapes.LLAMA_8B, name="gpt_oss", kv_cache_type="fp8"),
            "An fp8 KV cache of this model under vLLM needs compute capability 8.9",
        ),
        (
            "a100",
            replace(shapes.LLAMA_8B, kv_lora_rank=512, indexer_length=128),
            "Sparse attention (DSA) under vLLM needs compute capability 9.0",
        ),
        (
            "rtx8000",
            replace(shapes.LLAMA_8B, kv_lora_rank=512),
            "Compressed attention (MLA) under vLLM needs",
        ),
    ],
)
def test_capability_rules(model: str, architecture: Architecture, words: str) -> None:
    offer = pick(find(architecture, shapes.safetensors(8_000_000_000), VLLM), model)
    assert offer.fit is Fit.NO
    assert words in offer.reason


def test_weights_that_a_card_cannot_multiply_are_unpacked() -> None:
    packed = replace(shapes.LLAMA_8B, quant_method="modelopt", weight_bits=8.0)
    offer = pick(find(packed, shapes.safetensors(8_500_000_000), VLLM), "a100")
    assert offer.fit is Fit.FITS


def test_fp8_cache_needs_a_kernel_that_reads_it() -> None:
    """FlashInfer's do from Ampere on, but not compressed attention's."""
    workload = replace(VLLM, kv_type=KvType.FP8)
    found = find(variant=shapes.LLAMA_8B_BF16, workload=workload)
    assert pick(found, "a100").fit is Fit.FITS
    assert pick(found, "rtx8000").fit is Fit.NO
    latent = replace(shapes.LLAMA_8B, kv_lora_rank=512)
    found = find(latent, shapes.LLAMA_8B_BF16, workload)
    assert pick(found, "a100").fit is Fit.NO
    assert pick(found, "h100").fit is Fit.FITS


def test_old_cards_run_in_float16() -> None:
    offer = pick(find(variant=shapes.LLAMA_8B_BF16, workload=VLLM), "rtx8000")
    assert offer.fit is Fit.FITS
    assert "--dtype half" in offer.reason
    assert "--dtype" not in pick(find(), "rtx8000").reason


def test_several_nodes_only_where_one_does_not_do() -> None:
    assert all(offer.nodes == 1 for offer in find(variant=shapes.LLAMA_8B_BF16, workload=VLLM))
    huge = shapes.safetensors(3_000_000_000_000)
    found = find(shapes.DEEPSEEK_V3, huge, VLLM)
    assert found[0].nodes > 1
    assert found[0].fit is not Fit.NO
    assert found[0].title.startswith(f"{found[0].nodes} nodes of 8 × ")
    assert all(offer.nodes == 1 for offer in find(shapes.DEEPSEEK_V3, shapes.gguf(3 * 10**12)))


def test_deepseek_fits_on_one_large_node() -> None:
    found = find(shapes.DEEPSEEK_V3, DEEPSEEK, VLLM)
    assert pick(found, "h200", 8).fit is not Fit.NO
    assert pick(found, "h100", 8).fit is Fit.NO


def test_named_cards_are_of_one_count_cheapest_first() -> None:
    named = named_gpus(find())
    assert 2 <= len(named) <= 5
    assert {(offer.count, offer.nodes) for offer in named} == {(1, 1)}
    prices = [offer.usd_per_hour or 0 for offer in named]
    assert prices == sorted(prices)
    assert prices[-1] <= prices[0] * 2.5
    models = [offer.gpu.model for offer in named if offer.gpu]
    assert len(models) == len(set(models))


def test_label_only_where_a_smaller_sister_is_too_small() -> None:
    labels = {
        offer.gpu.model: offer.gpu.ram_label
        for offer in named_gpus(find(variant=shapes.LLAMA_8B_BF16), limit=99)
        if offer.gpu
    }
    assert labels["v100"] == "32Gi"
    assert labels["rtx3090"] == ""
    small = named_gpus(find(shapes.QWEN3_0_6B, shapes.gguf(400_000_000)), limit=99)
    assert all(offer.gpu and offer.gpu.ram_label in ("", "5Gi", "6Gi") for offer in small)


def test_named_cards_are_free_where_that_is_known() -> None:
    free = {"rtx4080": 3}
    gpus = tuple(replace(gpu, available=free.get(gpu.model, 0)) for gpu in PRICES.gpus)
    found = offers(shapes.LLAMA_8B, shapes.LLAMA_8B_Q4, LLAMA_CPP, replace(PRICES, gpus=gpus))
    named = named_gpus(found, limit=1)
    assert [offer.title for offer in named] == ["RTX 4080"]
    assert named_gpus(found)[0] == named[0]
    assert len(named_gpus(found)) > 1


def test_nothing_is_named_where_nothing_fits() -> None:
    assert named_gpus(find(variant=shapes.gguf(10**13))) == ()


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(shapes.ALL),
    st.integers(10**8, 2 * 10**12),
    st.sampled_from((LLAMA_CPP, VLLM)),
    st.integers(1, 8),
)
def test_named_cards_fit(
    architecture: Architecture, size: int, workload: Workload, limit: int
) -> None:
    is_vllm = workload.family is EngineFamily.VLLM
    variant = shapes.safetensors(size) if is_vllm else shapes.gguf(size)
    found = offers(architecture, variant, workload, PRICES)
    named = named_gpus(found, limit)
    assert len(named) <= limit
    assert bool(named) == any(offer.gpu and offer.fit is not Fit.NO for offer in found)
    for offer in found:
        assert offer.reason
        assert offer.fit is Fit.NO or offer.headroom_bytes >= 0
    for offer, longest in zip(
        found, largest_contexts(architecture, variant, workload, found), strict=True
    ):
        if offer.fit is Fit.NO:
            assert longest is None
        else:
            assert longest is not None and longest >= min(8192, architecture.context_length) - 256
    for offer in named:
        assert offer.fit is not Fit.NO


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(shapes.ALL),
    st.integers(10**8, 10**12),
    st.sampled_from((LLAMA_CPP, VLLM)),
    st.data(),
)
def test_the_cheapest_of_a_list_is_the_first_that_a_file_would_name(
    architecture: Architecture, size: int, workload: Workload, data: st.DataObject
) -> None:
    """Also where some cards have no price, and others are all taken."""
    market = st.tuples(st.sampled_from((None, 0.1, 0.2, 0.45, 3.0)), st.sampled_from((None, 0, 3)))
    gpus = tuple(
        replace(gpu, usd_per_hour=price, available=free)
        for gpu in PRICES.gpus
        for price, free in [data.draw(market)]
    )
    prices = replace(PRICES, gpus=gpus)
    is_vllm = workload.family is EngineFamily.VLLM
    variant = shapes.safetensors(size) if is_vllm else shapes.gguf(size)
    named = named_gpus(offers(architecture, variant, workload, prices))
    found = cheapest(architecture, variant, workload, prices)
    assert found == named[0] if found else named == ()
