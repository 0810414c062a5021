"""Who could host a file now, asked before anything is paid; and what would let more."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from time import time

from django.conf import settings
from django.core.cache import cache

from wizard.console.client import Console
from wizard.console.errors import ConsoleError
from wizard.console.groups import Document, Json, group_specs
from wizard.console.values import Screened
from wizard.hardware.values import Fit
from wizard.sdl.values import Choices, Plan, StorageClass

FRESH_SECONDS = 120
DOWN_SECONDS = 30
# The Console refuses a longer body.
MAX_BODY_BYTES = 64 * 1024
MOST_CARDS = 12
# Requests to the Console that one page's look may have under way.
AT_ONCE = 4
# Whoever turns every knob of the page is not to use up the Console's patience for all.
MOST_A_MINUTE = 120
# So many of them are not for what a page asks beside its own plan.
SPARED = 30
_DOWN = "console-screening:down"


@dataclass(frozen=True)
class Screening:
    """Providers that could host it now; None where the Console could not be asked."""

    providers: tuple[Screened, ...] | None

    @property
    def count(self) -> int:
        return len(self.providers or ())

    @property
    def audited(self) -> int:
        return sum(provider.audited for provider in self.providers or ())


@dataclass(frozen=True)
class Relaxation:
    """A choice to give up, as a sentence's end: “without the persistent volume”."""

    words: str
    loses: str
    choices: Choices


async def screen(document: Document, spare: int = 0) -> Screening:
    """Who could host this document now. Never raises: an outage is told as None.

    ``spare`` requests of this minute are left to others.
    """
    body = _body(document)
    text = json.dumps(body, sort_keys=True)
    if settings.OFFLINE or len(text) > MAX_BODY_BYTES:
        return Screening(None)
    key = _key(text)
    if known := await asyncio.to_thread(_known, key, spare):
        return known
    try:
        found = Screening(await Console().screen(body))
    except ConsoleError:
        await asyncio.to_thread(cache.set, _DOWN, True, DOWN_SECONDS)
        return Screening(None)
    await asyncio.to_thread(cache.set, key, found, FRESH_SECONDS)
    return found


async def screen_all(documents: Iterable[Document], spare: int = 0) -> list[Screening]:
    """Who could host each of these now, a few asked for at the same time."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def in_turn(document: Document) -> Screening:
        async with turns:
            return await screen(document, spare)

    return await asyncio.gather(*map(in_turn, documents))


def _body(document: Document) -> Json:
    # A deployment is of one placement in every file of ours.
    group = group_specs(document)[0]
    return {"requirements": group["requirements"], "resources": group["resources"]}


def _key(text: str) -> str:
    digest = hashlib.sha256((settings.CONSOLE_API_URL + text).encode()).hexdigest()
    return f"console-screening:{digest}"


def _known(key: str, spare: int) -> Screening | None:
    """What is to be said without asking the Console; None where it may be asked."""
    known = cache.get(key)
    if isinstance(known, Screening):
        return known
    return None if not cache.get(_DOWN) and _may_ask(spare) else Screening(None)


def _may_ask(spare: int) -> bool:
    """Whether this minute has a request left; what is refused does not count."""
    key = f"console-screening:minute:{int(time() // 60)}"
    cache.add(key, 0, 120)
    if cache.get(key, 0) >= MOST_A_MINUTE - spare:
        return False
    try:
        return cache.incr(key) <= MOST_A_MINUTE - spare
    except ValueError:
        # The count went away between the two.
        return True


def relaxations(plan: Plan, choices: Choices) -> Iterator[Relaxation]:
    """What could be given up so that more providers can bid, the least harmful first."""
    if plan.storage_class is not StorageClass.EPHEMERAL:
        yield Relaxation(
            "without the persistent volume",
            "A restart downloads the weights again.",
            replace(choices, storage_class=StorageClass.EPHEMERAL, storage_gib=None),
        )
    if cards := _other_cards(plan):
        yield Relaxation(
            "with other cards that fit",
            "They may be dearer.",
            replace(choices, gpus=cards, count=plan.count, nodes=choices.nodes),
        )
    if plan.region:
        yield Relaxation(
            f"outside {plan.region}",
            "It may run on another continent.",
            replace(choices, region=""),
        )
    if plan.audited:
        yield Relaxation(
            "without the auditor",
            "Nobody has checked these providers.",
            replace(choices, audited=None),
        )
    yield Relaxation(
        f"with a ceiling of ${plan.price_ceiling * 2:,.2f} an hour",
        "You pay the bid that you accept, not the ceiling.",
        replace(choices, price_ceiling=round(plan.price_ceiling * 2, 2)),
    )


def _other_cards(plan: Plan) -> tuple[str, ...]:
    """Every card that fits at the plan's count and nodes, where the file names fewer."""
    if not plan.chosen:
        return ()
    shape = (plan.chosen[0].count, plan.chosen[0].nodes)
    fitting = [
        offer.gpu.model
        for offer in plan.offers
        if offer.gpu and offer.fit is not Fit.NO and (offer.count, offer.nodes) == shape
    ]
    named = {offer.gpu.model for offer in plan.chosen if offer.gpu}
    cards = tuple(dict.fromkeys(fitting))
    others = [card for card in cards if card not in named]
    return (*[c for c in cards if c in named], *others)[:MOST_CARDS] if others else ()
