"""Checks of schemathesis' own answers that its built-in ones cannot make.

Loaded by it through ``SCHEMATHESIS_HOOKS=benchmarks.fuzz.checks``.
"""

from __future__ import annotations

import json
import os
from typing import Any

import jsonschema_rs
import schemathesis

_MODELS = [name for name in os.environ.get("DEMO_MODELS", "").split(",") if name]
_NDJSON = "application/x-ndjson"
# Where Ollama itself answers 500 to what its caller got wrong, its clients expect no other.
_OLLAMAS = ('option "', "invalid format:")


def no_fault_of_the_server(_context: Any, response: Any, _case: Any) -> None:
    """No request makes the server, or its engine, fail."""
    if response.status_code != 500:
        return
    error = json.loads(response.text).get("error")
    if not isinstance(error, str) or not error.startswith(_OLLAMAS):
        raise AssertionError(response.text)


def each_line_has_its_shape(_context: Any, response: Any, case: Any) -> None:
    """A stream of JSON texts is as the document says, line by line."""
    kinds = response.headers.get("content-type") or [""]
    if response.status_code != 200 or not kinds[0].startswith(_NDJSON):
        return
    document = case.operation.schema.raw_schema
    told = document["paths"][case.operation.path][case.operation.method.lower()]
    schema = told["responses"]["200"]["content"][_NDJSON]["schema"]
    validator = jsonschema_rs.validator_for({**schema, "components": document["components"]})
    for line in response.text.splitlines():
        validator.validate(json.loads(line))


def map_body(_context: Any, body: Any) -> Any:
    """Where models are named, each request is about one of them, and so is not refused for its
    name."""
    if _MODELS and isinstance(body, dict) and isinstance(body.get("model"), str):
        return {**body, "model": _MODELS[len(json.dumps(body, default=str)) % len(_MODELS)]}
    return body


for _check in (no_fault_of_the_server, each_line_has_its_shape):
    schemathesis.check(_check)
schemathesis.hook(map_body)
