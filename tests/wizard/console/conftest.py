"""The judge, once for each test process."""

from __future__ import annotations

from tests.wizard.sdl.conftest import judge

__all__ = ["judge"]
