"""vLLM's place in ``many_nodes``: a worker on every node of the Ray cluster.

As vLLM's executor does, it makes a placement group of one bundle a card, puts an
actor into each, and has them meet on ports that the system picks. It serves
``/nodes`` while every worker lives, and ends when one has died.
"""

from __future__ import annotations

import argparse
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import ray  # type: ignore[import-not-found]  # in the benchmark's own environment


class Worker:
    """One card's worker."""

    def listen(self) -> tuple[str, str, int]:
        """Its node and where the others reach it."""
        self.server = socket.create_server(("0.0.0.0", 0))
        threading.Thread(target=self._answer, daemon=True).start()
        node = ray.get_runtime_context().get_node_id()
        return node, ray.util.get_node_ip_address(), self.server.getsockname()[1]

    def _answer(self) -> None:
        while True:
            connection, _ = self.server.accept()
            connection.sendall(b"here")
            connection.close()

    def meet(self, others: list[tuple[str, str, int]]) -> int:
        """How many of the others answered over a socket of their own."""
        met = 0
        for _, address, port in others:
            with socket.create_connection((address, port), timeout=5) as connection:
                met += connection.recv(4) == b"here"
        return met

    def wait(self) -> None:
        threading.Event().wait()


def spread(tensor_parallel: int, pipeline_parallel: int) -> list[Any]:
    """Workers on all cards, or an error where the cluster has too few."""
    world = tensor_parallel * pipeline_parallel
    group = ray.util.placement_group([{"GPU": 1}] * world, strategy="PACK")
    ray.get(group.ready(), timeout=120)
    actor: Any = ray.remote(num_cpus=0, num_gpus=1)(Worker)
    strategy = ray.util.scheduling_strategies.PlacementGroupSchedulingStrategy
    return [
        actor.options(
            scheduling_strategy=strategy(group, placement_group_bundle_index=index)
        ).remote()
        for index in range(world)
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("words", nargs=2)
    for name in ("--tensor-parallel-size", "--pipeline-parallel-size", "--port"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--distributed-executor-backend", choices=["ray"], required=True)
    options, _ = parser.parse_known_args()
    ray.init(address="auto")
    workers = spread(options.tensor_parallel_size, options.pipeline_parallel_size)
    places = ray.get([worker.listen.remote() for worker in workers])
    met = ray.get([worker.meet.remote(places) for worker in workers])
    if any(count != len(workers) for count in met):
        raise SystemExit(f"Not every worker reached every other one: {met}")
    serve(options.port, f"{len({node for node, _, _ in places})} nodes")
    ray.get([worker.wait.remote() for worker in workers])


def serve(port: int, text: str) -> None:
    """Answer every GET with the text, in a thread."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

    server = HTTPServer(("0.0.0.0", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


if __name__ == "__main__":
    main()
