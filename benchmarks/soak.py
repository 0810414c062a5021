"""The runtime and the demo under changing load for minutes: what they hold when it is quiet again.

    python -m benchmarks.soak [--minutes 10] [runtime] [demo]

Waves of callers come, each of another size: they read whole answers and streams, hang
up in the midst, reset their connection, are killed, send half a request, read a byte at a
time, or send what makes no sense. After each wave it is quiet, and then memory, open
files, threads and unfinished asyncio tasks are counted. At the end malloc gives back
what it keeps for later: what a process then still has more is lost. The runtime's engine
is the real one with the tiny demo model; the demo's upstream is the stand-in that dies,
fails and floods when it is told to. See `benchmarks.soak_callers`.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import servers, soak_callers
from benchmarks.servers import Load, children, resident
from benchmarks.soak_callers import Target
from tests.site.live import LiveSite
from tests.standins.upstream import Upstream

MODEL = Path(__file__).parents[1] / "inference" / "demo_model" / "oneclick-demo.gguf"
# Callers at the same time, wave by wave.
WAVES = (2, 8, 24, 4, 48, 12, 1, 32)
WAVE_SECONDS, QUIET_SECONDS = 8.0, 4.0
TASKS = "SOAK_TASKS"
# Python imports it at the start of every process: it tells the unfinished tasks and the bytes
# that malloc has handed out when asked, and has it give back the rest. See mallinfo(3).
_PROBE = f"""
import asyncio, ctypes, gc, os, signal
class _Heap(ctypes.Structure):
    _names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in _names.split()]
_libc = ctypes.CDLL(None)
_libc.mallinfo2.restype = _Heap
def _tell(_number, _frame):
    tasks = [one for one in gc.get_objects() if issubclass(type(one), asyncio.Task)]
    found, heap = sum(not one.done() for one in tasks), _libc.mallinfo2()
    with open(os.environ["{TASKS}"] + str(os.getpid()), "w") as told:
        told.write(f"{{found}} {{heap.uordblks + heap.hblkhd}}\\n")
def _trim(_number, _frame):
    gc.collect()
    _libc.malloc_trim(0)
signal.signal(signal.SIGRTMIN, _tell)
signal.signal(signal.SIGRTMIN + 1, _trim)
"""


@dataclass(frozen=True)
class Held:
    """What a process has when nothing is asked of it. Memory is in MiB; ``in_use`` is what malloc
    has handed out of it."""

    memory: float
    in_use: float
    engine: float
    files: int
    engine_files: int
    threads: int
    tasks: int


@contextmanager
def runtime() -> Iterator[Target]:
    """Our runtime with four slots of the demo model."""
    size = Load(MODEL, slots=4, context_length=2048, threads=1)
    with servers.ours(size, None) as server:
        engine = next(pid for pid in server.pids if pid != server.front)
        url = f"http://127.0.0.1:{server.port}"
        yield Target(url, MODEL.stem, server.front, engine, soak_callers.RUNTIME_PROMPTS)


@contextmanager
def demo() -> Iterator[Target]:
    """One worker of the site, before a stand-in that is three upstreams."""
    with Upstream() as upstream:
        offered = [
            {"name": kind, "url": upstream.url, "kind": kind, "models": ["bench"], "parallel": 8}
            for kind in ("runtime", "openai", "ollama")
        ]
        rates = dict.fromkeys(("DEMO_RATE", "DEMO_GLOBAL_RATE"), "1000000/minute")
        settings = {
            "DEMO_UPSTREAMS": json.dumps(offered),
            "DEMO_STREAMS_PER_ADDRESS": "1000",
            "DEMO_TOKENS_PER_DAY": str(10**12),
            "LOG_LEVEL": "ERROR",
            "WORKERS": "1",
        }
        with LiveSite(**settings, **rates) as site:
            (worker,) = children(site.process.pid)
            yield Target(site.url, "bench", worker, 0, soak_callers.DEMO_PROMPTS)


_Start = Callable[[], AbstractContextManager[Target]]
TARGETS: dict[str, _Start] = {"runtime": runtime, "demo": demo}


def held(target: Target) -> Held:
    """Count what the target has now."""
    folder = Path(f"/proc/{target.pid}")
    engine = Path(f"/proc/{target.engine}")
    tasks, in_use = _told(target.pid)
    return Held(
        memory=resident(target.pid) / 2**20,
        in_use=in_use / 2**20,
        engine=resident(target.engine) / 2**20 if target.engine else 0.0,
        files=len(list((folder / "fd").iterdir())),
        engine_files=len(list((engine / "fd").iterdir())) if target.engine else 0,
        threads=len(list((folder / "task").iterdir())),
        tasks=tasks,
    )


def _told(pid: int) -> tuple[int, int]:
    """Unfinished tasks and bytes that malloc has handed out, as the process itself counts them."""
    told = Path(os.environ[TASKS] + str(pid))
    told.unlink(missing_ok=True)
    os.kill(pid, signal.SIGRTMIN)
    deadline = time.monotonic() + 30
    while not (told.exists() and told.read_text().endswith("\n")):
        if time.monotonic() > deadline:
            sys.exit("The process does not tell its tasks.")
        time.sleep(0.02)
    tasks, in_use = told.read_text().split()
    return int(tasks), int(in_use)


def trimmed(target: Target) -> Held:
    """What the target has when malloc keeps nothing for later."""
    os.kill(target.pid, signal.SIGRTMIN + 1)
    if target.engine:
        os.kill(target.engine, signal.SIGRTMIN + 1)
    time.sleep(QUIET_SECONDS)
    return held(target)


async def soak(target: Target, minutes: float) -> list[Held]:
    """Waves for so many minutes; what was held after each of them."""
    found: list[Held] = []
    calls = soak_callers.Calls()
    began, told = time.monotonic(), 0
    for callers in itertools.cycle(WAVES):
        await soak_callers.wave(target, callers, WAVE_SECONDS, calls)
        await asyncio.sleep(QUIET_SECONDS)
        found.append(held(target))
        minute = int((time.monotonic() - began) / 60)
        if minute > told:
            told = minute
            print(_row(minute, found[-1], calls), flush=True)
        if minute >= minutes:
            return found
    raise AssertionError("cycle() never ends")


def _row(minute: int, now: Held, calls: soak_callers.Calls) -> str:
    cells = (str(minute), f"{calls.made:,}", f"{calls.left:,}", calls.statuses(),
             f"{now.memory:.1f}", f"{now.in_use:.1f}", f"{now.engine:.1f}", str(now.files),
             str(now.engine_files), str(now.threads), str(now.tasks))  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _thirds(found: Sequence[Held]) -> str:
    """The second third beside the last: what grows is more in the last."""
    third = len(found) // 3
    parts = []
    for name in ("memory", "in_use", "engine", "files", "engine_files", "threads", "tasks"):
        second, last = (
            statistics.mean(getattr(one, name) for one in some)
            for some in (found[third : 2 * third], found[-third:])
        )
        parts.append(f"{name.replace('_', ' ')} {second:.1f} → {last:.1f}")
    return f"Second third → last: {', '.join(parts)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("targets", nargs="*", default=list(TARGETS), metavar="runtime|demo")
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "sitecustomize.py").write_text(_PROBE)
        os.environ |= {"PYTHONPATH": folder, TASKS: f"{folder}/tasks-"}
        for name in options.targets:
            print(f"\n{name}, load {os.getloadavg()[0]:.1f}\n")
            print("| minute | calls | left | answered | MiB | in use | engine's | files | engine's "
                  "| threads | tasks |")  # fmt: skip
            print("|" + " ---: |" * 11)
            with TARGETS[name]() as target:
                print(_thirds(asyncio.run(soak(target, options.minutes))), flush=True)
                last = trimmed(target)
                print(f"After malloc_trim: {last.memory:.1f} MiB, engine {last.engine:.1f}")


if __name__ == "__main__":
    main()
