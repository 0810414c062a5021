"""Build configs with vLLM's own classes and write down what they take.

Rewrites ``tests/wizard/sizing/vllm_built.json``: for each config and each way of
dividing it, bytes of all parameters and buffers on a card, of one token's keys and
values, and of what a request holds of vLLM's pool. No card and no weights are
needed; a model takes from a second to a minute. Run it with a Python that has the
release which our image has:

    uv venv .vllm && uv pip install --python .vllm vllm==0.33.0 transformers==5.20.2
    .vllm/bin/python -m scripts.vllm_built                    # all, anew
    .vllm/bin/python -m scripts.vllm_built gemma-3-4b gpt2    # these alone
    .vllm/bin/python -m scripts.vllm_built --add NAME=config.json --cards 1,2,8
    .vllm/bin/python -m scripts.vllm_built --random 180       # vllm_random.json, anew

vLLM's extensions want ``libcuda.so.1``; where no driver is, the CUDA toolkit's stub
on ``LD_LIBRARY_PATH`` will do.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from scripts.vllm_built import shapes, standin

_TESTS = Path(__file__).parents[2] / "tests" / "wizard" / "sizing"
TARGET, RANDOM = _TESTS / "vllm_built.json", _TESTS / "vllm_random.json"
CONTEXTS = (4096, 131_072)
_SECONDS = 600
# Told in a run only where it is not this.
_USUAL = {"nodes": 1, "card": "h100"}
# A model's name, its config, and how it is divided.
_Work = tuple[str, dict[str, Any], dict[str, Any]]
_KEYS = ("tensor_parallel", "kv", *_USUAL)


def measured(config: dict[str, Any], case: dict[str, Any]) -> dict[str, Any]:
    """A case with what was built of it, on a card of the fullest stage.

    Raises what vLLM raises.
    """
    standin.use_card(case.get("card", "h100"))
    from scripts.vllm_built import building

    sizes, parameters, stages = [], 0, []
    for stage in range(case.get("nodes", 1)):
        whole, model = building.built(config, case, stage)
        found = list(building.tensors(model))
        sizes.append(sum(building.size(tensor) for _, tensor, _ in found))
        parameters += sum(building.size(tensor) for _, tensor, is_one in found if is_one)
        stages.append(building.layers(whole))
    return {
        **case,
        "weights": max(sizes),
        "parameters": parameters,
        "kv_bytes_per_token": max(map(building.token_bytes, stages)),
        "request": {str(each): building.held(whole, stages, each) for each in CONTEXTS},
    }


def whole_tensors(config: dict[str, Any], cards: int) -> dict[str, int]:
    """Bytes beyond an even share on a card, by name, with layers put together."""
    from scripts.vllm_built import building

    one = {n: building.size(t) for n, t, _ in building.tensors(building.built(config, {})[1])}
    _, model = building.built(config, {"tensor_parallel": cards})
    found: dict[str, int] = {}
    for name, tensor, _ in building.tensors(model):
        kind = re.sub(r"\.\d+\.", ".#.", name)
        found[kind] = found.get(kind, 0) + building.size(tensor) - one.get(name, 0) // cards
    return dict(sorted(found.items(), key=lambda row: -row[1]))


def _attempt(work: _Work) -> tuple[str, dict[str, Any]]:
    """In a process of its own, which vLLM's state dies with."""
    name, config, case = work
    signal.alarm(_SECONDS)
    # What kernels' libraries print is no part of the answer.
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1)
    try:
        return name, measured(config, case)
    except Exception:
        return name, {**case, "error": traceback.format_exc()[-2000:]}


def _case(run: dict[str, Any]) -> dict[str, Any]:
    return {key: run[key] for key in _KEYS if key in run and run[key] != _USUAL.get(key)}


def _cases(
    name: str, model: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for run in model["runs"]:
        yield name, model["config"], _case(run)


def _added(options: argparse.Namespace) -> dict[str, Any]:
    """Models to add, with a run for each number of cards and type of cache."""
    models: dict[str, Any] = {}
    for told in options.add:
        name, _, path = told.partition("=")
        runs = [
            {"tensor_parallel": int(cards), "kv": kv, "nodes": nodes, "card": options.card}
            for kv in options.kv.split(",")
            for nodes in map(int, options.nodes.split(","))
            for cards in options.cards.split(",")
        ]
        config = json.loads(Path(path).read_text(encoding="utf-8"))
        models[name] = {"config": config, "runs": runs}
    return models


def _run(models: dict[str, Any], jobs: int) -> dict[str, list[dict[str, Any]]]:
    work = [case for name, model in models.items() for case in _cases(name, model)]
    done: dict[str, list[dict[str, Any]]] = {name: [] for name in models}
    # What the first one imports, half a minute long, all processes are forked with.
    with suppress(Exception):
        measured(*work[0][1:])
    with multiprocessing.get_context("fork").Pool(jobs, maxtasksperchild=1) as pool:
        for name, run in pool.imap(_attempt, work, chunksize=1):
            last = run.get("error", "").strip().splitlines()[-1:]
            print(name, _case(run), *(last or [run.get("weights")]), file=sys.stderr, flush=True)
            if not last:
                done[name].append(run)
    return done


def _told(model: dict[str, Any], runs: list[dict[str, Any]]) -> dict[str, Any]:
    """A model as it is written down. Its files' bytes are those of one card's parameters."""
    alone = next((run for run in runs if run["tensor_parallel"] == run.get("nodes", 1) == 1), None)
    file_bytes = alone["parameters"] if alone else model.get("file_bytes", 0)
    kept = [{key: run[key] for key in run if key != "parameters"} for run in runs]
    return {"config": model["config"], "file_bytes": file_bytes, "runs": kept}


def main() -> None:
    """Build what was asked for, and rewrite the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="models of the file; all by default")
    parser.add_argument("--add", action="append", default=[], metavar="NAME=CONFIG")
    parser.add_argument("--cards", default="1,2,8", help="tensor parallel sizes of what is added")
    parser.add_argument("--nodes", default="1", help="pipeline parallel sizes of what is added")
    parser.add_argument("--kv", default="auto", help="types of cache of what is added")
    parser.add_argument("--card", default="h100", choices=standin.CARDS)
    parser.add_argument("--whole", type=int, metavar="CARDS", help="tell what is not divided")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--random", type=int, metavar="COUNT", help="small models drawn by chance")
    options = parser.parse_args()
    if options.random:
        drawn = (shapes.drawn(seed) for seed in range(options.random))
        models = {name: {"config": config, "runs": runs} for name, config, runs in drawn}
        _write(RANDOM, _completed(models, options.jobs))
        return
    known = json.loads(TARGET.read_text(encoding="utf-8"))
    added = _added(options)
    chosen = added or {name: known[name] for name in options.names or known}
    if options.whole:
        for name, model in chosen.items():
            print(name, json.dumps(whole_tensors(model["config"], options.whole), indent=1))
        return
    _write(TARGET, known | _completed(chosen, options.jobs))


def _completed(models: dict[str, Any], jobs: int) -> dict[str, Any]:
    """Those that vLLM builds, as they are written down."""
    found = _run(models, jobs)
    return {name: _told(models[name], runs) for name, runs in found.items() if runs}


def _write(path: Path, models: dict[str, Any]) -> None:
    rows = (f"{json.dumps(name)}: {json.dumps(model)}" for name, model in models.items())
    path.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
