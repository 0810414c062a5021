"""The ASGI application that gunicorn serves."""

from __future__ import annotations

import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oneclick_site.settings")
django_application = get_asgi_application()

from django.conf import settings  # noqa: E402  (settings are ready only after Django is set up)

from oneclick_site.body_limit import limit_body  # noqa: E402
from wizard.console.connections import kept_open  # noqa: E402
from wizard.demo import embedded  # noqa: E402
from wizard.demo.application import DemoApi  # noqa: E402
from wizard.demo.exchange import Receive, Send  # noqa: E402
from wizard.demo.service import Service  # noqa: E402


def _service() -> Service:
    return Service(
        settings.DEMO_UPSTREAMS or embedded.upstreams(os.environ),
        settings.DEMO_LIMITS,
        redis_url=settings.CACHE_URL,
        trusted_proxies=settings.TRUSTED_PROXIES,
    )


demo_api = DemoApi(limit_body(django_application, settings.MAX_BODY_BYTES), _service)


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """The demo API in front of Django."""
    await (_live(receive, send) if scope["type"] == "lifespan" else demo_api(scope, receive, send))


async def _live(receive: Receive, send: Send) -> None:
    """A worker's beginning and end, which Django knows nothing of.

    The end is told last: whoever hears it cancels what still runs.
    """
    await receive()
    async with kept_open():
        demo_api.begin()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await demo_api.close()
    await send({"type": "lifespan.shutdown.complete"})
