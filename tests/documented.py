"""Holds answers against an OpenAPI 3.1 document of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

import orjson
from jsonschema import Draft202012Validator

# Headers that tell how a caller stands.
_LIMITING = re.compile(r"retry-after|x-ratelimit-|x-queue-")


class Answer(Protocol):
    """What HTTP clients call a response."""

    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def content(self) -> bytes: ...


class Documented:
    """The document that a server gave, or will give, of itself."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        names = [each["operationId"] for item in document["paths"].values() for each in _of(item)]
        assert len(names) == len(set(names)), "two operations have one name"

    def unused_schemas(self) -> list[str]:
        """Schemas that nothing refers to."""
        text = orjson.dumps(self._document).decode()
        schemas = self._document["components"]["schemas"]
        return [name for name in schemas if f'"#/components/schemas/{name}"' not in text]

    def operation(self, method: str, path: str) -> dict[str, Any]:
        """The operation that an address belongs to. Raises LookupError."""
        for template, item in self._document["paths"].items():
            pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
            if method in item and re.fullmatch(pattern, path):
                found: dict[str, Any] = item[method]
                return found
        raise LookupError(f"the document has no {method} {path}")

    def check(self, method: str, path: str, answer: Answer) -> None:
        """Fail unless an answer is one that the document tells of, line by line in a stream."""
        told = self.operation(method, path)["responses"][str(answer.status_code)]
        limiting = {name.lower() for name in answer.headers if _LIMITING.match(name.lower())}
        assert limiting <= {name.lower() for name in told.get("headers", ())}
        kind = answer.headers["Content-Type"].partition(";")[0]
        schema = {**told["content"][kind]["schema"], "components": self._document["components"]}
        validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
        if kind in ("application/json", "application/x-ndjson"):
            lines = answer.content.splitlines() if kind.endswith("ndjson") else [answer.content]
            for line in lines:
                validator.validate(orjson.loads(line))


def _of(item: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for name, each in item.items() if name != "parameters"]
