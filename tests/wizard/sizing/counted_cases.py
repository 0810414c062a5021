"""Workloads of models, and the bytes that llama.cpp's own scheduler reserved for them.

A file has ``models``, headers whose keys begin with a dot where they belong to the
architecture, and ``cases``: a model, its workload, and bytes of caches on cards and in RAM,
of compute buffers on cards and in RAM. b11549 was asked on a device that only counts (see
``test_counted.py``), or in RAM.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.wizard.sizing import shapes
from tests.wizard.sizing.families import header
from wizard.registry import header_document
from wizard.registry.values import Architecture
from wizard.sizing import estimate
from wizard.sizing.values import KvType, MemoryEstimate, Workload


@dataclass(frozen=True)
class Case:
    """A model's workload, and the bytes that were reserved for it."""

    model: str
    architecture: Architecture
    workload: Workload
    caches: int
    caches_host: int
    compute: int
    compute_host: int
    file_bytes: int = 10**10

    @property
    def is_padded(self) -> bool:
        kinds = {self.workload.kv_type, self.workload.values_type}
        return self.workload.gpus > 0 and kinds != {KvType.F16}

    def estimated(self) -> MemoryEstimate:
        return estimate(self.architecture, shapes.gguf(self.file_bytes, "Q8_0"), self.workload)


def _workload(told: dict[str, Any]) -> Workload:
    keys, _, values = told.get("kv", "f16").partition("/")
    return Workload(
        told["context"],
        slots=told["slots"],
        unified_kv=told.get("unified", False),
        ubatch=told.get("ubatch", 512),
        flash_attention=told.get("flash_attention", True),
        kv_type=KvType(keys),
        v_type=KvType(values or keys),
        embeds=told.get("embeds", False),
        gpus=told.get("gpus", 1),
        gpu_layers=told.get("gpu_layers"),
    )


def _architecture(own: dict[str, Any]) -> Architecture:
    document = {"keys": header(own), "file_bytes": 10**10}
    return header_document.document(document).header.architecture()


def _case(model: str, architecture: Architecture, told: dict[str, Any], *sizes: int) -> Case:
    workload = _workload(told)
    if workload.gpus:
        found = Case(model, architecture, workload, *sizes)
        return replace(found, file_bytes=told.get("file_bytes", found.file_bytes))
    return Case(model, architecture, workload, sizes[1], 0, sizes[3], 0)


def _told(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(__file__).with_name(name).read_text())
    return found


def read(name: str, *others: str) -> tuple[Case, ...]:
    """The cases of a file beside this one, whose models may stand in ``others``.

    Those may be nothing but models, as ``families.json`` is.
    """
    found = _told(name)
    known: dict[str, Architecture] = {}
    for each in (found, *map(_told, others)):
        models = each.get("models", each)
        known |= {model: _architecture(own) for model, own in models.items()}
    return tuple(_case(row[0], known[row[0]], *row[1:]) for row in found["cases"])
