"""The site as people run it: a real gunicorn on a free port of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

import httpx2

from tests.standins.ports import free_port

# Seconds, on a machine that does other things too.
STARTING = 120.0
ROOT = Path(__file__).resolve().parent.parent.parent


class LiveSite:
    """`with LiveSite(OFFLINE="1") as site: …`; keyword arguments are settings."""

    config = "gunicorn.conf.py"

    def __init__(self, **environ: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._cache = tempfile.TemporaryDirectory(prefix="oneclick-cache-")
        self._environ = {
            **os.environ,
            "PORT": str(self.port),
            "CACHE_DIR": self._cache.name,
            "STATIC_DIR": f"{self._cache.name}/static",
            "OFFLINE": "1",
            "DEMO_EMBEDDED": "0",
            **environ,
        }
        self.log = Path(self._cache.name).with_suffix(".log")

    @property
    def cache_dir(self) -> Path:
        """What the site writes on disk, apart from its log."""
        return Path(self._cache.name)

    def __enter__(self) -> LiveSite:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "-c", self.config],
                cwd=ROOT,
                env=self._environ,
                stdout=log,
                stderr=log,
            )
        try:
            self._wait()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.unlink(missing_ok=True)
        self._cache.cleanup()

    def _wait(self) -> None:
        deadline = time.monotonic() + STARTING
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if httpx2.get(f"{self.url}/healthz", timeout=5).status_code == 200:
                    return
            except httpx2.TransportError:
                time.sleep(0.1)
        raise RuntimeError(f"The site did not start:\n{self.log.read_text()}")
