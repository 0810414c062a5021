"""Who could host a file now, asked before anything is paid; and what would let more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import time

from wizard.console.groups import Document
from wizard.console.shapes import Shape, Sizes, shape_of
from wizard.console.shared_answers import Answer, answers
from wizard.console.values import Screened
from wizard.hardware.values import Fit
from wizard.sdl.values import Choices, Plan, StorageClass

MOST_CARDS = 12


@dataclass(frozen=True)
class Screening:
    """Providers that can host it; None where the Console could not be asked.

    There may be more of them: memory and storage are asked for a little more than
    the file does, unless nobody has that much. ``at`` is when it was asked, in
    seconds since 1970.
    """

    providers: tuple[Screened, ...] | None
    at: float = 0.0

    @property
    def count(self) -> int:
        return len(self.providers or ())

    @property
    def audited(self) -> int:
        return sum(provider.audited for provider in self.providers or ())

    @property
    def is_nobody(self) -> bool:
        return self.providers == ()

    @property
    def minutes(self) -> int:
        """Whole minutes since it was asked; a clock may have been set back."""
        return int(abs(time() - self.at) // 60)

    @property
    def asked(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)


@dataclass(frozen=True)
class Relaxation:
    """A choice to give up, as a sentence's end: “without the persistent volume”."""

    words: str
    loses: str
    choices: Choices


async def screen(document: Document) -> Screening:
    """Who can host this document. Never raises: an outage is told as None."""
    (found,) = await screen_all([document])
    return found


async def screen_all(documents: Iterable[Document], spared: int = 0) -> list[Screening]:
    """Who can host each of these; ``spared`` questions of this minute are left to others.

    Whoever can host a little more than a file asks for can host the file, and where
    nobody can host a little less, nobody can host it. Only in between the file's
    own sizes are asked for.
    """
    asked = list(documents)
    found = await _screened(asked, Sizes.UP, spared)
    nobody = [place for place, one in enumerate(found) if one.is_nobody]
    below = await _screened([asked[place] for place in nobody], Sizes.DOWN, spared)
    unsure = [place for place, one in zip(nobody, below, strict=True) if not one.is_nobody]
    exact = await _screened([asked[place] for place in unsure], Sizes.EXACT, spared)
    for place, one in zip(unsure, exact, strict=True):
        found[place] = one
    return found


async def _screened(documents: Sequence[Document], sizes: Sizes, spared: int) -> list[Screening]:
    shapes = [shape_of(document, sizes) for document in documents]
    told = iter(await answers([one for shape in shapes for one in shape.questions], spared))
    return [_together(shape, [next(told) for _ in shape.questions]) for shape in shapes]


def _together(shape: Shape, told: Sequence[Answer | None]) -> Screening:
    """Whoever can host it with any of its cards. Of nobody we are sure only with all answers."""
    known = [answer for answer in told if answer]
    everybody = (provider for answer in known for provider in answer.providers)
    providers = {one.address: one for one in everybody if _counts(shape, one)}
    if not providers and len(known) < len(told):
        return Screening(None)
    return Screening(tuple(providers.values()), min(answer.at for answer in known))


def _counts(shape: Shape, provider: Screened) -> bool:
    is_there = not shape.region or provider.region == shape.region
    return is_there and (provider.audited or not shape.audited)


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
