"""What one kind of card makes of a model: how much fits, how fast, at what cost."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from wizard.registry.values import Architecture, Variant
from wizard.sizing import placement
from wizard.sizing.limits import (
    budget,
    largest_context,
    most_slots,
    needed_bytes,
    smallest_budget,
)
from wizard.sizing.speed import tokens_per_second, usd_per_million_tokens
from wizard.sizing.values import Workload


@dataclass(frozen=True)
class CardAnswer:
    """Limits in tokens and slots, and an estimate of speed and of cost.

    ``smallest_bytes`` is what the least card needs for one slot of 256 tokens.
    ``usd_per_million_tokens`` is for one request at a time, None where the
    card's price is not known.
    """

    fits: bool
    needed_bytes: int
    usable_bytes: int
    largest_context: int
    most_slots: int
    smallest_bytes: int
    tokens_per_second: float
    usd_per_million_tokens: float | None

    def document(self) -> dict[str, int | float | bool | None]:
        """The answer by name."""
        return asdict(self)

    def sentences(self) -> tuple[str, ...]:
        """The answer in words."""
        speed = f"About {self.tokens_per_second:,.0f} tokens a second, estimated from bytes read"
        if self.usd_per_million_tokens is not None:
            speed += f": ${self.usd_per_million_tokens:,.2f} a million tokens"
        verdict = "It fits" if self.fits else "It does not fit"
        return (
            f"{verdict}: {self.needed_bytes:,} bytes on a card, {self.usable_bytes:,} usable.",
            f"At most {self.largest_context:,} tokens of context, or {self.most_slots} slots.",
            f"The smallest card for it has {self.smallest_bytes:,} bytes.",
            f"{speed}.",
        )


def on_card(
    architecture: Architecture,
    variant: Variant,
    workload: Workload,
    *,
    usable_bytes: int,
    bandwidth: int,
    usd_per_hour: float | None,
) -> CardAnswer:
    """Answer for ``workload.gpus`` cards of one kind; ``bandwidth`` in bytes a second."""
    room = budget(usable_bytes, workload)
    needed = needed_bytes(architecture, variant, workload)
    speed = tokens_per_second(
        architecture,
        variant,
        bandwidth,
        workload.gpus,
        family=workload.family,
        experts_on_host=workload.experts_on_host,
        host_share=placement.first_on_card(architecture, workload)
        / placement.all_layers(architecture),
    )
    cards = max(1, workload.gpus) * workload.nodes
    price = None if usd_per_hour is None else usd_per_hour * cards
    return CardAnswer(
        fits=needed <= room,
        needed_bytes=needed,
        usable_bytes=room,
        largest_context=max(0, largest_context(architecture, variant, workload, room)),
        most_slots=max(0, most_slots(architecture, variant, workload, room)),
        smallest_bytes=smallest_budget(architecture, variant, workload),
        tokens_per_second=round(speed, 1),
        usd_per_million_tokens=usd_per_million_tokens(speed, price),
    )
