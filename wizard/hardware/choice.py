"""Which GPUs × count hold a workload, cheapest first, and why the others don't."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice

from wizard.hardware import rules
from wizard.hardware.values import Fit, Gpu, Offer, PriceList
from wizard.hardware.workloads import cuda_card, on_gpu, step
from wizard.registry.values import Architecture, Variant
from wizard.sizing import budget, largest_context, needed_bytes, runtime, tokens_per_second
from wizard.sizing.speed import RAM_BANDWIDTH
from wizard.sizing.values import HOPPER, CudaCard, EngineFamily, Workload
from wizard.sizing.vllm import GPU_MEMORY_UTILIZATION, outside
from wizard.sizing.words import size

COUNTS = (1, 2, 4, 8)
NODES = (2, 4)
_CARDS_A_NODE = 8
# A fit with less than this share of the card left over is tight.
_TIGHT = 0.08
# More weights than this are too slow on a CPU to be worth an offer.
_CPU_WEIGHTS = 10 * 10**9
_CPU_MEMORY = 64 << 30
# Cards that cost more than this times the cheapest are not named beside it.
_DEAREST = 2.5


@dataclass(frozen=True)
class _Look:
    """One model and workload, with what was worked out already."""

    architecture: Architecture
    variant: Variant
    workload: Workload
    workloads: dict[tuple[int, int, int, CudaCard], Workload] = field(default_factory=dict)
    needs: dict[Workload, int] = field(default_factory=dict)
    besides: dict[Workload, int] = field(default_factory=dict)
    contexts: dict[tuple[Workload, int], int] = field(default_factory=dict)
    speeds: dict[tuple[int, int], float] = field(default_factory=dict)

    def on(self, gpu: Gpu, count: int, nodes: int) -> Workload:
        tokens = step(gpu) if self.workload.family is EngineFamily.VLLM else 0
        key = (count, nodes, tokens, cuda_card(gpu))
        if key not in self.workloads:
            self.workloads[key] = on_gpu(self.workload, gpu, count, nodes)
        return self.workloads[key]

    @property
    def writes(self) -> bool:
        """Whether the model writes at all: an embedding model has no speed of writing."""
        return self.architecture.causal

    def without_card(self) -> Workload:
        return replace(self.workload, gpus=0, nodes=1)

    def needed(self, workload: Workload) -> int:
        if workload not in self.needs:
            self.needs[workload] = self._worked_out(workload)
        return self.needs[workload]

    def _worked_out(self, workload: Workload) -> int:
        """Only what CUDA takes for itself is another on each kind of card.

        Under vLLM on each of a generation, whose kernels differ.
        """
        is_vllm = workload.family is EngineFamily.VLLM
        alike = replace(HOPPER, compute_capability=workload.card.compute_capability)
        any_card = replace(workload, card=alike if is_vllm else HOPPER)
        if any_card not in self.besides:
            needed = needed_bytes(self.architecture, self.variant, any_card)
            self.besides[any_card] = needed - self._of_cuda(any_card)
        return self.besides[any_card] + self._of_cuda(workload)

    def _of_cuda(self, workload: Workload) -> int:
        is_vllm = workload.family is EngineFamily.VLLM
        return outside(workload) if is_vllm else runtime.size(self.architecture, workload)

    def largest_context(self, workload: Workload, bytes_left: int) -> int:
        key = (workload, bytes_left)
        if key not in self.contexts:
            self.contexts[key] = largest_context(
                self.architecture, self.variant, workload, bytes_left
            )
        return self.contexts[key]

    def speed(self, gpu: Gpu, workload: Workload) -> float:
        key = (gpu.bandwidth, workload.gpus)
        if key not in self.speeds:
            found = tokens_per_second(
                self.architecture,
                self.variant,
                gpu.bandwidth,
                workload.gpus,
                family=workload.family,
                experts_on_host=workload.experts_on_host,
            )
            self.speeds[key] = round(found, 1)
        return self.speeds[key]


@lru_cache(maxsize=256)
def offers(
    architecture: Architecture, variant: Variant, workload: Workload, price_list: PriceList
) -> tuple[Offer, ...]:
    """Every GPU × count: fitting ones first, cheapest first, unknown prices last.

    ``workload.gpus`` is replaced by that of each offer. A CPU-only offer for
    small models comes after the cards that fit. Several nodes (vLLM only) are
    offered where nothing on one node fits, and where ``workload.nodes`` asks
    for them.
    """
    look = _Look(architecture, variant, workload)
    found = [_offer(look, gpu, count, 1) for gpu in price_list.gpus for count in COUNTS]
    if _has_cpu(look):
        found.append(_cpu_offer(look))
    is_vllm = workload.family is EngineFamily.VLLM
    if is_vllm:
        several = _several_nodes(workload.nodes, all(offer.fit is Fit.NO for offer in found))
        found += [
            _offer(look, gpu, count, nodes) for gpu in price_list.gpus for count, nodes in several
        ]
    return tuple(sorted(found, key=_order))


@lru_cache(maxsize=64)
def largest_contexts(
    architecture: Architecture, variant: Variant, workload: Workload, found: tuple[Offer, ...]
) -> tuple[int | None, ...]:
    """The longest context in tokens on each of the offers; None where it does not fit.

    Apart from `offers`, since it costs several times as much as all the rest.
    """
    look = _Look(architecture, variant, workload)
    return tuple(None if offer.fit is Fit.NO else _largest_context(look, offer) for offer in found)


def _largest_context(look: _Look, offer: Offer) -> int:
    if offer.gpu is None:
        return look.largest_context(look.without_card(), _CPU_MEMORY)
    workload = look.on(offer.gpu, offer.count, offer.nodes)
    return look.largest_context(workload, budget(offer.gpu.usable_bytes, workload))


def _several_nodes(asked: int, is_needed: bool) -> list[tuple[int, int]]:
    """Cards a node and nodes: whole nodes where they are needed, any count where asked for."""
    if asked > 1:
        return [(count, asked) for count in COUNTS]
    return [(_CARDS_A_NODE, nodes) for nodes in NODES] if is_needed else []


def _order(offer: Offer) -> tuple[bool, bool, float, int, int, int]:
    price = math.inf if offer.usd_per_hour is None else offer.usd_per_hour
    speed = offer.gpu.bandwidth if offer.gpu else 0
    return (
        offer.fit is Fit.NO,
        offer.gpu is None,
        price,
        offer.count * offer.nodes,
        -speed,
        -offer.headroom_bytes,
    )


def _offer(look: _Look, gpu: Gpu, count: int, nodes: int) -> Offer:
    workload = look.on(gpu, count, nodes)
    needed = look.needed(workload)
    room = budget(gpu.usable_bytes, workload)
    price = None if gpu.usd_per_hour is None else gpu.usd_per_hour * count * nodes
    refusal = rules.refusal(gpu, look.architecture, workload)
    fit = Fit.NO if refusal else _fit(needed, room)
    return Offer(
        gpu=gpu,
        count=count,
        nodes=nodes,
        fit=fit,
        needed_bytes=needed,
        headroom_bytes=room - needed,
        usd_per_hour=price,
        reason=refusal or _reason(look, gpu, workload, fit),
        tokens_per_second=look.speed(gpu, workload) if fit is not Fit.NO and look.writes else None,
    )


def _fit(needed: int, room: int) -> Fit:
    if needed > room:
        return Fit.NO
    return Fit.TIGHT if needed > room * (1 - _TIGHT) else Fit.FITS


def _reason(look: _Look, gpu: Gpu, workload: Workload, fit: Fit) -> str:
    needed, room = look.needed(workload), budget(gpu.usable_bytes, workload)
    each = " on each card" if workload.gpus * workload.nodes > 1 else ""
    has = size(room)
    if workload.family is EngineFamily.VLLM:
        share = f"{GPU_MEMORY_UTILIZATION:.0%} of {size(gpu.usable_bytes)}"
        has += f" ({share}, and CUDA's context)"
    if fit is Fit.NO:
        return f"Needs {size(needed)}{each}, has {has}."
    sentence = f"Needs {size(needed)}{each} of {has}; {size(room - needed)} left."
    if fit is Fit.TIGHT:
        sentence = f"Tight: needs {size(needed)}{each} of {has}, {size(room - needed)} left."
    note = rules.notes(gpu, look.architecture, workload)
    return f"{sentence} {note}".rstrip()


def _has_cpu(look: _Look) -> bool:
    is_llama_cpp = look.workload.family is EngineFamily.LLAMA_CPP
    if look.workload.experts_on_host:
        return False
    return is_llama_cpp and look.variant.weight_bytes <= _CPU_WEIGHTS


def _cpu_offer(look: _Look) -> Offer:
    """Without a card; the price is 0 since RAM and cores are priced elsewhere."""
    needed = look.needed(look.without_card())
    fit = _fit(needed, _CPU_MEMORY)
    if fit is Fit.NO:
        reason = f"Needs {size(needed)} of RAM, more than the {size(_CPU_MEMORY)} offered."
    else:
        reason = f"Needs {size(needed)} of RAM; much slower than a card."
    speed = tokens_per_second(look.architecture, look.variant, RAM_BANDWIDTH)
    return Offer(
        gpu=None,
        count=0,
        nodes=1,
        fit=fit,
        needed_bytes=needed,
        headroom_bytes=_CPU_MEMORY - needed,
        usd_per_hour=0.0,
        reason=reason,
        tokens_per_second=round(speed, 1) if fit is not Fit.NO and look.writes else None,
    )


def named_gpus(offers: Iterable[Offer], limit: int = 5) -> tuple[Offer, ...]:
    """The offers that an SDL names: one count, several models, cheapest first.

    The fewest cards among what costs up to 2.5 times the cheapest offer, since
    cards on one node are the harder to get the more they are; then every model
    up to 2.5 times the cheapest of those. Cards that are free now come before
    others where that is known, also cheaper ones: what the first costs is what a
    plan is said to cost. The memory label is kept only where a model
    comes in several sizes of which some do not fit: the chain matches it
    literally, so that each label costs bids.
    """
    everything = tuple(offer for offer in offers if offer.gpu is not None)
    fitting = sorted((offer for offer in everything if offer.fit is not Fit.NO), key=_order)
    if not fitting:
        return ()
    pool = [offer for offer in fitting if _is_free(offer)] or fitting
    near = [offer for offer in pool if _costs_about(offer, pool[0])]
    cheapest = min(near, key=lambda offer: (offer.nodes, offer.count, _order(offer)))
    beside = [offer for offer in fitting if _goes_with(offer, cheapest)]
    ordered = sorted(beside, key=lambda offer: (not _is_free(offer), _order(offer)))
    return tuple(islice(_one_a_model(ordered, everything), limit))


def cheapest(
    architecture: Architecture, variant: Variant, workload: Workload, price_list: PriceList
) -> Offer | None:
    """The first that `named_gpus` names of all `offers`; None where nothing fits.

    For lists, which show no other: cards are looked at by their price, until they
    cost too much to be named beside one that fits.
    """
    look = _Look(architecture, variant, workload)
    found: list[Offer] = []
    dearest = math.inf
    for price, count, gpu in _by_price(price_list):
        if price > dearest:
            return _first_named(look, found, price_list)
        offer = _offer(look, gpu, count, 1)
        found.append(offer)
        if offer.fit is not Fit.NO and _is_free(offer):
            dearest = min(dearest, price * _DEAREST)
    named = named_gpus(offers(architecture, variant, workload, price_list), limit=1)
    return named[0] if named else None


@lru_cache(maxsize=4)
def _by_price(price_list: PriceList) -> tuple[tuple[float, int, Gpu], ...]:
    """Each GPU × count with its price in USD an hour, those without one last."""
    priced = [
        (math.inf if gpu.usd_per_hour is None else gpu.usd_per_hour * count, count, gpu)
        for gpu in price_list.gpus
        for count in COUNTS
    ]
    return tuple(sorted(priced, key=lambda item: item[:2]))


def _first_named(look: _Look, found: list[Offer], price_list: PriceList) -> Offer:
    """With the sisters of the card, dear ones too: they decide whether its memory is told."""
    first = named_gpus(found, limit=1)[0]
    model = first.gpu.model if first.gpu else ""
    sisters = (gpu for gpu in price_list.gpus if gpu.model == model)
    return named_gpus([*found, *(_offer(look, gpu, first.count, 1) for gpu in sisters)], limit=1)[0]


def _is_free(offer: Offer) -> bool:
    """Whether enough cards are free, as far as is known."""
    free = offer.gpu.available if offer.gpu else None
    return free is None or free >= offer.count * offer.nodes


def _goes_with(offer: Offer, cheapest: Offer) -> bool:
    same_shape = (offer.count, offer.nodes) == (cheapest.count, cheapest.nodes)
    return same_shape and _costs_about(offer, cheapest)


def _costs_about(offer: Offer, cheapest: Offer) -> bool:
    """Up to 2.5 times as much; where no price is known, another without one."""
    if offer.usd_per_hour is None or cheapest.usd_per_hour is None:
        return offer.usd_per_hour is cheapest.usd_per_hour
    return offer.usd_per_hour <= cheapest.usd_per_hour * _DEAREST


def _one_a_model(ordered: list[Offer], everything: tuple[Offer, ...]) -> Iterator[Offer]:
    too_small = {_shape(offer) for offer in everything if offer.fit is Fit.NO}
    seen: set[tuple[str, str]] = set()
    for offer in ordered:
        gpu = offer.gpu
        if gpu is None:
            continue
        # Only where a smaller sister of the card does not hold the workload.
        label = gpu.ram_label if _shape(offer) in too_small else ""
        if (gpu.model, label) not in seen:
            seen.add((gpu.model, label))
            yield replace(offer, gpu=replace(gpu, ram_label=label))


def _shape(offer: Offer) -> tuple[str, int, int]:
    """What the memory sizes of one card have in common."""
    return (offer.gpu.model if offer.gpu else "", offer.count, offer.nodes)
