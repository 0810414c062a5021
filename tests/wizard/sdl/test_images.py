"""Images are looked for over real HTTP, once, and never for long."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from pytest_django.fixtures import Settings

from tests.standins.image_registry import ImageRegistry
from tests.standins.server import json
from wizard.sdl import images
from wizard.sdl.values import Image

DIGEST = "sha256:" + "a" * 64
KNOWN = {"owner/name": {"1.0", DIGEST}, "library/caddy": {"2-alpine"}}
MANIFESTS = "/manifests/"


@pytest.fixture
def registry(settings: Settings) -> Iterator[ImageRegistry]:
    with ImageRegistry(KNOWN) as running:
        settings.OFFLINE = False
        settings.CHECK_IMAGES = True
        settings.IMAGE_REGISTRY_URLS = {"ghcr.io": running.url, "docker.io": running.url}
        yield running


@pytest.mark.parametrize(
    "reference",
    ["ghcr.io/owner/name:1.0", f"ghcr.io/owner/name@{DIGEST}", "owner/name:1.0", "caddy:2-alpine"],
)
def test_it_works(registry: ImageRegistry, reference: str) -> None:
    assert images.check(reference) == Image(reference, known=True)


@pytest.mark.parametrize("reference", ["ghcr.io/owner/name:9.9", "ghcr.io/owner/gone:1.0"])
def test_a_missing_image_is_known_to_be_missing(registry: ImageRegistry, reference: str) -> None:
    assert images.check(reference) == Image(reference, known=False)


def test_an_answer_is_remembered(registry: ImageRegistry) -> None:
    images.check("ghcr.io/owner/name:1.0")
    asked = registry.count(MANIFESTS)
    images.check("ghcr.io/owner/name:1.0")
    assert registry.count(MANIFESTS) == asked == 2


def test_an_open_registry_is_asked_once(settings: Settings) -> None:
    with ImageRegistry(KNOWN, open_=True) as running:
        settings.OFFLINE, settings.CHECK_IMAGES = False, True
        settings.IMAGE_REGISTRY_URLS = {"ghcr.io": running.url}
        assert images.check("ghcr.io/owner/name:1.0").known is True
        assert (running.count(MANIFESTS), running.count("/token")) == (1, 0)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_registry_in_trouble_tells_nothing(registry: ImageRegistry, status: int) -> None:
    registry.fail(MANIFESTS, json({}, status))
    assert images.check("ghcr.io/owner/name:1.0").known is None


def test_a_registry_out_of_reach_is_asked_once_a_minute(registry: ImageRegistry) -> None:
    registry.drop(MANIFESTS)
    assert images.check("ghcr.io/owner/name:1.0").known is None
    asked = registry.count(MANIFESTS)
    assert images.check("ghcr.io/owner/name:1.0").known is None
    assert registry.count(MANIFESTS) == asked


@pytest.mark.parametrize(
    "challenge",
    [
        'Bearer realm="https://evil.example/token",service="x"',
        'Bearer realm="file:///etc/passwd"',
        'Basic realm="x"',
        "",
        "Bearer nonsense",
    ],
)
def test_a_token_is_fetched_from_the_registrys_own_host_only(
    registry: ImageRegistry, challenge: str
) -> None:
    registry.fail(MANIFESTS, json({}, 401, {"WWW-Authenticate": challenge}))
    assert images.check("ghcr.io/owner/name:1.0").known is None


def test_a_token_that_is_none_tells_nothing(registry: ImageRegistry) -> None:
    registry.fail("/token", json(["no token"]))
    assert images.check("ghcr.io/owner/name:1.0").known is None


@pytest.mark.parametrize("off", [{"OFFLINE": True}, {"CHECK_IMAGES": False}])
def test_nothing_is_asked_when_told_not_to(
    registry: ImageRegistry, settings: Settings, off: dict[str, bool]
) -> None:
    for name, value in off.items():
        setattr(settings, name, value)
    assert images.check("ghcr.io/owner/name:1.0").known is None
    assert registry.count() == 0


@pytest.mark.parametrize("reference", ["", "no-tag", "ghcr.io/a/../b:1", "Bad/Name:1", "a:b c"])
def test_what_is_no_pinned_reference_is_not_asked_for(
    registry: ImageRegistry, reference: str
) -> None:
    assert images.check(reference) == Image(reference, known=None)
    assert registry.count() == 0


def test_missing_is_asked_again_sooner_than_found(registry: ImageRegistry) -> None:
    assert images.HOUR < images.DAY
    images.check("ghcr.io/owner/name:9.9")
    cache.clear()
    KNOWN["owner/name"].add("9.9")
    try:
        assert images.check("ghcr.io/owner/name:9.9").known is True
    finally:
        KNOWN["owner/name"].discard("9.9")
