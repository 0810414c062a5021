"""The runtime beside its engine alone: speed, first token, time between tokens, CPU, memory.

    python -m benchmarks.runtime [--engine-binary llama-server] [--rounds 5] [--threads 2]

The bare engine is the same program with the same flags in a process of its
own, so that nothing but our layer differs; with ``--engine-binary`` a
``llama-server`` that is told nothing but its size is measured too. They take
turns, in another order each round, with one cheap caller in a process of its
own. Ratios are of one round each; told are their median, least and greatest.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import load, random_model, scenarios, servers
from benchmarks.servers import Load, Server

HEAD = (
    "streams",
    "server",
    "tokens/s",
    "× engine",
    "first token ms",
    "between tokens p50 / p95 / p99 ms",
    "our CPU µs/token",
    "CPU ms/token",
    "memory MiB",
)


@dataclass(frozen=True)
class Contestant:
    """A server, and the dialect that it is asked in."""

    name: str
    server: Server
    dialect: str


@dataclass(frozen=True)
class Figures:
    """One run: tokens a second, times in milliseconds, CPU seconds a token, bytes."""

    speed: float
    first: float
    between: tuple[float, float, float]
    front_cpu: float
    cpu: float
    memory: int


def measure(contestant: Contestant, chats: tuple[load.Chat, ...], tokens: int) -> Figures:
    """Hold these chats with one server."""
    server = contestant.server
    cpu, front = server.cpu(), server.front_cpu()
    replies = load.run(load.Plan(contestant.dialect, server.port, chats, tokens))
    count = sum(len(reply.arrivals) for reply in replies)
    began = min(reply.began for reply in replies)
    ended = max(reply.arrivals[-1] for reply in replies)
    parts = statistics.quantiles([gap for reply in replies for gap in reply.gaps], n=100)
    return Figures(
        speed=count / (ended - began),
        first=statistics.median(reply.first for reply in replies) * 1e3,
        between=(parts[49] * 1e3, parts[94] * 1e3, parts[98] * 1e3),
        front_cpu=(server.front_cpu() - front) / count,
        cpu=(server.cpu() - cpu) / count,
        memory=server.memory(),
    )


def rounds(
    contestants: Sequence[Contestant], name: str, streams: int, times: int
) -> dict[str, list[Figures]]:
    """Measure all, ``times`` times, the order turned around each time."""
    scenario = scenarios.SCENARIOS[name]
    found: dict[str, list[Figures]] = {each.name: [] for each in contestants}
    for number in range(times):
        for each in contestants if number % 2 == 0 else reversed(contestants):
            chats = scenario.draw(f"{name} {streams} {number}", streams, each.name)
            found[each.name].append(measure(each, chats, scenario.tokens))
    return found


def row(streams: int, name: str, own: Sequence[Figures], engine: Sequence[Figures]) -> str:
    """A line of the table: medians over the rounds."""
    ratios = [one.speed / other.speed for one, other in zip(own, engine, strict=True)]
    ratio = f"{statistics.median(ratios):.3f} ({min(ratios):.2f}–{max(ratios):.2f})"
    between = " / ".join(_median([one.between[i] for one in own], 1) for i in range(3))
    front = statistics.median(one.front_cpu for one in own)
    cells = (
        str(streams),
        name,
        _median([one.speed for one in own], 1),
        ratio,
        _median([one.first for one in own], 0),
        between,
        f"{front * 1e6:.0f}" if front else "",
        _median([one.cpu * 1e3 for one in own], 2),
        _median([one.memory / (1 << 20) for one in own], 0),
    )
    return f"| {' | '.join(cells)} |"


def _median(values: Sequence[float], digits: int) -> str:
    return f"{statistics.median(values):.{digits}f}"


def table(contestants: Sequence[Contestant], name: str, streams: Sequence[int], times: int) -> None:
    """Print one scenario's table, a line as soon as it is known."""
    scenario = scenarios.SCENARIOS[name]
    print(f"\n{name}: {scenario.meaning}; {times} rounds\n")
    print(f"| {' | '.join(HEAD)} |\n|{' ---: |' * len(HEAD)}")
    for count in streams or scenario.streams:
        found = rounds(contestants, name, count, times)
        for each in contestants:
            print(row(count, each.name, found[each.name], found[contestants[0].name]), flush=True)


def limit(program: Path, told: Load, streams: Sequence[int]) -> None:
    """Print what ``llama-batched-bench`` reaches on prompts and answers of the short scenario."""
    prompt, tokens = 60, scenarios.SCENARIOS["short"].tokens
    command = [
        *(str(program), "-m", str(told.model), "-c", str(told.slots * told.context_length)),
        *("-npp", str(prompt), "-ntg", str(tokens), "-npl", ",".join(map(str, streams))),
        *("-t", str(told.threads), "--output-format", "jsonl"),
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    print("\nllama-batched-bench, no server at all: tokens/s, prompts included\n")
    print("| streams | tokens/s |\n| ---: | ---: |")
    for line in filter(lambda text: text.startswith(b"{"), done.stdout.splitlines()):
        found = json.loads(line)
        print(f"| {found['pl']} | {found['pl'] * tokens / found['t']:.1f} |", flush=True)


@contextmanager
def _contestants(
    told: Load, binary: Path | None, python: Path | None, *, stock: bool
) -> Iterator[list[Contestant]]:
    with ExitStack() as stack:
        ours = stack.enter_context(servers.ours(told, binary))
        found = [
            Contestant("engine alone", stack.enter_context(servers.bare(ours)), "openai"),
            Contestant("ours, OpenAI", ours, "openai"),
            Contestant("ours, Ollama", ours, "ollama"),
        ]
        if stock and binary:
            plain = stack.enter_context(servers.stock(told, binary))
            found.append(Contestant("llama-server, own defaults", plain, "openai"))
        if python:
            other = stack.enter_context(servers.llama_cpp_python(told, python))
            found.append(Contestant("llama_cpp.server", other, "openai"))
        for each in found:
            warm = scenarios.SCENARIOS["short"].draw("warm", 1, each.name)
            measure(each, warm, 8)
        yield found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--model", type=Path, help="a GGUF; by default one of random weights")
    parser.add_argument("--engine-binary", type=Path, help="a llama-server; default: xllamacpp")
    parser.add_argument("--stock", action="store_true", help="measure it with its own defaults too")
    parser.add_argument("--llama-cpp-python", type=Path, help="a Python that has llama_cpp.server")
    parser.add_argument("--batched-bench", type=Path, help="a llama-batched-bench: the limit")
    parser.add_argument("--scenarios", nargs="+", choices=scenarios.SCENARIOS, default=["short"])
    parser.add_argument("--streams", type=int, nargs="+", default=[])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--slots", type=int, default=16)
    parser.add_argument("--context-length", type=int, default=2048)
    return parser


def main() -> None:
    """Print the tables."""
    asked = _parser().parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = asked.model or random_model.write(Path(folder) / "random.gguf")
        told = Load(model.resolve(), asked.slots, asked.context_length, asked.threads)
        if asked.batched_bench:
            fitting = [count for count in asked.streams or (1, 4, 8, 16) if count <= told.slots]
            limit(asked.batched_bench, told, fitting)
        binary, python = asked.engine_binary, asked.llama_cpp_python
        with _contestants(told, binary, python, stock=asked.stock) as contestants:
            for name in asked.scenarios:
                table(contestants, name, asked.streams, asked.rounds)


if __name__ == "__main__":
    main()
