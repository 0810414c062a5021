"""Loads that people measured and published, and what is estimated of each.

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
from typing import Any

from tests.wizard.sizing.families import HEADERS, header
from wizard.hardware.gpus import bundled
from wizard.hardware.workloads import cuda_card
from wizard.registry import config_json, header_document
from wizard.registry.values import Architecture, Format, ModelFile, Variant
from wizard.sizing import by_shape, estimate, vllm_cache, vllm_graphs
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
MULTIPROCESSORS = {
    (7, 5): 40,
    (8, 0): 108,
    (8, 6): 84,
    (8, 9): 142,
    (9, 0): 132,
    (10, 3): 160,
    (12, 0): 188,
    (12, 1): 48,
}


def keys_of(case: dict[str, Any]) -> dict[str, Any]:
    """The keys of a load's header."""
    keys: dict[str, Any] = dict(MODELS[case["model"]])
    family = str(keys["general.architecture"])
    own = case.get("keys", {})
    return keys | {family + key if key[0] == "." else key: value for key, value in own.items()}


def bytes_of(case: dict[str, Any], tokenizer: int) -> int:
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


def model_of(case: dict[str, Any]) -> tuple[Architecture, Variant]:
    """What was loaded, with the size of its file."""
    document = {"keys": keys_of(case), "file_bytes": 1}
    architecture = header_document.document(document).header.architecture()
    name = case.get("quantisation", "")
    empty = Variant(name, Format.GGUF, name, (), tokenizer="gpt2")
    size = bytes_of(case, by_shape.tokenizer_bytes(architecture, empty))
    return architecture, Variant(name, Format.GGUF, name, (ModelFile("", size),), tokenizer="gpt2")


def card_of(case: dict[str, Any]) -> CudaCard:
    """The card that is named, or an A100."""
    if case.get("card") == "RTX 5070 Laptop":
        return CudaCard(36, (12, 0))
    model = CARDS.get(case.get("card", ""), "a100")
    return next(cuda_card(gpu) for gpu in bundled() if gpu.model == model)


def workload_of(case: dict[str, Any]) -> Workload:
    """How llama-server was told to load it."""
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
        card=card_of(case),
    )


def estimated(name: str) -> MemoryEstimate:
    """What is estimated of the load of that name."""
    case = LLAMA_CPP[name]
    return estimate(*model_of(case), workload_of(case))


def mebibytes(name: str) -> dict[str, float]:
    """Each buffer of the estimate, by the command's names, in MiB."""
    on_gpu = LLAMA_CPP[name]["options"].get("backend") != "cpu"
    found = buffers(estimated(name), on_gpu=on_gpu).document()
    return {key: size / MIB for key, size in found.items()}


def config_of(run: dict[str, Any]) -> dict[str, Any]:
    """The config.json of what vLLM loaded, with its files' bytes."""
    own = REPORTS["vllm_configs"].get(run["model"])
    found: dict[str, Any] = own or BUILT[run["model"]]
    return found


def run_of(run: dict[str, Any]) -> tuple[Architecture, Variant, Workload]:
    """What vLLM loaded, and how it was told to."""
    built = config_of(run)
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


def requests_of(run: dict[str, Any]) -> tuple[float, vllm_cache.Request]:
    """How many requests of full length the pool holds that was told, and what one holds of it."""
    architecture, _, workload = run_of(run)
    if run.get("one_in_flight"):
        architecture = replace(architecture, encoder_item_tokens=0)
        workload = replace(workload, batched_tokens=workload.batched_tokens // 2)
    held = vllm_cache.request(architecture, workload)
    return float(run["told"]["pool"]) * GIB / (held.cache + held.state), held


def weights_of(run: dict[str, Any]) -> float:
    """GiB of weights on a card.

    Before vLLM forbade to divide large pieces, less was lost beside the tensors: of what
    the tensors take and what they take with that, the nearer to what was told is meant.
    """
    found = card_weights(*run_of(run))
    told = float(run["told"]["weights"]) * GIB
    return min(max(told, found.tensors), found.total) / GIB


def graphs_of(run: dict[str, Any]) -> float:
    """GiB that CUDA's graphs take of a card."""
    architecture, _, workload = run_of(run)
    return vllm_graphs.graphs(architecture, workload).size / GIB
