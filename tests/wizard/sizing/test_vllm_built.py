"""Against what vLLM 0.33's own code builds, and what its own planner counts.

`scripts/vllm_built` wrote the files: configs of released models, and of small ones of
random shapes, and for each what vLLM's model classes made of them without a device:
bytes of all parameters and buffers on a card, what one token takes, and what a request
of full length holds of the pool. ``file_bytes`` are those of the parameters on one
card; layers that predict further tokens are not among them.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from wizard.registry import config_json
from wizard.registry.values import Architecture, Format, ModelFile, Variant
from wizard.sizing import kv_bytes_per_token, vllm_cache
from wizard.sizing.values import CudaCard, EngineFamily, KvType, Workload
from wizard.sizing.vllm_weights import card_weights

_FOLDER = Path(__file__).parent
BUILT: dict[str, Any] = json.loads((_FOLDER / "vllm_built.json").read_text())
RANDOM: dict[str, Any] = json.loads((_FOLDER / "vllm_random.json").read_text())
KV = {"auto": KvType.F16, "fp8": KvType.FP8}
CAPABILITIES = {"a100": (8, 0), "rtx4090": (8, 9), "h100": (9, 0), "b200": (10, 0)}
# Rows of compressed states have no bytes of their own for each token.
_NO_TOKEN = ("deepseek_v4",)


# What vLLM reads where no length is told, and whose tables are as long (EmbeddingGemma 2).
_USUAL_CONTEXT = 8192


def _workload(run: dict[str, Any], context: int = _USUAL_CONTEXT) -> Workload:
    gpus, kv, nodes = run["tensor_parallel"], KV[run["kv"]], run.get("nodes", 1)
    card = run.get("card", "h100")
    return Workload(
        context,
        1,
        kv,
        EngineFamily.VLLM,
        gpus=gpus,
        nodes=nodes,
        batched_tokens=2048,
        pads_experts=card != "h100",
        exports_states=card in ("h100", "b200"),
        card=CudaCard(132, CAPABILITIES[card]),
    )


def _model(built: dict[str, Any]) -> tuple[Architecture, Variant]:
    architecture = replace(config_json.architecture(built["config"]), nextn_layers=0)
    # vLLM casts weights of 32 bits, so that the files have twice what it loads.
    each = 2 if architecture.dtype == "float32" else 1
    files = (ModelFile("model.safetensors", each * built["file_bytes"]),)
    return architecture, Variant("", Format.SAFETENSORS, "", files)


@pytest.mark.parametrize("name", BUILT)
def test_it_works(name: str) -> None:
    architecture, variant = _model(BUILT[name])
    for run in BUILT[name]["runs"]:
        found = card_weights(architecture, variant, _workload(run))
        assert found.tensors == pytest.approx(run["weights"], rel=0.02), run


def _check_caches(architecture: Architecture, run: dict[str, Any]) -> None:
    told = kv_bytes_per_token(architecture, _workload(run))
    assert told == run["kv_bytes_per_token"] or architecture.name in _NO_TOKEN, run
    for context, size in run["request"].items():
        held = vllm_cache.request(architecture, _workload(run, int(context)))
        assert held.cache + held.state == size, (run, context)


@pytest.mark.parametrize("name", BUILT)
def test_caches_agree_to_the_byte(name: str) -> None:
    architecture, _ = _model(BUILT[name])
    for run in BUILT[name]["runs"]:
        _check_caches(architecture, run)


@pytest.mark.parametrize("name", RANDOM)
def test_caches_of_random_shapes_agree_to_the_byte(name: str) -> None:
    architecture, _ = _model(RANDOM[name])
    for run in RANDOM[name]["runs"]:
        _check_caches(architecture, run)
