"""What the document is made of: fields, objects, answers. Schemas are JSON Schema 2020-12."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

JSON, NDJSON, EVENTS = "application/json", "application/x-ndjson", "text/event-stream"
TEXT: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
OBJECT: Schema = {"type": "object"}
# One event of a stream: what schemathesis and OpenAPI 3.2 take ``text/event-stream`` to be.
EVENT: Schema = {
    "type": "object",
    "properties": {
        "event": TEXT,
        "data": {"type": "string", "description": "JSON, or [DONE]"},
    },
    "required": ["data"],
}
REASONS = {
    "400": "The request makes no sense: the sentence says why",
    "401": "The key is missing or wrong",
    "403": "The operator does not allow it",
    "404": "No such model",
    "413": "The request is larger than `MAX_BODY_BYTES`",
    "422": "A file that cannot be read, or a model that cannot be run",
    "500": "The engine failed",
    "501": "The model or this server cannot do it",
    "502": "The registry gave no usable answer",
    "503": "Too many wait, or the model is not here yet (`Retry-After`)",
    "504": "It took longer than `REQUEST_TIMEOUT`",
    "507": "The models folder has too little room",
}
ANSWERING = ("400", "401", "404", "413", "422", "500", "501", "503", "504")


def told(schema: Schema, description: str, **more: Any) -> Schema:
    """A schema with its meaning, and a default or bounds."""
    return {**schema, "description": description, **more}


def ref(name: str) -> Schema:
    """A schema of the document by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def list_of(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def words(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


def or_null(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def either(*schemas: Schema) -> Schema:
    return {"anyOf": list(schemas)}


def open_object(properties: Schema, *required: str) -> Schema:
    """An object that may have more fields than these."""
    found: Schema = {"type": "object", "properties": properties}
    return {**found, "required": list(required)} if required else found


def closed_object(properties: Schema, *optional: str) -> Schema:
    """An object with these fields and no others, all there but the optional ones."""
    required = [name for name in properties if name not in optional]
    found: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**found, "required": required} if required else found


def body(schema: Schema) -> Schema:
    """A request's body."""
    return {"required": True, "content": {JSON: {"schema": schema}}}


def answer(description: str, content: Mapping[str, Schema]) -> Schema:
    """An answer in one or several media types."""
    return {
        "description": description,
        "content": {kind: {"schema": schema} for kind, schema in content.items()},
    }


def failures(error: str, *statuses: str, reasons: Mapping[str, str] = REASONS) -> Schema:
    """What goes wrong, in the shape of a dialect's errors."""
    return {status: answer(reasons[status], {JSON: ref(error)}) for status in statuses}


def operation(
    name: str,
    tag: str,
    summary: str,
    responses: Schema,
    *,
    request: Schema | None = None,
    description: str = "",
    is_open: bool = False,
    parameters: list[Schema] | None = None,
) -> Schema:
    """One method of a path."""
    found: Schema = {"operationId": name, "tags": [tag], "summary": summary}
    if description:
        found["description"] = description
    if parameters:
        found["parameters"] = parameters
    if request:
        found["requestBody"] = body(request)
    if is_open:
        found["security"] = []
    return {**found, "responses": responses}


def parameter(name: str, where: str, description: str, schema: Schema = TEXT) -> Schema:
    """A parameter in the path (which is required), the query or a header."""
    found: Schema = {"name": name, "in": where, "description": description, "schema": schema}
    return {**found, "required": True} if where == "path" else found
