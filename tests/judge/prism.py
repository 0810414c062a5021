"""Prism as a judge between the client and the stand-in: both sides have to keep to the document.

https://github.com/stoplightio/prism
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2

from tests.judge.client import HERE
from tests.standins.ports import free_port

_CLI = HERE / "node_modules" / "@stoplight" / "prism-cli" / "dist" / "index.js"


class Prism:
    """Passes requests on to ``upstream``; answers 4xx or 5xx where either side is wrong."""

    def __init__(self, document: Path, upstream: str) -> None:
        self._arguments = ("proxy", str(document), upstream, "--errors", "-h", "127.0.0.1")
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        if not _CLI.exists():
            raise RuntimeError("Prism is not installed: run `npm ci` in tests/judge.")
        self._process = subprocess.Popen(
            ["node", str(_CLI), *self._arguments, "-p", str(self._port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(60)

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                httpx2.get(self.url, timeout=5)
            except httpx2.TransportError:
                time.sleep(0.1)
            else:
                return
        raise RuntimeError("Prism did not start.")
