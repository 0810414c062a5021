"""A tiny model, alone in its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.inference import tiny_gguf


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``tiny.gguf``."""
    folder = tmp_path_factory.mktemp("gguf")
    tiny_gguf.write_model(folder / "tiny.gguf", template=tiny_gguf.CHATML)
    return folder
