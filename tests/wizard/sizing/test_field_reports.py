"""Against what people measured and published, with cards that were not at hand.

``field_reports.json`` has logs of llama.cpp and of vLLM that others put into
public threads and repositories: what they told, in MiB or GiB as the log prints
it, each with its source. Hyper-parameters are the models' published ones. A case
is ``current`` where the engine reserves memory as llama.cpp b11549 does: older
builds made the logits of every token of a step (and those before b11500 lack a row or two
of embeddings, for texts that hold images). What was not told but follows
from the buffers is ``deduced``, and not judged by them.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from tests.wizard.sizing.families import HEADERS, header
from wizard.hardware.gpus import bundled
from wizard.hardware.workloads import cuda_card
from wizard.registry import config_json, header_document
from wizard.registry.values import Architecture, Format, ModelFile, Variant
from wizard.sizing import by_shape, estimate, kv_bytes_per_token, vllm, vllm_cache, vllm_graphs
from wizard.sizing.buffers import buffers
from wizard.sizing.values import CudaCard, EngineFamily, KvType, MemoryEstimate, Workload
from wizard.sizing.vllm_weights import card_weights

MIB, GIB = 1 << 20, 1 << 30
REPORTS: dict[str, Any] = json.loads(Path(__file__).with_name("field_reports.json").read_text())
BLIND: dict[str, Any] = json.loads(Path(__file__).with_name("blind.json").read_text())
MODELS = HEADERS | {name: header(own) for name, own in BLIND["models"].items()}
BUILT: dict[str, Any] = json.loads(Path(__file__).with_name("vllm_built.json").read_text())
LLAMA_CPP: dict[str, dict[str, Any]] = {case["name"]: case for case in REPORTS["llama_cpp"]}
VLLM: list[dict[str, Any]] = REPORTS["vllm"]
CURRENT = [name for name, case in LLAMA_CPP.items() if case.get("current")]

# Cards that were named, and that CUDA's own memory was told of.
CARDS = {
    "GTX 1650 Ti Max-Q": "gtx1650ti",
    "H100 80GB": "h100",
    "4 RTX PRO 6000 Max-Q": "pro6000mq",
}

HOPPER = 9
# What a log's hundredths may be off by.
PRINTED = 0.005
MULTIPROCESSORS = {
    (7, 5): 40,
    (8, 0): 108,
    (8, 6): 84,
    (8, 9): 142,
    (9, 0): 132,
    (10, 3): 160,
    (12, 0): 188,
}
MULTIPROCESSORS |= {(12, 1): 48}
# GiB that graphs of 1,024 tokens may take beyond those of 512.
CAPTURED_LESS = 1.7


def _header(case: dict[str, Any]) -> dict[str, Any]:
    keys: dict[str, Any] = dict(MODELS[case["model"]])
    family = str(keys["general.architecture"])
    own = case.get("keys", {})
    return keys | {family + key if key[0] == "." else key: value for key, value in own.items()}


def _file_bytes(case: dict[str, Any], tokenizer: int) -> int:
    """The file's bytes: as told, else the sum of where llama.cpp put its tensors."""
    if "file_bytes" in case:
        return int(case["file_bytes"])
    if "file_gib" in case:
        return int(case["file_gib"] * GIB)
    if "tensor_gib" in case:
        return int(case["tensor_gib"] * GIB) + tokenizer
    told = case["told"]
    on_host = 0 if case.get("tied") else told.get("weights_host", 0)
    return int((told.get("weights_gpu", 0) + on_host) * MIB) + tokenizer


def _model(case: dict[str, Any]) -> tuple[Architecture, Variant]:
    document = {"keys": _header(case), "file_bytes": 1}
    architecture = header_document.document(document).header.architecture()
    name = case.get("quantisation", "")
    empty = Variant(name, Format.GGUF, name, (), tokenizer="gpt2")
    size = _file_bytes(case, by_shape.tokenizer_bytes(architecture, empty))
    return architecture, Variant(name, Format.GGUF, name, (ModelFile("", size),), tokenizer="gpt2")


def _card(case: dict[str, Any]) -> CudaCard:
    if case.get("card") == "RTX 5070 Laptop":
        return CudaCard(36, (12, 0))
    model = CARDS.get(case.get("card", ""), "a100")
    return next(cuda_card(gpu) for gpu in bundled() if gpu.model == model)


def _workload(case: dict[str, Any]) -> Workload:
    told = case["options"]
    return Workload(
        told["context"],
        slots=told["slots"],
        kv_type=KvType(told.get("kv", "f16")),
        gpus=0 if told.get("backend") == "cpu" else told.get("gpus", 1),
        ubatch=told.get("ubatch", 512),
        unified_kv=told.get("unified", True),
        embeds=told.get("embeddings", False),
        flash_attention=told.get("flash_attention", True),
        gpu_layers=told.get("gpu_layers"),
        experts_on_host=told.get("cpu_moe", False),
        swa_full=told.get("swa_full", False),
        card=_card(case),
    )


def _estimate(name: str) -> MemoryEstimate:
    case = LLAMA_CPP[name]
    return estimate(*_model(case), _workload(case))


def _mib(name: str) -> dict[str, float]:
    on_gpu = LLAMA_CPP[name]["options"].get("backend") != "cpu"
    found = buffers(_estimate(name), on_gpu=on_gpu).document()
    return {key: size / MIB for key, size in found.items()}


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
    told, found = LLAMA_CPP[name]["told"], _mib(name)
    for key in ("kv_cache", "recurrent_state", "kv_cache_host", "recurrent_state_host"):
        assert found[key] == pytest.approx(told.get(key, found[key]), abs=0.0051)
    whole = int(found["kv_cache"] + found["recurrent_state"])
    assert whole == told.get("caches_floored", whole)


@pytest.mark.parametrize("name", _with("weights_gpu"))
def test_weights_are_divided_as_llama_cpp_placed_them(name: str) -> None:
    told = LLAMA_CPP[name]["told"]["weights_gpu"]
    assert _mib(name)["weights_gpu"] == pytest.approx(told, rel=0.01)


@pytest.mark.parametrize("name", _with("weights_host"))
def test_so_are_those_in_ram(name: str) -> None:
    """Unless a maker packed them in a way of its own, which is said then."""
    told = LLAMA_CPP[name]["told"]["weights_host"]
    is_near = _mib(name)["weights_host"] == pytest.approx(told, rel=0.01)
    assert is_near or not _estimate(name).exact


def test_copies_that_the_processor_computes_with() -> None:
    name = "Ministral 3 3B Q4_K_M, processor, a cache for each of 2 slots"
    assert _mib(name)["repacked"] == pytest.approx(LLAMA_CPP[name]["told"]["repacked"], rel=0.001)


@pytest.mark.parametrize("name", _with("compute", among=CURRENT))
def test_compute_is_hardly_less_than_reserved(name: str) -> None:
    told = LLAMA_CPP[name]["told"]["compute"]
    assert told - max(16, told * 0.02) <= _mib(name)["compute"] <= told + max(64, told * 0.25)


@pytest.mark.parametrize("name", _with("process"))
def test_the_total_is_that_of_the_process(name: str) -> None:
    told, found = LLAMA_CPP[name]["told"]["process"], _mib(name)["total_gpu"]
    assert found >= max(told - 512, told * 0.98)
    assert found <= told * 1.08


@pytest.mark.parametrize("card", CARDS)
def test_what_cuda_takes_is_near_what_was_left(card: str) -> None:
    case = next(case for case in LLAMA_CPP.values() if case.get("card") == card)
    told = next(row["mib"] for row in REPORTS["runtime"] if row["card"] == card)
    found = _estimate(case["name"]).runtime / case["options"].get("gpus", 1) / MIB
    assert min(told) * 0.94 <= found <= max(told) * 1.06


def _config(run: dict[str, Any]) -> dict[str, Any]:
    own = REPORTS["vllm_configs"].get(run["model"])
    found: dict[str, Any] = own or BUILT[run["model"]]
    return found


def _run(run: dict[str, Any]) -> tuple[Architecture, Variant, Workload]:
    built = _config(run)
    files = (ModelFile("", run.get("file_bytes") or built.get("file_bytes", GIB)),)
    capability = tuple(run.get("capability", (8, 0) if "A100" in run["card"] else (9, 0)))
    workload = Workload(
        run["context"],
        1,
        KvType.FP8 if run["kv"] == "fp8" else KvType.F16,
        EngineFamily.VLLM,
        gpus=run["tensor_parallel"],
        nodes=run.get("nodes", 1),
        batched_tokens=run["batched_tokens"],
        sequences=run.get("sequences", 0),
        pads_experts=capability[0] != HOPPER,
        exports_states=run.get("exports_states", capability[0] > 8),
        card=CudaCard(MULTIPROCESSORS[capability], capability),
    )
    architecture = config_json.architecture(built["config"])
    if "runs" in built and "file_bytes" not in run:
        # What was built has no layers that predict further tokens.
        architecture = replace(architecture, nextn_layers=0)
    return architecture, Variant("", Format.SAFETENSORS, "", files), workload


def _name(run: dict[str, Any]) -> str:
    return f"{run['model']}-{run['tensor_parallel']}-{run['version']}"


def _telling(*told: str, whole: bool = False) -> list[dict[str, Any]]:
    """Runs that tell all of it; ``whole`` leaves out those whose files are not told."""
    found = [run for run in VLLM if set(told) <= set(run["told"])]
    return [run for run in found if not (whole and "note" in run)]


@pytest.mark.parametrize("run", _telling("pool", "concurrency"), ids=_name)
def test_vllm_makes_as_many_requests_of_its_pool(run: dict[str, Any]) -> None:
    architecture, _, workload = _run(run)
    if run.get("one_in_flight"):
        architecture = replace(architecture, encoder_item_tokens=0)
        workload = replace(workload, batched_tokens=workload.batched_tokens // 2)
    held = vllm_cache.request(architecture, workload)
    requests = run["told"]["pool"] * GIB / (held.cache + held.state)
    # A log rounds to hundredths, and vLLM keeps whole blocks, of which one holds nothing.
    # Of several cards newer releases print the first one's pool, and the smallest decides.
    lost = (PRINTED * GIB + 2 * held.block) / (held.cache + held.state)
    allowed = max((0.0035 if workload.gpus == 1 else 0.005) * requests, lost + PRINTED)
    assert requests == pytest.approx(run["told"]["concurrency"], abs=allowed)


@pytest.mark.parametrize("run", _telling("pool", "tokens"), ids=_name)
def test_vllm_makes_as_many_tokens_of_its_pool(run: dict[str, Any]) -> None:
    architecture, _, workload = _run(run)
    if architecture.sliding_window or architecture.recurrent_layers:
        return
    each = kv_bytes_per_token(architecture, workload)
    tokens = run["told"]["pool"] * GIB / each
    allowed = max(0.0025 * tokens, PRINTED * GIB / each + vllm_cache.BLOCK)
    assert tokens == pytest.approx(run["told"]["tokens"], abs=allowed)


@pytest.mark.parametrize("run", _telling("weights", whole=True), ids=_name)
def test_vllm_loads_as_much(run: dict[str, Any]) -> None:
    """Before vLLM forbade to divide large pieces, less was lost beside the tensors."""
    architecture, variant, workload = _run(run)
    found = card_weights(architecture, variant, workload)
    told = run["told"]["weights"] * GIB
    nearest = min(max(told, found.tensors), found.total)
    assert nearest == pytest.approx(told, rel=0.015)


@pytest.mark.parametrize("run", _telling("graphs"), ids=_name)
def test_graphs_take_no_more_than_counted(run: dict[str, Any]) -> None:
    architecture, _, workload = _run(run)
    found = vllm_graphs.graphs(architecture, workload).size / GIB
    told = max(run["told"]["graphs"], run["told"].get("graphs_estimated", 0))
    assert (
        told - 0.1
        <= found
        <= told + (CAPTURED_LESS if "Blackwell" in run.get("remark", "") else 0.75)
    )


@pytest.mark.parametrize(
    "run", _telling("weights", "activation", "non_torch", "graphs", whole=True), ids=_name
)
def test_vllm_takes_hardly_more_beside_its_pool(run: dict[str, Any]) -> None:
    """All that vLLM counts in its budget; CUDA's context lies outside of it."""
    architecture, variant, workload = _run(run)
    told = run["told"]
    taken = told["weights"] + told["activation"] + told["non_torch"] + told["graphs"]
    found = vllm.estimate(architecture, variant, workload)
    cards = workload.gpus * workload.nodes
    beside = (found.weights + found.compute + found.runtime) / cards - vllm.outside(workload)
    is_more = "Blackwell" in run.get("remark", "") or "nodes" in run
    assert taken - 0.4 <= beside / GIB <= taken + (3 if is_more else 1.3)


def test_the_middle_of_all_is_exact() -> None:
    told = {name: LLAMA_CPP[name]["told"]["weights_gpu"] for name in _with("weights_gpu")}
    off = [abs(_mib(name)["weights_gpu"] / size - 1) for name, size in told.items()]
    assert median(off) < 0.0005
