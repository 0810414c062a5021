"""Against what people measured and published, with cards that were not at hand."""

from __future__ import annotations

from statistics import median
from typing import Any

import pytest

from tests.wizard.sizing.published_loads import (
    CARDS,
    CURRENT,
    GIB,
    LLAMA_CPP,
    MIB,
    REPORTS,
    VLLM,
    estimated,
    graphs_of,
    mebibytes,
    requests_of,
    run_of,
    weights_of,
)
from wizard.sizing import kv_bytes_per_token, vllm, vllm_cache

# What a log's hundredths may be off by.
PRINTED = 0.005
# GiB that graphs of 1,024 tokens may take beyond those of 512.
CAPTURED_LESS = 1.7


def _with(*buffers_told: str, among: list[str] | None = None) -> list[str]:
    names = LLAMA_CPP if among is None else among
    return [name for name in names if set(buffers_told) <= set(LLAMA_CPP[name]["told"])]


def test_it_works() -> None:
    assert len(LLAMA_CPP) == len(REPORTS["llama_cpp"]) >= 130
    assert len(VLLM) >= 100
    rows = [*REPORTS["llama_cpp"], *VLLM, *REPORTS["runtime"]]
    assert all(row["source"].startswith("https://") for row in rows)


@pytest.mark.parametrize("name", LLAMA_CPP)
def test_caches_are_as_the_log_prints_them(name: str) -> None:
    told, found = LLAMA_CPP[name]["told"], mebibytes(name)
    for key in ("kv_cache", "recurrent_state", "kv_cache_host", "recurrent_state_host"):
        assert found[key] == pytest.approx(told.get(key, found[key]), abs=0.0051)
    whole = int(found["kv_cache"] + found["recurrent_state"])
    assert whole == told.get("caches_floored", whole)


@pytest.mark.parametrize("name", _with("weights_gpu"))
def test_weights_are_divided_as_llama_cpp_placed_them(name: str) -> None:
    told = LLAMA_CPP[name]["told"]["weights_gpu"]
    assert mebibytes(name)["weights_gpu"] == pytest.approx(told, rel=0.01)


@pytest.mark.parametrize("name", _with("weights_host"))
def test_so_are_those_in_ram(name: str) -> None:
    """Unless a maker packed them in a way of its own, which is said then."""
    told = LLAMA_CPP[name]["told"]["weights_host"]
    is_near = mebibytes(name)["weights_host"] == pytest.approx(told, rel=0.01)
    assert is_near or not estimated(name).exact


def test_copies_that_the_processor_computes_with() -> None:
    name = "Ministral 3 3B Q4_K_M, processor, a cache for each of 2 slots"
    assert mebibytes(name)["repacked"] == pytest.approx(
        LLAMA_CPP[name]["told"]["repacked"], rel=0.001
    )


@pytest.mark.parametrize("name", _with("compute", among=CURRENT))
def test_compute_is_hardly_less_than_reserved(name: str) -> None:
    told, found = LLAMA_CPP[name]["told"]["compute"], mebibytes(name)["compute"]
    # With layers in RAM other builds leave other holes: b11549 itself reserves 148 of 172 MiB
    # for Qwen3 32B's.
    least = 32 if LLAMA_CPP[name]["options"].get("gpu_layers") is not None else 16
    assert told - max(least, told * 0.02) <= found <= told + max(64, told * 0.25)


@pytest.mark.parametrize("name", _with("process"))
def test_the_total_is_that_of_the_process(name: str) -> None:
    told, found = LLAMA_CPP[name]["told"]["process"], mebibytes(name)["total_gpu"]
    assert found >= max(told - 512, told * 0.98)
    assert found <= told * 1.08


@pytest.mark.parametrize("card", CARDS)
def test_what_cuda_takes_is_near_what_was_left(card: str) -> None:
    case = next(case for case in LLAMA_CPP.values() if case.get("card") == card)
    told = next(row["mib"] for row in REPORTS["runtime"] if row["card"] == card)
    found = estimated(case["name"]).runtime / case["options"].get("gpus", 1) / MIB
    assert min(told) * 0.94 <= found <= max(told) * 1.06


def _name(run: dict[str, Any]) -> str:
    return f"{run['model']}-{run['tensor_parallel']}-{run['version']}"


def _telling(*told: str, whole: bool = False) -> list[dict[str, Any]]:
    """Runs that tell all of it; ``whole`` leaves out those whose files are not told."""
    found = [run for run in VLLM if set(told) <= set(run["told"])]
    return [run for run in found if not (whole and "note" in run)]


@pytest.mark.parametrize("run", _telling("pool", "concurrency"), ids=_name)
def test_vllm_makes_as_many_requests_of_its_pool(run: dict[str, Any]) -> None:
    requests, held = requests_of(run)
    # A log rounds to hundredths, and vLLM keeps whole blocks, of which one holds nothing.
    # Of several cards newer releases print the first one's pool, and the smallest decides.
    lost = (PRINTED * GIB + 2 * held.block) / (held.cache + held.state)
    allowed = max((0.0035 if run["tensor_parallel"] == 1 else 0.005) * requests, lost + PRINTED)
    assert requests == pytest.approx(run["told"]["concurrency"], abs=allowed)


@pytest.mark.parametrize("run", _telling("pool", "tokens"), ids=_name)
def test_vllm_makes_as_many_tokens_of_its_pool(run: dict[str, Any]) -> None:
    architecture, _, workload = run_of(run)
    if architecture.sliding_window or architecture.recurrent_layers:
        return
    each = kv_bytes_per_token(architecture, workload)
    tokens = run["told"]["pool"] * GIB / each
    allowed = max(0.0025 * tokens, PRINTED * GIB / each + vllm_cache.BLOCK)
    assert tokens == pytest.approx(run["told"]["tokens"], abs=allowed)


@pytest.mark.parametrize("run", _telling("weights", whole=True), ids=_name)
def test_vllm_loads_as_much(run: dict[str, Any]) -> None:
    assert weights_of(run) == pytest.approx(run["told"]["weights"], rel=0.015)


@pytest.mark.parametrize("run", _telling("graphs"), ids=_name)
def test_graphs_take_no_more_than_counted(run: dict[str, Any]) -> None:
    told = max(run["told"]["graphs"], run["told"].get("graphs_estimated", 0))
    more = CAPTURED_LESS if "Blackwell" in run.get("remark", "") else 0.75
    assert told - 0.1 <= graphs_of(run) <= told + more


@pytest.mark.parametrize(
    "run", _telling("weights", "activation", "non_torch", "graphs", whole=True), ids=_name
)
def test_vllm_takes_hardly_more_beside_its_pool(run: dict[str, Any]) -> None:
    """All that vLLM counts in its budget; CUDA's context lies outside of it."""
    architecture, variant, workload = run_of(run)
    told = run["told"]
    taken = told["weights"] + told["activation"] + told["non_torch"] + told["graphs"]
    found = vllm.estimate(architecture, variant, workload)
    cards = workload.gpus * workload.nodes
    beside = (found.weights + found.compute + found.runtime) / cards - vllm.outside(workload)
    is_more = "Blackwell" in run.get("remark", "") or "nodes" in run
    assert taken - 0.4 <= beside / GIB <= taken + (3 if is_more else 1.3)


def test_the_middle_of_all_is_exact() -> None:
    told = {name: LLAMA_CPP[name]["told"]["weights_gpu"] for name in _with("weights_gpu")}
    off = [abs(mebibytes(name)["weights_gpu"] / size - 1) for name, size in told.items()]
    assert median(off) < 0.0005
