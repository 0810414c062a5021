"""Logs as JSON, a line each. What people ask and what is answered never gets here."""

from __future__ import annotations

import logging
import os
import re
import select
import sys
import time
from datetime import UTC, datetime

import orjson
from aiohttp.http_exceptions import HttpProcessingError

# Seconds after which a state that lasts is told once more.
REPEATED_AFTER = 10.0
# Seconds that a line waits for a reader who has fallen behind; the following ones wait no more.
PATIENCE = 0.05
_SECRET = re.compile(r"hf_[A-Za-z0-9]{8,}|(?i:bearer)\s+\S+")


class JsonFormatter(logging.Formatter):
    """A record, and what its ``extra`` has under ``fields``, as one line."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _told(record.getMessage()),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            told["traceback"] = _told(self.formatException(record.exc_info))
        return orjson.dumps(told, default=str).decode()


def _told(text: str) -> str:
    """A text without secrets, and without halves of characters, which are no JSON."""
    return _SECRET.sub("[secret]", text).encode("utf-8", "backslashreplace").decode()


class Unblocked(logging.Handler):
    """Writes lines where somebody takes them, and leaves out those that nobody does.

    A pipe whose reader hangs would hold whoever writes, and with it every answer. Where poll(2)
    calls a pipe ready, it takes ``PIPE_BUF`` bytes without waiting: pipe(7).
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._ready = select.poll()
        self._ready.register(descriptor, select.POLLOUT)
        self._left_out = 0
        self._is_cut = False

    def emit(self, record: logging.LogRecord) -> None:
        lines = [self.format(record)]
        if self._left_out:
            lines.insert(0, self.format(_left_out(self._left_out)))
        told = "\n".join([*([""] if self._is_cut else []), *lines, ""])
        try:
            taken = self._write(told.encode())
        except OSError:  # the other end is gone
            taken = False
        self._left_out = 0 if taken else self._left_out + 1

    def _write(self, rest: bytes) -> bool:
        """Whether all was taken. Raises OSError."""
        patience = 0.0 if self._left_out else PATIENCE
        while rest:
            if not self._ready.poll(patience * 1000):
                return False
            rest = rest[os.write(self._descriptor, rest[: select.PIPE_BUF]) :]
            self._is_cut = bool(rest)
        return True


def _left_out(lines: int) -> logging.LogRecord:
    told = {
        "name": __name__,
        "levelname": "WARNING",
        "msg": f"nobody took {lines} lines of the log",
    }
    return logging.makeLogRecord(told)


class Unread(logging.Filter):
    """Keeps out what aiohttp could not read: it repeats the line, and a key may be in that."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            record.msg, record.args, record.exc_info = "a request was no HTTP", (), None
            record.levelno, record.levelname = logging.INFO, "INFO"
        return True


class NoFilesLeft(logging.Filter):
    """Says now and then that no further connection is taken.

    asyncio says so with a traceback for each that may wait, once a second: megabytes.
    """

    def __init__(self) -> None:
        super().__init__()
        self._again = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        if "accept() out of system resource" not in record.getMessage():
            return True
        if time.monotonic() < self._again:
            return False
        self._again = time.monotonic() + REPEATED_AFTER
        record.msg = "as many connections are open as may be (ulimit -n): new ones wait"
        record.args, record.exc_info = (), None
        return True


def configure(level: str) -> None:
    """Log to standard error from ``level`` on."""
    handler = Unblocked(sys.stderr.fileno())
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    logging.getLogger("asyncio").addFilter(NoFilesLeft())
    logging.getLogger("aiohttp.server").addFilter(Unread())
