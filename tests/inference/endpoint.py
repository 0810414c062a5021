"""A runtime in a process of its own, for tests that call it over HTTP."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.standins.ports import free_port

ROOT = Path(__file__).parents[2]
KEY = "a-key-for-tests"
STANDIN = ROOT / "tests" / "standins" / "llama_server.py"
STARTING = 120.0
XLLAMACPP = "xllamacpp"


def providers() -> tuple[str, ...]:
    """The package, and a real ``llama-server`` where ``ENGINE_BINARY`` or the path has one."""
    found = os.environ.get("ENGINE_BINARY") or shutil.which("llama-server")
    return (XLLAMACPP, found) if found else (XLLAMACPP,)


def binary_of(provider: str) -> Path | None:
    """The program of a provider; None for the package."""
    return None if provider == XLLAMACPP else Path(provider)


@dataclass(frozen=True)
class Endpoint:
    """Where a runtime listens, and what its process is."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    key: str = KEY

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers=self.headers, timeout=60)

    def logged(self) -> str:
        return self.log.read_text()

    def children(self) -> list[int]:
        """The process ids of the engines."""
        pid = self.process.pid
        told = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(child) for child in told.split()]


@contextmanager
def running(
    folder: Path,
    *arguments: str,
    wait: bool = True,
    environ: dict[str, str] | None = None,
    module: str = "inference",
) -> Iterator[Endpoint]:
    """A runtime with these flags; ended at the end, for certain."""
    port, log = free_port(), folder / f"runtime-{time.monotonic_ns()}.log"
    command = [sys.executable, "-m", module, "serve", "--port", str(port)]
    flags = ["--models-dir", str(folder / "models"), "--threads", "1", "--api-key", KEY]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*command, *flags, *arguments],
            cwd=ROOT,
            stdout=stream,
            stderr=stream,
            env={**os.environ, "ENGINE_BINARY": "", **(environ or {})},
        )
    endpoint = Endpoint(f"http://127.0.0.1:{port}", process, log)
    try:
        if wait:
            wait_ready(endpoint)
        yield endpoint
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def running_on_stand_in(
    folder: Path,
    models: Path,
    *arguments: str,
    wait: bool = True,
    start: str = "",
    module: str = "inference",
) -> Iterator[Endpoint]:
    """A runtime on the stand-in engine; ``start`` is what that is to do at its start."""
    flags = ["--model", str(models / "tiny.gguf"), "--engine-binary", str(stand_in_engine(folder))]
    environ = {"STANDIN_ENGINE": start}
    with running(folder, *flags, *arguments, wait=wait, environ=environ, module=module) as endpoint:
        yield endpoint


def wait_ready(endpoint: Endpoint, path: str = "/health", status: int = 200) -> None:
    """Wait until a path answers a status."""
    ends = time.monotonic() + STARTING
    while time.monotonic() < ends and endpoint.process.poll() is None:
        try:
            if httpx.get(endpoint.url + path, timeout=5).status_code == status:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"the runtime is not ready:\n{endpoint.logged()}")


def stand_in_engine(folder: Path) -> Path:
    """The stand-in engine as a program that this interpreter runs."""
    program = folder / "llama-server"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STANDIN}" "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program
