"""Elements that a token takes in dense models whose vision feeds several layers (Qwen3-VL).

Inputs are as wide as the layers that take one and the model's own, together, and lie there
in each of a graph's branches to the end (``build_inp_embd``): what comes after has room in
the holes among them, or behind (``src/models/qwen3vl.cpp``).
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from wizard.registry.values import Architecture
from wizard.sizing import residual
from wizard.sizing.matrices import NOT_GATED

# Rows of the width beside inputs: the residual, normed inputs, and queries with their result.
_ROWS = 6


def applies(architecture: Architecture) -> bool:
    """Whether the model is one of these; experts put out too much for the holes."""
    return bool(architecture.deepstack_layers) and not architecture.experts


@lru_cache(maxsize=64)
def behind_first(architecture: Architecture) -> Architecture:
    """The same as a card after the first has it, which all inputs come before."""
    return replace(architecture, deepstack_layers=0)


def beside(architecture: Architecture, *, cards: int) -> int:
    """What lies around: an input of each branch, and as looked up in RAM, with their holes."""
    return _ROWS * architecture.embedding_length + (3 if cards else 4) * residual.given(
        architecture
    )


def widest(architecture: Architecture, span: int, *, fused: bool, cards: int) -> int:
    """Elements a token at the widest stage; ``span`` are the cells that it attends to."""
    around = beside(architecture, cards=cards)
    scores = 0 if fused else architecture.heads * span
    return around + max(scores, _behind(architecture, cards))


def _behind(architecture: Architecture, cards: int) -> int:
    """The matrices of a feed-forward part that no hole is large enough for."""
    inner, copies = architecture.feed_forward_length, 1 if architecture.name in NOT_GATED else 3
    width, inputs = architecture.embedding_length, residual.given(architecture)
    if not inner:
        return 0
    if cards:
        # One hole is that of copied inputs and two rows, the other has the residual in it.
        inside = (inputs + 2 * width) // inner + (inner <= inputs - width)
    else:
        inside = 2 * (inner <= inputs)
    return inner * max(0, copies - inside)
