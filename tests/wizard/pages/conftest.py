"""Pages are asked for over Django's own client; the catalogue answers, nothing outside is asked."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

QWEN = "/models/ollama/qwen3:8b"
MIXTURE = "/models/ollama/qwen3:30b"
MIXTURE_GGUF = "/models/hf/unsloth/Qwen3-30B-A3B-Instruct-2507-GGUF"
GATED = "/models/hf/meta-llama/Llama-3.1-8B-Instruct"
HASH = "a" * 64


@pytest.fixture(autouse=True)
def _offline(settings: Settings) -> None:
    settings.OFFLINE = True
    settings.CHECK_IMAGES = False


@pytest.fixture
def site() -> Client:
    return Client()
