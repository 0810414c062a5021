"""Logs as JSON lines, with anything that looks like a secret taken out."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import secrets
from datetime import UTC, datetime

_SECRETS = re.compile(
    r"(hf_[A-Za-z0-9]{6})[A-Za-z0-9]+|(ocl_[A-Za-z0-9_-]{4})[A-Za-z0-9_-]+"
    r"|((?i:bearer)\s+\S{4})\S+|((?i:x-api-key)\W+\S{4})\S+"
)


# Callers are logged as a hash whose salt lives as long as the process, so that a
# log tells them apart for a while and never who they are.
_salt = secrets.token_bytes(16)


def hashed(address: str) -> str:
    """What a log says of an address."""
    return hashlib.sha256(_salt + address.encode()).hexdigest()[:12]


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
