"""The other way round: what a card of so many bytes can hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from wizard.registry.values import Architecture, Variant
from wizard.sizing import llama_cpp, vllm
from wizard.sizing.values import EngineFamily, Workload

STEP = 256
LARGEST_SLOTS = 256


def budget(usable_bytes: int, family: EngineFamily) -> int:
    """Bytes of a card that an engine uses: vLLM takes a share and no more."""
    if family is EngineFamily.VLLM:
        return int(usable_bytes * vllm.GPU_MEMORY_UTILIZATION)
    return usable_bytes


def needed_bytes(architecture: Architecture, variant: Variant, workload: Workload) -> int:
    """Bytes on the fullest card, or in RAM for CPU only."""
    if workload.family is EngineFamily.VLLM:
        return vllm.needed(architecture, variant, workload)
    return llama_cpp.needed(architecture, variant, workload)


def _largest(low: int, high: int, fits: Callable[[int], bool]) -> int:
    """The largest number in the range that fits, one less than ``low`` where none does."""
    while low <= high:
        middle = (low + high) // 2
        if fits(middle):
            low = middle + 1
        else:
            high = middle - 1
    return high


def largest_context(
    architecture: Architecture, variant: Variant, workload: Workload, budget_bytes: int
) -> int:
    """The longest context in tokens that fits each slot, in steps of 256.

    No longer than the model was trained for; 0 where not even 256 fit.
    ``budget_bytes`` is one card's, see `budget`, or RAM for CPU only.
    """

    def fits(context: int) -> bool:
        asked = replace(workload, context_length=context)
        return needed_bytes(architecture, variant, asked) <= budget_bytes

    longest = architecture.context_length
    if fits(longest):
        return longest
    return STEP * _largest(1, longest // STEP, lambda steps: fits(steps * STEP))


def most_slots(
    architecture: Architecture, variant: Variant, workload: Workload, budget_bytes: int
) -> int:
    """How many slots fit at the workload's context, up to 256; 0 where not even one does.

    Under vLLM slots only cost what a recurrent state takes.
    """

    def fits(slots: int) -> bool:
        asked = replace(workload, slots=slots)
        return needed_bytes(architecture, variant, asked) <= budget_bytes

    return _largest(1, LARGEST_SLOTS, fits)


def smallest_budget(architecture: Architecture, variant: Variant, workload: Workload) -> int:
    """Bytes of the smallest card that the model runs on at all: one slot, 256 tokens."""
    asked = replace(workload, context_length=STEP, slots=1)
    return needed_bytes(architecture, variant, asked)
