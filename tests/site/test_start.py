"""Where the site listens."""

from __future__ import annotations

import httpx2
import pytest

from tests.site.live import LiveSite


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_it_listens_on_an_address_of_ipv6(host: str) -> None:
    site = LiveSite(HOST=host)
    site.url = f"http://[::1]:{site.port}"
    with site:
        assert httpx2.get(f"{site.url}/check/", timeout=60).status_code == 200
        refused = httpx2.post(f"{site.url}/api/chat", json={"model": "x"}, timeout=60)
        assert refused.status_code == 404
