"""The memory bar as figures for an SVG: no inline style, so widths are attributes."""

from __future__ import annotations

from dataclasses import dataclass

from wizard.console.screening import Screening
from wizard.hardware.values import Fit, Gpu, Offer
from wizard.sdl.values import Plan

WIDTH = 1000
_SHOWN_PARTS = (
    ("weights", "Weights"),
    ("kv_cache", "KV cache"),
    ("recurrent_state", "State"),
    ("compute", "Compute"),
    ("projector", "Projector"),
    ("runtime", "Driver and runtime"),
)


@dataclass(frozen=True)
class Segment:
    """One part of a bar: bytes, and where it is drawn."""

    name: str
    label: str
    size: int
    x: float
    width: float


@dataclass(frozen=True)
class Bar:
    """Parts against what the cards can hold; ``limit_x`` is where they end."""

    segments: tuple[Segment, ...]
    needed: int
    usable: int
    limit_x: float
    title: str

    @property
    def fits(self) -> bool:
        return self.needed <= self.usable


def memory_bar(plan: Plan) -> Bar:
    """All parts against the cheapest chosen cards together, or the host's memory."""
    offer = plan.chosen[0] if plan.chosen else None
    gpu = offer.gpu if offer else None
    usable = _usable(gpu, offer) if gpu and offer else plan.resources.memory
    title = offer.title if offer else "memory"
    sizes = [
        (name, label, int(getattr(plan.estimate, name)))
        for name, label in _SHOWN_PARTS
        if getattr(plan.estimate, name)
    ]
    needed = sum(size for _, _, size in sizes)
    scale = WIDTH / max(needed, usable, 1)
    segments, x = [], 0.0
    for name, label, size in sizes:
        width = size * scale
        segments.append(Segment(name, label, size, round(x, 2), round(width, 2)))
        x += width
    return Bar(tuple(segments), needed, usable, round(usable * scale, 2), title)


def _usable(gpu: Gpu, offer: Offer) -> int:
    return gpu.usable_bytes * offer.count * offer.nodes


@dataclass(frozen=True)
class OfferRow:
    """One offer with a small bar of its fullest card.

    ``hosts`` tells who can host it, or is None before that was asked.
    """

    offer: Offer
    used: float
    ram: str
    is_chosen: bool
    choice: str
    hosts: Screening | None = None


def offer_row(offer: Offer, *, is_chosen: bool, choice: str) -> OfferRow:
    """``used`` is the width of the small bar's part in use; ``choice`` a query string."""
    capacity = max(offer.needed_bytes + offer.headroom_bytes, 1)
    used = min(offer.needed_bytes / capacity, 1.0) * WIDTH
    return OfferRow(offer, round(used, 2), _memory_label(offer), is_chosen, choice)


def _memory_label(offer: Offer) -> str:
    """The card's memory where its title does not tell it.

    Akash's labels are binary and our figures decimal: 24 GiB hold 25 GB.
    """
    gibibytes = round(offer.gpu.vram_bytes / 2**30) if offer.gpu else 0
    if not gibibytes or f"{gibibytes} GB" in offer.title:
        return ""
    return f"{gibibytes} GiB"


def is_fitting(offer: Offer) -> bool:
    return offer.fit is not Fit.NO
