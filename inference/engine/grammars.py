"""Grammars and JSON schemas that would hold up llama.cpp, or end it, and every answer with it.

It reads them by recursion, and follows each way to read a text by itself, between two tokens of
everybody's answers. A grammar of forty characters filled its memory (``a root`` where ``a`` may
be empty), and one of a hundred optional letters in a row took minutes for a token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from inference.engine import schemas
from inference.engine.gbnf import Grammar, Refused
from inference.engine.ways import most_ways
from inference.errors import InferenceError

LARGEST = 256 << 10
# Far above what anybody writes, and below what is noticed: llama.cpp's own examples have up to 13.
MOST_WAYS = 2_000
# As llama.cpp counts the kinds of triggers: tokens and words. The others are regular expressions,
# which std::regex may try for hours.
_PLAIN_TRIGGERS = (0, 1)
MOST_TRIGGERS = 64
LONGEST_TRIGGER = 256


class GrammarTooLarge(InferenceError):
    """A request with a grammar or a JSON schema that is not handed on."""

    status = 400


async def check(payload: Mapping[str, Any]) -> None:
    """Raise GrammarTooLarge for a request to the engine that could keep it from all others."""
    grammar, found = payload.get("grammar"), schemas.of(payload)
    if "grammar_triggers" in payload:
        _check_triggers(payload["grammar_triggers"])
    if isinstance(grammar, str) and grammar:
        await _checked("grammar", "Write each repetition once: x{0,9} for nine of x?.", grammar)
    if found:
        try:
            schemas.check(found)
        except Refused as error:
            raise GrammarTooLarge(
                f"The JSON schemas of a request may not have {error}.",
                next_step="Leave out what the answer does not need.",
            ) from None
        if patterns := schemas.patterns(found):
            await _checked("JSON schema's pattern", "Write it simpler.", patterns)


async def _checked(what: str, next_step: str, grammar: str) -> None:
    try:
        await asyncio.to_thread(_check, grammar)
    except Refused as error:
        raise GrammarTooLarge(f"The {what} cannot be used: {error}.", next_step=next_step) from None


def _check(grammar: str) -> None:
    if len(grammar) > LARGEST:
        raise Refused(f"it is longer than {LARGEST >> 10} KiB")
    if most_ways(Grammar(grammar), MOST_WAYS) >= MOST_WAYS:
        raise Refused(f"a text can be read by it in more than {MOST_WAYS:,} ways")


def _check_triggers(triggers: Any) -> None:
    plain = isinstance(triggers, list) and len(triggers) <= MOST_TRIGGERS
    if not plain or not all(map(_is_plain, triggers)):
        raise GrammarTooLarge(
            f"grammar_triggers may be {MOST_TRIGGERS} words (type 1) or tokens (type 0) of "
            f"{LONGEST_TRIGGER} characters, no regular expressions."
        )


def _is_plain(trigger: Any) -> bool:
    if not isinstance(trigger, dict) or trigger.get("type") not in _PLAIN_TRIGGERS:
        return False
    return len(str(trigger.get("value", ""))) <= LONGEST_TRIGGER
