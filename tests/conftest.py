"""What every test shares: nothing outside is asked, and no cache outlives a test."""

from __future__ import annotations

import os

import pytest

# Before Django reads its settings: a test that wants a registry names its stand-in.
os.environ.update({"OFFLINE": "1", "CHECK_IMAGES": "0", "SECRET_KEY": "tests-only"})

from django.core.cache import cache
from pytest_django.fixtures import Settings


@pytest.fixture(autouse=True)
def _own_cache(settings: Settings) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()
