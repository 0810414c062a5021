"""Logs as JSON lines, with anything that looks like a secret taken out."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import secrets
import time
from datetime import UTC, datetime

# A secret ends at a quote or a backslash: what is looked through is JSON.
_SECRETS = re.compile(
    r"(hf_[A-Za-z0-9]{6})[A-Za-z0-9]+|(ocl_[A-Za-z0-9_-]{4})[A-Za-z0-9_-]+"
    r'|((?i:bearer)\s+[^\s"\\]{4})[^\s"\\]+|((?i:x-api-key)\W+[^\s"\\]{4})[^\s"\\]+'
)

# Seconds after which a state that lasts is told once more.
REPEATED_AFTER = 10.0
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
        # In ASCII: a terminal takes some of the other characters for commands.
        return redact(json.dumps(line, default=str))


class NoFilesLeft(logging.Filter):
    """As the runtime has it: asyncio tells that no file is left a thousand times a second."""

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
