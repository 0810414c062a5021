"""Counts for ``/metrics``, in Prometheus' text format.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

PREFIX = "oneclick_"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
Labels = Mapping[str, str]


class Histogram:
    """Observed values in buckets."""

    def __init__(self, bounds: tuple[float, ...] = SECONDS) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def lines(self, name: str) -> Iterator[str]:
        """The lines of the text format."""
        yield f"# TYPE {PREFIX}{name} histogram"
        total = 0
        for bound, count in zip((*map(str, self._bounds), "+Inf"), self._counts, strict=True):
            total += count
            yield f'{PREFIX}{name}_bucket{{le="{bound}"}} {total}'
        yield f"{PREFIX}{name}_sum {self._sum:.6f}"
        yield f"{PREFIX}{name}_count {total}"


class Metrics:
    """What happened since the start."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.tokens: Counter[tuple[str, str]] = Counter()
        self.refused = 0
        self.cancelled = 0
        self.first_token = Histogram()
        self.duration = Histogram()

    def count(self, model: str, *, read: int = 0, written: int = 0) -> None:
        """Count an answer's tokens: those of its prompt, and those that were generated."""
        self.tokens[model, "prompt"] += read
        self.tokens[model, "generated"] += written

    def lines(self) -> Iterator[str]:
        """The lines of the text format."""
        yield from sample(
            "requests_total",
            "counter",
            (({"route": r, "code": str(c)}, n) for (r, c), n in self.requests.items()),
        )
        yield from sample(
            "tokens_total",
            "counter",
            (({"model": m, "kind": k}, n) for (m, k), n in self.tokens.items()),
        )
        yield from sample("refused_total", "counter", [({}, self.refused)])
        yield from sample("cancelled_total", "counter", [({}, self.cancelled)])
        yield from self.first_token.lines("first_token_seconds")
        yield from self.duration.lines("request_seconds")


def sample(name: str, kind: str, values: Iterable[tuple[Labels, float]]) -> Iterator[str]:
    """One metric's lines."""
    yield f"# TYPE {PREFIX}{name} {kind}"
    for labels, value in values:
        told = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        yield f"{PREFIX}{name}{{{told}}} {value:g}" if told else f"{PREFIX}{name} {value:g}"


def of_engines(texts: Mapping[str, str], *, labelled: bool) -> Iterator[str]:
    """llama-server's own metrics, under its names, so that dashboards for it find them.

    ``texts`` are what each model's engine tells. ``labelled`` gives each sample
    its model's name, where there may be several.
    """
    groups: dict[str, list[str]] = {}
    for model, text in texts.items():
        for line in filter(None, text.splitlines()):
            is_comment = line.startswith("#")
            name, _, value = line.rpartition(" ")
            group = groups.setdefault(line.split(" ", 3)[2] if is_comment else name, [])
            if labelled and not is_comment:
                group.append(f'{name}{{model="{_escaped(model)}"}} {value}')
            elif line not in group:
                group.append(line)
    for group in groups.values():
        yield from group


def figure(text: str, name: str) -> float:
    """One of llama-server's own figures; 0 where it tells none."""
    found = re.search(rf"^llamacpp:{name} ([-+.\deE]+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
