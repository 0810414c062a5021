from __future__ import annotations

import pytest

from benchmarks.scenarios import SCENARIOS


@pytest.mark.parametrize("name", SCENARIOS)
def test_it_works(name: str) -> None:
    """Two servers get the same words, in orders of their own, and again the same."""
    draw = SCENARIOS[name].draw
    ours, theirs = draw("seed", 4, "ours"), draw("seed", 4, "theirs")
    assert ours == draw("seed", 4, "ours")
    for mine, other in zip(ours, theirs, strict=True):
        assert [sorted(turn.split()) for turn in mine.turns] == [
            sorted(turn.split()) for turn in other.turns
        ]
        assert mine.turns != other.turns
        assert (mine.seed, mine.tokens) == (other.seed, other.tokens)


def test_what_chats_share_stays_shared() -> None:
    assert len({chat.system for chat in SCENARIOS["shared"].draw("seed", 4, "ours")}) == 1
