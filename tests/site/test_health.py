from __future__ import annotations

from pathlib import Path

from django.test import Client
from pytest_django.fixtures import Settings


def test_it_works(client: Client) -> None:
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json()["status"] == "ok"
    assert "no-store" in response["Cache-Control"]


def test_a_cache_out_of_reach_is_told_and_takes_nothing_down(
    client: Client, settings: Settings
) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "oneclick_site.shared_cache.SharedCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json()["status"] == "cache out of reach"


def test_a_folder_that_cannot_be_used_takes_nothing_down(
    client: Client, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    backend = "oneclick_site.file_cache.FileCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": str(tmp_path / "file" / "x")}}
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json()["cache"] is False


def test_another_method_is_refused(client: Client) -> None:
    assert client.post("/healthz").status_code == 405
