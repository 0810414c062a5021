"""What is asked about a file: little enough that many plans share it, and never less than it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wizard.sdl import factory
from wizard.console.groups import Json, group_specs
from wizard.console.shapes import STEPS, Sizes, _gateway, on_grid, shape_of
from wizard.sdl import document
from wizard.sdl.values import Engine, Secrets, StorageClass

GI = 1 << 30
SIZES = st.integers(min_value=0, max_value=1 << 46)


def questions(sizes: Sizes = Sizes.UP, **changes: Any) -> tuple[Json, ...]:
    return shape_of(document.build(factory.plan(**changes), Secrets()), sizes).questions


def test_it_works() -> None:
    built = document.build(factory.plan(), Secrets())
    (asked,) = shape_of(built, Sizes.EXACT).questions
    wanted = group_specs(built)[0]
    for unit in wanted["resources"]:
        unit["resource"]["endpoints"] = []
        unit["price"] = {"denom": "uact", "amount": "1"}
    assert asked == {"requirements": wanted["requirements"], "resources": wanted["resources"]}


@pytest.mark.parametrize(
    "changes",
    [
        {"price_ceiling": 3.0},
        {"context": 4096, "slots": 1},
        {"audited": True},
        {"region": "us-west"},
        {"extra_env": (("COLOUR", "green"),)},
        {"ref": replace(factory.ref(), name="Other-GGUF")},
        {"resources": replace(factory.plan().resources, memory=15 * GI)},
        {"resources": replace(factory.plan().resources, volume=17 * GI)},
    ],
    ids=["price", "context", "audited", "region", "variables", "model", "memory", "disk"],
)
def test_plans_that_differ_in_nothing_that_matters(changes: dict[str, Any]) -> None:
    assert questions(**changes) == questions()


@pytest.mark.parametrize(
    "changes",
    [
        {"replicas": 2},
        {"storage_class": StorageClass.HDD},
        {"chosen": (factory.offer(factory.gpu("t4", "16Gi")),)},
        {"resources": replace(factory.plan().resources, memory=24 * GI)},
        {"resources": replace(factory.plan().resources, cpu=8)},
    ],
    ids=["replicas", "storage", "card", "memory", "cpu"],
)
def test_plans_that_differ_in_what_matters(changes: dict[str, Any]) -> None:
    assert questions(**changes) != questions()


def test_each_card_has_a_question() -> None:
    cards = (factory.gpu("rtx3090", "24Gi"), factory.gpu("a100", "80Gi"))
    asked = questions(chosen=tuple(map(factory.offer, cards)))
    assert [
        [card["key"] for unit in one["resources"] for card in unit["resource"]["gpu"]["attributes"]]
        for one in asked
    ] == [["vendor/nvidia/model/rtx3090/ram/24Gi"], ["vendor/nvidia/model/a100/ram/80Gi"]]
    assert asked[0] == questions()[0]


def test_every_node_has_the_same_card() -> None:
    cards = (factory.gpu("a100", "80Gi"), factory.gpu("h100", "80Gi"))
    chosen = tuple(factory.offer(card, 8, 2) for card in cards)
    asked = questions(engine=Engine.VLLM, chosen=chosen, count=8, nodes=2)
    named = [
        {card["key"] for unit in one["resources"] for card in unit["resource"]["gpu"]["attributes"]}
        for one in asked
    ]
    assert [len(cards) for cards in named] == [1, 1]
    assert len(asked[0]["resources"]) == 3  # the gateway, the head and its workers


def test_without_a_card() -> None:
    (asked,) = questions(chosen=(), count=0)
    (unit,) = asked["resources"]
    assert unit["resource"]["gpu"]["attributes"] == []


def test_a_gateway_makes_no_difference() -> None:
    """Ollama has one beside it, our runtime none: all are asked for one, or none is."""
    ours, theirs = (
        {sizes: questions(sizes, engine=engine)[0]["resources"] for sizes in Sizes}
        for engine in (Engine.RUNTIME, Engine.OLLAMA)
    )
    assert {sizes: len(units) for sizes, units in theirs.items()} == {
        Sizes.UP: 2,
        Sizes.EXACT: 2,
        Sizes.DOWN: 1,
    }
    assert len(ours[Sizes.EXACT]) == 1
    for sizes in (Sizes.UP, Sizes.DOWN):
        assert ours[sizes] == theirs[sizes]


def test_the_gateway_is_the_file_s() -> None:
    built = document.build(factory.plan(Engine.OLLAMA), Secrets())
    (asked,) = shape_of(built, Sizes.EXACT).questions
    assert _gateway()["resource"].items() <= asked["resources"][1]["resource"].items()


def test_a_region_is_looked_for_in_the_answers() -> None:
    found = shape_of(document.build(factory.plan(region="us-west"), Secrets()), Sizes.UP)
    assert found.region == "us-west"
    assert found.questions[0]["requirements"]["attributes"] == []


def test_another_auditor_is_asked_for() -> None:
    built: Any = document.build(factory.plan(audited=True), Secrets())
    own = shape_of(built, Sizes.UP)
    built["profiles"]["placement"]["akash"]["signedBy"]["anyOf"] = ["akash1other"]
    other = shape_of(built, Sizes.UP)
    assert (own.audited, other.audited) == (True, False)
    assert own.questions[0]["requirements"]["signedBy"] == {"allOf": [], "anyOf": []}
    assert other.questions[0]["requirements"]["signedBy"]["anyOf"] == ["akash1other"]


@given(SIZES)
def test_rounding_adds_a_quarter_at_most(size: int) -> None:
    assert size <= on_grid(size, Sizes.UP) <= size * (1 + 1 / STEPS)
    assert size * (1 - 1 / STEPS) <= on_grid(size, Sizes.DOWN) <= size
    assert on_grid(size, Sizes.EXACT) == size


@given(SIZES)
def test_the_grid_is_one(size: int) -> None:
    for sizes in (Sizes.UP, Sizes.DOWN):
        rounded = on_grid(size, sizes)
        assert {on_grid(rounded, each) for each in Sizes} == {rounded}


@given(SIZES, SIZES)
def test_more_never_becomes_less(one: int, other: int) -> None:
    less, more = sorted((one, other))
    for sizes in Sizes:
        assert on_grid(less, sizes) <= on_grid(more, sizes)
