from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, cast

import pytest

from tests.wizard.planning.conftest import (
    DEEPSEEK,
    EMBEDDINGS,
    GATED,
    HUGE,
    LLAMA,
    MIXTURE,
    PRICES,
    QWEN,
    QWEN_GGUF,
    SMALL_GGUF,
    MakePlan,
)
from wizard.hardware.values import Fit
from wizard.planning import ChoiceError, cheapest_fit, context_marks, make_plan
from wizard.planning.warnings import ranking_warnings
from wizard.planning.workload import workload_of
from wizard.registry import catalogue
from wizard.registry.values import ModelRef, Source
from wizard.sdl import document, rules
from wizard.sdl.values import Choices, Engine, Secrets, StorageClass
from wizard.sizing.values import KvType

GIB = 1 << 30


def test_it_works(plan_for: MakePlan) -> None:
    plan = plan_for(LLAMA)
    assert plan.engine is Engine.RUNTIME
    assert (plan.count, plan.nodes, plan.replicas, plan.slots) == (1, 1, 1, 4)
    assert plan.kv is KvType.F16
    assert plan.storage_class is StorageClass.NVME
    assert plan.problems == ()
    assert len(plan.chosen) > 1
    prices = [offer.usd_per_hour or 0 for offer in plan.chosen]
    assert prices == sorted(prices)
    assert plan.usd_per_hour is not None
    assert prices[0] < plan.usd_per_hour < plan.price_ceiling


def test_every_choice_has_one_sentence(plan_for: MakePlan) -> None:
    fields = [reason.field for reason in plan_for(LLAMA).reasons]
    assert sorted(fields) == sorted(
        ["engine", "context", "slots", "kv", "gpu", "price_ceiling", "storage"]
    )
    assert all(reason.sentence.endswith(".") for reason in plan_for(LLAMA).reasons)


def test_the_ceiling_shows_its_arithmetic(plan_for: MakePlan) -> None:
    plan = plan_for(LLAMA)
    sentence = next(item.sentence for item in plan.reasons if item.field == "price_ceiling")
    card, rest, ceiling = (float(figure) for figure in re.findall(r"\$([\d.]+)", sentence))
    assert ceiling == plan.price_ceiling
    assert ceiling == pytest.approx((card + rest) * 1.5, abs=0.02)


def test_every_named_card_holds_the_plan(plan_for: MakePlan) -> None:
    plan = plan_for(LLAMA, Choices(context=65_536))
    for offer in plan.chosen:
        assert offer.gpu is not None
        assert plan.estimate.largest_gpu <= offer.gpu.usable_bytes


def test_the_default_context_costs_nothing_more(plan_for: MakePlan) -> None:
    plan = plan_for(LLAMA)
    short = plan_for(LLAMA, Choices(context=8192))
    assert plan.context > 8192
    assert plan.chosen[0].usd_per_hour == short.chosen[0].usd_per_hour


def test_a_longer_context_needs_more(plan_for: MakePlan) -> None:
    short = plan_for(LLAMA, Choices(context=4096))
    long = plan_for(LLAMA, Choices(context=65_536))
    assert long.estimate.kv_cache == 16 * short.estimate.kv_cache
    assert (long.usd_per_hour or 0) > (short.usd_per_hour or 0)


def test_safetensors_run_on_vllm(plan_for: MakePlan) -> None:
    plan = plan_for(QWEN)
    assert plan.engine is Engine.VLLM
    assert plan.engines == (Engine.VLLM,)
    assert plan.resources.shared_memory == 0
    assert plan_for(QWEN, Choices(count=2)).resources.shared_memory == 4 * GIB


def test_several_nodes_can_be_asked_for(plan_for: MakePlan) -> None:
    plan = plan_for(DEEPSEEK, Choices(nodes=2, gpus=("h100",)))
    assert (plan.engine, plan.count, plan.nodes) == (Engine.VLLM, 8, 2)
    assert plan.estimate.largest_gpu <= 80 * GIB
    built = document.build(plan, Secrets(api_key_sha256="a" * 64))
    assert [problem for problem in rules.check(built) if problem.is_error] == []
    assert set(cast(dict[str, object], built["services"])) == {"gateway", "llm", "worker"}


@pytest.mark.parametrize("choices", [Choices(), Choices(nodes=2, gpus=("h100",))])
def test_a_ceiling_below_the_market_of_a_node_is_warned_of(
    plan_for: MakePlan, choices: Choices
) -> None:
    market = (plan_for(DEEPSEEK, choices).usd_per_hour or 0) / (choices.nodes or 1)
    for share, is_below in ((0.9, True), (1.1, False)):
        plan = plan_for(DEEPSEEK, replace(choices, price_ceiling=round(market * share, 2)))
        assert any("expect no bids" in warning for warning in plan.warnings) is is_below


@pytest.mark.parametrize(("gpus", "is_warned"), [(("h100",), True), (("h100", "t4"), False)])
def test_cards_that_no_trial_leases_are_warned_of(
    plan_for: MakePlan, gpus: tuple[str, ...], is_warned: bool
) -> None:
    plan = plan_for(LLAMA, Choices(gpus=gpus, context=8192))
    assert {offer.gpu.model for offer in plan.chosen if offer.gpu} == set(gpus)
    assert any("free trial cannot" in warning for warning in plan.warnings) is is_warned


def test_cards_that_are_taken_make_room_for_dearer_ones_that_are_free(plan_for: MakePlan) -> None:
    cheapest = plan_for(LLAMA).chosen[0].gpu
    assert cheapest
    for taken, is_told in ((cheapest.model, True), ("", False)):
        gpus = (replace(gpu, available=int(gpu.model != taken)) for gpu in PRICES.gpus)
        plan = plan_for(LLAMA, prices=replace(PRICES, gpus=tuple(gpus)))
        why = next(reason.sentence for reason in plan.reasons if reason.field == "gpu")
        assert ("and are free now" in why) is is_told


def test_a_missing_image_takes_the_next_engine(plan_for: MakePlan) -> None:
    plan = plan_for(QWEN_GGUF, missing=("oneclickllm/runtime",))
    assert plan.engine is Engine.LLAMA_SERVER
    assert "missing from its registry" in plan.reasons[0].sentence
    assert plan.warnings == ()


def test_a_missing_image_that_was_asked_for_is_told(plan_for: MakePlan) -> None:
    plan = plan_for(LLAMA, Choices(engine=Engine.RUNTIME), missing=("oneclickllm/runtime",))
    assert plan.engine is Engine.RUNTIME
    assert any("was not found in its registry" in warning for warning in plan.warnings)


def test_a_small_embedding_model_runs_on_the_cpu(plan_for: MakePlan) -> None:
    plan = plan_for(EMBEDDINGS)
    assert (plan.count, plan.chosen) == (0, ())
    assert plan.resources.memory >= plan.estimate.host
    assert 0 < (plan.usd_per_hour or 0) < plan.price_ceiling


@pytest.mark.parametrize("cards", [{"gpus": ("rtx3090",)}, {"count": 2}, {"nodes": 2}])
def test_no_card_and_chosen_cards_exclude_each_other(
    plan_for: MakePlan, cards: dict[str, Any]
) -> None:
    with pytest.raises(ChoiceError, match="exclude each other") as raised:
        plan_for(LLAMA, Choices(cpu_only=True, **cards))
    assert raised.value.field == "cpu_only"


@pytest.mark.parametrize(
    ("ref", "engine", "name"),
    [
        (EMBEDDINGS, None, "oneclickllm/runtime"),
        (LLAMA, Engine.RUNTIME, "oneclickllm/runtime"),
        (LLAMA, Engine.OLLAMA, "ollama/ollama"),
        (SMALL_GGUF, Engine.LLAMA_SERVER, "ggml-org/llama.cpp"),
    ],
)
def test_without_a_card_the_image_is_one_without_cuda(
    plan_for: MakePlan, ref: ModelRef, engine: Engine | None, name: str
) -> None:
    there = plan_for(ref, Choices(engine=engine, cpu_only=True)).image.reference
    here = plan_for(ref, Choices(engine=engine, cpu_only=False)).image.reference
    assert name in there
    assert name in here
    assert "cuda" not in there
    assert (there == here) is (engine is Engine.OLLAMA)
    if ref is EMBEDDINGS:
        assert plan_for(ref).image.reference == there


def test_cpu_only_can_be_chosen_and_undone(plan_for: MakePlan) -> None:
    assert plan_for(LLAMA, Choices(cpu_only=True)).count == 0
    assert plan_for(EMBEDDINGS, Choices(cpu_only=False)).count == 1


def test_cards_can_be_chosen(plan_for: MakePlan) -> None:
    plan = plan_for(LLAMA, Choices(gpus=("rtx4090", "a100:80Gi")))
    assert [offer.gpu.model for offer in plan.chosen if offer.gpu] == ["rtx4090", "a100"]


def test_a_reranker_that_would_answer_chats_is_warned_of() -> None:
    model = catalogue.find(QWEN)
    shape = catalogue.architecture(model, model.variants[0])
    ranks = replace(model, ref=ModelRef(Source.HUGGING_FACE, "maker", "My-Reranker-8B"))
    known = replace(model, ref=ModelRef(Source.HUGGING_FACE, "Qwen", "Qwen3-Reranker-8B"))
    chats = replace(shape, hf_architectures=("Qwen3ForCausalLM",))
    assert len(ranking_warnings(ranks, chats, Engine.VLLM)) == 1
    for each, engine in ((ranks, Engine.RUNTIME), (known, Engine.VLLM), (model, Engine.VLLM)):
        assert ranking_warnings(each, chats, engine) == ()


def test_a_ranker_s_plan_does_not_count_the_output_that_vllm_drops(plan_for: MakePlan) -> None:
    model, writes = catalogue.find(QWEN), plan_for(QWEN)
    ref = ModelRef(Source.HUGGING_FACE, "Qwen", "Qwen3-Reranker-8B")
    shape, variant, known = writes.architecture, writes.variant, replace(model, ref=ref)
    ranks = make_plan(
        ref, known, variant, shape, Choices(), PRICES, image_check=lambda _: writes.image
    )
    output = 2 * shape.vocab_size * shape.embedding_length
    assert writes.estimate.weights - ranks.estimate.weights == output == 1_244_659_712
    assert not workload_of(writes).embeds
    assert workload_of(ranks).embeds
    here = cheapest_fit(shape, variant, PRICES, ranks=True)
    assert here
    assert ranks.chosen[0].title == here.title


def test_a_card_that_is_too_small_is_used_with_a_warning(plan_for: MakePlan) -> None:
    plan = plan_for(LLAMA, Choices(gpus=("gtx1050ti",), count=1))
    assert plan.chosen[0].fit is Fit.NO
    assert "too small" in plan.warnings[0]
    assert plan.problems == ()


def test_nothing_fits_is_a_problem_with_a_way_out(plan_for: MakePlan) -> None:
    plan = plan_for(HUGE, Choices(count=1))
    assert "Choose a smaller variant" in plan.problems[0]


def test_gated_models_are_told(plan_for: MakePlan) -> None:
    assert "gated" in plan_for(GATED).warnings[0]


def test_ephemeral_storage_grows_the_root_disk(plan_for: MakePlan) -> None:
    plan = plan_for(LLAMA, Choices(storage_class=StorageClass.EPHEMERAL))
    assert plan.resources.volume == 0
    assert plan.resources.root_disk > plan.estimate.disk


@pytest.mark.parametrize(
    ("choices", "field", "sentence"),
    [
        (Choices(context=10), "context", "takes 256 to 131,072"),
        (Choices(context=1_000_000), "context", "takes 256 to 131,072"),
        (Choices(slots=0), "slots", "use 1 to 256"),
        (Choices(kv=KvType.FP8), "kv", "Choose f16, q8_0, q4_0"),
        (Choices(engine=Engine.VLLM), "engine", "Choose “runtime”, “ollama”"),
        (Choices(gpus=("a6000",)), "gpu", "rtxa6000"),
        (Choices(count=3), "count", "use 1, 2, 4 or 8"),
        (Choices(nodes=2), "nodes", "need vLLM"),
        (Choices(nodes=3), "nodes", "use 1, 2 or 4"),
        (Choices(replicas=0), "replicas", "use 1 to 20"),
        (Choices(replicas=21), "replicas", "use 1 to 20"),
        (Choices(storage_gib=1), "storage_gib", "need 6 GiB"),
        (Choices(storage_gib=40_000), "storage_gib", "use 1 to 32,768"),
        (Choices(price_ceiling=0), "price_ceiling", r"\$0.01 to \$6,000"),
    ],
)
def test_a_choice_that_cannot_be_is_refused(
    plan_for: MakePlan, choices: Choices, field: str, sentence: str
) -> None:
    with pytest.raises(ChoiceError, match=sentence) as caught:
        plan_for(LLAMA, choices)
    assert caught.value.field == field


def test_heads_that_no_block_divides_have_no_quantised_cache(plan_for: MakePlan) -> None:
    phi = ModelRef(Source.OLLAMA, "library", "phi", "2.7b")
    assert plan_for(phi).kv is KvType.F16
    with pytest.raises(ChoiceError, match="heads have 80"):
        plan_for(phi, Choices(kv=KvType.Q8_0))


def test_phi_4_has_no_quantised_cache_for_each_of_several_slots(plan_for: MakePlan) -> None:
    phi = ModelRef(Source.OLLAMA, "library", "phi4", "14b")
    with pytest.raises(ChoiceError, match="Choose f16, or one slot"):
        plan_for(phi, Choices(kv=KvType.Q8_0))
    assert plan_for(phi, Choices(kv=KvType.Q8_0, slots=1)).kv is KvType.Q8_0


def test_vllm_on_a_cpu_is_refused(plan_for: MakePlan) -> None:
    with pytest.raises(ChoiceError, match="need a GPU"):
        plan_for(QWEN, Choices(cpu_only=True))


def test_the_slider_ends_at_the_models_own_limit() -> None:
    assert context_marks(40_960) == (2048, 4096, 8192, 16_384, 32_768, 40_960)
    assert context_marks(512) == (512,)


def test_a_tiny_plan_s_ceiling_is_not_told_as_a_product(plan_for: MakePlan) -> None:
    plan = plan_for(EMBEDDINGS)
    sentence = next(item.sentence for item in plan.reasons if item.field == "price_ceiling")
    assert "so little that $0.10 an hour is the ceiling" in sentence
    assert "×" not in sentence


def test_a_lists_fit_is_the_plans(plan_for: MakePlan) -> None:
    plan = plan_for(LLAMA, Choices(context=8192))
    offer = cheapest_fit(plan.architecture, plan.variant, plan.price_list)
    assert offer is not None
    assert offer.title == plan.chosen[0].title


def test_a_lists_fit_needs_no_card_where_the_plan_takes_none(plan_for: MakePlan) -> None:
    plan = plan_for(EMBEDDINGS)
    offer = cheapest_fit(plan.architecture, plan.variant, plan.price_list)
    assert offer is not None
    assert plan.chosen == ()
    assert offer.gpu is None
    assert offer.usd_per_hour == plan.usd_per_hour


def test_experts_can_stay_in_ram(plan_for: MakePlan) -> None:
    here, there = plan_for(MIXTURE), plan_for(MIXTURE, Choices(cpu_moe=True))
    assert there.cpu_moe
    assert there.estimate.largest_gpu < here.estimate.largest_gpu / 2
    assert there.resources.memory > here.resources.memory
    assert there.resources.cpu == 8 > here.resources.cpu
    assert (there.chosen[0].tokens_per_second or 0) < (here.chosen[0].tokens_per_second or 0)
    assert not any(offer.gpu is None for offer in there.offers)


def test_both_places_tell_what_they_cost(plan_for: MakePlan) -> None:
    plan = plan_for(MIXTURE)
    sentence = next(item.sentence for item in plan.reasons if item.field == "cpu_moe")
    figures = re.findall(r"([\d.]+) GB, about ([\d,]+)", sentence)
    (card, fast), (ram, slow) = ((float(size), int(speed)) for size, speed in figures)
    assert card > 2 * ram
    assert fast > 2 * slow
    assert fast == round(plan.chosen[0].tokens_per_second or 0)


@pytest.mark.parametrize(
    ("ref", "choices", "sentence"),
    [
        (LLAMA, Choices(cpu_moe=True), "has no experts"),
        (MIXTURE, Choices(cpu_moe=True, engine=Engine.OLLAMA), "Ollama cannot leave experts"),
        (MIXTURE, Choices(cpu_moe=True, cpu_only=True), "anyway"),
        (DEEPSEEK, Choices(cpu_moe=True), "vLLM keeps all experts on the cards"),
    ],
)
def test_experts_that_cannot_stay_in_ram(
    plan_for: MakePlan, ref: ModelRef, choices: Choices, sentence: str
) -> None:
    with pytest.raises(ChoiceError, match=sentence) as raised:
        plan_for(ref, choices)
    assert raised.value.field == "cpu_moe"
