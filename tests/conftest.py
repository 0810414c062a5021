"""What every test shares: nothing outside is asked, and no cache outlives a test."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from django.core.cache import cache
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pytest_django.fixtures import Settings

# How fast an example is found or judged says more of the machine than of the code. The same
# examples come in every run, so that what fails is what was changed; others are looked for with
# `pytest --hypothesis-profile=other`, and by millions with `python -m benchmarks.fuzz`.
hypothesis_settings.register_profile(
    "other", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.register_profile(
    "same", hypothesis_settings.get_profile("other"), derandomize=True
)
hypothesis_settings.load_profile("same")


@pytest.fixture(autouse=True)
def _alone(settings: Settings) -> None:
    """A test that wants a registry names its stand-in, and is then no longer offline."""
    settings.OFFLINE = True
    settings.CHECK_IMAGES = False
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    # Where `make run` came first, names of files would hold their hash, and ask for its folder.
    settings.STORAGES = {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    cache.clear()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A shell's background job ignores Ctrl-C, and so would the processes that a test starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
