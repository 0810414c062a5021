"""Where the site listens."""

from __future__ import annotations

import socket

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


def test_a_port_that_is_taken_ends_the_start_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        site = LiveSite(PORT=str(port))
        site.url = f"http://127.0.0.1:{port}"
        with pytest.raises(RuntimeError, match=f"Port {port} .* PORT=[0-9]+ make run takes"), site:
            pass
