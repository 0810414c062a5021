"""The memory bar as figures for an SVG: no inline style, so widths are attributes."""

from __future__ import annotations

from dataclasses import dataclass

from wizard.console.screening import Screening
from wizard.hardware.values import Fit, Gpu, Offer
from wizard.sdl.values import Plan
from wizard.templatetags.figures import gigabytes, usd

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
    if not plan.count:
        sizes = _in_ram(plan, sizes)
    needed = sum(size for _, _, size in sizes)
    scale = WIDTH / max(needed, usable, 1)
    segments, x = [], 0.0
    for name, label, size in sizes:
        width = size * scale
        segments.append(Segment(name, label, size, round(x, 2), round(width, 2)))
        x += width
    return Bar(tuple(segments), needed, usable, round(usable * scale, 2), title)


def _in_ram(plan: Plan, sizes: list[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
    """The parts where RAM holds all, the program and the prompts that it keeps among them."""
    model = [part for part in sizes if part[0] != "runtime"]
    rest = plan.estimate.host - sum(size for _, _, size in model)
    label = "Server and kept prompts" if plan.architecture.causal else "Server"
    return [*model, ("runtime", label, max(rest, plan.estimate.runtime))]


def _usable(gpu: Gpu, offer: Offer) -> int:
    return gpu.usable_bytes * offer.count * offer.nodes


@dataclass(frozen=True)
class OfferRow:
    """One offer in words, with a small bar of its fullest card.

    There are dozens on a page, so that what is worked out here is not worked
    out by the template. ``choice`` is a query string; ``hosts`` tells who can
    host it, or is None before that was asked.
    """

    offer: Offer
    title: str
    ram: str
    fit: str
    used: str
    spare: str
    speed: str
    token_price: str
    price: str
    is_chosen: bool
    choice: str
    hosts: Screening | None = None


def offer_row(offer: Offer, *, is_chosen: bool, choice: str, replicas: int = 1) -> OfferRow:
    """``used`` is the width of the small bar's part in use; the price is that of all replicas."""
    capacity = max(offer.needed_bytes + offer.headroom_bytes, 1)
    speed, token_price = offer.tokens_per_second, offer.usd_per_million_tokens
    return OfferRow(
        offer,
        title=offer.title,
        ram=_memory_label(offer),
        fit=offer.fit.value,
        used=f"{min(offer.needed_bytes / capacity, 1.0) * WIDTH:.2f}",
        spare=_spare(offer),
        speed=f"≈ {speed:.0f} tokens/s" if speed else "",
        token_price=f"≈ {usd(token_price)} a million tokens" if token_price else "",
        price=_price(offer.usd_per_hour, replicas),
        is_chosen=is_chosen,
        choice=choice,
    )


def _price(usd_per_hour: float | None, replicas: int) -> str:
    return "no price" if usd_per_hour is None else f"{usd(usd_per_hour * replicas)} / h"


def _spare(offer: Offer) -> str:
    if offer.fit is Fit.NO:
        return "Too small"
    if offer.gpu is None:
        return f"{gigabytes(offer.needed_bytes)} of RAM"
    if not offer.headroom_bytes:
        return "Fits"
    each = " a card" if offer.count > 1 else ""
    return f"{gigabytes(offer.headroom_bytes)} to spare{each}"


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
