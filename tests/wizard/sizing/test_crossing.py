"""What goes between cards in the middle of a layer."""

from __future__ import annotations

from dataclasses import replace

from tests.wizard.sizing import shapes
from wizard.registry import layer_patterns
from wizard.sizing import crossing, placement
from wizard.sizing.values import Workload

TWO = Workload(8192, slots=1, gpus=2)
LOOPED = replace(shapes.LLAMA_8B, name="nanbeige", weight_layers=layer_patterns.loops(32, 2))


def test_it_works() -> None:
    # Layers 17 to 31 have their caches on the second card, all weights lie on the first.
    assert crossing.elements(LOOPED, TWO, 1) == 15 * (32 + 8 + 8) * 128
    assert crossing.elements(LOOPED, TWO, 0) == 15 * 32 * 128


def test_a_model_that_does_not_loop_sends_nothing() -> None:
    assert crossing.elements(shapes.LLAMA_8B, TWO, 1) == 0


def test_one_card_needs_no_copy() -> None:
    assert crossing.elements(LOOPED, replace(TWO, gpus=1), 0) == 0


def test_two_stacks_take_turns() -> None:
    found = layer_patterns.cycles(12, 2, 2)
    assert found == (0, 1, 0, 1, 2, 3, 0, 1, 0, 1, 2, 3)


def test_weights_lie_with_the_loops_first() -> None:
    places = placement.places(LOOPED, shapes.gguf(5_000_000_000), TWO)
    first, second = (card.weights for card in places.cards)
    # The second has the output only.
    assert first > 8 * second
    assert places.cards[0].full_cell > places.cards[1].full_cell > 0


def test_kept_inputs_go_to_the_next_card() -> None:
    kept = replace(shapes.LLAMA_8B, residual_block=8)
    # Of layers 0, 8 and 16, before the second card's first.
    assert crossing.elements(kept, TWO, 1) == 2 * 3 * 4096
    assert crossing.elements(kept, TWO, 0) == 0


def test_a_card_without_a_layer_gets_nothing() -> None:
    kept = replace(shapes.LLAMA_8B, residual_block=8)
    assert crossing.elements(kept, replace(TWO, gpus=100), 99) == 0
