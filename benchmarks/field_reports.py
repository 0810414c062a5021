"""How far the estimate is from each load that somebody published, as tables.

``python -m benchmarks.field_reports`` prints every load of
``tests/wizard/sizing/field_reports.json``: what its log told, and by how much the
estimate is off.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.wizard.sizing.published_loads import (
    LLAMA_CPP,
    VLLM,
    graphs_of,
    mebibytes,
    requests_of,
    weights_of,
)

BUFFERS = {
    "kv_cache": "KV cache",
    "recurrent_state": "recurrent state",
    "weights_gpu": "weights on cards",
    "weights_host": "weights in RAM",
    "compute": "compute",
    "process": "process",
}


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _against(told: float | None, found: float) -> str:
    if told is None:
        return ""
    return f"{told:,.2f} {found / told - 1:+.1%}" if told else f"0 {found:+,.2f}"


def llama_cpp_rows() -> Iterator[str]:
    """Each load by llama.cpp: what was told, in MiB, and the estimate's deviation.

    Builds that reserve otherwise than b11549 are not compared in what they compute.
    """
    for name, case in LLAMA_CPP.items():
        found = mebibytes(name)
        found["process"] = found["total_gpu"]
        told = case["told"]
        cells = {key: _against(told.get(key), found[key]) for key in BUFFERS}
        if cells["compute"] and not case.get("current"):
            cells["compute"] = f"{told['compute']:,.2f}, by another rule"
        yield _row(name, *cells.values())


def vllm_rows() -> Iterator[str]:
    """Each load by vLLM: weights and graphs in GiB, and the requests that its pool holds."""
    for run in VLLM:
        told: dict[str, Any] = run["told"]
        weights = ""
        if "weights" in told:
            is_whole = "note" not in run
            weights = _against(told["weights"], weights_of(run)) if is_whole else "files not told"
        requests = ""
        if {"pool", "concurrency"} <= set(told):
            requests = _against(told["concurrency"], requests_of(run)[0])
        graphs = ""
        if "graphs" in told:
            graphs = f"{told['graphs']:.2f} {graphs_of(run) - told['graphs']:+.2f}"
        stages = f"{run['nodes']} stages of " if "nodes" in run else ""
        cards = f"{stages}{run['tensor_parallel']} × {run.get('card') or 'not told'}"
        yield _row(run["model"], cards, run["version"], weights, requests, graphs)


def main() -> None:
    """Print the tables."""
    print(_row("load", *(f"{words}, MiB" for words in BUFFERS.values())))
    print(_row("---", *("---:" for _ in BUFFERS)))
    print("\n".join(llama_cpp_rows()))
    heads = ("load", "cards", "vLLM", "weights, GiB", "requests", "graphs, GiB")
    print("\n" + _row(*heads))
    print(_row(*("---" for _ in heads)))
    print("\n".join(vllm_rows()))


if __name__ == "__main__":
    main()
