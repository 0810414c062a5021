"""The Console's answers to screenings, shared by all visitors and all workers.

A question is asked by whoever comes first, and the others wait for that answer.
One that is no longer fresh is told with its age, and asked again behind the page's
back. So how often the Console is asked depends on how many different questions
there are, and not on how many visitors.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import time

from django.conf import settings
from django.core.cache import cache

from wizard.console import connections
from wizard.console.client import PAUSES, READ_SECONDS, Console
from wizard.console.errors import ConsoleError, FileRefused, Refused
from wizard.console.groups import Json
from wizard.console.values import Screened

FRESH_SECONDS = 300
KEPT_SECONDS = 3600
DOWN_SECONDS = 30
# Questions that one page may have under way.
AT_ONCE = 4
# What the site asks in a minute, for everybody together: Akash publishes no quota.
MOST_A_MINUTE = 120
# So many of them are not for the cards beside a page's own plan, and so many not for
# asking again what is known.
SPARED_BY_CARDS = 30
SPARED_BY_REFRESHES = 40
# Longer than any question takes: what a worker was asking when it died is then asked anew.
ASKING_SECONDS = int(READ_SECONDS * (len(PAUSES) + 1) + sum(PAUSES)) + 2
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.4
_DOWN = "console-screening:down"


@dataclass(frozen=True)
class Answer:
    """Who could host it; ``at`` is when that was asked, in seconds since 1970."""

    providers: tuple[Screened, ...]
    at: float

    @property
    def is_fresh(self) -> bool:
        # A clock may have been set back since.
        return abs(time() - self.at) < FRESH_SECONDS


async def answers(questions: Sequence[Json], spared: int = 0) -> list[Answer | None]:
    """The answer to each question, None where none can be had. Never raises.

    ``spared`` questions of this minute are left to others.
    """
    if settings.OFFLINE or not questions:
        return [None] * len(questions)
    keys = [_key(question) for question in questions]
    each = dict(zip(keys, questions, strict=True))
    known = await asyncio.to_thread(_look, list(each))
    turns = asyncio.Semaphore(AT_ONCE)

    async def answer(key: str, question: Json) -> Answer | None:
        found = known.answers.get(key)
        if found and (found.is_fresh or _is_asked_again(key, question, known)):
            return found
        async with turns:
            return await _asked(key, question, spared) or found

    found = await asyncio.gather(*(answer(key, question) for key, question in each.items()))
    by_key = dict(zip(each, found, strict=True))
    return [by_key[key] for key in keys]


@dataclass(frozen=True)
class _Known:
    """What the cache holds: answers by key, keys that are refused, whether more may be asked."""

    answers: Mapping[str, Answer]
    refused: frozenset[str]
    is_down: bool
    asked: int

    def may_ask(self, key: str, spared: int) -> bool:
        is_answered = not self.is_down and key not in self.refused
        return is_answered and self.asked < MOST_A_MINUTE - spared


def _look(keys: list[str]) -> _Known:
    found = cache.get_many([*keys, *map(_refusal, keys), _DOWN, _minute()])
    kept = {key: found[key] for key in keys if isinstance(found.get(key), Answer)}
    refused = frozenset(key for key in keys if found.get(_refusal(key)))
    return _Known(kept, refused, bool(found.get(_DOWN)), int(found.get(_minute(), 0)))


def _is_asked_again(key: str, question: Json, known: _Known) -> bool:
    """Whether an old answer will do: it is asked for again behind the page's back, if it may be."""
    if not known.may_ask(key, SPARED_BY_REFRESHES):
        return True
    return connections.in_background(lambda: _asked_again(key, question))


async def _asked_again(key: str, question: Json) -> None:
    if await asyncio.to_thread(cache.add, _lock(key), True, ASKING_SECONDS):
        await _asked_alone(key, question, SPARED_BY_REFRESHES)


async def _asked(key: str, question: Json, spared: int) -> Answer | None:
    """Ask, unless somebody does already: then wait for that answer."""
    pause = _FIRST_PAUSE
    while True:
        known = await asyncio.to_thread(_look, [key])
        found = known.answers.get(key)
        if (found and found.is_fresh) or not known.may_ask(key, spared):
            return found
        if await asyncio.to_thread(cache.add, _lock(key), True, ASKING_SECONDS):
            # Whoever has begun to ask does so for all, also when their browser leaves.
            return await connections.to_the_end(_asked_alone(key, question, spared))
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


async def _asked_alone(key: str, question: Json, spared: int) -> Answer | None:
    """Ask as the one who has the lock, and keep the answer."""
    try:
        # Whoever had the lock before may have answered since this was looked up.
        known = (await asyncio.to_thread(_look, [key])).answers.get(key)
        if known and known.is_fresh:
            return known
        if not await asyncio.to_thread(_is_counted, spared):
            return None
        found = Answer(await Console().screen(question), time())
        await asyncio.to_thread(cache.set, key, found, KEPT_SECONDS)
    except ConsoleError as error:
        # One odd plan that is refused must not end the screening of all others.
        is_odd = isinstance(error, FileRefused | Refused)
        await asyncio.to_thread(cache.set, _refusal(key) if is_odd else _DOWN, True, DOWN_SECONDS)
        return None
    else:
        return found
    finally:
        await asyncio.to_thread(cache.delete, _lock(key))


def _is_counted(spared: int) -> bool:
    """Count one question of this minute, if there is one left; a refusal does not count."""
    key = _minute()
    cache.add(key, 0, 120)
    if cache.get(key, 0) >= MOST_A_MINUTE - spared:
        return False
    try:
        return cache.incr(key) <= MOST_A_MINUTE - spared
    except ValueError:
        # The count went away between the two.
        return True


def _minute() -> str:
    return f"console-screening:minute:{int(time() // 60)}"


def _key(question: Json) -> str:
    text = settings.CONSOLE_API_URL + json.dumps(question, sort_keys=True)
    return f"console-screening:{hashlib.sha256(text.encode()).hexdigest()}"


def _refusal(key: str) -> str:
    return f"{key}:refused"


def _lock(key: str) -> str:
    return f"{key}:asking"
