"""The whole document, put together."""

from __future__ import annotations

from inference.openapi.parts import (
    JSON,
    NUMBER,
    OBJECT,
    TEXT,
    Schema,
    answer,
    list_of,
    parameter,
    ref,
    words,
)
from oneclick_site import __version__
from wizard.openapi.plan import kv_types, of_enum, schemas
from wizard.sdl.values import Engine, StorageClass

_YAML = "application/yaml"
_REASONS = {
    "400": "A choice that cannot be used: the sentence says what can",
    "403": "The model is gated",
    "404": "No such model or variant",
    "422": "Nothing servable, or a plan that fits nowhere",
    "502": "The registry gave an unexpected answer",
    "503": "The registry is out of reach or asks to wait (Retry-After)",
    "504": "The registry did not answer in time",
}
_HUB = "/models/hf/{user}/{repo}"
_OLLAMA = "/models/ollama/{name}"
_OLLAMA_USER = "/models/ollama/{namespace}/{name}"


def document() -> Schema:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "OneClickLLM",
            "version": __version__,
            "summary": "From any open model to a file that deploys it on Akash.",
        },
        "paths": _file_paths() | {"/api/check": {"post": _check()}},
        "components": {"schemas": schemas()},
    }


def _file_paths() -> Schema:
    return {
        f"{base}/{name}": {
            "parameters": parameters,
            "get": operation(f"{operation_name}_{suffix}"),
        }
        for base, suffix, parameters in (
            (
                _HUB,
                "hub",
                [_in_path("user", "User or organisation"), _in_path("repo", "Repository")],
            ),
            (_OLLAMA, "ollama", [_in_path("name", "Model, with :tag")]),
            (
                _OLLAMA_USER,
                "ollama_user",
                [_in_path("namespace", "Namespace"), _in_path("name", "Model, with :tag")],
            ),
        )
        for name, operation_name, operation in (
            ("deploy.yaml", "deploy_yaml", _deploy_yaml),
            ("docker-compose.yaml", "docker_compose_yaml", _compose_yaml),
            ("plan.json", "plan_json", _plan_json),
        )
    }


def _in_path(name: str, description: str) -> Schema:
    return parameter(name, "path", description)


def _query(name: str, description: str, schema: Schema) -> Schema:
    found = parameter(name, "query", description, schema)
    return found | {"style": "form", "explode": True} if schema["type"] == "array" else found


def _whole(least: int, most: int | None = None) -> Schema:
    return {"type": "integer", "minimum": least} | ({"maximum": most} if most else {})


def _parameters() -> list[Schema]:
    flag, text, texts = words("0", "1"), TEXT, list_of(TEXT)
    return [
        _query("variant", "Quantisation or tag, as the model's page lists it", text),
        _query("engine", "The server that runs the model", of_enum(Engine)),
        _query("context", "Tokens that one request may use", _whole(1)),
        _query("slots", "Requests at the same time", _whole(1, 256)),
        _query(
            "kv",
            "Type of the KV cache: f16 or fp8 for vLLM, all but fp8 for the others",
            kv_types(),
        ),
        _query("gpu", "Cards by their SDL names; a100:80Gi is one size", texts),
        _query("count", "Cards in a node", {"type": "integer", "enum": [1, 2, 4, 8]}),
        _query(
            "nodes",
            "Nodes, for a model that no single machine holds (vLLM)",
            {"type": "integer", "enum": [1, 2, 4]},
        ),
        _query("replicas", "Copies behind one address", _whole(1, 20)),
        _query("region", "Akash's location-region, such as us-west", text),
        _query("audited", "Audited providers only", flag),
        _query(
            "price_ceiling",
            "The most that a provider may ask for a replica on one node, USD an hour",
            NUMBER,
        ),
        _query(
            "storage",
            "Where the weights live: NVMe, SSD, HDD, or the container's own disk",
            of_enum(StorageClass),
        ),
        _query("storage_gib", "Size of the volume in GiB", _whole(1)),
        _query("cpu_only", "No card at all", flag),
        _query(
            "cpu_moe",
            "A mixture's experts in RAM: a far smaller card holds it, answers are slower "
            "(runtime, llama-server)",
            flag,
        ),
        _query("env", "KEY=VALUE for the container", texts),
        _query("alias", "Further names that the endpoint answers to", texts),
        _query(
            "api_key_sha256",
            "SHA-256 of your API key in hex; without it a key is made for this answer",
            {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        ),
    ]


def _operation(name: str, summary: str, kind: str, schema: Schema) -> Schema:
    told = {JSON: ref("Error")} if kind == JSON else {"text/plain": TEXT}
    return {
        "operationId": name,
        "summary": summary,
        "parameters": _parameters(),
        "responses": {
            "200": answer(summary, {kind: schema}),
            **{status: answer(why, told) for status, why in _REASONS.items()},
        },
    }


def _deploy_yaml(name: str) -> Schema:
    return _operation(name, "The SDL for Akash", _YAML, OBJECT)


def _compose_yaml(name: str) -> Schema:
    return _operation(name, "The same plan for Docker Compose", _YAML, OBJECT)


def _plan_json(name: str) -> Schema:
    return _operation(name, "The plan: model, memory, offers, price, reasons", JSON, ref("Plan"))


def _check() -> Schema:
    return {
        "operationId": "check",
        "summary": "The problems of any SDL",
        "requestBody": {"required": True, "content": {_YAML: {"schema": TEXT}}},
        "responses": {
            "200": answer("Its problems, errors first", {JSON: ref("Check")}),
            "413": answer("The file is too large", {"text/plain": TEXT}),
        },
    }
