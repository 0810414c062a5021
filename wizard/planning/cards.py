"""Which cards the file names: those asked for, else the cheapest that fit."""

from __future__ import annotations

from dataclasses import dataclass, replace

from wizard.hardware.choice import COUNTS, NODES, named_gpus, offers
from wizard.hardware.gpus import exact_name
from wizard.hardware.values import Fit, Offer, PriceList
from wizard.planning.engines import family
from wizard.planning.errors import ChoiceError
from wizard.planning.experts import can_stay
from wizard.planning.price import GIB, UNKNOWN_CARD
from wizard.planning.workload import workload_on
from wizard.registry.values import Architecture, Variant
from wizard.sdl.values import Choices, Engine, Reason
from wizard.sizing import estimate
from wizard.sizing.values import EngineFamily, KvType, Workload
from wizard.sizing.words import size

_CPU_IS_ENOUGH = 1 * GIB


@dataclass(frozen=True)
class Hardware:
    """Where it runs: offers looked at, those named, and why."""

    offers: tuple[Offer, ...]
    chosen: tuple[Offer, ...]
    reason: Reason
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lookout:
    """Offers at any context, each looked up once."""

    architecture: Architecture
    variant: Variant
    engine: Engine
    slots: int
    kv: KvType
    price_list: PriceList
    choices: Choices
    cpu_moe: bool = False
    ranks: bool = False

    def workload(self, context: int, gpus: int, nodes: int) -> Workload:
        return workload_on(
            self.architecture,
            self.engine,
            context=context,
            slots=self.slots,
            kv=self.kv,
            gpus=gpus,
            nodes=nodes,
            experts_on_host=self.cpu_moe,
            variables=self.choices.extra_env,
            ranks=self.ranks,
        )

    def offers(self, context: int) -> tuple[Offer, ...]:
        return offers(
            self.architecture,
            self.variant,
            self.workload(context, 1, self.choices.nodes or 1),
            self.price_list,
        )

    def cheapest_price(self, context: int) -> float | None:
        """USD per hour of what would be taken at this context; None where nothing fits."""
        wanted = self.wanted(self.offers(context))
        taken = [offer for offer in wanted if offer.fit is not Fit.NO]
        if not self.is_cpu_only:
            taken = list(named_gpus(wanted))
        if not taken:
            return None
        return UNKNOWN_CARD if taken[0].usd_per_hour is None else taken[0].usd_per_hour

    def wanted(self, found: tuple[Offer, ...]) -> tuple[Offer, ...]:
        """Those offers that the person's choices of card, count and nodes leave."""
        if self.is_cpu_only:
            return tuple(offer for offer in found if offer.gpu is None)
        return tuple(offer for offer in found if self._is_wanted(offer))

    def _is_wanted(self, offer: Offer) -> bool:
        choices = self.choices
        if offer.gpu is None:
            return False
        if choices.count is not None and offer.count != choices.count:
            return False
        if choices.nodes is not None and offer.nodes != choices.nodes:
            return False
        return not choices.gpus or any(_names(name, offer) for name in choices.gpus)

    @property
    def is_cpu_only(self) -> bool:
        if self.choices.cpu_only is None and family(self.engine) is EngineFamily.VLLM:
            return False
        return wants_cpu(self.architecture, self.variant, self.choices)


def wants_cpu(architecture: Architecture, variant: Variant, choices: Choices) -> bool:
    """Whether no card is asked for, or needed, where the engine can do without one."""
    if choices.cpu_only is not None:
        return choices.cpu_only
    if choices.gpus or choices.count:
        return False
    return is_cpu_enough(architecture, variant)


def is_cpu_enough(architecture: Architecture, variant: Variant) -> bool:
    """Whether it answers quickly without a card: a small model that writes nothing."""
    return not architecture.causal and variant.weight_bytes <= _CPU_IS_ENOUGH


def _names(name: str, offer: Offer) -> bool:
    """Whether ``a100`` or ``a100:80Gi`` names the offer's card."""
    model, _, ram = name.partition(":")
    gpu = offer.gpu
    if gpu is None or gpu.model != model:
        return False
    return not ram or f"{round(gpu.vram_bytes / GIB)}Gi" == ram


def check_numbers(choices: Choices) -> None:
    """Raise ChoiceError for a number of cards or nodes that is never offered, or contradicts."""
    if choices.cpu_only and (choices.gpus or choices.count or (choices.nodes or 1) > 1):
        raise ChoiceError(
            "cpu_only",
            "“No card at all” and chosen cards exclude each other; leave one of them away.",
        )
    if choices.count is not None and choices.count not in COUNTS:
        raise ChoiceError("count", f"The number of cards is {choices.count}; use 1, 2, 4 or 8.")
    if choices.nodes is not None and choices.nodes not in (1, *NODES):
        raise ChoiceError("nodes", f"The number of nodes is {choices.nodes}; use 1, 2 or 4.")


def choose_hardware(look: Lookout, context: int) -> Hardware:
    everything = look.offers(context)
    wanted = look.wanted(everything)
    _check_wanted(look, wanted)
    fitting = tuple(offer for offer in wanted if offer.fit is not Fit.NO)
    if look.is_cpu_only:
        return _cpu_hardware(everything, look.choices.cpu_only)
    if look.choices.gpus:
        return _chosen_hardware(everything, fitting, wanted)
    if not fitting:
        return _nothing_fits(everything, wanted, look, context)
    chosen = named_gpus(wanted)
    return Hardware(everything, chosen, Reason("gpu", _why_these(chosen, fitting)))


def _why_these(chosen: tuple[Offer, ...], fitting: tuple[Offer, ...]) -> str:
    """Why the first card was taken, and what the others are named for."""
    first, *others = chosen
    cards = first.count * first.nodes
    where = "a card's memory" if cards == 1 else f"the memory of each of {cards} cards"
    sentence = f"This needs {size(first.needed_bytes)} of {where}."
    if first.usd_per_hour is None:
        sentence += f" {first.title} has it"
    else:
        kind = "single cards" if cards == 1 else f"sets of {cards}"
        free = " and are free now" if any(_is_cheaper(offer, first) for offer in fitting) else ""
        sentence += f" {first.title} costs the least of the {kind} that have it{free}"
    if not others:
        return f"{sentence}."
    names = " and ".join(filter(None, [", ".join(o.title for o in others[:-1]), others[-1].title]))
    return f"{sentence}. {names} would do too: each kind named lets more providers bid."


def _is_cheaper(offer: Offer, than: Offer) -> bool:
    """Whether it costs less in the same number of cards."""
    if offer.usd_per_hour is None or than.usd_per_hour is None:
        return False
    is_alike = (offer.count, offer.nodes) == (than.count, than.nodes)
    return is_alike and offer.usd_per_hour < than.usd_per_hour


def _check_wanted(look: Lookout, wanted: tuple[Offer, ...]) -> None:
    choices = look.choices
    if wanted:
        return
    if choices.nodes is not None and choices.nodes != 1:
        raise ChoiceError("nodes", _why_not_nodes(choices.nodes, family(look.engine)))
    if choices.gpus:
        known = sorted({gpu.model for gpu in look.price_list.gpus})
        raise ChoiceError(
            "gpu",
            f"Akash has no such choice of cards: {', '.join(choices.gpus)}. "
            f"Known models: {', '.join(known)}; counts: 1, 2, 4 and 8.",
        )
    if look.is_cpu_only:
        raise ChoiceError("cpu_only", "This model and engine need a GPU; leave CPU only away.")


def _why_not_nodes(nodes: int, engine_family: EngineFamily) -> str:
    if engine_family is not EngineFamily.VLLM:
        return f"{nodes} nodes need vLLM, which runs safetensors; this engine runs on 1."
    return f"{nodes} nodes with these cards are not offered: choose other cards."


def _cpu_hardware(everything: tuple[Offer, ...], asked: bool | None) -> Hardware:
    sentence = "You chose to run on the CPU." if asked else "So small that a CPU is enough."
    slow = () if not asked else ("A CPU writes a few tokens a second; a small card is far faster.",)
    return Hardware(everything, (), Reason("gpu", sentence), warnings=slow)


def _chosen_hardware(
    everything: tuple[Offer, ...], fitting: tuple[Offer, ...], wanted: tuple[Offer, ...]
) -> Hardware:
    """The person's own cards: those that fit, else those anyway, with a warning."""
    pool = fitting or wanted
    count, nodes = pool[0].count, pool[0].nodes
    chosen = tuple(offer for offer in pool if (offer.count, offer.nodes) == (count, nodes))
    reason = Reason("gpu", "You chose the cards.")
    if fitting:
        return Hardware(everything, _one_a_card(chosen), reason)
    warning = (
        f"{chosen[0].title} is likely too small. {chosen[0].reason} "
        "Choose another card, a shorter context, or a smaller variant."
    )
    return Hardware(everything, _one_a_card(chosen), reason, warnings=(warning,))


def _one_a_card(chosen: tuple[Offer, ...]) -> tuple[Offer, ...]:
    cards = {exact_name(offer.gpu): offer for offer in reversed(chosen) if offer.gpu}
    return tuple(_labelled(name, offer) for name, offer in reversed(cards.items()))


def _labelled(name: str, offer: Offer) -> Offer:
    """With the card's memory label only where the card has several: each label costs bids."""
    if offer.gpu is None or ":" in name:
        return offer
    return replace(offer, gpu=replace(offer.gpu, ram_label=""))


def _nothing_fits(
    everything: tuple[Offer, ...], wanted: tuple[Offer, ...], look: Lookout, context: int
) -> Hardware:
    needed = estimate(look.architecture, look.variant, look.workload(context, 1, 1)).total
    can_move = can_stay(look.architecture, look.engine) and not look.cpu_moe
    experts = ", or leave the experts in RAM" if can_move else ""
    sentence = (
        f"Nothing that Akash offers holds this as chosen: it needs {needed / 1e9:,.1f} GB at "
        f"{context:,} tokens × {look.slots} slots. Choose a smaller variant, a shorter context, "
        f"fewer slots, or a q8_0 KV cache{experts}."
    )
    return Hardware(everything, wanted[:1], Reason("gpu", "Nothing fits."), problems=(sentence,))
