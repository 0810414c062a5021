"""Which layers each stage of a pipeline holds.

As ``get_pp_indices`` of ``vllm/distributed/utils.py`` deals them out.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache


@lru_cache(maxsize=512)
def stages(layers: int, nodes: int) -> tuple[range, ...]:
    """Layers of each stage: as many in each, one more in those before the last."""
    each, rest = divmod(layers, nodes)
    counts = [each] * nodes
    for place in range(2, rest + 2):
        counts[-place] += 1
    ends = [sum(counts[: stage + 1]) for stage in range(nodes)]
    return tuple(range(end - count, end) for end, count in zip(ends, counts, strict=True))


def most(indices: Iterable[int], layers: int, nodes: int) -> int:
    """How many of some layers the stage with the most of them holds."""
    found = tuple(indices)
    if nodes == 1:
        return len(found)
    return max(sum(1 for index in found if index in stage) for stage in stages(layers, nodes))
