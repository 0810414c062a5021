"""Drafts: how long they may be, and what cannot be told of text that was drafted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inference.engine.command import SPECULATION, EngineConfig
from inference.errors import InferenceError

# Tokens: llama-server's ``--spec-ngram-mod-n-max``, and what is hardly worth a look-up.
LONGEST = 64
SHORTEST = 8
# Answers of so many tokens are never drafted: the first comes from reading the prompt, and
# the last one is left to be sampled (``server_slot::get_n_draft_max``).
LONGEST_UNDRAFTED = 2
_LIMITS = ("n_predict", "max_tokens", "max_completion_tokens")


class ProbabilitiesUnknown(InferenceError):
    """A request for log-probabilities where tokens are drafted.

    llama-server notes none of the drafted tokens that it accepts
    (``server_context_impl::post_decode``, “TODO: set result.probs”), so that an answer
    would tell certainty of them, or leave them out.
    """

    status = 400

    def __init__(self, speculative: str) -> None:
        super().__init__(
            f"This server drafts tokens (SPECULATIVE={speculative}), and llama.cpp tells no "
            "probabilities of those.",
            next_step=f"Leave log-probabilities out, ask for {LONGEST_UNDRAFTED} tokens at most, "
            "or for SPECULATIVE to be off.",
        )


def length(slots: int, step: int) -> int:
    """Tokens that each of ``slots`` may draft, where a step of the engine takes ``step``.

    All drafts, and a token of each slot, have to go into one step: otherwise
    llama-server aborts (``server_slot::handle_last_sampled_token``). Below 1 there is no
    room for any.
    """
    return min(LONGEST, step // slots - 1)


def check(config: EngineConfig, payload: Mapping[str, Any]) -> None:
    """Raise ProbabilitiesUnknown where a request wants what the child would tell wrongly."""
    is_drafted = config.speculative in SPECULATION and not _is_short(payload)
    if is_drafted and (payload.get("logprobs") or payload.get("n_probs")):
        raise ProbabilitiesUnknown(config.speculative)


def _is_short(payload: Mapping[str, Any]) -> bool:
    limits = [payload[key] for key in _LIMITS if payload.get(key) is not None]
    return bool(limits) and all(limit in range(LONGEST_UNDRAFTED + 1) for limit in limits)
