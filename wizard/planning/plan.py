"""Choices → Plan: each default is the one that we would take ourselves."""

from __future__ import annotations

from dataclasses import dataclass

from wizard.hardware.values import Offer, PriceList
from wizard.hardware.workloads import on_gpu
from wizard.planning import price
from wizard.planning.cards import Hardware, Lookout, check_numbers, choose_hardware, wants_cpu
from wizard.planning.engines import ImageCheck, choose_engine, engines_for, family
from wizard.planning.errors import ChoiceError
from wizard.planning.experts import can_stay, choose_experts, experts_reason
from wizard.planning.resources import resources_for
from wizard.planning.warnings import image_warnings, plan_warnings, ranking_warnings
from wizard.planning.workload import choose_context, choose_kv, choose_slots
from wizard.registry.values import Architecture, Model, ModelRef, Variant
from wizard.sdl import images
from wizard.sdl.engines import vllm_ranking
from wizard.sdl.pricing import MAX_USD_PER_HOUR, uact_per_block
from wizard.sdl.values import Choices, Image, Plan, Reason, Resources, StorageClass
from wizard.sizing import estimate
from wizard.sizing.values import MemoryEstimate, Workload

LARGEST_REPLICAS = 20
# USD per hour.
_SMALLEST_CEILING = 0.01


@dataclass(frozen=True)
class _Run:
    """What runs, on what, and why: all that memory depends on."""

    look: Lookout
    image: Image
    context: int
    hardware: Hardware
    reasons: tuple[Reason, ...]

    @property
    def best(self) -> Offer | None:
        """The cheapest cards that are named, if there are any."""
        return self.hardware.chosen[0] if self.hardware.chosen else None

    @property
    def shape(self) -> tuple[int, int]:
        """Cards in a node, and nodes."""
        best = self.best
        return (best.count, best.nodes) if best else (int(not self.look.is_cpu_only), 1)

    @property
    def workload(self) -> Workload:
        found = self.look.workload(self.context, *self.shape)
        best = self.best
        return on_gpu(found, best.gpu, *self.shape) if best and best.gpu else found


@dataclass(frozen=True)
class _Cost:
    """What a node is given beside its cards, and USD per hour: of that, at most, and of all."""

    resources: Resources
    storage_class: StorageClass
    rest: float
    ceiling: float
    replicas: int
    market: float | None
    reasons: tuple[Reason, ...]


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
    check_numbers(choices)
    run = _run(model, variant, architecture, choices, price_list, image_check)
    memory = estimate(architecture, variant, run.workload)
    cost = _cost(run, memory, choices)
    look, hardware, (count, nodes) = run.look, run.hardware, run.shape
    return Plan(
        ref=ref,
        model=model,
        variant=variant,
        architecture=architecture,
        engine=look.engine,
        engines=engines_for(model, variant),
        image=run.image,
        context=run.context,
        largest_context=architecture.context_length,
        slots=look.slots,
        kv=look.kv,
        count=count,
        nodes=nodes,
        replicas=cost.replicas,
        region=choices.region,
        audited=bool(choices.audited),
        storage_class=cost.storage_class,
        resources=cost.resources,
        estimate=memory,
        offers=hardware.offers,
        chosen=hardware.chosen,
        usd_per_hour=cost.market and cost.market * cost.replicas,
        price_ceiling=cost.ceiling,
        amount_uact=uact_per_block(cost.ceiling),
        price_list=price_list,
        extra_env=choices.extra_env,
        aliases=choices.aliases,
        cpu_moe=look.cpu_moe,
        reasons=(*run.reasons, *cost.reasons, *_experts_reasons(run)),
        problems=hardware.problems,
        warnings=hardware.warnings
        + plan_warnings(model, architecture, choices, cost.ceiling, hardware.chosen, cost.rest)
        + ranking_warnings(model, architecture, run.look.engine)
        + image_warnings(run.image),
    )


def _run(
    model: Model,
    variant: Variant,
    architecture: Architecture,
    choices: Choices,
    price_list: PriceList,
    image_check: ImageCheck,
) -> _Run:
    on_cpu = wants_cpu(architecture, variant, choices)
    engine, image, engine_reason = choose_engine(
        model, variant, choices.engine, image_check, on_cpu=on_cpu
    )
    slots, slots_reason = choose_slots(choices.slots, family(engine), causal=architecture.causal)
    kv, kv_reason = choose_kv(choices.kv, family(engine), architecture, slots)
    cpu_moe = choose_experts(architecture, engine, choices)
    ranks = vllm_ranking.of(model.ref, architecture) is not None
    look = Lookout(architecture, variant, engine, slots, kv, price_list, choices, cpu_moe, ranks)
    context, context_reason = choose_context(architecture, choices.context, look.cheapest_price)
    hardware = choose_hardware(look, context)
    reasons = (context_reason, slots_reason, kv_reason, hardware.reason)
    return _Run(look, image, context, hardware, (Reason("engine", engine_reason), *reasons))


def _cost(run: _Run, memory: MemoryEstimate, choices: Choices) -> _Cost:
    count, nodes = run.shape
    storage_class = choices.storage_class or StorageClass.NVME
    resources = resources_for(
        memory,
        family(run.look.engine),
        count=count,
        nodes=nodes,
        cpu_moe=run.look.cpu_moe,
        storage_class=storage_class,
        storage_gib=_checked_storage(choices.storage_gib, memory),
    )
    rest = price.resources_usd_per_hour(resources, storage_class)
    ceiling, ceiling_reason = _choose_ceiling(choices.price_ceiling, run.hardware.chosen, rest)
    return _Cost(
        resources,
        storage_class,
        rest,
        ceiling,
        replicas=_checked_replicas(choices.replicas),
        market=price.market_price(run.best, rest),
        reasons=(ceiling_reason, Reason("storage", _storage_reason(storage_class))),
    )


def _experts_reasons(run: _Run) -> tuple[Reason, ...]:
    look, best = run.look, run.best
    if not best or not can_stay(look.architecture, look.engine):
        return ()
    return (experts_reason(look.architecture, look.variant, run.workload, best),)


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
    if storage_gib * price.GIB < memory.disk:
        needed = -(-memory.disk // price.GIB)
        raise ChoiceError(
            "storage_gib", f"The weights need {needed} GiB of disk; you chose {storage_gib}."
        )
    return storage_gib


def _choose_ceiling(
    wanted: float | None, chosen: tuple[Offer, ...], rest: float
) -> tuple[float, Reason]:
    """The most that a node may cost, in USD per hour; ``rest`` is what it costs beside cards."""
    if wanted is None:
        ceiling, sentence = price.default_ceiling(chosen, rest)
        return ceiling, Reason("price_ceiling", sentence)
    if not _SMALLEST_CEILING <= wanted <= MAX_USD_PER_HOUR:
        raise ChoiceError(
            "price_ceiling",
            f"The ceiling is ${wanted}; use ${_SMALLEST_CEILING} to ${MAX_USD_PER_HOUR:,.0f} "
            "an hour.",
        )
    sentence = f"You set ${wanted:.2f} an hour as the most that a provider may ask."
    return wanted, Reason("price_ceiling", sentence)


def _storage_reason(storage_class: StorageClass) -> str:
    if storage_class is StorageClass.EPHEMERAL:
        return "On the container's own disk: a restart downloads the weights again."
    return "A persistent volume: the weights survive a restart, so it takes seconds."
