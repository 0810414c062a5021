"""The estimate against llama.cpp's own projection of the same headers.

The engine lays each model out with its real sizes and without a byte of
weights: caches must be its own to the byte, and the compute buffer hardly less.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import pytest

from tests.standins import gguf
from tests.wizard.sizing.families import HEADERS
from wizard.registry import gguf_header
from wizard.registry.values import Architecture, Format, ModelFile, Variant
from wizard.sizing import cache_types, estimate
from wizard.sizing.values import KvType, Workload

VARIANT = Variant("F32", Format.GGUF, "F32", (ModelFile("model.gguf", 10**10),))
# What an upper bound may cost a single family, and the family in the middle.
LARGEST_RATIO, USUAL_RATIO = 1.7, 1.2
# The scheduler's allocator leaves gaps, most of all in small buffers.
LARGEST_GAP = 16 << 20
WORKLOADS = {
    "one": Workload(8192, slots=1, gpus=0, unified_kv=True),
    "shared": Workload(16384, slots=4, gpus=0, unified_kv=True),
    "own": Workload(1000, slots=3, gpus=0),
    "long": Workload(65536, slots=1, gpus=0, ubatch=1024, unified_kv=True),
    "plain": Workload(4096, slots=1, gpus=0, flash_attention=False, unified_kv=True),
    "q8_0/q4_0": Workload(
        8192, slots=1, gpus=0, kv_type=KvType.Q8_0, v_type=KvType.Q4_0, unified_kv=True
    ),
    "f32": Workload(300, slots=1, gpus=0, kv_type=KvType.F32, unified_kv=True),
}
# The engine itself fails: sequences of uneven length under linear attention, and an
# encoder's states beside a decoder's slots.
UNABLE = {"own": {"kimi-linear", "minimax-01", "kimi-k3", "ling3", "flan-t5-large", "t5-3b"}}


@dataclass(frozen=True)
class Projection:
    """Bytes that the engine reports, of the context that drafts last."""

    caches: int
    compute: int
    weights_again: int = 0
    drafts_caches: int = 0
    drafts_compute: int = 0


def _write(folder: Path, name: str) -> Path:
    keys = dict(HEADERS[name])
    keys["tokenizer.ggml.model"] = "none"
    path = folder / f"{name}.gguf"
    path.write_bytes(gguf.header(keys))
    return path


def _case(path: Path, workload: Workload) -> str:
    total = workload.context_length * (1 if workload.unified_kv else workload.slots)
    fused, unified = workload.flash_attention, workload.unified_kv
    case = [str(path), total, workload.slots, unified, workload.ubatch, fused]
    types = [workload.kv_type.value, workload.values_type.value]
    return json.dumps([*case, *types, workload.drafts]) + "\n"


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("headers")
    return {name: _write(folder, name) for name in HEADERS}


def projected(paths: dict[str, Path], workload: Workload) -> dict[str, Projection | None]:
    """What the engine projects for every family it loads, all in one process."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.wizard.sizing.projection_probe"],
        input="".join(_case(path, workload) for path in paths.values()),
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return {
        name: Projection(*sizes[1:]) if sizes else None
        for name, sizes in zip(paths, answers, strict=True)
    }


def _architecture(path: Path) -> Architecture:
    return gguf_header.parse(path.read_bytes()).architecture()


def _is_near(found: int, engine: int) -> bool:
    """Never more than 16 MiB or 2 % under, whichever is more."""
    return engine - max(LARGEST_GAP, engine // 50) <= found <= engine * LARGEST_RATIO


def test_it_works(paths: dict[str, Path]) -> None:
    assert len({keys["general.architecture"] for keys in HEADERS.values()}) >= 140
    assert len(projected({"llama3-8b": paths["llama3-8b"]}, WORKLOADS["one"])) == 1


@pytest.mark.parametrize("name", WORKLOADS)
def test_caches_to_the_byte_and_compute_hardly_under(paths: dict[str, Path], name: str) -> None:
    workload = WORKLOADS[name]
    able = {family: path for family, path in paths.items() if family not in UNABLE.get(name, ())}
    wrong, ratios = [], []
    for family, engine in projected(able, workload).items():
        architecture = _architecture(paths[family])
        if engine is None or cache_types.refusal(architecture, workload):
            assert engine is None
            assert cache_types.refusal(architecture, workload), family
            continue
        found = estimate(architecture, VARIANT, workload)
        caches = found.kv_cache + found.recurrent_state
        ratio = found.compute / engine.compute
        ratios.append(ratio)
        if caches != engine.caches or (found.exact and not _is_near(found.compute, engine.compute)):
            wrong.append(f"{family}: caches {caches} of {engine.caches}, compute × {ratio:.3f}")
    assert not wrong
    assert median(ratios) <= USUAL_RATIO


@pytest.mark.parametrize("name", ["qwen35-27b", "qwen35moe-35b", "deepseek-v3", "hy-v3"])
def test_layers_that_draft_have_a_cache_of_their_own(tmp_path: Path, name: str) -> None:
    """And states are kept for each token of a draft, where they recur."""
    keys = dict(HEADERS[name])
    family = str(keys["general.architecture"])
    keys |= {
        f"{family}.block_count": int(str(keys[f"{family}.block_count"])) + 1,
        f"{family}.nextn_predict_layers": 1,
        "tokenizer.ggml.model": "none",
    }
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf.header(keys))
    workload = replace(WORKLOADS["shared"], kv_type=KvType.Q8_0, drafts=3)
    engine = projected({name: path}, workload)[name]
    assert engine is not None
    found = estimate(_architecture(path), VARIANT, workload)
    assert found.kv_cache + found.recurrent_state == engine.caches + engine.drafts_caches
    assert _is_near(found.compute, engine.compute + engine.drafts_compute)
