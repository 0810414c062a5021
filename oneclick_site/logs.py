"""Logs as JSON lines, with anything that looks like a secret taken out."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime

_SECRETS = re.compile(
    r"(hf_[A-Za-z0-9]{6})[A-Za-z0-9]+|(ocl_[A-Za-z0-9_-]{4})[A-Za-z0-9_-]+"
    r"|((?i:bearer)\s+\S{4})\S+|((?i:x-api-key)\W+\S{4})\S+"
)


def redact(text: str) -> str:
    """The text with Hugging Face tokens, our keys and bearer tokens cut short."""
    return _SECRETS.sub(lambda match: f"{next(filter(None, match.groups()))}…", text)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and ``extra={"fields": {…}}``."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return redact(json.dumps(line, ensure_ascii=False, default=str))
