"""What drafts from the text itself save where it repeats, and cost where it does not.

    python -m benchmarks.speculation [--engine-binary llama-server] [--rounds 3]

Two runtimes take turns, one with ``SPECULATIVE=ngram`` and one without, on a
model whose answers go in circles and on one whose answers never repeat.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks import random_model, scenarios, servers
from benchmarks.random_model import Shape
from benchmarks.runtime import HEAD, Contestant, measure, rounds, row
from benchmarks.servers import Load

# Tokens after which a text repeats, of answers of four times that length.
PERIOD = 96
MODELS = {"text that repeats": (PERIOD, "circles"), "text that does not": (0, "short")}


@contextmanager
def _contestants(model: Path, told: argparse.Namespace) -> Iterator[list[Contestant]]:
    found = []
    with ExitStack() as stack:
        for kind in ("off", "ngram"):
            load = Load(model, told.slots, told.context_length, told.threads, kind)
            server = stack.enter_context(servers.ours(load, told.engine_binary))
            found.append(Contestant(kind, server, "openai"))
            measure(found[-1], scenarios.SCENARIOS["short"].draw(f"warm {kind}", 1), 8)
        yield found


def _table(contestants: Sequence[Contestant], scenario: str, told: argparse.Namespace) -> None:
    head = [cell.replace("× engine", "× off") for cell in HEAD]
    print(f"| {' | '.join(head)} |\n|{' ---: |' * len(head)}")
    for streams in told.streams:
        found = rounds(contestants, scenario, streams, told.rounds)
        for each in contestants:
            print(row(streams, each.name, found[each.name], found["off"]), flush=True)


def main() -> None:
    """Print a table for each model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--engine-binary", type=Path, help="a llama-server; default: xllamacpp")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--context-length", type=int, default=2048)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for meaning, (period, scenario) in MODELS.items():
            path = random_model.write(Path(folder) / f"{period}.gguf", Shape(period=period))
            print(f"\n{meaning}; {told.rounds} rounds\n")
            with _contestants(path, told) as contestants:
                _table(contestants, scenario, told)


if __name__ == "__main__":
    main()
