from __future__ import annotations

import hashlib
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from django.conf import settings
from django.test import Client

from tests.wizard.pages.conftest import QWEN

STATIC = Path(settings.BASE_DIR) / "static"


def test_it_works(site: Client) -> None:
    text = site.get("/docs/").content.decode()
    for word in ("Quantisation", "Context length", "KV cache", "Slots", "Lease", "Import Config"):
        assert word in text


def test_the_badge_is_an_svg_that_other_sites_may_show(site: Client) -> None:
    answer = site.get("/badge.svg")
    assert answer["Content-Type"] == "image/svg+xml"
    assert answer["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert ElementTree.fromstring(answer.content).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - our own file


@pytest.mark.parametrize(
    "address",
    ["/", "/check/", "/docs/", "/badge.svg", "/deployments/", "/playground/", "/api/openapi.json"]
    + [f"{QWEN}/{page}" for page in ("", "configure/", "deploy/", "deploy.yaml", "plan.json")],
)
def test_a_monitor_may_ask_for_the_head_alone(site: Client, address: str) -> None:
    assert site.head(address).status_code == 200
    assert site.post(address).status_code == (200 if address == "/check/" else 405)


def test_what_is_vendored_is_what_was_checked() -> None:
    records = json.loads((STATIC / "vendor" / "VENDORED.json").read_text())
    wanted = {name: digest for record in records for name, digest in record["files"].items()}
    found = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in (STATIC / "vendor").iterdir()
        if file.name != "VENDORED.json"
    }
    assert found == wanted
    assert all(record["licence"] and record["version"] for record in records)


def test_our_own_scripts_have_no_eval_and_no_html_from_strings() -> None:
    for file in (STATIC / "js").rglob("*.js"):
        text = file.read_text()
        for word in ("eval(", "innerHTML", "insertAdjacentHTML", "document.write", "new Function"):
            assert word not in text, f"{file.name} has {word}"
