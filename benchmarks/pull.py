"""Pulling from a real OCI registry on this machine: speed, and 50 kills.

    python -m benchmarks.pull speed --mib 1024
    python -m benchmarks.pull kills --mib 1024 --times 50

Both need Debian's package docker-registry.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inference.pull import Progress, Stage
from inference.pull.limits import Limits
from inference.pull.pulling import pull
from inference.settings import load
from tests.standins.weights import gguf

MIB = 1 << 20
LIMITS = Limits(connections=4, piece=256 << 10, run=4, disk_reserve=0)
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def speed(size: int) -> None:
    """Pull one file with the real limits."""
    data = gguf(size)
    start = time.perf_counter()
    hashlib.sha256(data).hexdigest()
    hashing = time.perf_counter() - start
    with _registry() as url, tempfile.TemporaryDirectory() as folder:
        _push(url, "library/tiny", "latest", data, {})
        told = load(["--models-dir", folder, "--ollama-registry-url", url], {}, serving=False)
        seen: list[tuple[float, Progress]] = []
        start = time.perf_counter()
        pull("tiny:latest", told, lambda step: seen.append((time.perf_counter(), step)))
        taken = time.perf_counter() - start
    verifying = next(at for at, step in seen if step.stage is Stage.VERIFYING)
    print(f"{size / MIB:.0f} MiB in {taken:.2f} s: {size / MIB / taken:.0f} MiB/s, hash included")
    print(f"after the last byte: {start + taken - verifying:.2f} s")
    print(f"SHA-256 of the same bytes alone: {size / MIB / hashing:.0f} MiB/s")


def kills(size: int, times: int) -> None:
    """Kill a pull ``times`` times, then let it end, and compare."""
    data = gguf(size, 5)
    chance = random.Random(50)
    with _registry() as url, tempfile.TemporaryDirectory() as folder:
        _push(url, "library/tiny", "latest", data, {"system": b"Be kind.", "params": b"{}"})
        environ = {**os.environ, "MODELS_DIR": folder, "OLLAMA_REGISTRY_URL": url}
        killed = [_kill(environ, chance.uniform(0.0, 0.15)) for _ in range(times)]
        child = _child(environ)
        told = child.communicate()[0].split()
        found = hashlib.sha256(Path(told[-1]).read_bytes()).hexdigest()
    kept = [found for found in killed if found is not None]
    print(f"{times} kills, {len(kept)} of them while downloading; bytes found at each start:")
    print(" ".join(f"{count / MIB:.1f}" for count in kept), "MiB")
    print("same digest" if found == hashlib.sha256(data).hexdigest() else "ANOTHER DIGEST")


def child(name: str) -> None:
    """What is killed: one pull, slowed down enough to be hit."""
    told = load(["--model", name], os.environ, serving=False)
    is_told = False

    def tell(progress: Progress) -> None:
        nonlocal is_told
        if progress.stage is Stage.DOWNLOADING and progress.size and not is_told:
            is_told = True
            print(progress.done, flush=True)
        time.sleep(float(os.environ.get("SLOW", "0")))

    print(pull(name, told, tell, limits=LIMITS).path)


def _child(environ: dict[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.pull", "child"]
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)


def _kill(environ: dict[str, str], wait: float) -> int | None:
    """Kill a pull a moment after it began. Returns the bytes that it found, if it began."""
    running = _child({**environ, "SLOW": "0.05"})
    if running.stdout is None:
        raise RuntimeError("the child has no output")
    first = running.stdout.readline()
    time.sleep(wait)
    running.kill()
    running.communicate()
    return int(first) if first.strip().isdigit() else None


@contextmanager
def _registry() -> Iterator[str]:
    """A docker-registry of its own on a free port."""
    program = shutil.which("docker-registry")
    if program is None:
        sys.exit("Install it first: apt-get install docker-registry")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yml"
        config.write_text(
            f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n"
            f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
            f"http: {{addr: '127.0.0.1:{port}'}}\n"
        )
        server = subprocess.Popen([program, "serve", str(config)], stderr=subprocess.DEVNULL)
        try:
            _wait_for(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait()


def _wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit("docker-registry did not start.")


def _push(url: str, name: str, tag: str, weights: bytes, layers: dict[str, bytes]) -> None:
    """Push an Ollama-shaped model as the registry's specification says."""
    config = json.dumps({"model_format": "gguf", "model_family": "llama"}).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _blob(url, name, "application/vnd.docker.container.image.v1+json", config),
        "layers": [
            _blob(url, name, f"application/vnd.ollama.image.{kind}", data)
            for kind, data in {"model": weights, **layers}.items()
        ],
    }
    body = json.dumps(manifest).encode()
    _send("PUT", f"{url}/v2/{name}/manifests/{tag}", body, MANIFEST)


def _blob(url: str, name: str, kind: str, data: bytes) -> dict[str, object]:
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    place = _send("POST", f"{url}/v2/{name}/blobs/uploads/", b"", "application/octet-stream")
    sign = "&" if "?" in place else "?"
    _send("PUT", f"{place}{sign}digest={digest}", data, "application/octet-stream")
    return {"mediaType": kind, "digest": digest, "size": len(data)}


def _send(method: str, url: str, body: bytes, kind: str) -> str:
    request = urllib.request.Request(url, body, {"Content-Type": kind}, method=method)
    with urllib.request.urlopen(request) as answer:
        return str(answer.headers.get("Location", ""))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("speed", "kills", "child"))
    parser.add_argument("--mib", type=int, default=256)
    parser.add_argument("--times", type=int, default=50)
    told = parser.parse_args()
    if told.what == "speed":
        speed(told.mib * MIB)
    elif told.what == "kills":
        kills(told.mib * MIB, told.times)
    else:
        child("tiny:latest")


if __name__ == "__main__":
    main()
