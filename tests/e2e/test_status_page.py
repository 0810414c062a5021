"""The runtime's own page in a browser: open to all, and more for whoever has the key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Open
from tests.inference import endpoint as endpoints
from tests.inference import tiny_gguf
from tests.inference.endpoint import Endpoint

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    folder = tmp_path_factory.mktemp("endpoint")
    model = tiny_gguf.write_model(folder / "tiny.gguf")
    with endpoints.running(folder, "--model", str(model), "--slots", "2") as running:
        yield running


def test_it_works(visit_at: Open, endpoint: Endpoint) -> None:
    seen = visit_at(endpoint.url)
    seen.open("/")
    expect(seen.page.get_by_role("heading", level=1)).to_contain_text("Ready")
    expect(seen.page.locator("pre code").first).to_contain_text(f"curl {endpoint.url}/api/chat")
    expect(seen.page.get_by_role("region", name="Figures")).to_be_hidden()


def test_the_key_opens_the_figures(visit_at: Open, endpoint: Endpoint) -> None:
    body = {"model": "tiny", "prompt": "Hi", "options": {"num_predict": 4, "top_k": "x"}}
    httpx2.post(f"{endpoint.url}/api/generate", json=body, headers=endpoint.headers, timeout=60)
    seen = visit_at(endpoint.url, viewport={"width": 390, "height": 800})
    seen.open("/")
    seen.page.get_by_label("Key").fill(endpoint.key)
    seen.page.keyboard.press("Enter")
    figures = seen.page.get_by_role("region", name="Figures")
    expect(figures).to_contain_text("0 of 2 busy, 0 waiting")
    expect(figures).to_contain_text('option "top_k" must be of type integer')
    figures.locator("summary").click()
    expect(figures.locator("details pre")).to_be_visible()
    width = seen.page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390


def test_what_is_copied_takes_the_key_along_once_it_is_known(
    visit_at: Open, endpoint: Endpoint
) -> None:
    seen = visit_at(endpoint.url, permissions=["clipboard-read", "clipboard-write"])
    seen.open("/")
    page, keys = seen.page, seen.page.keyboard
    keys.press("Tab")
    keys.press("Enter")
    expect(page.get_by_role("button", name="Copied")).to_be_focused()
    assert "Bearer $KEY" in page.evaluate("navigator.clipboard.readText()")
    page.get_by_label("Key").fill(endpoint.key)
    keys.press("Enter")
    expect(page.get_by_role("region", name="Figures")).to_contain_text("0 of 2 busy")
    page.get_by_role("button", name="Copied").focus()
    keys.press("Enter")
    expect(page.get_by_role("button", name="Copied, with the key")).to_be_visible()
    assert f"Bearer {endpoint.key}" in page.evaluate("navigator.clipboard.readText()")
    assert endpoint.key not in page.locator("main").inner_text()


def test_another_key_opens_nothing(visit_at: Open, endpoint: Endpoint) -> None:
    seen = visit_at(endpoint.url)
    seen.open("/")
    seen.page.get_by_label("Key").fill("another-key")
    seen.page.get_by_role("button", name="Show").click()
    expect(seen.page.get_by_text("This key is not known.")).to_be_visible()


def test_an_engine_that_cannot_start_is_told(visit_at: Open, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(64))
    with endpoints.running(tmp_path, "--model", str(broken), wait=False) as endpoint:
        endpoints.wait_ready(endpoint, "/healthz")
        seen = visit_at(endpoint.url)
        seen.open("/")
        expect(seen.page.get_by_role("heading", level=1)).to_contain_text("Not started")
        expect(seen.page.locator(".message")).to_contain_text("broken.gguf")
