"""Everything that the demo refuses or fails at, and how each dialect's clients are told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import orjson

from wizard.demo.values import Dialect

LONGEST_MESSAGE = 600


class DemoError(Exception):
    """The base: a status, a sentence, and when to try again (seconds), if that helps."""

    status: ClassVar[int] = 500
    kind: ClassVar[str] = "server_error"
    code: ClassVar[str | None] = None

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message[:LONGEST_MESSAGE])
        self.retry_after = retry_after
        self.param = param
        self.headers = dict(headers or {})


class BadRequest(DemoError):
    """A request that cannot be understood, or asks for what the model cannot do."""

    status = 400
    kind = "invalid_request_error"


class BadOption(DemoError):
    """A sampling option or format of a wrong type; Ollama answers 500 to these."""

    kind = "invalid_request_error"


class ModelNotFound(DemoError):
    """A model that this demo does not offer."""

    status = 404
    kind = "invalid_request_error"
    code = "model_not_found"


class NotOffered(DemoError):
    """A route of the dialect that a public demo does not have."""

    status = 501
    kind = "not_supported_error"


class MethodNotAllowed(DemoError):
    """A route asked with another method than its own."""

    status = 405
    kind = "invalid_request_error"


class TooLarge(DemoError):
    """A body over the limit."""

    status = 413
    kind = "invalid_request_error"


class TooManyRequests(DemoError):
    """One address, or all together, asked more than the limits allow."""

    status = 429
    kind = "rate_limit_error"
    code = "rate_limit_exceeded"


class Busy(DemoError):
    """The queue is full, the day's budget is used up, or no upstream is there."""

    status = 503
    kind = "overloaded_error"


class UpstreamFailed(DemoError):
    """An upstream that could not be reached, refused us, or died in its answer.

    ``is_down`` says that others need not try it now; a failure that one request
    alone may have caused does not.
    """

    status = 502

    def __init__(self, message: str, *, is_down: bool = False) -> None:
        super().__init__(message)
        self.is_down = is_down


class UpstreamRefused(DemoError):
    """What an upstream said of the caller's own request; ``status`` is the upstream's."""

    kind = "invalid_request_error"

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.answered = status

    def about(self, alias: str, model: str) -> UpstreamRefused:
        """The same, with the name that visitors know in the place of the upstream's."""
        named = re.compile(rf"(?<![\w.-]){re.escape(model)}(?![\w.-])")
        return UpstreamRefused(named.sub(lambda _found: alias, str(self)), self.answered)


class TimedOut(DemoError):
    """The deadline passed."""

    status = 504
    kind = "timeout_error"


class Stopping(Busy):
    """The site ends before the answer does."""


def status_of(error: DemoError) -> int:
    """The HTTP status that tells an error."""
    return error.answered if isinstance(error, UpstreamRefused) else error.status


def document(error: DemoError, dialect: Dialect) -> dict[str, Any]:
    """The JSON that tells an error in a dialect."""
    if dialect is Dialect.OLLAMA:
        return {"error": str(error)}
    told = {"message": str(error), "type": error.kind, "param": error.param, "code": error.code}
    return {"error": told}


def last_words(error: DemoError, dialect: Dialect) -> bytes:
    """The end of a stream that has begun already."""
    data = orjson.dumps(document(error, dialect))
    return data + b"\n" if dialect is Dialect.OLLAMA else b"data: " + data + b"\n\n"
