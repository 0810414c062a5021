"""Buffers under vLLM, worked out by hand from its sources."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.wizard.sizing import shapes
from wizard.registry import config_json
from wizard.registry.values import Architecture
from wizard.sizing import (
    budget,
    estimate,
    kv_bytes_per_token,
    most_slots,
    needed_bytes,
    runtime,
    smallest_budget,
    vllm_cache,
)
from wizard.sizing.values import CudaCard, EngineFamily, KvType, Workload
from wizard.sizing.vllm_stages import stages
from wizard.sizing.vllm_weights import card_weights

BUILT: dict[str, Any] = json.loads(Path(__file__).with_name("vllm_built.json").read_text())
BNB = {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_use_double_quant": True}
WORKLOAD = Workload(8192, slots=16, family=EngineFamily.VLLM)
DEEPSEEK = shapes.safetensors(688_000_000_000, parameters=671_000_000_000)
LLAMA_70B = shapes.safetensors(141_000_000_000, parameters=70_550_000_000)


def test_it_works() -> None:
    found = estimate(shapes.LLAMA_8B, shapes.LLAMA_8B_BF16, WORKLOAD)
    assert found.weights == shapes.LLAMA_8B_BF16.weight_bytes
    assert found.kv_cache == 131072 * 8192
    assert found.largest_gpu == found.total == sum(part.size for part in found.parts)
    assert "one sequence of 8,192 tokens × 131,072 bytes" in found.parts[1].formula


def test_slots_share_one_pool() -> None:
    many = replace(WORKLOAD, slots=64)
    one = estimate(shapes.LLAMA_8B, shapes.LLAMA_8B_BF16, WORKLOAD)
    assert estimate(shapes.LLAMA_8B, shapes.LLAMA_8B_BF16, many).kv_cache == one.kv_cache


@pytest.mark.parametrize(("gpus", "heads"), [(1, 8), (2, 4), (8, 1), (16, 1)])
def test_heads_are_divided_and_never_less_than_one(gpus: int, heads: int) -> None:
    workload = replace(WORKLOAD, gpus=gpus)
    assert kv_bytes_per_token(shapes.LLAMA_70B, workload) == 80 * heads * 256 * 2


def test_compressed_rows_are_on_every_card() -> None:
    for gpus in (1, 8):
        workload = replace(WORKLOAD, gpus=gpus)
        assert kv_bytes_per_token(shapes.DEEPSEEK_V3, workload) == 61 * 576 * 2
    found = estimate(shapes.DEEPSEEK_V3, DEEPSEEK, replace(WORKLOAD, gpus=8))
    assert found.weights > DEEPSEEK.weight_bytes
    assert found.weights < DEEPSEEK.weight_bytes * 1.02


def test_fp8_cache_is_half() -> None:
    half = replace(WORKLOAD, kv_type=KvType.FP8)
    assert kv_bytes_per_token(shapes.LLAMA_8B, half) * 2 == 131072


def test_falcon_s_cache_has_16_bits_whatever_is_asked() -> None:
    falcon = replace(shapes.LLAMA_8B, name="falcon")
    assert kv_bytes_per_token(falcon, replace(WORKLOAD, kv_type=KvType.FP8)) == 131072


def test_sliding_layers_are_bounded() -> None:
    """10 full layers, 52 sliding in six groups: window − 1 + two steps, and a block more."""
    found = estimate(shapes.GEMMA3_27B, shapes.safetensors(54_000_000_000), WORKLOAD)
    layer = 16 * 256 * 2
    assert found.kv_cache == layer * (10 * 8192 + 60 * (5120 + 16))


def test_tensor_parallel_repeats_keys_of_few_heads() -> None:
    few = replace(shapes.LLAMA_70B, kv_heads=(2,) * 80)
    plain = estimate(shapes.LLAMA_70B, LLAMA_70B, replace(WORKLOAD, gpus=8))
    assert plain.weights == pytest.approx(LLAMA_70B.weight_bytes, rel=0.001)
    assert estimate(few, LLAMA_70B, replace(WORKLOAD, gpus=8)).weights > plain.weights


def test_nodes_divide_the_layers() -> None:
    one = estimate(shapes.DEEPSEEK_V3, DEEPSEEK, replace(WORKLOAD, gpus=8))
    two = estimate(shapes.DEEPSEEK_V3, DEEPSEEK, replace(WORKLOAD, gpus=8, nodes=2))
    assert one.largest_gpu * 0.45 < two.largest_gpu < one.largest_gpu * 0.6
    assert two.total == two.largest_gpu * 16


def test_a_share_of_the_card_is_the_budget_and_the_context_lies_beside() -> None:
    card = 24 << 30
    context = runtime.context(WORKLOAD.card)
    assert budget(card, WORKLOAD) == int(0.92 * card) + context
    assert budget(card, replace(WORKLOAD, family=EngineFamily.LLAMA_CPP)) == card
    # A context is more than 8 % of so small a card.
    assert budget(1 << 30, WORKLOAD) == 1 << 30


def test_the_smallest_card_s_share_holds_a_request_of_256_tokens() -> None:
    least = smallest_budget(shapes.LLAMA_8B, shapes.LLAMA_8B_BF16, WORKLOAD)
    asked = replace(WORKLOAD, context_length=256, slots=1)
    needed = needed_bytes(shapes.LLAMA_8B, shapes.LLAMA_8B_BF16, asked)
    assert budget(least - 2, asked) < needed <= budget(least, asked)


def test_embedding_models_have_no_cache() -> None:
    found = estimate(shapes.BGE_M3, shapes.safetensors(2_270_000_000), WORKLOAD)
    assert found.kv_cache == 0


def test_recurrent_states_are_divided() -> None:
    variant = shapes.safetensors(163_000_000_000)
    one = estimate(shapes.QWEN3_NEXT_80B, variant, replace(WORKLOAD, gpus=1))
    four = estimate(shapes.QWEN3_NEXT_80B, variant, replace(WORKLOAD, gpus=4))
    assert one.recurrent_state == four.recurrent_state > 0


def test_cards_without_flashinfer_s_kernel_keep_no_checkpoint_of_a_delta_net() -> None:
    """Two blocks of state a group instead of three, and blocks as long as a state asks."""
    variant, delta = shapes.safetensors(163_000_000_000), shapes.QWEN3_NEXT_80B
    delta = replace(delta, name="qwen3_next")
    kept = estimate(delta, variant, WORKLOAD).recurrent_state
    assert estimate(delta, variant, replace(WORKLOAD, exports_states=False)).recurrent_state < kept


def test_the_pool_tells_how_many_run_together() -> None:
    room = 22_000_000_000
    fixed = estimate(shapes.LLAMA_8B, shapes.LLAMA_8B_BF16, WORKLOAD)
    one = fixed.kv_cache
    held = most_slots(shapes.LLAMA_8B, shapes.LLAMA_8B_BF16, WORKLOAD, room)
    assert held == (room - fixed.total + one) // one > 1
    assert most_slots(shapes.LLAMA_8B, shapes.LLAMA_8B_BF16, WORKLOAD, fixed.total - 1) == 0
    many = shapes.safetensors(2_270_000_000)
    assert most_slots(shapes.BGE_M3, many, WORKLOAD, room) == 256


def test_what_a_card_holds_whole_is_told() -> None:
    found = estimate(shapes.DEEPSEEK_V3, DEEPSEEK, replace(WORKLOAD, gpus=8))
    assert "that each must hold whole" in found.parts[0].formula


def test_rotary_tables_are_on_every_card() -> None:
    plain = replace(shapes.LLAMA_8B, rotary_bytes=0)
    tables = replace(shapes.LLAMA_8B, rotary_bytes=33_554_432)
    for gpus in (1, 8):
        workload = replace(WORKLOAD, gpus=gpus)
        less = estimate(plain, shapes.LLAMA_8B_BF16, workload).weights
        more = estimate(tables, shapes.LLAMA_8B_BF16, workload).weights
        assert more - less == gpus * 33_554_432


def test_a_checkpoint_s_own_scales_halve_the_cache() -> None:
    scaled = replace(shapes.LLAMA_8B, kv_cache_type="fp8")
    assert kv_bytes_per_token(scaled, WORKLOAD) * 2 == 131072
    assert kv_bytes_per_token(scaled, replace(WORKLOAD, kv_type=KvType.BF16)) == 131072


def test_sparse_attention_packs_its_rows_at_8_bits() -> None:
    sparse = replace(shapes.DEEPSEEK_V3, indexer_length=128)
    assert kv_bytes_per_token(sparse, WORKLOAD) == 61 * (576 * 2 + 132)
    packed = replace(WORKLOAD, kv_type=KvType.FP8)
    assert kv_bytes_per_token(sparse, packed) == 61 * (656 + 132)


def test_compressed_rows_of_deepseek_v4() -> None:
    """20 layers of 4 and 23 of 128 tokens a row: 961,344 bytes for each 256 tokens."""
    ratios = (128, 128, 128) + (4, 128) * 20
    found = replace(
        shapes.DEEPSEEK_V3,
        layers=43,
        kv_lora_rank=0,
        compress_ratios=ratios,
        sliding_window=128,
    )
    assert kv_bytes_per_token(found, WORKLOAD) == round(961_344 / 256)
    workload = replace(WORKLOAD, context_length=32_768)
    assert estimate(found, DEEPSEEK, workload).kv_cache == 1_747_723_392


SPARSE = replace(shapes.DEEPSEEK_V3, indexer_length=128, indexer_heads=64)
INDEX = 128 + 4
HOPPER = replace(WORKLOAD, card=CudaCard(132, (9, 0)))
BLACKWELL = replace(WORKLOAD, pads_experts=True, card=CudaCard(148, (10, 0)))
WORKSTATION = replace(WORKLOAD, pads_experts=True, card=CudaCard(188, (12, 0)))


@pytest.mark.parametrize(
    ("workload", "kv_type", "row"),
    [
        (HOPPER, KvType.F16, 2 * 576),
        (HOPPER, KvType.FP8, 656),
        (BLACKWELL, KvType.F16, 2 * 576),
        (BLACKWELL, KvType.FP8, 576),
        (WORKSTATION, KvType.F16, 656),
        (WORKSTATION, KvType.FP8, 656),
    ],
)
def test_rows_of_sparse_attention_lie_as_the_card_reads_them(
    workload: Workload, kv_type: KvType, row: int
) -> None:
    """Built with each card's kernels: ``fp8_ds_mla``'s 656 bytes, or plain rows."""
    found = kv_bytes_per_token(SPARSE, replace(workload, kv_type=kv_type))
    assert found == 61 * (row + INDEX)


def test_a_checkpoint_s_own_8_bits_are_plain_rows() -> None:
    """“auto” becomes ``fp8_e4m3``, which no kernel of packed rows takes."""
    told = replace(SPARSE, kv_cache_type="fp8")
    assert kv_bytes_per_token(told, HOPPER) == 61 * (576 + INDEX)


def test_blocks_of_layers_that_share_an_indexer_are_as_long_as_all() -> None:
    shared = replace(SPARSE, indexer_layers=(True,) + (False,) * 60)
    token = kv_bytes_per_token(shared, HOPPER)
    assert vllm_cache.request(shared, HOPPER).cache == 8192 * token


def test_an_indexer_of_plain_heads_keeps_16_bits() -> None:
    """MiniMax-M3's, of 128 elements beside four heads in each layer."""
    found = replace(shapes.LLAMA_8B, indexer_length=128)
    plain = kv_bytes_per_token(shapes.LLAMA_8B, HOPPER)
    assert kv_bytes_per_token(found, HOPPER) == plain + shapes.LLAMA_8B.layers * 2 * 128


def test_a_step_is_as_long_as_what_is_seen_at_once() -> None:
    """Gemma 4's videos of 2,496 tokens; other families' images are cut."""
    gemma = replace(shapes.LLAMA_8B, name="gemma4_text", encoder_item_tokens=2496)
    assert vllm_cache.in_flight(gemma, WORKLOAD) == 2 * 2496
    other = replace(gemma, name="qwen3_vl_text", encoder_item_tokens=16_384)
    assert vllm_cache.in_flight(other, WORKLOAD) == 2 * 2048


def test_an_encoder_is_no_output_beside_tied_embeddings() -> None:
    """Qwen3-VL 4B's has as many bytes as its table, and was taken for a second one."""
    config = BUILT["Qwen3-VL-4B-as-released"]
    found = config_json.architecture(config["config"])
    weights = card_weights(found, shapes.safetensors(config["file_bytes"]), HOPPER)
    assert weights.share >= config["file_bytes"]


@pytest.mark.parametrize("name", ["gemma-4-31B", "gemma-4-26B-A4B-as-released"])
def test_an_output_beside_gemma_4_s_embeddings_is_not_loaded(name: str) -> None:
    """Where files have one: heads of two lengths, and a mixture beside a plain part."""
    config = BUILT[name]
    found = config_json.architecture(config["config"])
    table = 2 * found.vocab_size * found.embedding_length
    plain, twice = (
        card_weights(found, shapes.safetensors(config["file_bytes"] + more), HOPPER).tensors
        for more in (0, table)
    )
    assert twice == plain


def test_what_is_kept_for_the_tokens_of_a_step_lies_on_every_card() -> None:
    """Qwen3-VL 8B's images go into three layers: 3 × 4,096 halves for each token of a step."""
    config = BUILT["Qwen3-VL-8B-Instruct"]
    found = config_json.architecture(config["config"])
    variant = shapes.safetensors(config["file_bytes"])
    for gpus in (1, 8):
        short, long = (
            card_weights(found, variant, replace(HOPPER, gpus=gpus, batched_tokens=tokens)).beyond
            for tokens in (2048, 8192)
        )
        assert long - short == (8192 - 2048) * 3 * 4096 * 2


def test_bitsandbytes_unpacks_scales_that_are_quantised_twice() -> None:
    """Llama 3.1 8B's 6.98 billion weights: 8 bits and a bit of each 64 become 32."""
    config = {**BUILT["Meta-Llama-3.1-8B"]["config"], "quantization_config": BNB}
    found = config_json.architecture(config)
    file = shapes.safetensors(5_702_000_000)
    assert card_weights(found, file, HOPPER).beyond == pytest.approx(325_500_000, rel=0.01)
    plain = {**BNB, "bnb_4bit_use_double_quant": False}
    once = config_json.architecture({**config, "quantization_config": plain})
    assert card_weights(once, file, HOPPER).beyond < 10_000_000


def test_kernels_for_mxfp4_pad_experts() -> None:
    variant = shapes.safetensors(13_760_000_000)
    mixture = replace(shapes.GPT_OSS_20B, quant_method="mxfp4")
    plain = estimate(mixture, variant, WORKLOAD).weights
    padded = estimate(mixture, variant, replace(WORKLOAD, pads_experts=True)).weights
    assert 1.05 < padded / plain < 1.08


def test_an_output_beside_tied_embeddings_is_not_loaded() -> None:
    """Qwen3-0.6B's file has one, of 151,936 × 1,024 16-bit numbers."""
    table = 2 * 151_936 * 1024
    small = replace(shapes.QWEN3_0_6B, tied_embeddings=True)
    with_output = card_weights(small, shapes.safetensors(1_503_300_328), WORKLOAD)
    assert with_output.tensors == 1_503_300_328 - table
    without = card_weights(small, shapes.safetensors(1_503_300_328 - table), WORKLOAD)
    assert without == with_output


@pytest.mark.parametrize(("gpus", "nodes"), [(1, 1), (2, 1), (1, 2)])
def test_a_ranking_model_s_output_is_dropped_as_soon_as_its_score_is_made(
    gpus: int, nodes: int
) -> None:
    """So it takes what a conversion takes, whose class has a score and whose files no output."""
    table = 2 * 151_936 * 1024
    writes = replace(shapes.QWEN3_0_6B, tied_embeddings=False)
    file, workload = shapes.safetensors(1_503_300_328), replace(WORKLOAD, gpus=gpus, nodes=nodes)
    ranks = estimate(writes, file, replace(workload, embeds=True))
    converted = replace(writes, hf_architectures=("Qwen3ForSequenceClassification",))
    small = shapes.safetensors(file.weight_bytes - table)
    without = estimate(converted, small, workload)
    assert [part.size for part in ranks.parts] == [part.size for part in without.parts]
    if nodes == 1:
        assert estimate(writes, file, workload).weights - ranks.weights == table


def test_what_pools_has_no_logits() -> None:
    """Neither a sampler's copies of them nor counts of words, however many words there are."""
    ranks, file = replace(WORKLOAD, embeds=True, sequences=1024), shapes.LLAMA_8B_BF16
    larger = replace(shapes.LLAMA_8B, vocab_size=2 * shapes.LLAMA_8B.vocab_size)
    pooled = [estimate(each, file, ranks).compute for each in (shapes.LLAMA_8B, larger)]
    assert pooled[0] == pooled[1]
    writes = replace(ranks, embeds=False)
    written = [estimate(each, file, writes).compute for each in (shapes.LLAMA_8B, larger)]
    assert pooled[0] < written[0] < written[1]


def test_a_large_vocabulary_is_chosen_from_by_every_request() -> None:
    """256 requests, or 1,024 where steps are long: 14 bytes a logit, and a count of each token."""
    large = replace(shapes.LLAMA_8B, vocab_size=1 << 20)
    for tokens, requests in ((2048, 256), (8192, 1024), (16384, 1024)):
        workload = replace(WORKLOAD, batched_tokens=tokens)
        found = estimate(large, shapes.LLAMA_8B_BF16, workload).compute
        counts = requests * ((4 << 20) + (4 << 15))
        assert found == counts + 2 * tokens * 4096 + 14 * requests * (1 << 20)


@pytest.mark.parametrize(("gpus", "inner"), [(1, 14336), (2, 7168)])
def test_experts_work_in_room_of_their_own(gpus: int, inner: int) -> None:
    workload = replace(WORKLOAD, gpus=gpus)
    mixture = replace(shapes.LLAMA_8B, experts=8, experts_used=2, expert_feed_forward_length=14336)
    plain = estimate(shapes.LLAMA_8B, shapes.LLAMA_8B_BF16, workload).compute
    found = estimate(mixture, shapes.LLAMA_8B_BF16, workload).compute
    assert found - plain == gpus * 2 * 2048 * 2 * (inner + 2 * inner)


def test_large_cards_exchange_more() -> None:
    taken = [
        estimate(
            shapes.LLAMA_8B,
            shapes.LLAMA_8B_BF16,
            replace(WORKLOAD, gpus=gpus, batched_tokens=tokens),
        )
        .parts[-1]
        .size
        for gpus, tokens in ((1, 8192), (2, 2048), (2, 8192))
    ]
    assert taken[0] < taken[1] / 2 < taken[2] / 2


def test_encoders_of_others_code_are_whole_on_every_card() -> None:
    whole = replace(shapes.LLAMA_8B, undivided_elements=50_000_000)
    for gpus, more in ((1, 0), (2, 100_000_000), (8, 700_000_000)):
        workload = replace(WORKLOAD, gpus=gpus)
        plain = estimate(shapes.LLAMA_8B, shapes.LLAMA_8B_BF16, workload).weights
        found = estimate(whole, shapes.LLAMA_8B_BF16, workload).weights
        assert found - plain == pytest.approx(more, abs=gpus)


def test_heads_that_do_not_divide_leave_an_encoder_whole() -> None:
    hears = replace(shapes.LLAMA_8B, encoder_elements=50_000_000, encoder_heads=20)
    for gpus, more in ((4, 0), (8, 700_000_000)):
        workload = replace(WORKLOAD, gpus=gpus)
        plain = estimate(shapes.LLAMA_8B, shapes.LLAMA_8B_BF16, workload).weights
        found = estimate(hears, shapes.LLAMA_8B_BF16, workload).weights
        assert found - plain == pytest.approx(more, abs=gpus)


def _experts(gpus: int, **facts: Any) -> float:
    """Growth of a card's weights where 128 experts of 768 columns are nearly all of them."""
    mixture = replace(
        shapes.LLAMA_8B,
        experts=128,
        expert_feed_forward_length=768,
        embedding_length=2048,
        **facts,
    )
    bits = 4.5 if facts.get("quant_method") else 16.0
    variant = shapes.safetensors(int(3 * 32 * 128 * 2048 * 768 * bits / 8))
    return estimate(mixture, variant, replace(WORKLOAD, gpus=gpus)).weights / variant.weight_bytes


def test_experts_whose_width_is_not_known_are_not_padded() -> None:
    """Some of the catalogue's architectures tell that there are experts, and no more."""
    mixture = replace(shapes.LLAMA_8B, experts=8, experts_used=2, feed_forward_length=0)
    found = estimate(mixture, shapes.safetensors(16 * 10**9), WORKLOAD)
    assert found.weights == 16 * 10**9


def test_kernels_for_integers_pad_experts_to_64_columns() -> None:
    """96 columns on each of eight cards, in groups of 32, become 128."""
    facts = {"quant_method": "gptq", "weight_bits": 4.5}
    assert _experts(4, **facts) < 1.03
    assert _experts(8, **facts) == pytest.approx(128 / 96, abs=0.03)


def test_groups_that_do_not_fit_a_card_get_smaller() -> None:
    """96 columns are no whole groups of 128, but of 32: half a bit a weight for scales."""
    facts = {"quant_method": "gptq", "weight_bits": 4.125}
    assert _experts(8, **facts) == pytest.approx(4.5 / 4.125, abs=0.03)


def test_kimi_linear_keeps_256_columns() -> None:
    assert _experts(2, name="kimi_linear") < 1.03
    assert _experts(8, name="kimi_linear") == pytest.approx(256 / 96, abs=0.05)


def test_images_of_a_step_are_encoded_at_its_start() -> None:
    sees = replace(shapes.LLAMA_8B, encoder_token_elements=100_000, encoder_item_tokens=16_384)
    found = estimate(sees, shapes.LLAMA_8B_BF16, WORKLOAD).compute
    plain = estimate(shapes.LLAMA_8B, shapes.LLAMA_8B_BF16, WORKLOAD).compute
    assert found > plain
    assert found >= 2 * 16_384 * (100_000 + 4096)


def test_hopper_s_kernel_for_wide_heads_reads_64_tokens_of_an_8_bit_cache() -> None:
    wide = replace(shapes.LLAMA_8B, key_length=512, value_length=512)
    workload = replace(WORKLOAD, context_length=1025, kv_type=KvType.FP8)
    layer = 32 * 8 * 2 * 512
    for pads, tokens in ((False, 1088), (True, 1040)):
        asked = replace(workload, pads_experts=pads)
        assert estimate(wide, shapes.LLAMA_8B_BF16, asked).kv_cache == layer * tokens


def test_stages_are_dealt_out_as_vllm_does() -> None:
    """61 layers: the last stage has none of those that are left over."""
    assert [len(stage) for stage in stages(61, 2)] == [31, 30]
    assert [len(stage) for stage in stages(62, 4)] == [15, 16, 16, 15]
    assert [list(stage) for stage in stages(3, 3)] == [[0], [1], [2]]


def test_layers_with_a_cache_lie_unevenly_on_stages() -> None:
    """Of six layers the last two attend: both are on the second of two stages."""
    late = replace(shapes.LLAMA_8B, layers=6, kv_heads=(0, 0, 0, 0, 8, 8))
    assert kv_bytes_per_token(late, replace(WORKLOAD, nodes=2)) == 2 * 8 * 128 * 2 * 2


@pytest.mark.parametrize(
    ("name", "is_tied", "tables"), [("llama", False, 1), ("llama", True, 1), ("gpt_oss", False, 2)]
)
def test_the_fullest_stage_has_its_tables(name: str, *, is_tied: bool, tables: int) -> None:
    table = 2 * 128_256 * 4096
    model = replace(shapes.LLAMA_8B, name=name, tied_embeddings=is_tied, kv_heads=(8,) * 32)
    body = 14_000_000_000
    variant = shapes.safetensors(body + table * (1 if is_tied else 2))
    found = estimate(model, variant, replace(WORKLOAD, nodes=2))
    assert found.weights / 2 == pytest.approx(body / 2 + tables * table, rel=0.001)


def test_encoders_lie_on_the_first_stage() -> None:
    sees = replace(shapes.LLAMA_8B, encoder_weight_elements=2_000_000_000)
    variant = shapes.safetensors(16_060_000_000)
    plain = estimate(shapes.LLAMA_8B, variant, replace(WORKLOAD, nodes=2)).weights
    found = estimate(sees, variant, replace(WORKLOAD, nodes=2)).weights
    assert found / 2 == pytest.approx(plain / 2 + 2_000_000_000, rel=0.001)


def test_8_bit_rows_of_mla_are_unpacked_with_a_copy_in_16_bits() -> None:
    """61 layers, 128 heads of 128 + 128 over rows of 512, divided among the cards."""
    latent = replace(shapes.DEEPSEEK_V3, latent_key_length=192, latent_value_length=128)
    packed = replace(latent, quant_method="fp8", weight_bits=8.0)
    copy = 2 * 61 * 128 * 256 * 512
    for gpus in (1, 8):
        workload = replace(WORKLOAD, gpus=gpus)
        found = estimate(packed, DEEPSEEK, workload).weights
        other = replace(packed, quant_method="modelopt")
        assert found - estimate(other, DEEPSEEK, workload).weights == copy


def test_plain_experts_are_rounded_on_blackwell_except_gemma_s() -> None:
    """96 columns on each of eight cards become 128; Hopper and Ampere leave them."""
    mixture = replace(shapes.LLAMA_8B, experts=128, expert_feed_forward_length=768)
    mixture = replace(mixture, embedding_length=2048)
    variant = shapes.safetensors(3 * 32 * 128 * 2048 * 768 * 2)
    blackwell = replace(WORKLOAD, gpus=8, pads_experts=True)
    for workload, name, grown in (
        (blackwell, "qwen3_moe", 128 / 96),
        (blackwell, "gemma4_text", 1),
        (replace(blackwell, exports_states=False), "qwen3_moe", 1),
        (replace(blackwell, pads_experts=False), "qwen3_moe", 1),
    ):
        found = estimate(replace(mixture, name=name), variant, workload).weights
        assert found / variant.weight_bytes == pytest.approx(grown, abs=0.02)


def test_a_voice_is_left_in_the_files() -> None:
    """Qwen2.5-Omni's have 22.4 GB, of which the 17.9 of its thinker are loaded."""
    thinker = replace(shapes.LLAMA_8B, rotary_bytes=0)
    loaded = card_weights(thinker, shapes.LLAMA_8B_BF16, WORKLOAD).tensors
    speaks = replace(thinker, has_voice=True)
    more = shapes.safetensors(shapes.LLAMA_8B_BF16.weight_bytes + 4_500_000_000)
    assert card_weights(speaks, more, WORKLOAD).tensors == pytest.approx(loaded, rel=0.01)
    packed = replace(speaks, quant_method="awq", weight_bits=4.25)
    assert card_weights(packed, more, WORKLOAD).tensors == more.weight_bytes


def test_hopper_unpacks_the_zero_points_of_awq() -> None:
    """12 bits more for each 128 weights; a public load has 5.38 GiB of 5.19 in its files."""
    packed = replace(shapes.LLAMA_8B, quant_method="awq", weight_bits=4.125)
    variant = shapes.safetensors(5_700_000_000)
    ours = card_weights(packed, variant, WORKLOAD).beyond
    other = card_weights(packed, variant, replace(WORKLOAD, pads_experts=True)).beyond
    assert ours - other == pytest.approx(7e9 * 12 / 128 / 8, rel=0.01)


def test_states_have_a_block_for_each_request_at_a_time() -> None:
    """vLLM does not start with fewer; what one request holds is more where few are asked for."""
    variant = shapes.safetensors(163_000_000_000)
    held = vllm_cache.request(shapes.QWEN3_NEXT_80B, WORKLOAD)
    few, many = (
        estimate(shapes.QWEN3_NEXT_80B, variant, replace(WORKLOAD, sequences=count))
        for count in (1, 200)
    )
    assert few.recurrent_state == held.state
    assert many.kv_cache == few.kv_cache == held.cache
    assert many.kv_cache + many.recurrent_state == 200 * held.block


@pytest.mark.parametrize("dtype", ["", "float32"])
def test_a_file_of_32_bits_is_told_by_its_size(dtype: str) -> None:
    """Configs of old say nothing of it, and some say what a model was trained with."""
    model = replace(shapes.LLAMA_8B, dtype=dtype)
    half = shapes.LLAMA_8B_BF16.weight_bytes
    for size in (half, 2 * half):
        found = card_weights(model, shapes.safetensors(size), WORKLOAD)
        assert found.tensors == pytest.approx(half, rel=0.001)


def test_a_type_of_16_bits_is_believed() -> None:
    twice = shapes.safetensors(2 * shapes.LLAMA_8B_BF16.weight_bytes)
    assert card_weights(shapes.LLAMA_8B, twice, WORKLOAD).tensors == twice.weight_bytes


@pytest.mark.parametrize(
    "model", [shapes.QWEN3_NEXT_80B, replace(shapes.LLAMA_8B, exact=False)], ids=["recurs", "rough"]
)
def test_where_shapes_do_not_tell_the_size_only_a_told_type_counts(model: Architecture) -> None:
    variant = shapes.safetensors(3 * shapes.LLAMA_8B_BF16.weight_bytes)
    for dtype, share in (("", 1), ("float32", 2)):
        found = card_weights(replace(model, dtype=dtype), variant, WORKLOAD).tensors
        assert found == pytest.approx(variant.weight_bytes / share, rel=0.05)
