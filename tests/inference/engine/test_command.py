"""What a child is started with, and whether it can start at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from inference.engine import command
from inference.errors import EngineError


def test_it_works() -> None:
    command.require_engine(None)


def test_experts_stay_in_host_memory_where_asked() -> None:
    config = command.EngineConfig("mixture", Path("m.gguf"), 4096, 1)
    assert "--cpu-moe" not in command.arguments(config, 8081)
    assert "--cpu-moe" in command.arguments(replace(config, cpu_moe=True), 8081)


def test_a_missing_library_is_told_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "OPENMP", "libmissing.so.9")
    with pytest.raises(EngineError, match=r"libmissing\.so\.9") as raised:
        command.require_engine(None)
    assert "apt-get install libgomp1" in raised.value.next_step


def test_a_binary_brings_its_own_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "OPENMP", "libmissing.so.9")
    command.require_engine(Path("/usr/bin/llama-server"))
