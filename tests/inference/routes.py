"""The routes that the runtime's application has."""

from __future__ import annotations

import asyncio

from inference import application, settings
from inference.engine.client import new_session
from inference.engine.pool import Pool
from inference.library import Library
from inference.runtime import Runtime


def routes() -> list[tuple[str, str]]:
    """Method and path of each."""

    async def collected() -> list[tuple[str, str]]:
        chosen = settings.load(["--model", "llama3.1:8b", "--host", "127.0.0.1"], {})
        async with new_session() as session:
            runtime = Runtime(chosen, session, Library(chosen), Pool(chosen, session))
            table = application.build(runtime).router.routes()
            return sorted({(route.method, _path(route)) for route in table})

    return asyncio.run(collected())


def _path(route: object) -> str:
    resource = getattr(route, "resource", None)
    return str(resource.canonical) if resource else "?"
