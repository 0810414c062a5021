"""Grammars and JSON schemas that llama.cpp would end of, and with it every answer under way.

It reads them by recursion. With 8 MiB of stack b11549 takes 20,000 nested groups, 30,000
rules that each begin with the next one, and 2,500 references in a row; with 30,000, 100,000
and 2,700 it ends. Levels between references count too: 1,000 of them with three levels each
end it as well, and are not seen here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inference.errors import InferenceError

# Well below those, and far above what anybody writes.
MOST_GROUPS = 5_000
MOST_RULES = 10_000
MOST_REFERENCES = 1_000


class GrammarTooLarge(InferenceError):
    """A request with a grammar or a JSON schema that is not handed on."""

    status = 400


def check(payload: Mapping[str, Any], body: bytes) -> None:
    """Raise GrammarTooLarge for a request; ``body`` is ``payload`` as JSON."""
    grammar = payload.get("grammar")
    if isinstance(grammar, str) and (
        grammar.count("(") > MOST_GROUPS or grammar.count("::=") > MOST_RULES
    ):
        raise GrammarTooLarge(
            f"A grammar may have {MOST_GROUPS:,} groups and {MOST_RULES:,} rules.",
            next_step="Repeat a rule by its name.",
        )
    if body.count(b'"$ref":') > MOST_REFERENCES:
        raise GrammarTooLarge(
            f"The JSON schemas of a request may have {MOST_REFERENCES:,} references ($ref).",
            next_step="Leave out what the answer does not need.",
        )
