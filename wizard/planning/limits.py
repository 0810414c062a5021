"""What the plan's own cards would hold beyond the plan: the longest context, the most slots."""

from __future__ import annotations

from wizard.hardware.workloads import on_gpu
from wizard.planning.workload import workload_of
from wizard.registry.values import Architecture
from wizard.sdl.values import Engine, Plan
from wizard.sizing.card import CardAnswer, on_card
from wizard.sizing.words import plural, size


def limits(plan: Plan) -> CardAnswer | None:
    """The answer for the cards that the file names first; None without a card."""
    best = plan.chosen[0] if plan.chosen else None
    if best is None or best.gpu is None:
        return None
    return on_card(
        plan.architecture,
        plan.variant,
        on_gpu(workload_of(plan), best.gpu, plan.count, plan.nodes),
        usable_bytes=best.gpu.usable_bytes,
        bandwidth=best.gpu.bandwidth,
        usd_per_hour=_share(plan),
    )


def _share(plan: Plan) -> float | None:
    """USD per hour of one card, with its part of all that runs beside it."""
    if plan.usd_per_hour is None:
        return None
    return plan.usd_per_hour / plan.replicas / (plan.count * plan.nodes)


def in_words(plan: Plan, found: CardAnswer) -> str:
    """The limits as two sentences."""
    title = plan.chosen[0].title
    many = plan.count * plan.nodes > 1
    cards = "cards with {} free each" if many else "a card with {} free"
    least = f"With a very short context it runs on {cards.format(size(found.smallest_bytes))}."
    if not found.largest_context:
        return f"{title} cannot hold even 256 tokens. {least}"
    longest = _tokens(found.largest_context, plan.architecture)
    if not plan.architecture.causal:
        return f"{title} reads texts of {longest}. {least}"
    together = f", or {plural(found.most_slots, 'request')} with {plan.context:,} tokens each"
    if plan.engine is Engine.VLLM:
        together = f"{together} at a time; further ones wait" if found.most_slots > 1 else ""
        return f"{title} holds a request of {longest}{together}. {least}"
    slots = f"each of {plan.slots} requests" if plan.slots > 1 else "one request"
    is_other = found.most_slots > 1 and found.most_slots != plan.slots
    together = together if is_other else ""
    return f"{title} holds {longest} for {slots}{together}. {least}"


def _tokens(longest: int, architecture: Architecture) -> str:
    if longest == architecture.context_length:
        return f"all {longest:,} tokens of the model"
    return f"up to {longest:,} tokens"
