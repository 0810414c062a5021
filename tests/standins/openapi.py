"""Holds requests and answers against an OpenAPI document, so that no stand-in drifts from it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml
from openapi_schema_validator import OAS30Validator

from tests.standins.server import Reply, Request

CONSOLE = Path(__file__).with_name("console_openapi.yaml")


class Document:
    """An OpenAPI 3.0 document with only JSON bodies."""

    def __init__(self, path: Path = CONSOLE) -> None:
        self._document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))

    def operation(self, method: str, path: str) -> tuple[dict[str, Any], dict[str, str]]:
        """The operation and the values in its path. Raises LookupError."""
        for template, item in self._document["paths"].items():
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)
            found = re.fullmatch(pattern, path)
            if found and method.lower() in item:
                return item[method.lower()], found.groupdict()
        raise LookupError(f"the document has no {method} {path}")

    def wrong_with_request(self, request: Request) -> list[str]:
        """What the document does not allow of a request."""
        try:
            operation, values = self.operation(request.method, request.path)
        except LookupError as error:
            return [str(error)]
        wrong = self._wrong_parameters(operation, values, request)
        body = operation.get("requestBody")
        if body:
            wrong += self._wrong_body(_schema(body), request.body)
        elif request.body:
            wrong.append("a body where none is wanted")
        if operation["security"] and "x-api-key" not in request.headers:
            wrong.append("no key")
        return wrong

    def wrong_with_answer(self, request: Request, reply: Reply) -> list[str]:
        """What the document does not allow of an answer that is a success."""
        operation, _ = self.operation(request.method, request.path)
        answer = operation["responses"].get(str(reply.status))
        if answer is None:
            return [f"status {reply.status} is not in the document"]
        assert isinstance(reply.body, bytes)
        return self._wrong_body(_schema(answer), reply.body)

    def _wrong_parameters(
        self, operation: dict[str, Any], values: dict[str, str], request: Request
    ) -> list[str]:
        known = {item["name"]: item for item in operation.get("parameters", [])}
        given = {**values, **{name: request.first(name) for name in request.query}}
        wrong = [f"an unknown parameter {name}" for name in given.keys() - known.keys()]
        missing = {name for name, item in known.items() if item["required"]} - given.keys()
        wrong += [f"no parameter {name}" for name in missing]
        for name in given.keys() & known.keys():
            schema = known[name]["schema"]
            value = float(given[name]) if schema["type"] == "number" else given[name]
            wrong += self._wrong(schema, value)
        return wrong

    def _wrong_body(self, schema: dict[str, Any], body: bytes) -> list[str]:
        try:
            value = json.loads(body)
        except ValueError:
            return ["the body is not JSON"]
        return self._wrong(schema, value)

    def _wrong(self, schema: dict[str, Any], value: Any) -> list[str]:
        whole = {**schema, "components": self._document["components"]}
        return [
            f"{error.json_path}: {error.message}"
            for error in OAS30Validator(whole).iter_errors(value)
        ]


def _schema(holder: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = holder["content"]["application/json"]["schema"]
    return schema
