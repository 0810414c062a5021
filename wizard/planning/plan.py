"""Choices → Plan: each default is the one that we would take ourselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from wizard.hardware.choice import named_gpus, offers
from wizard.hardware.values import Fit, Offer, PriceList
from wizard.planning import price
from wizard.planning.engines import ImageCheck, choose_engine, engines_for, family
from wizard.planning.errors import ChoiceError
from wizard.planning.resources import resources_for
from wizard.planning.workload import choose_context, choose_kv, choose_slots
from wizard.registry.values import Architecture, Gating, Model, ModelRef, Variant
from wizard.sdl import images
from wizard.sdl.pricing import uact_per_block
from wizard.sdl.values import Choices, Engine, Plan, Reason, StorageClass
from wizard.sizing import estimate, largest_context
from wizard.sizing.values import EngineFamily, KvType, MemoryEstimate, Workload

GIB = 1 << 30
LARGEST_REPLICAS = 20
# Below this, an embedding model answers quickly on a CPU and needs no card.
_CPU_IS_ENOUGH = 1 * GIB


@dataclass(frozen=True)
class _Hardware:
    """Where it runs: offers looked at, those named, and why."""

    offers: tuple[Offer, ...]
    chosen: tuple[Offer, ...]
    reason: Reason
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def make_plan(
    ref: ModelRef,
    model: Model,
    variant: Variant,
    architecture: Architecture,
    choices: Choices,
    price_list: PriceList,
    *,
    image_check: ImageCheck = images.check,
) -> Plan:
    """The plan for these choices.

    Raises ChoiceError for a choice that cannot be used. A plan with
    ``problems`` can be shown, and its file is not to be served.
    """
    engine, image, engine_reason = choose_engine(model, variant, choices.engine, image_check)
    kv, kv_reason = choose_kv(choices.kv, family(engine))
    slots, slots_reason = choose_slots(choices.slots, family(engine), causal=architecture.causal)
    look = _Lookout(architecture, variant, engine, slots, kv, price_list, choices)
    context, context_reason = choose_context(architecture, choices.context, look.cheapest_price)
    hardware = _choose_hardware(look, context)
    best = hardware.chosen[0] if hardware.chosen else None
    count, nodes = (best.count, best.nodes) if best else (1, 1)
    if best and best.gpu is None:
        count = 0
    workload = look.workload(context, count, nodes)
    memory = estimate(architecture, variant, workload)
    storage_class = choices.storage_class or StorageClass.NVME
    resources = resources_for(
        memory,
        family(engine),
        count=count,
        nodes=nodes,
        storage_class=storage_class,
        storage_gib=_checked_storage(choices.storage_gib, memory),
    )
    rest = price.resources_usd_per_hour(resources, storage_class)
    named = tuple(offer for offer in hardware.chosen if offer.gpu)
    ceiling, ceiling_sentence = price.default_ceiling(named, rest)
    if choices.price_ceiling is not None:
        ceiling, ceiling_sentence = _checked_ceiling(choices.price_ceiling)
    replicas = _checked_replicas(choices.replicas)
    market = price.market_price(best, rest) if best else None
    return Plan(
        ref=ref,
        model=model,
        variant=variant,
        architecture=architecture,
        engine=engine,
        engines=engines_for(model, variant),
        image=image,
        context=context,
        largest_context=architecture.context_length,
        slots=slots,
        kv=kv,
        count=count,
        nodes=nodes,
        replicas=replicas,
        region=choices.region,
        audited=bool(choices.audited),
        storage_class=storage_class,
        resources=resources,
        estimate=memory,
        offers=hardware.offers,
        chosen=hardware.chosen,
        usd_per_hour=market * replicas if market is not None else None,
        price_ceiling=ceiling,
        amount_uact=uact_per_block(ceiling),
        price_list=price_list,
        extra_env=choices.extra_env,
        reasons=(
            Reason("engine", engine_reason),
            context_reason,
            slots_reason,
            kv_reason,
            hardware.reason,
            Reason("price_ceiling", ceiling_sentence),
            Reason("storage", _storage_reason(storage_class)),
        ),
        problems=hardware.problems,
        warnings=hardware.warnings
        + _warnings(model, architecture, choices, ceiling, named, rest)
        + _image_warnings(image.known, image.reference),
    )


@dataclass(frozen=True)
class _Lookout:
    """Offers at any context, each looked up once."""

    architecture: Architecture
    variant: Variant
    engine: Engine
    slots: int
    kv: KvType
    price_list: PriceList
    choices: Choices

    def workload(self, context: int, gpus: int, nodes: int) -> Workload:
        return Workload(
            context_length=context,
            slots=self.slots,
            kv_type=self.kv,
            family=family(self.engine),
            gpus=gpus,
            nodes=nodes,
        )

    def offers(self, context: int) -> tuple[Offer, ...]:
        return offers(
            self.architecture, self.variant, self.workload(context, 1, 1), self.price_list
        )

    def cheapest_price(self, context: int) -> float | None:
        """USD per hour of the cheapest offer that fits and is wanted; None where none does."""
        fitting = [offer for offer in self.wanted(self.offers(context)) if offer.fit is not Fit.NO]
        if not fitting:
            return None
        known = [offer.usd_per_hour for offer in fitting if offer.usd_per_hour is not None]
        return min(known, default=price.UNKNOWN_CARD)

    def wanted(self, found: tuple[Offer, ...]) -> tuple[Offer, ...]:
        """Those offers that the person's choices of card, count and nodes leave."""
        return tuple(offer for offer in found if self._is_wanted(offer))

    def _is_wanted(self, offer: Offer) -> bool:
        choices = self.choices
        if self.is_cpu_only:
            return offer.gpu is None
        if offer.gpu is None:
            return False
        if choices.count is not None and offer.count != choices.count:
            return False
        if choices.nodes is not None and offer.nodes != choices.nodes:
            return False
        return not choices.gpus or any(_names(name, offer) for name in choices.gpus)

    @property
    def is_cpu_only(self) -> bool:
        if self.choices.cpu_only is not None:
            return self.choices.cpu_only
        if self.choices.gpus or self.choices.count or family(self.engine) is EngineFamily.VLLM:
            return False
        return not self.architecture.causal and self.variant.weight_bytes <= _CPU_IS_ENOUGH


def _names(name: str, offer: Offer) -> bool:
    """Whether ``a100`` or ``a100:80Gi`` names the offer's card."""
    model, _, ram = name.partition(":")
    gpu = offer.gpu
    if gpu is None or gpu.model != model:
        return False
    return not ram or f"{round(gpu.vram_bytes / GIB)}Gi" == ram


def _choose_hardware(look: _Lookout, context: int) -> _Hardware:
    everything = look.offers(context)
    wanted = look.wanted(everything)
    _check_wanted(look, wanted)
    fitting = tuple(offer for offer in wanted if offer.fit is not Fit.NO)
    if look.is_cpu_only:
        return _cpu_hardware(everything, wanted, look.choices.cpu_only)
    if look.choices.gpus:
        return _chosen_hardware(everything, fitting, wanted)
    if not fitting:
        return _nothing_fits(everything, wanted, look, context)
    chosen = named_gpus(fitting)
    names = ", ".join(offer.title for offer in chosen)
    sentence = (
        f"{names}: cheapest first, and several of them so that more providers can bid."
        if len(chosen) > 1
        else f"{names} is what fits at this price."
    )
    return _Hardware(everything, chosen, Reason("gpu", sentence))


def _check_wanted(look: _Lookout, wanted: tuple[Offer, ...]) -> None:
    choices = look.choices
    if wanted:
        return
    if choices.gpus:
        known = sorted({gpu.model for gpu in look.price_list.gpus})
        raise ChoiceError(
            "gpu",
            f"Akash has no such choice of cards: {', '.join(choices.gpus)}. "
            f"Known models: {', '.join(known)}; counts: 1, 2, 4 and 8.",
        )
    if choices.count is not None and choices.count not in (1, 2, 4, 8):
        raise ChoiceError("count", f"The number of cards is {choices.count}; use 1, 2, 4 or 8.")
    if look.is_cpu_only:
        raise ChoiceError("cpu_only", "This model and engine need a GPU; leave CPU only away.")
    if choices.nodes is not None:
        raise ChoiceError(
            "nodes", f"{choices.nodes} nodes are not offered for this model and engine; use 1."
        )


def _cpu_hardware(
    everything: tuple[Offer, ...], wanted: tuple[Offer, ...], asked: bool | None
) -> _Hardware:
    sentence = "You chose to run on the CPU." if asked else "So small that a CPU is enough."
    slow = () if not asked else ("A CPU writes a few tokens a second; a small card is far faster.",)
    return _Hardware(everything, wanted[:1], Reason("gpu", sentence), warnings=slow)


def _chosen_hardware(
    everything: tuple[Offer, ...], fitting: tuple[Offer, ...], wanted: tuple[Offer, ...]
) -> _Hardware:
    """The person's own cards: those that fit, else those anyway, with a warning."""
    pool = fitting or wanted
    count, nodes = pool[0].count, pool[0].nodes
    chosen = tuple(offer for offer in pool if (offer.count, offer.nodes) == (count, nodes))
    reason = Reason("gpu", "You chose the cards.")
    if fitting:
        return _Hardware(everything, _one_a_card(chosen), reason)
    warning = f"{chosen[0].title} is likely too small: {chosen[0].reason}"
    return _Hardware(everything, _one_a_card(chosen), reason, warnings=(warning,))


def _one_a_card(chosen: tuple[Offer, ...]) -> tuple[Offer, ...]:
    seen = {
        (offer.gpu.model, offer.gpu.ram_label): offer for offer in reversed(chosen) if offer.gpu
    }
    return tuple(reversed(seen.values()))


def _nothing_fits(
    everything: tuple[Offer, ...], wanted: tuple[Offer, ...], look: _Lookout, context: int
) -> _Hardware:
    needed = estimate(look.architecture, look.variant, look.workload(context, 1, 1)).total
    sentence = (
        f"Nothing that Akash offers holds this: it needs {needed / 1e9:,.1f} GB at "
        f"{context:,} tokens × {look.slots} slots. Choose a smaller variant, a shorter context, "
        "fewer slots, or a q8_0 KV cache."
    )
    return _Hardware(everything, wanted[:1], Reason("gpu", "Nothing fits."), problems=(sentence,))


def _checked_replicas(replicas: int | None) -> int:
    if replicas is None:
        return 1
    if not 1 <= replicas <= LARGEST_REPLICAS:
        raise ChoiceError("replicas", f"Replicas are {replicas}; use 1 to {LARGEST_REPLICAS}.")
    return replicas


def _checked_storage(storage_gib: int | None, memory: MemoryEstimate) -> int | None:
    if storage_gib is None:
        return None
    if not 1 <= storage_gib <= 32 * 1024:
        raise ChoiceError("storage_gib", f"The volume is {storage_gib} GiB; use 1 to 32,768.")
    if storage_gib * GIB < memory.disk:
        needed = -(-memory.disk // GIB)
        raise ChoiceError(
            "storage_gib", f"The weights need {needed} GiB of disk; you chose {storage_gib}."
        )
    return storage_gib


def _checked_ceiling(wanted: float) -> tuple[float, str]:
    # 10,000,000 uact a block is the chain's limit, 6,000 USD an hour.
    if not 0.01 <= wanted <= 6000:
        raise ChoiceError(
            "price_ceiling", f"The ceiling is ${wanted}; use $0.01 to $6,000 an hour."
        )
    return wanted, f"You set ${wanted:.2f} an hour as the most that a provider may ask."


def _storage_reason(storage_class: StorageClass) -> str:
    if storage_class is StorageClass.EPHEMERAL:
        return "On the container's own disk: a restart downloads the weights again."
    return "A persistent volume: the weights survive a restart, so it takes seconds."


def _warnings(
    model: Model,
    architecture: Architecture,
    choices: Choices,
    ceiling: float,
    named: tuple[Offer, ...],
    rest: float,
) -> tuple[str, ...]:
    found = []
    if model.gating is not Gating.OPEN:
        found.append(
            "This model is gated: accept its terms on Hugging Face and put a read token into the "
            "file. The page does that in your browser."
        )
    if not architecture.exact:
        found.append(
            "The model's exact shape is not known here, so the memory is estimated on the large "
            "side."
        )
    if architecture.custom_code:
        found.append(
            "This model brings its own Python code (trust-remote-code): it runs on your server."
        )
    cheapest = price.market_price(named[0], rest) if named else None
    if choices.price_ceiling is not None and cheapest and ceiling < cheapest / named[0].nodes:
        found.append(f"The ceiling is below the market (${cheapest:.2f} an hour): expect no bids.")
    if named and all(offer.gpu and offer.gpu.trial_blocked for offer in named):
        found.append("Akash Console's free trial cannot lease these cards; a paid account can.")
    return tuple(found)


def _image_warnings(known: bool | None, reference: str) -> tuple[str, ...]:
    if known is not False:
        return ()
    return (f"{reference} was not found in its registry; the deployment would not start.",)
