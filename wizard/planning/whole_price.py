"""What an offer costs with all that runs beside its cards, so that prices can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache

from wizard.hardware.values import Offer
from wizard.planning.price import GIB, market_price, resources_usd_per_hour
from wizard.planning.resources import ROOT_DISK, resources_for
from wizard.planning.workload import workload_of
from wizard.registry.values import Architecture, Variant
from wizard.sdl.values import Plan, StorageClass
from wizard.sizing import estimate
from wizard.sizing.values import Workload


def whole(offer: Offer, architecture: Architecture, variant: Variant, workload: Workload) -> Offer:
    """The offer at the price of one replica: USD per hour of cards, cores, memory and disk."""
    here = replace(workload, gpus=offer.count, nodes=offer.nodes)
    return _priced(offer, _rest(architecture, variant, here, StorageClass.NVME, None))


def whole_offers(plan: Plan, offers: Iterable[Offer]) -> Iterator[Offer]:
    """Offers of a plan, each at the price of one replica with the plan's own disk."""
    volume = plan.resources.volume or plan.resources.root_disk - ROOT_DISK
    disk = plan.storage_class, volume // GIB
    workload = workload_of(plan)
    rests = {(plan.count, plan.nodes): resources_usd_per_hour(plan.resources, disk[0])}
    for offer in offers:
        shape = offer.count, offer.nodes
        if shape not in rests:
            here = replace(workload, gpus=offer.count, nodes=offer.nodes)
            rests[shape] = _rest(plan.architecture, plan.variant, here, *disk)
        yield _priced(offer, rests[shape])


def _priced(offer: Offer, rest: float) -> Offer:
    return replace(offer, usd_per_hour=market_price(offer if offer.gpu else None, rest))


@lru_cache(maxsize=4096)
def _rest(
    architecture: Architecture,
    variant: Variant,
    workload: Workload,
    storage_class: StorageClass,
    storage_gib: int | None,
) -> float:
    """USD per hour of one node's cores, memory and disk."""
    resources = resources_for(
        estimate(architecture, variant, workload),
        workload.family,
        count=workload.gpus,
        nodes=workload.nodes,
        cpu_moe=workload.experts_on_host,
        storage_class=storage_class,
        storage_gib=storage_gib,
    )
    return resources_usd_per_hour(resources, storage_class)
