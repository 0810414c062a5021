"""How long an estimate takes once the header is there, and how much of a file is fetched for it.

    python -m benchmarks.estimate

Headers of released models as the tests have them, each with a vocabulary of its
size, read as from a registry: in ranges, with the bytes counted. Each time is
the median of a hundred estimates with nothing remembered from the one before, of the
processor alone: others' work beside it does not count.
Then the same for the workloads of models that lie in RAM in part, as the tests have them.
"""

from __future__ import annotations

import itertools
import statistics
import sys
import time
from dataclasses import replace

from tests.standins import gguf
from tests.wizard.sizing import counted_cases, shapes
from tests.wizard.sizing.families import HEADERS
from wizard.registry import gguf_header
from wizard.registry.values import Architecture, Format, ModelFile, Variant
from wizard.sizing import estimate
from wizard.sizing.values import Workload

RUNS = 100
FILE_BYTES = 5_000_000_000
VARIANT = Variant("Q4_K_M", Format.GGUF, "Q4_K_M", (ModelFile("model.gguf", FILE_BYTES),))
WORKLOAD = Workload(8192, slots=4, unified_kv=True)
_DIVIDED = ("layers_in_ram.json", "families.json", "blind.json", "drawn.json")
# What makes each architecture another one than all before.
_UNSEEN = itertools.count()


def _file(name: str) -> bytes:
    """A header with as many tokens and merges as the model has."""
    keys = dict(HEADERS[name])
    vocabulary = keys[f"{keys['general.architecture']}.vocab_size"]
    count = vocabulary if isinstance(vocabulary, int) else 0
    keys["tokenizer.ggml.model"] = "gpt2"
    keys["tokenizer.ggml.tokens"] = ["tokens!"] * count
    keys["tokenizer.ggml.merges"] = ["to kens"] * count
    return gguf.header(keys)


def _fetched(content: bytes) -> tuple[int, int, Architecture]:
    """Bytes and requests until the header tells enough, and what it tells."""
    sizes: list[int] = []

    def fetch(start: int, stop: int) -> bytes:
        sizes.append(stop - start)
        return content[start:stop]

    header = gguf_header.read(fetch, FILE_BYTES)
    return sum(sizes), len(sizes), header.architecture()


def _seconds(
    architecture: Architecture, variant: Variant = VARIANT, workload: Workload = WORKLOAD
) -> float:
    """The median of estimates of shapes that differ, so that none is remembered."""
    taken = []
    for _ in range(RUNS):
        fresh = replace(architecture, context_length=architecture.context_length + next(_UNSEEN))
        start = time.process_time()
        estimate(fresh, variant, workload)
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def main() -> None:
    rows = []
    for name in HEADERS:
        content = _file(name)
        fetched, requests, architecture = _fetched(content)
        rows.append((name, len(content), fetched, requests, _seconds(architecture)))
    out = sys.stdout.write
    out(f"{'model':<18}{'header kB':>10}{'fetched kB':>11}{'requests':>9}{'estimate µs':>12}\n")
    for name, size, fetched, requests, seconds in rows:
        out(f"{name:<18}{size / 1e3:>10,.0f}{fetched / 1e3:>11,.1f}{requests:>9}")
        out(f"{seconds * 1e6:>12,.0f}\n")
    out(
        f"{len(rows)} models: {statistics.median(row[2] for row in rows) / 1e3:,.1f} kB fetched "
        f"in the median, {max(row[2] for row in rows) / 1e3:,.1f} at most; "
        f"{statistics.median(row[4] for row in rows) * 1e6:,.0f} µs an estimate in the median, "
        f"{max(row[4] for row in rows) * 1e6:,.0f} at most\n"
    )
    divided = [
        _seconds(case.architecture, shapes.gguf(case.file_bytes, "Q8_0"), case.workload)
        for case in counted_cases.read(*_DIVIDED)
    ]
    out(
        f"{len(divided)} workloads with layers in RAM: {statistics.median(divided) * 1e6:,.0f} µs "
        f"in the median, {max(divided) * 1e6:,.0f} at most\n"
    )


if __name__ == "__main__":
    main()
