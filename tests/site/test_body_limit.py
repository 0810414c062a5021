"""Against a real gunicorn: the test client never passes the ASGI wrapper."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from tests.site.live import LiveSite


@pytest.fixture(scope="module")
def site() -> Iterator[LiveSite]:
    with LiveSite(MAX_BODY_BYTES="2048") as live:
        yield live


def test_it_works(site: LiveSite) -> None:
    response = httpx2.post(f"{site.url}/healthz", content=b"x" * 2048, timeout=60)
    assert response.status_code == 405


def test_a_declared_length_over_the_limit_is_refused(site: LiveSite) -> None:
    response = httpx2.post(f"{site.url}/healthz", content=b"x" * 2049, timeout=60)
    assert response.status_code == 413
    assert response.text == "The request is larger than 2048 bytes. Send less.\n"


def test_a_chunked_body_is_counted(site: LiveSite) -> None:
    response = httpx2.post(
        f"{site.url}/healthz", content=iter([b"x" * 1500, b"x" * 1500]), timeout=60
    )
    assert response.status_code == 413
