"""What is measured: our runtime, its engine alone, and others, each a process group of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from inference.engine.command import KEY_VARIABLE

STARTING = 120.0
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Server:
    """A server under measurement.

    ``pids`` are all its processes; ``front`` is the one that is not the engine
    (our own layer), 0 where there is none.
    """

    port: int
    pids: tuple[int, ...]
    front: int = 0

    def cpu(self) -> float:
        """Seconds of CPU that it used so far, all processes together."""
        return sum(map(cpu_seconds, self.pids))

    def front_cpu(self) -> float:
        """Seconds of CPU that our layer used so far."""
        return cpu_seconds(self.front) if self.front else 0.0

    def memory(self) -> int:
        """Bytes of main memory that its processes occupy."""
        return sum(map(resident, self.pids))


@dataclass(frozen=True)
class Load:
    """How every server is told to serve: the same for all."""

    model: Path
    slots: int
    context_length: int
    threads: int
    speculative: str = "off"


def our_command(load: Load, binary: Path | None, port: int) -> list[str]:
    """How our runtime is started on that engine."""
    return [
        *(sys.executable, "-m", "inference", "serve", "--port", str(port)),
        *("--model", str(load.model), "--model-aliases", "random"),
        *("--slots", str(load.slots), "--context-length", str(load.context_length)),
        *("--threads", str(load.threads), "--log-level", "WARNING"),
        *("--speculative", load.speculative),
        *(("--engine-binary", str(binary)) if binary else ()),
    ]


def engine_command(like: Server, port: int) -> list[str]:
    """How the engine of a runtime of ours was started, but for the port."""
    engine = next(pid for pid in like.pids if pid != like.front)
    arguments = Path(f"/proc/{engine}/cmdline").read_text().rstrip("\0").split("\0")
    arguments[arguments.index("--port") + 1] = str(port)
    return arguments


@contextmanager
def ours(load: Load, binary: Path | None) -> Iterator[Server]:
    """Our runtime on that engine."""
    port = free_port()
    with started(our_command(load, binary, port), port) as pid:
        (engine,) = children(pid)
        yield Server(port, (pid, engine), front=pid)


@contextmanager
def bare(like: Server) -> Iterator[Server]:
    """The engine of a runtime of ours once more, with the same flags and nothing before it."""
    port = free_port()
    with started(engine_command(like, port), port) as pid:
        yield Server(port, (pid,))


@contextmanager
def stock(load: Load, binary: Path) -> Iterator[Server]:
    """``llama-server`` as a person would start it: everything but the size left to itself."""
    port = free_port()
    total = load.context_length * load.slots
    command = [
        *(str(binary), "--model", str(load.model), "--port", str(port)),
        *("--parallel", str(load.slots), "--ctx-size", str(total), "--no-webui"),
        *("--threads", str(load.threads)),
    ]
    with started(command, port) as pid:
        yield Server(port, (pid,))


@contextmanager
def llama_cpp_python(load: Load, python: Path) -> Iterator[Server]:
    """``python -m llama_cpp.server`` of another virtual environment.

    It answers one request at a time, and by default drops it for the next one.
    """
    port = free_port()
    command = [
        *(str(python), "-m", "llama_cpp.server", "--model", str(load.model)),
        *("--port", str(port), "--n_ctx", str(load.context_length)),
        *("--interrupt_requests", "False"),
        *("--n_threads", str(load.threads), "--n_threads_batch", str(load.threads)),
    ]
    with started(command, port, "/v1/models") as pid:
        yield Server(port, (pid,))


@contextmanager
def started(command: Sequence[str], port: int, path: str = "/health") -> Iterator[int]:
    """A process that answers at ``path``; it ends with the block, or with this process."""
    with ExitStack() as stack:
        process = subprocess.Popen(
            [sys.executable, "-m", "inference.engine.launcher", *command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={key: value for key, value in os.environ.items() if key != KEY_VARIABLE},
        )
        stack.callback(_end, process)
        wait_for(process, f"http://127.0.0.1:{port}{path}")
        yield process.pid


def wait_for(process: subprocess.Popen[bytes], url: str) -> None:
    """Wait until a URL answers 200."""
    ends = time.monotonic() + STARTING
    while time.monotonic() < ends and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    sys.exit(f"{process.args!r} does not answer")


def children(pid: int) -> list[int]:
    """The processes that a process started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def cpu_seconds(pid: int) -> float:
    """CPU that a process used so far, from the scheduler's own count.

    Source: https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat
    """
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def resident(pid: int) -> int:
    """Bytes of a process that are in main memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.kill(process.pid, signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
