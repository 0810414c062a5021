"""How gunicorn serves the site: its own ASGI worker, which streams and cancels properly."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured

_port = os.environ.get("PORT", "8000")
_workers = os.environ.get("WORKERS", "1")
if not (_port.isdigit() and 0 < int(_port) < 65536):
    sys.exit(f"PORT is {_port!r}, which makes no sense: use a port between 1 and 65535.")
if not (_workers.isdigit() and 0 < int(_workers) <= 64):
    sys.exit(f"WORKERS is {_workers!r}, which makes no sense: use a number between 1 and 64.")
try:
    import oneclick_site.settings  # noqa: F401  (a setting that makes no sense ends the start here)
except ImproperlyConfigured as error:
    sys.exit(str(error))

wsgi_app = "oneclick_site.asgi:application"
bind = f"{os.environ.get('HOST', '127.0.0.1')}:{_port}"
workers = int(_workers)
worker_class = "asgi"
asgi_lifespan = "off"
control_socket_disable = True
graceful_timeout = 30
keepalive = 15
loglevel = "warning"


def when_ready(server: object) -> None:
    """Say where to look: the first thing that a person needs after `make run`."""
    print(f"OneClickLLM is at http://localhost:{_port} (Ctrl-C ends it)", flush=True)
