"""What every test shares: nothing outside is asked, and no cache outlives a test."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from pytest_django.fixtures import Settings


@pytest.fixture(autouse=True)
def _alone(settings: Settings) -> None:
    """A test that wants a registry names its stand-in, and is then no longer offline."""
    settings.OFFLINE = True
    settings.CHECK_IMAGES = False
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()
