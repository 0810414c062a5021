"""A Hub of our own for the tests of this room."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from tests.standins.huggingface import HuggingFaceStandIn


@pytest.fixture
def hub(settings: Settings) -> Iterator[HuggingFaceStandIn]:
    """The stand-in of Hugging Face, asked instead of the real one."""
    with HuggingFaceStandIn() as standin:
        settings.OFFLINE = False
        settings.HUGGING_FACE_URL = standin.url
        settings.HUGGING_FACE_TOKEN = ""
        settings.REGISTRY_TIMEOUT = 60.0
        yield standin
