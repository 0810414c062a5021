"""The Console's refusals as errors with a way out.

It answers ``{"error", "message", "code", "type"}``; the chain's own reasons
come as words in the message (``chain-error.service.ts`` of
https://github.com/akash-network/console).
"""

from __future__ import annotations

import re

from wizard.console import errors
from wizard.console.errors import ConsoleError

LONGEST_MESSAGE = 300

# In this order: the trial's sentence speaks of funds too.
_CLUES: tuple[tuple[str, type[ConsoleError]], ...] = (
    (r"free trial|trial expired", errors.TrialBlocked),
    (r"deposit too low|deposit.*minimum", errors.DepositTooLow),
    (r"insufficient|not enough|fee allowance", errors.NoFunds),
    (r"bid.*(no longer|not) open|order.*(matched|closed|not open)", errors.BidGone),
    (r"(deployment|account) closed", errors.DeploymentClosed),
    (r"invalid sdl|invalid gpu|unit price|invalid: deployment|invalid group", errors.FileRefused),
)
_STATUSES: dict[int, type[ConsoleError]] = {
    401: errors.KeyRefused,
    402: errors.NoFunds,
    403: errors.KeyWithoutRights,
    404: errors.NotFound,
    429: errors.ConsoleBusy,
}


def refusal(status: int, message: str) -> ConsoleError:
    """The error behind an answer that is no 2xx, with what the Console said."""
    said = _tidy(message)
    for clue, kind in _CLUES:
        if status < 500 and re.search(clue, said, re.IGNORECASE):
            return kind(_quoted(said))
    if status in _STATUSES:
        return _STATUSES[status](_quoted(said))
    if status >= 500:
        return errors.ConsoleDown(f"It answers with the error {status}.")
    return errors.Refused(f"It answers {status}: “{said}”" if said else f"It answers {status}.")


def _tidy(message: str) -> str:
    return "".join(char if char.isprintable() else " " for char in message)[
        :LONGEST_MESSAGE
    ].strip()


def _quoted(said: str) -> str:
    if not said:
        return "The Console says no more than that."
    return f"The Console says: “{said}”" + ("" if said.endswith(".") else ".")
