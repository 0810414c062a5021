"""The estimate against buffers that llama.cpp's own scheduler reserved on counted cards.

``counted.json`` holds, for the headers of ``families.json``, what b11549 asked of a device
that only counts: CUDA's alignment, padding, supported operations and flash attention
kernels, and no memory. Such a device cannot be added to the wheel's engine, so that its
figures are kept: bytes, matrices of Q8_0, 8,192 tokens that four slots share.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from tests.wizard.sizing import shapes
from tests.wizard.sizing.families import HEADERS
from wizard.registry import header_document
from wizard.registry.values import Architecture, TensorSizes
from wizard.sizing import estimate
from wizard.sizing.values import KvType, MemoryEstimate, Workload

COUNTED: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("counted.json").read_text()
)
WORKLOADS = {
    "one": Workload(8192, unified_kv=True),
    "two": Workload(8192, unified_kv=True, gpus=2),
    "half": Workload(8192, unified_kv=True),
    "plain": Workload(4096, unified_kv=True, flash_attention=False),
    "q8_0": Workload(8192, unified_kv=True, kv_type=KvType.Q8_0),
}
# The allocator leaves gaps on each card, and where layers lie in RAM; rough models are not
# held to these.
GAP, LARGEST_RATIO = {"half": 12 << 20, "plain": 1 << 20}, 1.5
UPPER_GAP = 16 << 20
USUAL_RATIO = {"one": 1.02, "two": 1.04, "half": 1.1, "plain": 1.03, "q8_0": 1.06}
# A card's rows of quantised caches are padded, which is no part of their size.
PADDING = 1 << 17


def _architecture(name: str) -> Architecture:
    keys = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in HEADERS[name].items()
    }
    return header_document.document({"keys": keys, "file_bytes": 10**10}).header.architecture()


def _estimated(name: str, which: str) -> tuple[MemoryEstimate, dict[str, Any]]:
    counted, architecture = COUNTED[name][which], _architecture(name)
    layers = 1 + architecture.layers // 2 if which == "half" else None
    workload = Workload(**{**vars(WORKLOADS[which]), "gpu_layers": layers})
    size = counted["weights"] + counted["weights_host"]
    variant = shapes.gguf(size, "Q8_0")
    if which == "half":
        # What is copied to the card is one matrix, which only a list of tensors tells.
        largest = COUNTED[name]["largest_matrix"]
        blocks = (3 * largest,) * architecture.layers
        variant = replace(variant, tensors=TensorSizes(0, 0, 0, blocks, largest_matrix=largest))
    return estimate(architecture, variant, workload), counted


CASES = [(name, which) for which in WORKLOADS for name in COUNTED if which in COUNTED[name]]


@pytest.mark.parametrize("which", WORKLOADS)
def test_caches_are_the_engines_to_the_byte(which: str) -> None:
    for name, each in CASES:
        if each != which:
            continue
        found, counted = _estimated(name, which)
        off = counted["caches"] - found.kv_cache - found.recurrent_state
        assert 0 <= off <= (PADDING if which == "q8_0" else 0) or not found.exact, name
        beside = counted["caches_host"] - found.host_kv_cache - found.host_state
        assert beside == 0 or not found.exact, name


@pytest.mark.parametrize("which", WORKLOADS)
def test_compute_is_hardly_ever_less(which: str) -> None:
    ratios = []
    for name, each in CASES:
        if each != which:
            continue
        found, counted = _estimated(name, which)
        real = sum(counted["compute"])
        if found.exact:
            gap, upper = GAP.get(which, 0), UPPER_GAP * len(counted["compute"])
            assert 0.98 * real - gap <= found.compute <= LARGEST_RATIO * real + upper, name
            least = 0.98 * counted["compute_host"] - gap
            assert found.host_compute >= least, name
        ratios.append(found.compute / real)
    assert 1 <= median(ratios) <= USUAL_RATIO[which]
