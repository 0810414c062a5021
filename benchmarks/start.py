"""From the start of a process to its first answer, with the weights on disk.

    python -m benchmarks.start [--engine-binary llama-server] [--model MODEL.gguf] [--rounds 5]

The bare engine is the same program with the same flags. Both are asked for one
token again and again until they give it; the file is in the page cache, and our
modules are compiled, as they are in the image.
"""

from __future__ import annotations

import argparse
import compileall
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import inference
from benchmarks import random_model, servers
from benchmarks.servers import Load

BODY = json.dumps(
    {"model": "random", "max_tokens": 1, "messages": [{"role": "user", "content": "Hello"}]}
)
LONGEST = 300.0


def first_answer(command: Sequence[str], port: int) -> float:
    """Seconds until a fresh process has answered."""
    began = time.monotonic()
    launcher = [sys.executable, "-m", "inference.engine.launcher"]
    process = subprocess.Popen(
        [*launcher, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not _answers(port):
            if process.poll() is not None or time.monotonic() - began > LONGEST:
                sys.exit(f"{command} does not answer")
            time.sleep(0.005)
        return time.monotonic() - began
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST)
    try:
        connection.request("POST", "/v1/chat/completions", BODY, {"Content-Type": "text/json"})
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def compare(told: Load, binary: Path | None, rounds: int) -> None:
    """Print the table."""
    compileall.compile_dir(inference.__path__[0], quiet=1)
    port = servers.free_port()
    own = servers.our_command(told, binary, port)
    with servers.ours(told, binary) as running:
        engine = servers.engine_command(running, port)
    ways = {"engine alone": engine, "ours": own}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in ways if number % 2 == 0 else reversed(ways):
            taken[name].append(first_answer(ways[name], port))
    base = statistics.median(taken["engine alone"])
    print("| server | first answer s | least – greatest | more than the engine |")
    print("| --- | ---: | ---: | ---: |")
    for name, seconds in taken.items():
        middle = statistics.median(seconds)
        spread = f"{min(seconds):.2f} – {max(seconds):.2f}"
        print(f"| {name} | {middle:.2f} | {spread} | {middle - base:.2f} |")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--model", type=Path, help="a GGUF; by default one of random weights")
    parser.add_argument("--engine-binary", type=Path, help="a llama-server; default: xllamacpp")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = asked.model or random_model.write(Path(folder) / "random.gguf")
        told = Load(model.resolve(), 4, 2048, asked.threads)
        compare(told, asked.engine_binary, asked.rounds)


if __name__ == "__main__":
    main()
