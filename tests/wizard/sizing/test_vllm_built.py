"""Against what vLLM 0.33's own code builds.

``vllm_built.json`` holds configs of released models and, for each, what vLLM's
model classes made of them without a device: bytes of all parameters and
buffers on a card, what one token takes, and what a request of full length
holds of the pool (`docs/estimate.md` tells how). ``file_bytes`` are those of
the parameters on one card.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wizard.registry import config_json
from wizard.registry.values import Architecture, Format, ModelFile, Variant
from wizard.sizing import kv_bytes_per_token, vllm, vllm_cache
from wizard.sizing.values import EngineFamily, KvType, Workload

BUILT: dict[str, Any] = json.loads(Path(__file__).with_name("vllm_built.json").read_text())
KV = {"auto": KvType.F16, "fp8": KvType.FP8}


def _workload(run: dict[str, Any], context: int = 4096) -> Workload:
    gpus, kv = run["tensor_parallel"], KV[run["kv"]]
    return Workload(context, 1, kv, EngineFamily.VLLM, gpus=gpus, batched_tokens=2048)


def _model(name: str) -> tuple[Architecture, Variant]:
    built = BUILT[name]
    files = (ModelFile("model.safetensors", built["file_bytes"]),)
    # The files are those of what is loaded: layers that predict further tokens are not.
    config = {**built["config"], "num_nextn_predict_layers": 0}
    return config_json.architecture(config), Variant("", Format.SAFETENSORS, "", files)


@pytest.mark.parametrize("name", BUILT)
def test_it_works(name: str) -> None:
    architecture, variant = _model(name)
    for run in BUILT[name]["runs"]:
        found = vllm.estimate(architecture, variant, _workload(run))
        assert found.weights / run["tensor_parallel"] == pytest.approx(run["weights"], rel=0.014)


@pytest.mark.parametrize("name", BUILT)
def test_caches_agree_to_the_byte(name: str) -> None:
    architecture, _ = _model(name)
    for run in BUILT[name]["runs"]:
        told = kv_bytes_per_token(architecture, _workload(run))
        assert told == run["kv_bytes_per_token"], run
        for context, size in run["request"].items():
            held = vllm_cache.request(architecture, _workload(run, int(context)))
            assert held.cache + held.state == size, (run, context)
