"""What drafts from the text itself save where it repeats, and cost where it does not.

    python -m benchmarks.speculation [--engine-binary llama-server] [--rounds 3]

Two runtimes take turns, one with ``SPECULATIVE=ngram`` and one without; with
``--engine-binary`` also that engine alone with the flags of the first, and with its own
defaults. The loads: answers that go in circles, answers that never repeat, and chats of
several turns of either kind and of both. The engine drafts from the text of all slots:
where chats are many, some of what one says for the first time was said in another.
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

# Tokens after which a text repeats, and the loads that are tried: answers of four times the
# first, and far shorter ones than the last.
LOADS = {0: ("short",), 96: ("circles",), 8000: ("edits", "talks", "mixed")}


@contextmanager
def _contestants(model: Path, told: argparse.Namespace) -> Iterator[list[Contestant]]:
    found = []
    with ExitStack() as stack:
        for kind in ("off", "ngram"):
            load = Load(model, told.slots, told.context_length, told.threads, kind)
            server = stack.enter_context(servers.ours(load, told.engine_binary))
            found.append(Contestant(kind, server, "openai"))
        if told.engine_binary:
            alone = stack.enter_context(servers.bare(found[1].server))
            stock = stack.enter_context(servers.stock(load, told.engine_binary))
            found.append(Contestant("engine alone, ngram", alone, "openai"))
            found.append(Contestant("llama-server, own defaults", stock, "openai"))
        for each in found:
            measure(each, scenarios.SCENARIOS["short"].draw("warm", 1, each.name), 8)
        yield found


def _table(contestants: Sequence[Contestant], name: str, told: argparse.Namespace) -> None:
    scenario = scenarios.SCENARIOS[name]
    head = [cell.replace("× engine", "× off") for cell in HEAD]
    print(f"\n{name}: {scenario.meaning}; {told.rounds} rounds\n")
    print(f"| {' | '.join(head)} |\n|{' ---: |' * len(head)}")
    for streams in told.streams or scenario.streams:
        found = rounds(contestants, name, streams, told.rounds)
        for each in contestants:
            print(row(streams, each.name, found[each.name], found["off"]), flush=True)


def main() -> None:
    """Print a table for each load."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--engine-binary", type=Path, help="a llama-server; default: xllamacpp")
    known = [name for names in LOADS.values() for name in names]
    parser.add_argument("--scenarios", nargs="+", choices=known, default=known)
    parser.add_argument("--streams", type=int, nargs="+", default=[])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--slots", type=int, default=16)
    parser.add_argument("--context-length", type=int, default=2048)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for period, names in LOADS.items():
            wanted = [name for name in names if name in told.scenarios]
            if not wanted:
                continue
            path = random_model.write(Path(folder) / f"{period}.gguf", Shape(period=period))
            with _contestants(path, told) as contestants:
                for name in wanted:
                    _table(contestants, name, told)


if __name__ == "__main__":
    main()
