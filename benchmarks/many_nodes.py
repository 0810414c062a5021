"""The multi-node SDL's own commands as one Ray cluster between network namespaces.

    sudo python -m benchmarks.many_nodes [--nodes 3] [--ray var/ray]

Each container of the file gets a network, mount, process and host name space of
its own and runs the very command, args and variables that the SDL gives it. The
network is a lease's: pod reaches pod on any port; a service's name leads to an
address that forwards just the ports that the file exposes; nothing leads outside.
vLLM itself needs cards, so a stand-in takes its place behind ``vllm``: it asks
Ray for a worker on every node, as vLLM's executor does, and has each talk to
each over sockets of their own. Then one worker's container is killed, and the
script tells how long it takes until the cluster answers again.

Needs root, Linux, iproute2, and about 300 MB for Ray in a virtual environment.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from wizard.sdl.engines.ray_cluster import RAY_VERSION

BRIDGE = "oc-lease"
NETWORK = "10.77.0"
ENGINE = Path(__file__).with_name("many_nodes_engine.py")
TIMEOUT = 300.0
SDL_URL = "/models/hf/deepseek-ai/DeepSeek-V3/deploy.yaml"


@dataclass(frozen=True)
class Container:
    """One container: its host name, its pod's address, and what the file says it runs."""

    host: str
    address: str
    command: tuple[str, ...]
    env: Mapping[str, str]

    @property
    def namespace(self) -> str:
        return f"oc-{self.host}"


def sdl(nodes: int) -> dict[str, Any]:
    """The file that the site serves for a model over this many nodes."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oneclick_site.settings")
    os.environ["OFFLINE"] = "1"
    import django
    from django.test import Client

    django.setup()
    answer = Client(headers={"host": "localhost"}).get(
        SDL_URL, {"nodes": str(nodes), "gpu": "h100"}
    )
    if answer.status_code != 200:
        sys.exit(answer.content.decode())
    document: dict[str, Any] = yaml.safe_load(answer.content)
    return document


def ray_environment(folder: Path) -> Path:
    """A virtual environment with the Ray that the SDL pins; made once."""
    if any(str(path).startswith("/tmp/") for path in (folder, ENGINE.resolve())):
        sys.exit("Put checkout and Ray's environment outside /tmp: each pod has a /tmp of its own.")
    if not (folder / "bin" / "ray").exists():
        venv.create(folder, with_pip=True)
        subprocess.run(
            [folder / "bin" / "pip", "install", "--quiet", f"ray=={RAY_VERSION}"], check=True
        )
    engine = folder / "bin" / "vllm"
    engine.write_text(f'#!/bin/sh\nexec {folder}/bin/python3 {ENGINE} "$@"\n')
    engine.chmod(0o755)
    return folder / "bin"


def containers(document: Mapping[str, Any]) -> list[Container]:
    """The head and the workers, each with an address of the lease's network."""
    found: list[Container] = []
    for name in ("llm", "worker"):
        service = document["services"][name]
        count = document["deployment"][name]["akash"]["count"]
        for index in range(count):
            env = dict(line.split("=", 1) for line in service.get("env", []))
            found.append(
                Container(
                    host=f"{name}-{index}",
                    address=f"{NETWORK}.{10 + len(found)}",
                    command=(*service["command"], *service.get("args", ())),
                    env=env,
                )
            )
    return found


def exposed(document: Mapping[str, Any], name: str, to: str) -> list[int]:
    """The ports of a service that another may reach by its name."""
    return [
        entry["port"]
        for entry in document["services"][name]["expose"]
        if any(goal.get("service") == to for goal in entry["to"])
    ]


def run(*words: str) -> None:
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


class Lease:
    """The bridge, a namespace per pod, and the address behind the head's name."""

    service_address = f"{NETWORK}.2"

    def __init__(self, pods: Sequence[Container], ports: Sequence[int]) -> None:
        self.pods, self.ports = pods, ports
        self._made = ExitStack()

    def __enter__(self) -> Lease:
        # What was made before something fails goes with what was not.
        with ExitStack() as made:
            self._make(made)
            self._made = made.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._made.close()

    def _make(self, made: ExitStack) -> None:
        run("ip", "link", "add", BRIDGE, "type", "bridge")
        made.callback(run, "ip", "link", "del", BRIDGE)
        run("ip", "link", "set", BRIDGE, "up")
        self._host(made, "oc-service", self.service_address, 1)
        for index, pod in enumerate(self.pods):
            self._names(made, pod)
            self._host(made, pod.namespace, pod.address, index + 2)
        for port in self.ports:
            made.callback(self._forwarder(port, self.pods[0].address).kill)

    def _host(self, made: ExitStack, namespace: str, address: str, index: int) -> None:
        run("ip", "netns", "add", namespace)
        made.callback(run, "ip", "netns", "del", namespace)
        run("ip", "link", "add", f"oc{index}", "type", "veth", "peer", "eth0", "netns", namespace)
        run("ip", "link", "set", f"oc{index}", "master", BRIDGE, "up")
        run("ip", "-n", namespace, "link", "set", "lo", "up")
        run("ip", "-n", namespace, "link", "set", "eth0", "up")
        run("ip", "-n", namespace, "addr", "add", f"{address}/24", "dev", "eth0")

    def _names(self, made: ExitStack, pod: Container) -> None:
        folder = Path("/etc/netns") / pod.namespace
        folder.mkdir(parents=True, exist_ok=True)
        made.callback(shutil.rmtree, folder, ignore_errors=True)
        (folder / "hosts").write_text(
            f"127.0.0.1 localhost\n{pod.address} {pod.host}\n{self.service_address} llm\n"
        )

    def _forwarder(self, port: int, address: str) -> subprocess.Popen[bytes]:
        words = ["ip", "netns", "exec", "oc-service", sys.executable, "-c", FORWARD]
        return subprocess.Popen([*words, str(port), address])


FORWARD = """
import asyncio, sys
port, address = int(sys.argv[1]), sys.argv[2]
async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
async def serve(reader, writer):
    try:
        there = await asyncio.open_connection(address, port)
    except OSError:
        return writer.close()
    await asyncio.gather(copy(reader, there[1]), copy(there[0], writer))
async def main():
    server = await asyncio.start_server(serve, "0.0.0.0", port)
    await server.serve_forever()
asyncio.run(main())
"""


class Pod:
    """A container that is started again whenever it ends, as a provider does."""

    def __init__(self, container: Container, path: Path, log: Path) -> None:
        self.container, self.path, self.log = container, path, log
        self.starts = 0
        self.ended = threading.Event()
        self.process: subprocess.Popen[bytes] | None = None
        self.thread = threading.Thread(target=self._keep, daemon=True)
        self.thread.start()

    def _keep(self) -> None:
        while not self.ended.is_set():
            self.starts += 1
            self.process = self._start()
            self.process.wait()
            self.ended.wait(2)

    def _start(self) -> subprocess.Popen[bytes]:
        pod = self.container
        inside = (
            f'hostname {pod.host}; mount -t tmpfs tmp /tmp; mount -t tmpfs shm /dev/shm; exec "$@"'
        )
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [
                    *("ip", "netns", "exec", pod.namespace),
                    *("unshare", "--uts", "--mount", "--pid", "--fork", "--kill-child"),
                    *("--mount-proc", "sh", "-c", inside, "pod", *pod.command),
                ],
                env={
                    "PATH": f"{self.path}:/usr/sbin:/usr/bin:/sbin:/bin",
                    "HOME": "/tmp",
                    **pod.env,
                },
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL for everything in the container."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)

    def end(self) -> None:
        self.ended.set()
        self.kill()
        self.thread.join(10)


def answer(head: Container, timeout: float = 5) -> str:
    """What the engine says, asked from the gateway's place in the network."""
    words = ["ip", "netns", "exec", "oc-service", sys.executable, "-c", ASK, head.address]
    done = subprocess.run(words, capture_output=True, text=True, timeout=timeout + 5, check=False)
    return done.stdout.strip()


ASK = """
import sys, urllib.request
try:
    print(urllib.request.urlopen(f"http://{sys.argv[1]}:8000/nodes", timeout=5).read().decode())
except OSError:
    pass
"""


def wait_for(head: Container, nodes: int, logs: Path) -> float:
    """Seconds until every node has answered every other one."""
    begun = time.monotonic()
    while time.monotonic() - begun < TIMEOUT:
        if answer(head) == f"{nodes} nodes":
            return time.monotonic() - begun
        time.sleep(1)
    for log in sorted(logs.iterdir()):
        print(f"== {log.name}\n{log.read_text()[-3000:]}")
    raise SystemExit(f"No answer from {nodes} nodes within {TIMEOUT:.0f} s.")


def wait_until_silent(head: Container) -> float:
    """Seconds until the endpoint no longer answers."""
    begun = time.monotonic()
    while answer(head) and time.monotonic() - begun < TIMEOUT:
        time.sleep(0.5)
    return time.monotonic() - begun


def measure(nodes: int, path: Path) -> None:
    """Start the cluster, then kill a worker and the head in turn."""
    document = sdl(nodes)
    pods = containers(document)
    with tempfile.TemporaryDirectory() as folder, Lease(pods, exposed(document, "llm", "worker")):
        logs = Path(folder)
        running = [Pod(pod, path, logs / pod.host) for pod in pods]
        try:
            print(f"cluster of {nodes}: answers after {wait_for(pods[0], nodes, logs):.0f} s")
            for name, victim in (("a worker", running[-1]), ("the head", running[0])):
                victim.kill()
                silent = wait_until_silent(pods[0])
                back = wait_for(pods[0], nodes, logs)
                starts = ", ".join(f"{pod.container.host} {pod.starts}" for pod in running)
                print(
                    f"{name} killed: silent after {silent:.0f} s, answers again {back:.0f} s later "
                    f"(starts: {starts})"
                )
        finally:
            for pod in running:
                pod.end()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--ray", type=Path, default=Path("var/ray"))
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("Network namespaces need root: run it with sudo.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    measure(options.nodes, ray_environment(options.ray.resolve()))


if __name__ == "__main__":
    main()
