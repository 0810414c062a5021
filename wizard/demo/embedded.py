"""The tiny model beside the site: what answers where no upstream is named.

gunicorn's master calls :func:`start` once, before there are workers, so that
all of them share one runtime. What it starts is this module as a program, which
runs ``python -m inference serve`` and starts it again when it ends. Each of
them is ended by the kernel when its parent is gone.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from wizard.demo.values import Kind, Offer, Upstream

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "inference" / "demo_model" / "oneclick-demo.gguf"
NAME = MODEL.stem
SLOTS = 4
CONTEXT = 2048
URL, KEY = "ONECLICK_EMBEDDED_URL", "ONECLICK_EMBEDDED_KEY"
# Names that published examples use: out of the box the demo model answers to
# them, and says in its answer that it is the one who does.
EXAMPLE_NAMES = ("llava-phi3", "llama2-7b", "mistral-7b", "llama3")
SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
# A runtime that lived this long did not fail at its start.
SETTLED_SECONDS = 60.0
STOP_SECONDS = 5.0
WATCH_SECONDS = 1.0
# The site's own settings must not become the runtime's.
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH")
_DIES_WITH_PARENT = (sys.executable, "-m", "inference.engine.launcher")


def upstreams(environ: Mapping[str, str]) -> tuple[Upstream, ...]:
    """The embedded runtime, where one was started for this process."""
    if URL not in environ:
        return ()
    offer = Offer(NAME, NAME)
    return (
        Upstream(
            name="embedded",
            url=environ[URL],
            kind=Kind.RUNTIME,
            offers=(offer,),
            key=environ.get(KEY, ""),
            parallel=SLOTS,
            context=CONTEXT,
            stand_in_for=EXAMPLE_NAMES,
        ),
    )


class Keeper:
    """The process that keeps the runtime running, started again where something kills it."""

    def __init__(self, environ: Mapping[str, str], held: socket.socket) -> None:
        self._environ = dict(environ)
        self._held = held
        self._is_over = threading.Event()
        self._process = self._started()
        # The kernel ends a child with the thread that started it: this one stays.
        threading.Thread(target=self._watch, name="keeper", daemon=True).start()

    def stop(self) -> None:
        """End it, and the runtime with it."""
        self._is_over.set()
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._held.close()

    def _watch(self) -> None:
        while not self._is_over.wait(WATCH_SECONDS):
            if self._process.poll() is not None:
                self._process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        # A session of its own: Ctrl-C reaches the site alone, which then ends this.
        return subprocess.Popen(  # noqa: S603  (our own module)
            [*_DIES_WITH_PARENT, sys.executable, "-m", "wizard.demo.embedded"],
            cwd=ROOT,
            env=self._environ,
            start_new_session=True,
        )


def start(environ: MutableMapping[str, str]) -> Keeper:
    """Start the runtime's keeper, and tell in ``environ`` where the runtime will be."""
    # Bound for as long as the keeper is, so that nobody else is given the port while no runtime
    # listens there: to one that sets SO_REUSEADDR, as ours does, that is no obstacle.
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    environ[URL] = f"http://127.0.0.1:{held.getsockname()[1]}"
    environ[KEY] = secrets.token_urlsafe(32)
    return Keeper(environ, held)


def keep_running(command: list[str], environ: Mapping[str, str]) -> None:
    """Run a command for good, with longer and longer pauses while it fails."""
    pause = SHORTEST_PAUSE
    while True:
        began = time.monotonic()
        with subprocess.Popen(command, cwd=ROOT, env=environ) as process:  # noqa: S603  (ours)
            try:
                code = process.wait()
            except SystemExit:
                process.terminate()
                raise
        pause = SHORTEST_PAUSE if time.monotonic() - began > SETTLED_SECONDS else pause
        _log(code, pause)
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def command_for(url: str) -> list[str]:
    """What serves the demo model at a loopback address."""
    return [
        *_DIES_WITH_PARENT,
        *(sys.executable, "-m", "inference", "serve"),
        *("--model", str(MODEL), "--host", "127.0.0.1", "--port", url.rpartition(":")[2]),
        *("--slots", str(SLOTS), "--context-length", str(CONTEXT), "--gpu-layers", "0"),
        # A token of so small a model takes less time than threads take to wait for each other:
        # on two busy cores, two of them wrote 4 to 9 tokens a second and one 3,400 to 4,100.
        *("--threads", "1"),
        # An engine that is silent for longer hangs: its answers take seconds.
        *("--request-timeout", "5m"),
        *("--models-dir", str(ROOT / "var" / "models"), "--log-level", "WARNING"),
    ]


def _log(code: int, pause: float) -> None:
    line = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": "error",
        "logger": "oneclick.demo",
        "message": f"the demo model's runtime ended with code {code}; again in {pause:g} s",
    }
    print(json.dumps(line), file=sys.stderr, flush=True)  # noqa: T201  (the site's log is stderr)


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def main() -> None:
    """Keep the runtime running until told to stop."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    keep_running(command_for(os.environ[URL]), {**passed, "API_KEY": os.environ[KEY]})


if __name__ == "__main__":
    main()
