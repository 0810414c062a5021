"""What a plan costs, and the ceiling that its file names."""

from __future__ import annotations

import math

from wizard.hardware.values import Offer
from wizard.sdl.values import Resources, StorageClass

GIB = 1 << 30
HOURS_A_MONTH = 730

# USD a month for one core, one GB of memory and of storage, as providers' own
# bid script has them by default:
# https://github.com/akash-network/helm-charts charts/akash-provider/scripts/price_script_generic.sh
_CORE = 1.60
_MEMORY = 0.80
_STORAGE = {
    StorageClass.EPHEMERAL: 0.02,
    StorageClass.HDD: 0.01,
    StorageClass.SSD: 0.03,
    StorageClass.NVME: 0.04,
}

# Room above the market, so that a provider who asks somewhat more still bids.
ABOVE_MARKET = 1.5
# A card with no published price: dearer than any that has one.
UNKNOWN_CARD = 6.0
_SMALLEST_CEILING = 0.10


def resources_usd_per_hour(resources: Resources, storage_class: StorageClass) -> float:
    """USD per hour of everything but the GPUs, at the providers' default prices."""
    monthly = (
        resources.cpu * _CORE
        + (resources.memory + resources.shared_memory) / GIB * _MEMORY
        + resources.root_disk / GIB * _STORAGE[StorageClass.EPHEMERAL]
        + resources.volume / GIB * _STORAGE[storage_class]
    )
    return monthly / HOURS_A_MONTH


def market_price(offer: Offer | None, rest: float) -> float | None:
    """USD per hour of one replica on all nodes of the offer; None where unknown.

    No offer is a replica without a card.
    """
    if offer is None:
        return rest
    if offer.usd_per_hour is None:
        return None
    return offer.usd_per_hour + rest * offer.nodes


def default_ceiling(chosen: tuple[Offer, ...], rest: float) -> tuple[float, str]:
    """USD per hour for one node, and the arithmetic in a sentence.

    The dearest of the named cards sets it: a lower ceiling would keep its
    providers from bidding at all.
    """
    dearest = max((_node_price(offer) for offer in chosen), default=0.0)
    above = math.ceil((dearest + rest) * ABOVE_MARKET * 100) / 100
    ceiling = max(_SMALLEST_CEILING, above)
    market = f"${dearest:.2f} for the dearest card named + " if chosen else ""
    market += f"${rest:.2f} for CPU, memory and disk"
    if ceiling > above:
        how = f"so little that ${ceiling:.2f} an hour is the ceiling, and more providers can bid"
    else:
        how = f"× {ABOVE_MARKET} so that more providers can bid = ${ceiling:.2f} an hour at most"
    return ceiling, f"{market}, {how}. You pay the bid that you accept, not this."


def _node_price(offer: Offer) -> float:
    if offer.usd_per_hour is None:
        return UNKNOWN_CARD * offer.count
    return offer.usd_per_hour / offer.nodes
