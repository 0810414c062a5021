"""The cards that fit as rows, in parts: the first is shown, the others are folded.

Who can host a row's plan is asked for a part at a time, when it comes into view.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from django.conf import settings

from wizard.forms import to_query
from wizard.hardware.gpus import exact_name
from wizard.hardware.values import Offer
from wizard.planning.whole_price import whole_offers
from wizard.registry.values import ModelRef
from wizard.sdl.values import Choices, Plan
from wizard.views.addresses import model_address
from wizard.views.bars import OfferRow, is_fitting, offer_row
from wizard.views.situation import Situation

PART = 6
MOST_ROWS = 46


@dataclass(frozen=True)
class Part:
    """Rows that are asked about together.

    ``name`` is the part's own among all plans: a part of another plan never
    takes its place. ``address`` tells who can host its rows, or is empty.
    """

    name: str
    rows: tuple[OfferRow, ...]
    address: str


def parts(ref: ModelRef, situation: Situation) -> list[Part]:
    """All that is listed, each part with the address that fills it in."""
    rows = list(_rows(situation))
    query = to_query(situation.choices)
    count = range(0, len(rows), PART)
    return [_part(ref, query, start // PART, rows[start : start + PART]) for start in count]


def choices_of(offer: Offer, choices: Choices) -> Choices:
    """The choices that take this offer and no other."""
    if offer.gpu is None:
        return replace(choices, gpus=(), count=None, nodes=None, cpu_only=True)
    nodes = offer.nodes if offer.nodes > 1 else None
    cards = (exact_name(offer.gpu),)
    return replace(choices, gpus=cards, count=offer.count, nodes=nodes, cpu_only=None)


def too_small(plan: Plan) -> list[Offer]:
    """One offer for each card that fits in no count: the largest, which came closest."""
    fitting = {offer.gpu.title for offer in plan.offers if offer.gpu and is_fitting(offer)}
    largest: dict[str, Offer] = {}
    for offer in plan.offers:
        if offer.gpu and offer.gpu.title not in fitting and not is_fitting(offer):
            best = largest.get(offer.gpu.title)
            if best is None or offer.count * offer.nodes > best.count * best.nodes:
                largest[offer.gpu.title] = offer
    return list(largest.values())


def _rows(situation: Situation) -> Iterator[OfferRow]:
    plan = situation.plan
    named = plan.chosen or _without_card(plan)
    chosen = {offer.title for offer in named}
    others = (o for o in plan.offers if is_fitting(o) and o.title not in chosen)
    shown = tuple(whole_offers(plan, (*named, *others)[:MOST_ROWS]))
    for offer in (*shown[: len(named)], *sorted(shown[len(named) :], key=_dearness)):
        choice = to_query(choices_of(offer, situation.choices))
        yield offer_row(
            offer, is_chosen=offer.title in chosen, choice=choice, replicas=plan.replicas
        )


def _dearness(offer: Offer) -> tuple[bool, float]:
    """Cheapest first; what needs no card is slow, and comes last."""
    price = math.inf if offer.usd_per_hour is None else offer.usd_per_hour
    return offer.gpu is None, price


def _without_card(plan: Plan) -> tuple[Offer, ...]:
    """What a plan takes that takes no card."""
    return tuple(offer for offer in plan.offers if offer.gpu is None and not plan.count)


def _part(ref: ModelRef, query: str, number: int, rows: list[OfferRow]) -> Part:
    name = f"offers-{zlib.crc32(query.encode()):08x}-{number}"
    address = model_address(ref, f"screening/{number}") + (f"?{query}" if query else "")
    return Part(name, tuple(rows), "" if settings.OFFLINE else address)
