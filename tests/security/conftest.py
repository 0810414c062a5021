"""A runtime with a key and a site, each in a process of its own, for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.inference import endpoint as endpoints
from tests.inference import tiny_gguf
from tests.inference.endpoint import Endpoint


@pytest.fixture(scope="package")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """On the stand-in engine, which answers anything."""
    folder = tmp_path_factory.mktemp("runtime")
    tiny_gguf.write_model(folder / "tiny.gguf")
    with endpoints.running_on_stand_in(Path(folder), folder) as running:
        yield running
