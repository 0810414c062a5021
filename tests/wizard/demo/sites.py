"""What the demo's tests share: a site on stand-ins, and waiting without guessing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.site.live import LiveSite
from tests.standins.upstream import Upstream

MOST = "100000/minute"
# Limits out of the way, for tests of something else.
OPEN = {
    "DEMO_RATE": MOST,
    "DEMO_GLOBAL_RATE": MOST,
    "DEMO_STREAMS_PER_ADDRESS": "500",
    "DEMO_STREAMS": "500",
}
QUESTION = [{"role": "user", "content": "Hi"}]


def described(kind: str, upstream: Upstream, **more: object) -> dict[str, Any]:
    """An upstream of the settings that offers ``on-<kind>``."""
    models = {f"on-{kind}": upstream.model}
    return {
        "name": kind,
        "url": upstream.url,
        "kind": kind,
        "models": models,
        "parallel": 500,
        **more,
    }


def demo_site(standins: Mapping[str, Upstream], **settings: str) -> LiveSite:
    """A site that offers a model on each of the stand-ins."""
    upstreams = [described(kind, upstream) for kind, upstream in standins.items()]
    return LiveSite(**{**OPEN, "DEMO_UPSTREAMS": json.dumps(upstreams), **settings})


def wait_until(holds: Callable[[], bool], seconds: float = 120) -> None:
    """Wait until something holds; fails when it does not within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def wait_until_still(value: Callable[[], int], polls: int = 15) -> None:
    """Wait until a figure has not changed for so many looks at it."""
    seen: list[int] = []

    def is_still() -> bool:
        seen.append(value())
        return len(seen) > polls and len(set(seen[-polls:])) == 1

    wait_until(is_still)
