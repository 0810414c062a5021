"""The routes that tell how the server is, and this document's own."""

from __future__ import annotations

from inference.engine.supervisor import State
from inference.openapi.ollama_answers import ERROR
from inference.openapi.parts import (
    FLAG,
    INTEGER,
    JSON,
    NUMBER,
    OBJECT,
    TEXT,
    Schema,
    answer,
    closed_object,
    failures,
    list_of,
    open_object,
    operation,
    or_null,
    parameter,
    ref,
    told,
    words,
)
from inference.pull.progress import Stage
from inference.runtime import Phase

TAG = "Server"
_PHASE = words(*Phase)


def paths() -> Schema:
    """Every path about the server itself."""
    return {
        "/": {"get": _home()},
        "/static/{name}": {"get": _static()},
        "/status": {"get": _status()},
        "/healthz": {"get": _alive()},
        **{path: {"get": _ready(path)} for path in ("/readyz", "/health", "/v1/health")},
        "/metrics": {"get": _metrics()},
        "/openapi.json": {"get": _document()},
    }


def schemas() -> Schema:
    """The schemas that they refer to."""
    return {"Status": _told(), "Health": _health()}


def _home() -> Schema:
    content = {"text/plain": words("Ollama is running"), "text/html": TEXT}
    return operation(
        *("home", TAG, "A page for browsers, Ollama's sentence for everything else"),
        {"200": answer("By what is accepted", content)},
        is_open=True,
    )


def _static() -> Schema:
    found = answer("It", {"text/css": TEXT, "text/javascript": TEXT})
    missing = failures(ERROR, "404")["404"] | {"description": "There is no such file"}
    return operation(
        *("static", TAG, "What the page needs"),
        {"200": found, "404": missing},
        is_open=True,
        parameters=[parameter("name", "path", "status.css or status.js")],
    )


def _status() -> Schema:
    return operation(
        *("status", TAG, "Where the start stands; with the key also how busy the server is"),
        {"200": answer("The status", {JSON: ref("Status")})},
        is_open=True,
    )


def _alive() -> Schema:
    well = closed_object({"status": words("ok")})
    found = {"200": answer("The process lives", {JSON: well})}
    return operation("alive", TAG, "Whether the process lives", found, is_open=True)


def _ready(path: str) -> Schema:
    return operation(
        *(path.strip("/").replace("/", "_"), TAG, "Whether requests are answered"),
        {
            "200": answer("They are", {JSON: ref("Health")}),
            "503": answer("Not yet, or not now", {JSON: ref("Health")}),
        },
        is_open=True,
    )


def _metrics() -> Schema:
    found = {"200": answer("Prometheus' text format", {"text/plain": TEXT})}
    return operation("metrics", TAG, "Counts", found | failures(ERROR, "401"))


def _document() -> Schema:
    found = {"200": answer("OpenAPI 3.1", {JSON: OBJECT})}
    return operation("openapi", TAG, "This document", found | failures(ERROR, "401"))


def _health() -> Schema:
    error = closed_object({"code": INTEGER, "message": TEXT, "type": TEXT})
    return closed_object({"status": words("ok", *Phase), "error": error}, "error")


def _told() -> Schema:
    progress: Schema = {
        "stage": words(*Stage),
        "done": told(INTEGER, "Bytes"),
        "size": told(INTEGER, "Bytes"),
        "fraction": told(NUMBER, "0 to 1"),
        "bytes_per_second": INTEGER,
        "seconds_left": or_null(NUMBER),
    }
    model: Schema = {
        "name": TEXT,
        "downloaded": FLAG,
        "facts": list_of(TEXT),
        "capabilities": told(
            list_of(TEXT),
            "What it can do, in Ollama's words, once it is here; “embedding” alone makes vectors",
        ),
        "error": or_null(TEXT),
        "progress": or_null(closed_object(progress)),
    }
    inside: Schema = {
        "version": told(TEXT, "Of this server"),
        "uptime": told(INTEGER, "Seconds"),
        "in_flight": told(INTEGER, "Requests that run or wait"),
        "restarts": told(INTEGER, "How often an engine ended by itself"),
        "engines": list_of(_engine()),
        "failures": told(list_of(TEXT), "The last errors"),
    }
    public: Schema = {"phase": _PHASE, "message": TEXT, "models": list_of(closed_object(model))}
    return closed_object({**public, **inside}, *inside)


def _engine() -> Schema:
    return closed_object(
        {
            "model": TEXT,
            "state": words(*State),
            "slots": INTEGER,
            "context_length": INTEGER,
            "running": INTEGER,
            "queued": INTEGER,
            "tokens_per_second": open_object({"read": NUMBER, "written": NUMBER}),
            "load_seconds": NUMBER,
            "last_lines": told(list_of(TEXT), "The engine's last words"),
        }
    )
