"""Logs as JSON, a line each. What people ask and what is answered never gets here."""

from __future__ import annotations

import logging
import re
import sys
import time
from datetime import UTC, datetime

import orjson
from aiohttp.http_exceptions import HttpProcessingError

# Seconds after which a state that lasts is told once more.
REPEATED_AFTER = 10.0
_SECRET = re.compile(r"hf_[A-Za-z0-9]{8,}|(?i:bearer)\s+\S+")


class JsonFormatter(logging.Formatter):
    """A record, and what its ``extra`` has under ``fields``, as one line."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _SECRET.sub("[secret]", record.getMessage()),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            told["traceback"] = _SECRET.sub("[secret]", self.formatException(record.exc_info))
        return orjson.dumps(told, default=str).decode()


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
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    logging.getLogger("asyncio").addFilter(NoFilesLeft())
    logging.getLogger("aiohttp.server").addFilter(Unread())
