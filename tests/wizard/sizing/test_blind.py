"""The estimate against llama.cpp's own scheduler, for models and workloads it was not made with.

``blind.json`` holds headers of 88 released models that are not in ``families.json``, put
together from published configurations, and random workloads of each: what b11549 reserved
for them on a device that only counts (see ``test_counted.py``), or in RAM. The cases were
drawn and counted before the estimate was looked at; what they found is told in
``docs/estimate.md``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from tests.wizard.sizing import shapes
from tests.wizard.sizing.families import header
from wizard.registry import header_document
from wizard.registry.values import Architecture
from wizard.sizing import estimate
from wizard.sizing.values import KvType, MemoryEstimate, Workload

BLIND: dict[str, Any] = json.loads(Path(__file__).with_name("blind.json").read_text())
# A card's rows of quantised caches are padded, which is no part of their size.
PADDING = 1 << 17
MIB = 1 << 20
# One case in fifty may be under by more than 2 %, none by more than 7 % or 40 MiB.
SELDOM, LEAST, MOST_UNDER = 0.02, 0.93, 40 * MIB


@dataclass(frozen=True)
class Case:
    """A model's workload, and the bytes that were reserved for it."""

    model: str
    workload: Workload
    caches: int
    caches_host: int
    compute: int
    compute_host: int

    @property
    def is_padded(self) -> bool:
        return self.workload.gpus > 0 and self.workload.kv_type is not KvType.F16

    def estimated(self) -> MemoryEstimate:
        return estimate(_architecture(self.model), shapes.gguf(10**10, "Q8_0"), self.workload)


def _workload(told: dict[str, Any]) -> Workload:
    return Workload(
        told["context"],
        slots=told["slots"],
        unified_kv=told.get("unified", False),
        ubatch=told.get("ubatch", 512),
        flash_attention=told.get("flash_attention", True),
        kv_type=KvType(told.get("kv", "f16")),
        embeds=told.get("embeds", False),
        gpus=told.get("gpus", 1),
    )


def _architecture(name: str) -> Architecture:
    document = {"keys": header(BLIND["models"][name]), "file_bytes": 10**10}
    return header_document.document(document).header.architecture()


def _case(model: str, told: dict[str, Any], *sizes: int) -> Case:
    workload = _workload(told)
    if workload.gpus:
        return Case(model, workload, *sizes)
    return Case(model, workload, sizes[1], 0, sizes[3], 0)


CASES = [_case(*row) for row in BLIND["cases"]]


def test_it_works() -> None:
    assert len(BLIND["models"]) >= 80
    assert len(CASES) >= 500


@pytest.mark.parametrize("gpus", [0, 1, 2])
def test_caches_are_the_engines_to_the_byte(gpus: int) -> None:
    for case in CASES:
        if case.workload.gpus != gpus:
            continue
        found = case.estimated()
        off = case.caches - found.kv_cache - found.recurrent_state
        assert 0 <= off <= (PADDING if case.is_padded else 0), case


@pytest.mark.parametrize(("gpus", "usual"), [(0, 1.02), (1, 1.02), (2, 1.06)])
def test_compute_is_seldom_less_and_usually_near(gpus: int, usual: float) -> None:
    ratios = []
    for case in CASES:
        # Embedding models are meant to embed: all their outputs are counted.
        if case.workload.gpus != gpus or _architecture(case.model).pools:
            continue
        found = case.estimated().compute
        assert found >= min(LEAST * case.compute, case.compute - 4 * MIB), case
        assert found >= case.compute - MOST_UNDER, case
        ratios.append(found / case.compute)
    assert sum(ratio < 0.98 for ratio in ratios) <= SELDOM * len(ratios) + 1
    assert 1 <= median(ratios) <= usual
