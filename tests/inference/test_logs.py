"""A log whose reader has fallen behind holds nobody up, and is told what it missed."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator

import pytest

from inference.logs import JsonFormatter, Unblocked

PIPE = 8192


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reads, writes = os.pipe()
    fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, PIPE)
    yield reads, writes
    os.close(reads)
    os.close(writes)


def _log(writes: int, *texts: str) -> Unblocked:
    handler = Unblocked(writes)
    handler.setFormatter(JsonFormatter())
    _tell(handler, *texts)
    return handler


def _tell(handler: Unblocked, *texts: str) -> None:
    for text in texts:
        handler.emit(logging.makeLogRecord({"msg": text, "levelname": "INFO"}))


def test_it_works(pipe: tuple[int, int]) -> None:
    reads, writes = pipe
    _log(writes, "one", "zwölf", "\ud800")
    lines = os.read(reads, PIPE).decode().splitlines()
    assert len(lines) == 3
    assert '"message":"zwölf"' in lines[1]


def test_what_nobody_takes_is_counted(pipe: tuple[int, int]) -> None:
    reads, writes = pipe
    os.write(writes, bytes(PIPE))
    handler = _log(writes, "lost", "lost", "lost")
    assert os.read(reads, PIPE) == bytes(PIPE)
    _tell(handler, "told")
    warning, told = os.read(reads, PIPE).decode().splitlines()
    assert "nobody took 3 lines of the log" in warning
    assert '"told"' in told


def test_a_line_that_was_cut_is_ended(pipe: tuple[int, int]) -> None:
    reads, writes = pipe
    handler = _log(writes, "x" * 2 * PIPE)
    assert b"\n" not in os.read(reads, PIPE)
    _tell(handler, "told")
    empty, warning, told = os.read(reads, PIPE).decode().split("\n")[:3]
    assert not empty
    assert "nobody took 1 lines" in warning
    assert '"told"' in told


def test_a_log_that_is_gone_is_none(pipe: tuple[int, int]) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    _log(writes, "lost")
    os.close(writes)
