"""Offers at the price of the whole, which can be compared with a plan's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.wizard.planning.conftest import EMBEDDINGS, HUGE, LLAMA, QWEN, SMALL_GGUF, MakePlan
from wizard.planning import cheapest_fit
from wizard.planning.whole_price import whole_offers
from wizard.registry.values import ModelRef
from wizard.sdl.values import Choices, StorageClass

CHOICES = (
    Choices(),
    Choices(replicas=3),
    Choices(storage_class=StorageClass.EPHEMERAL),
    Choices(storage_gib=900, storage_class=StorageClass.HDD),
)


@pytest.mark.parametrize("choices", CHOICES, ids=range(len(CHOICES)))
@pytest.mark.parametrize("ref", [LLAMA, QWEN, HUGE], ids=lambda ref: ref.name)
def test_it_works(plan_for: MakePlan, ref: ModelRef, choices: Choices) -> None:
    plan = plan_for(ref, choices)
    first = next(whole_offers(plan, plan.chosen))
    assert first.title == plan.chosen[0].title
    assert first.usd_per_hour == pytest.approx((plan.usd_per_hour or 0) / plan.replicas, abs=1e-12)


@pytest.mark.parametrize("choices", CHOICES, ids=range(len(CHOICES)))
def test_another_number_of_cards_costs_what_its_own_plan_does(
    plan_for: MakePlan, choices: Choices
) -> None:
    plan = plan_for(LLAMA, replace(choices, context=8192))
    there = plan_for(LLAMA, replace(choices, context=8192, count=2))
    (offer,) = (offer for offer in plan.offers if offer.title == there.chosen[0].title)
    (found,) = whole_offers(plan, [offer])
    assert found.usd_per_hour == pytest.approx((there.usd_per_hour or 0) / there.replicas)


def test_more_cards_come_with_more_cores(plan_for: MakePlan) -> None:
    plan = plan_for(LLAMA)
    beside = {
        offer.count: (whole.usd_per_hour or 0) - (offer.usd_per_hour or 0)
        for offer, whole in zip(plan.offers, whole_offers(plan, plan.offers), strict=True)
        if offer.usd_per_hour and whole.usd_per_hour
    }
    assert 0 < beside[1] < beside[4] < beside[8]


def test_what_needs_no_card_is_not_for_nothing(plan_for: MakePlan) -> None:
    plan = plan_for(SMALL_GGUF, Choices(context=8192))
    offer = next(offer for offer in whole_offers(plan, plan.offers) if offer.gpu is None)
    there = plan_for(SMALL_GGUF, Choices(context=8192, cpu_only=True))
    assert offer.usd_per_hour == pytest.approx(there.usd_per_hour, abs=1e-12)


def test_an_unknown_price_stays_unknown(plan_for: MakePlan) -> None:
    plan = plan_for(LLAMA)
    unknown = [offer for offer in plan.offers if offer.usd_per_hour is None]
    assert unknown
    assert {offer.usd_per_hour for offer in whole_offers(plan, unknown)} == {None}


@pytest.mark.parametrize("ref", [LLAMA, QWEN, EMBEDDINGS], ids=lambda ref: ref.name)
def test_a_list_s_price_is_the_plan_s(plan_for: MakePlan, ref: ModelRef) -> None:
    plan = plan_for(ref)
    found = cheapest_fit(plan.architecture, plan.variant, plan.price_list)
    assert found
    assert found.usd_per_hour == pytest.approx(plan.usd_per_hour, abs=0.005)
