"""Logs as JSON, a line each. What people ask and what is answered never gets here."""

from __future__ import annotations

import logging
import re
import sys
from datetime import UTC, datetime

import orjson

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


def configure(level: str) -> None:
    """Log to standard error from ``level`` on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
