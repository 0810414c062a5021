"""What our layer adds to each token on its way: milliseconds and CPU.

    python -m benchmarks.delay [--streams 1 4 16] [--tokens 200] [--rounds 3]

The engine is a stand-in whose tokens are the time at which it wrote them, so
that nothing is computed and the whole way is seen: straight to the caller, and
through our runtime in either dialect.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import load, random_model, servers
from benchmarks.random_model import Shape
from benchmarks.servers import Load, Server

ROOT = Path(__file__).parents[1]


def _engine(folder: Path) -> Path:
    """The stand-in as a program."""
    program = folder / "llama-server"
    program.write_text(
        f'#!/bin/sh\ncd "{ROOT}"\nexec "{sys.executable}" -m benchmarks.ticking_engine "$@"\n'
    )
    program.chmod(0o755)
    return program


def _delays(replies: Sequence[load.Reply]) -> list[float]:
    """Milliseconds from the engine's write to the caller's read, token by token."""
    return [
        (arrival - int(stamp) / 1e9) * 1e3
        for reply in replies
        for arrival, stamp in zip(reply.arrivals, reply.text.split(), strict=True)
    ]


def _row(name: str, server: Server, dialect: str, streams: int, told: argparse.Namespace) -> str:
    delays: list[float] = []
    costs = []
    for number in range(told.rounds):
        chats = tuple(load.Chat((f"{number}",), seed=seed) for seed in range(streams))
        before = server.front_cpu()
        replies = load.run(load.Plan(dialect, server.port, chats, told.tokens))
        costs.append((server.front_cpu() - before) / told.tokens / streams * 1e6)
        delays += _delays(replies)
    parts = statistics.quantiles(delays, n=100)
    cells = (str(streams), name, *(f"{parts[at]:.2f}" for at in (49, 94, 98)))
    return f"| {' | '.join(cells)} | {statistics.median(costs):.0f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    told = parser.parse_args()
    print("| streams | way | p50 ms | p95 ms | p99 ms | our CPU µs/token |")
    print("| ---: | --- | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        model = random_model.write(folder / "random.gguf", Shape(layers=1, width=64, hidden=64))
        size = Load(model, max(told.streams), 512, 1)
        with servers.ours(size, _engine(folder)) as ours, servers.bare(ours) as engine:
            for streams in told.streams:
                print(_row("engine alone", engine, "openai", streams, told), flush=True)
                print(_row("ours, OpenAI", ours, "openai", streams, told), flush=True)
                print(_row("ours, Ollama", ours, "ollama", streams, told), flush=True)


if __name__ == "__main__":
    main()
