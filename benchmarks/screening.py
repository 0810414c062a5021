"""How often Akash Console is asked who can host what, from ten thousand visits a day to a million.

    python -m benchmarks.screening [--models 150] [--visits 10000 100000 1000000] [--minutes 90]

First the plans of the most popular models of the bundled catalogue are made, each
with five sets of choices, and what each page asks the Console: its own plan, and the
first of the listed cards. Half of the cards are taken to be free nowhere, which takes
a second question. Then visitors come to them at random through the busiest time of a
day, with the rules of `wizard.console.shared_answers` and a clock of their own. A model
is visited as often as its place in the list says (Zipf's law: the second half as often
as the first).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import django

from benchmarks.scale_model import DAY, PEAK
from wizard.console import shared_answers as rules
from wizard.console.groups import group_specs
from wizard.console.shapes import Sizes, shape_of
from wizard.planning import ChoiceError
from wizard.registry import catalogue
from wizard.registry.errors import RegistryError
from wizard.registry.values import ModelRef
from wizard.sdl.errors import SdlError
from wizard.sdl.values import Choices, Secrets
from wizard.views.failures import UnservableError
from wizard.views.files import sdl_for
from wizard.views.offers import choices_of, parts
from wizard.views.situation import (
    Situation,
    found_model,
    plan_beside,
    plan_with,
)

# What a visitor looks at: the default, and four changes of it.
LOOKS = (
    Choices(),
    Choices(slots=2),
    Choices(context=16_384),
    Choices(audited=True),
    Choices(region="us-west"),
)
# Before there were shapes: a question was the file's own, and its answer kept for so long.
OWN_SECONDS = 120
_UNSERVED = (ChoiceError, RegistryError, SdlError, UnservableError)


@dataclass(frozen=True)
class Look:
    """What one page asks: in shapes, and as it was asked before there were any."""

    plan: tuple[str, ...]
    cards: tuple[str, ...]
    own: tuple[str, ...]


@dataclass
class Tally:
    """What came of a load: each age is that of an answer that was told, in seconds."""

    asked: int = 0
    own: int = 0
    told: int = 0
    untold: int = 0
    ages: list[float] = field(default_factory=list)


def looks_at(ref: ModelRef) -> Iterator[Look]:
    """Each page of a model that has a file."""
    for choices in LOOKS:
        with suppress(*_UNSERVED):
            yield _look(Situation(plan_with(found_model(ref), choices), choices))


def _look(found: Situation) -> Look:
    own = sdl_for(found.plan, Secrets())
    cards = []
    for row in parts(found.plan.ref, found)[0].rows:
        with suppress(*_UNSERVED):
            plan = plan_beside(found.plan, choices_of(row.offer, found.choices))
            cards.append(sdl_for(plan, Secrets()))
    return Look(
        plan=_shapes([own]),
        cards=_shapes(cards),
        own=tuple(json.dumps(group_specs(document)) for document in (own, *cards)),
    )


def _shapes(documents: Sequence[dict[str, object]]) -> tuple[str, ...]:
    """The questions of these files; a card that nobody has is asked about once more."""
    found: dict[str, None] = {}
    for document in documents:
        up, down = (shape_of(document, sizes).questions for sizes in (Sizes.UP, Sizes.DOWN))
        for question, again in zip(up, down, strict=True):
            found[json.dumps(question)] = None
            if _has_nobody(question):
                found[json.dumps(again)] = None
    return tuple(found)


def _has_nobody(question: dict[str, Any]) -> bool:
    """Every second card is taken to be free nowhere, by its name."""
    cards = question["resources"][0]["resource"]["gpu"]["attributes"]
    return bool(cards) and zlib.crc32(cards[0]["key"].encode()) % 2 == 0


class Minute:
    """What is left of a minute's questions."""

    def __init__(self) -> None:
        self._asked: dict[int, int] = defaultdict(int)

    def may_ask(self, now: float, spared: int) -> bool:
        minute = int(now // 60)
        if self._asked[minute] >= rules.MOST_A_MINUTE - spared:
            return False
        self._asked[minute] += 1
        return True


class Answers:
    """When each question was last answered, as `shared_answers` has it."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}
        self._minute = Minute()
        self.tally = Tally()

    def ask(self, question: str, now: float, spared: int, *, counts: bool) -> None:
        at = self._at.get(question)
        if at is not None and now - at > rules.KEPT_SECONDS:
            at = None
        is_fresh = at is not None and now - at < rules.FRESH_SECONDS
        left = spared if at is None else rules.SPARED_BY_REFRESHES
        if not is_fresh and self._minute.may_ask(now, left):
            self._at[question] = now
            self.tally.asked += counts
            at = now if at is None else at
        if not counts:
            return
        self.tally.told += at is not None
        self.tally.untold += at is None
        if at is not None:
            self.tally.ages.append(now - at)


def run(models: Sequence[Sequence[Look]], visits_a_day: int, minutes: int) -> Tally:
    """Visitors at random for so many minutes of a day's peak; the first third only warms up."""
    chance = random.Random(7)
    weights = [1 / place for place in range(1, len(models) + 1)]
    answers, own_at = Answers(), dict[str, float]()
    a_second, now = visits_a_day / DAY * PEAK, 0.0
    while (now := now + chance.expovariate(a_second)) < minutes * 60:
        counts = now > minutes * 20
        for look in chance.choices(models, weights)[0]:
            for question in look.plan:
                answers.ask(question, now, 0, counts=counts)
            for question in look.cards:
                answers.ask(question, now, rules.SPARED_BY_CARDS, counts=counts)
            for question in look.own:
                if now - own_at.get(question, -OWN_SECONDS) >= OWN_SECONDS:
                    own_at[question] = now
                    answers.tally.own += counts
    return answers.tally


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", type=int, default=150)
    parser.add_argument("--visits", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--minutes", type=int, default=90)
    options = parser.parse_args()
    os.environ |= {"DJANGO_SETTINGS_MODULE": "oneclick_site.settings", "OFFLINE": "1"}
    django.setup()
    every = [tuple(looks_at(model.ref)) for model in catalogue.popular(options.models)]
    models = [looks for looks in every if looks]
    looks = [look for model in models for look in model]
    shapes = {one for look in looks for one in (*look.plan, *look.cards)}
    own = {one for look in looks for one in look.own}
    a_page = statistics.mean(len({*look.plan, *look.cards}) for look in looks)
    print(f"{len(models)} models, {len(looks)} pages of {a_page:.1f} questions: "
          f"{len(own)} files, {len(shapes)} shapes\n")  # fmt: skip
    print("| visits a day | files asked about a minute | asked a minute | told | "
          "fresh | p50 age s | p95 age s |")  # fmt: skip
    print("|" + " ---: |" * 7)
    for visits in options.visits:
        print(_row(visits, run(models, visits, options.minutes), options.minutes * 2 / 3))


def _row(visits: int, tally: Tally, minutes: float) -> str:
    ages = sorted(tally.ages)
    fresh = sum(age < rules.FRESH_SECONDS for age in ages) / max(1, len(ages))
    p50, p95 = (ages[int(len(ages) * share)] for share in (0.5, 0.95))
    told = tally.told / (tally.told + tally.untold)
    cells = (f"{visits:,}", f"{tally.own / minutes:,.0f}", f"{tally.asked / minutes:.0f}",
             f"{told:.1%}", f"{fresh:.1%}", f"{p50:.0f}", f"{p95:.0f}")  # fmt: skip
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
