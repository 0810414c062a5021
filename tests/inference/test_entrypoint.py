"""The image's start, as far as it can be tried without being root of a container."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from inference import entrypoint, healthcheck
from tests.standins.server import StandIn, text


def test_it_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A volume is taken over with all that is in it, links themselves and not their targets."""
    outside = tmp_path / "outside"
    outside.touch()
    volume = tmp_path / "models"
    (volume / "blobs").mkdir(parents=True)
    (volume / "blobs" / "x").touch()
    (volume / "link").symlink_to(outside)
    owned: list[tuple[str, bool]] = []
    monkeypatch.setattr(
        os,
        "chown",
        lambda path, _u, _g, follow_symlinks: owned.append((path.name, follow_symlinks)),
    )
    entrypoint.take_over(volume, volume / ".cuda-cache")
    assert ("models", False) in owned
    assert ("x", False) in owned
    assert ("link", False) in owned
    assert (volume / ".cuda-cache").is_dir()
    assert all(name != "outside" and not follows for name, follows in owned)


def test_a_volume_that_cannot_be_taken_over_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    entrypoint.take_over(Path("/proc/models"))
    assert "/proc/models cannot be taken over" in capsys.readouterr().err


def test_compiled_kernels_are_kept_on_the_volume() -> None:
    environ = entrypoint.environment({"PORT": "80", "HOME": "/root"}, Path("/data"))
    assert environ["CUDA_CACHE_PATH"] == "/data/.cuda-cache"
    assert environ["MODELS_DIR"] == "/data"
    assert environ["HOME"] == "/home/runtime"
    assert environ["PORT"] == "80"
    given = entrypoint.environment({"CUDA_CACHE_PATH": "/fast"}, Path("/data"))
    assert given["CUDA_CACHE_PATH"] == "/fast"


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_health_check_asks_the_server(
    monkeypatch: pytest.MonkeyPatch, status: int, code: int
) -> None:
    with StandIn() as server:
        server.route("GET", "/healthz", text("", status))
        monkeypatch.setenv("PORT", server.url.rpartition(":")[2])
        assert healthcheck.main() == code


def test_the_health_check_of_nobody_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "1")
    assert healthcheck.main() == 1
