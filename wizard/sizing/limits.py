"""The other way round: what a card of so many bytes can hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from wizard.registry.values import Architecture, Variant
from wizard.sizing import llama_cpp, vllm
from wizard.sizing.values import EngineFamily, Workload

STEP = 256
LARGEST_SLOTS = 256


def budget(usable_bytes: int, workload: Workload) -> int:
    """Bytes of a card that an engine may take: vLLM has a share, and CUDA's context beside."""
    if workload.family is EngineFamily.VLLM:
        return vllm.budget(usable_bytes, workload)
    return usable_bytes


def needed_bytes(architecture: Architecture, variant: Variant, workload: Workload) -> int:
    """Bytes on the fullest card, or in RAM for CPU only."""
    if workload.family is EngineFamily.VLLM:
        return vllm.needed(architecture, variant, workload)
    return llama_cpp.needed(architecture, variant, workload)


def _largest(low: int, high: int, need: Callable[[int], int], budget_bytes: int) -> int:
    """The largest number in the range that fits, one less than ``low`` where none does.

    Needs grow almost in proportion, so a guess between the ends by their needs
    is nearly always right; every other one halves the range, for the rest.
    """
    need_high = need(high)
    if need_high <= budget_bytes:
        return high
    need_low = need(low)
    if need_low > budget_bytes:
        return low - 1
    halve = False
    while high - low > 1:
        share = 0.5 if halve else (budget_bytes - need_low) / (need_high - need_low)
        middle = min(high - 1, max(low + 1, low + int((high - low) * share)))
        found = need(middle)
        if found <= budget_bytes:
            low, need_low = middle, found
        else:
            high, need_high = middle, found
        halve = not halve
    return low


def largest_context(
    architecture: Architecture, variant: Variant, workload: Workload, budget_bytes: int
) -> int:
    """The longest context in tokens that fits each slot, in steps of 256.

    No longer than the model was trained for; 0 where not even 256 fit.
    ``budget_bytes`` is one card's, see `budget`, or RAM for CPU only.
    """

    def need(context: int) -> int:
        asked = replace(workload, context_length=context)
        return needed_bytes(architecture, variant, asked)

    longest = architecture.context_length
    if need(longest) <= budget_bytes:
        return longest
    if longest < STEP:
        return 0
    steps = _largest(1, longest // STEP, lambda steps: need(steps * STEP), budget_bytes)
    return STEP * steps


def most_slots(
    architecture: Architecture, variant: Variant, workload: Workload, budget_bytes: int
) -> int:
    """How many slots fit at the workload's context, up to 256; 0 where not even one does.

    Under vLLM, whose requests share a pool, as many as it holds at full length.
    """
    if workload.family is EngineFamily.VLLM:
        return _most_requests(architecture, variant, workload, budget_bytes)

    def need(slots: int) -> int:
        return needed_bytes(architecture, variant, replace(workload, slots=slots))

    return _largest(1, LARGEST_SLOTS, need, budget_bytes)


def _most_requests(
    architecture: Architecture, variant: Variant, workload: Workload, budget_bytes: int
) -> int:
    """Requests that vLLM's pool holds; more at a time than asked for take room of their own."""
    held = vllm.concurrency(architecture, variant, workload, budget_bytes)
    if not workload.sequences or held <= workload.sequences:
        return min(LARGEST_SLOTS, held)
    more = replace(workload, sequences=min(LARGEST_SLOTS, held))
    held = vllm.concurrency(architecture, variant, more, budget_bytes)
    return max(workload.sequences, min(more.sequences, held))


def smallest_budget(architecture: Architecture, variant: Variant, workload: Workload) -> int:
    """Bytes of the smallest card that the model runs on at all: one slot, 256 tokens."""
    asked = replace(workload, context_length=STEP, slots=1, sequences=min(1, workload.sequences))
    needed = needed_bytes(architecture, variant, asked)
    return vllm.least_card(needed, asked) if workload.family is EngineFamily.VLLM else needed
