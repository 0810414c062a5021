"""How gunicorn serves the site: its own ASGI worker, which streams and cancels properly."""

import asyncio
import atexit
import contextlib
import os
import resource
import signal
import socket
import sys
from asyncio import selector_events
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from wizard.demo import embedded

_host = os.environ.get("HOST", "127.0.0.1").strip("[]")
_port = os.environ.get("PORT", "8000")
_workers = os.environ.get("WORKERS", "1")
if not (_port.isdigit() and 0 < int(_port) < 65536):
    sys.exit(f"PORT is {_port!r}, which makes no sense: use a port between 1 and 65535.")
if not (_workers.isdigit() and 0 < int(_workers) <= 64):
    sys.exit(f"WORKERS is {_workers!r}, which makes no sense: use a number between 1 and 64.")
try:
    # A setting that makes no sense ends the start here.
    from oneclick_site import settings
except ImproperlyConfigured as error:
    sys.exit(str(error))

wsgi_app = "oneclick_site.asgi:application"
# An IPv6 address stands in brackets where a port follows.
bind = f"[{_host}]:{_port}" if ":" in _host else f"{_host}:{_port}"
workers = int(_workers)
worker_class = "asgi"
asgi_lifespan = "on"
control_socket_disable = True
graceful_timeout = 30
# Seconds before the grace time is over: answers that still run get their last words then.
_LAST_WORDS = 2
# A stop waits for connections that are kept open: less than the 10 s that Docker gives it.
keepalive = 5
loglevel = "warning"
_ending: list[asyncio.Future[None]] = []
_keeper: embedded.Keeper | None = None
# As the runtime has it, see inference/heartbeat.py.
_UNTAKEN_MILLISECONDS = 60_000


def on_starting(server: object) -> None:
    """Start the demo's own model where no other is named, once, and let all open many files."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # as the runtime: see inference/server.py
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    global _keeper  # noqa: PLW0603  (gunicorn's hooks share nothing else)
    if settings.DEMO_EMBEDDED:
        _keeper = embedded.start(os.environ)
    atexit.register(_say_what_else_is_free)


def _say_what_else_is_free() -> None:
    """The last line where the port cannot be had: gunicorn names the error alone."""
    another = max(1024, int(_port) % 65535 + 1)
    print(
        f"Port {_port} of {_host} could not be opened, as told above. If another program has it, "
        f"or only root may have it, PORT={another} make run takes another.",
        file=sys.stderr,
    )


def on_exit(server: object) -> None:
    """End what was started beside the site."""
    if _keeper:
        _keeper.stop()


def post_worker_init(worker: Any) -> None:
    """Let SIGTERM end answers with a sentence that are longer than the grace time.

    gunicorn has no hook for it, and would cut them off: its master kills the
    worker before the worker's own waiting is over.
    """
    _let_lost_connections_be()
    worker.loop.add_signal_handler(signal.SIGTERM, _stop, worker)


def _let_lost_connections_be() -> None:
    """Write no more to a connection that is lost, as the latest Pythons do.

    Python 3.12, and 3.13 as Debian 13 has it, begin to wait until it can be written to. It never
    can, and the next connection that gets its number is not listened to: its client waits for
    ever. https://github.com/python/cpython/issues/136234
    """
    kind = selector_events._SelectorSocketTransport  # type: ignore[attr-defined]  # a private one
    write = kind.writelines

    def writelines(transport: Any, parts: Any) -> None:
        if not transport._conn_lost:
            write(transport, parts)

    kind.writelines = writelines


def _stop(worker: Any) -> None:
    from oneclick_site.asgi import demo_api  # noqa: PLC0415  (the worker's, not the master's)

    worker.handle_exit_signal()
    patience = max(0, worker.cfg.graceful_timeout - _LAST_WORDS)
    worker.loop.call_later(patience, demo_api.end_answers)


def worker_int(worker: object) -> None:
    """Let a worker end its answers at Ctrl-C: gunicorn then skips the application's own end."""
    from oneclick_site.asgi import demo_api  # noqa: PLC0415  (the worker's, not the master's)

    _ending.append(asyncio.ensure_future(demo_api.close()))


def when_ready(server: Any) -> None:
    """Give up clients that are lost, and say where to look: what a person needs first."""
    atexit.unregister(_say_what_else_is_free)
    for listener in server.LISTENERS if hasattr(socket, "TCP_USER_TIMEOUT") else ():
        listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNTAKEN_MILLISECONDS)
    print(f"OneClickLLM is at http://localhost:{_port} (Ctrl-C ends it)", flush=True)
