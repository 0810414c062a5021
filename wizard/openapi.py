"""The OpenAPI 3.1 document of a model's three files, and of the check."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from enum import StrEnum
from itertools import chain
from typing import Any

from oneclick_site import __version__
from wizard.planning.engines import KV_TYPES
from wizard.sdl.values import Engine, StorageClass
from wizard.sizing.buffers import Buffers

Schema = dict[str, Any]

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
        "components": {"schemas": _schemas()},
    }


def _file_paths() -> Schema:
    return {
        f"{base}/{name}": {
            "parameters": parameters,
            "get": operation(f"{operation_name}_{suffix}"),
        }
        for base, suffix, parameters in (
            (_HUB, "hub", [_path("user", "User or organisation"), _path("repo", "Repository")]),
            (_OLLAMA, "ollama", [_path("name", "Model, with :tag")]),
            (
                _OLLAMA_USER,
                "ollama_user",
                [_path("namespace", "Namespace"), _path("name", "Model, with :tag")],
            ),
        )
        for name, operation_name, operation in (
            ("deploy.yaml", "deploy_yaml", _deploy_yaml),
            ("docker-compose.yaml", "docker_compose_yaml", _compose_yaml),
            ("plan.json", "plan_json", _plan_json),
        )
    }


def _path(name: str, description: str) -> Schema:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string"},
    }


def _query(name: str, description: str, schema: Schema) -> Schema:
    parameter: Schema = {"name": name, "in": "query", "description": description, "schema": schema}
    if schema["type"] == "array":
        parameter |= {"style": "form", "explode": True}
    return parameter


def _whole(least: int, most: int | None = None) -> Schema:
    return {"type": "integer", "minimum": least} | ({"maximum": most} if most else {})


def _words(words: Iterable[StrEnum]) -> Schema:
    return {"type": "string", "enum": list(dict.fromkeys(word.value for word in words))}


def _parameters() -> list[Schema]:
    flag, texts = {"type": "string", "enum": ["0", "1"]}, {"type": "array"}
    text = {"type": "string"}
    return [
        _query("variant", "Quantisation or tag, as the model's page lists it", text),
        _query("engine", "The server that runs the model", _words(Engine)),
        _query("context", "Tokens that one request may use", _whole(1)),
        _query("slots", "Requests at the same time", _whole(1, 256)),
        _query("kv", "Type of the KV cache", _words(chain(*KV_TYPES.values()))),
        _query("gpu", "Card by its SDL name, a100:80Gi for one size", texts | {"items": text}),
        _query("count", "Cards in a node", {"type": "integer", "enum": [1, 2, 4, 8]}),
        _query("nodes", "Nodes, for vLLM", {"type": "integer", "enum": [1, 2, 4]}),
        _query("replicas", "Copies behind one address", _whole(1, 20)),
        _query("region", "Akash's location-region", text),
        _query("audited", "Audited providers only", flag),
        _query("price_ceiling", "USD an hour for a replica on one node", {"type": "number"}),
        _query("storage", "Where the weights live", _words(StorageClass)),
        _query("storage_gib", "Size of the volume in GiB", _whole(1)),
        _query("cpu_only", "No card at all", flag),
        _query("cpu_moe", "A mixture's experts in RAM, for the runtime and llama-server", flag),
        _query("env", "KEY=VALUE for the container", texts | {"items": text}),
        _query("alias", "Further names of the model", texts | {"items": text}),
        _query(
            "api_key_sha256",
            "SHA-256 of your API key in hex; without it a key is made for this answer",
            {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        ),
    ]


def _operation(name: str, summary: str, content: Schema) -> Schema:
    text = {"text/plain": {"schema": {"type": "string"}}}
    if "application/json" in content:
        text = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    reasons = {
        "400": "A choice that cannot be used: the sentence says what can",
        "403": "The model is gated",
        "404": "No such model or variant",
        "422": "Nothing servable, or a plan that fits nowhere",
        "502": "The registry gave an unexpected answer",
        "503": "The registry is out of reach or asks to wait (Retry-After)",
        "504": "The registry did not answer in time",
    }
    failures = {status: {"description": why, "content": text} for status, why in reasons.items()}
    return {
        "operationId": name,
        "summary": summary,
        "parameters": _parameters(),
        "responses": {"200": {"description": summary, "content": content}, **failures},
    }


def _deploy_yaml(name: str) -> Schema:
    content = {"application/yaml": {"schema": {"type": "object"}}}
    return _operation(name, "The SDL for Akash", content)


def _compose_yaml(name: str) -> Schema:
    content = {"application/yaml": {"schema": {"type": "object"}}}
    return _operation(name, "The same plan for Docker Compose", content)


def _plan_json(name: str) -> Schema:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Plan"}}}
    return _operation(name, "The plan: model, memory, offers, price, reasons", content)


def _check() -> Schema:
    answer = {"application/json": {"schema": {"$ref": "#/components/schemas/Check"}}}
    return {
        "operationId": "check",
        "summary": "The problems of any SDL",
        "requestBody": {
            "required": True,
            "content": {"application/yaml": {"schema": {"type": "string"}}},
        },
        "responses": {"200": {"description": "Its problems, errors first", "content": answer}},
    }


def _object(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list_of(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _or_null(kind: str) -> Schema:
    return {"type": [kind, "null"]}


def _schemas() -> Schema:
    text, whole, flag = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
    number, texts = {"type": "number"}, _list_of({"type": "string"})
    problem = _object(path=text, sentence=text, fix=text, rule=text, is_error=flag)
    return {
        "Error": _object(error=text, title=text, next_step=text, conversions=texts),
        "Check": _object(valid=flag, problems=_list_of(problem)),
        "Plan": _object(
            model=_object(
                name=text,
                source=text,
                title=text,
                licence=text,
                gated=text,
                parameters=_or_null("integer"),
                context_length=whole,
                origin=text,
                as_of=text,
            ),
            variant=_object(
                name=text,
                format=text,
                quantisation=text,
                download_bytes=whole,
                size_is_exact=flag,
            ),
            choices=_object(
                engine=_words(Engine),
                image=text,
                context=whole,
                slots=whole,
                kv=_words(chain(*KV_TYPES.values())),
                cpu_moe=flag,
                gpus=texts,
                count=whole,
                nodes=whole,
                replicas=whole,
                region=text,
                audited=flag,
                storage=_words(StorageClass),
            ),
            reasons={"type": "object", "additionalProperties": text},
            memory=_object(
                total_bytes=whole,
                largest_gpu_bytes=whole,
                host_bytes=whole,
                disk_bytes=whole,
                is_exact=flag,
                buffers=_object(**{field.name: whole for field in fields(Buffers)}),
                parts=_list_of(_object(name=text, bytes=whole, formula=text)),
            ),
            limits={"anyOf": [_limits(), {"type": "null"}]},
            offers=_list_of(_offer()),
            price=_object(
                usd_per_hour=_or_null("number"),
                ceiling_usd_per_hour=number,
                amount_per_block=whole,
                as_of=text,
                live=flag,
            ),
            problems=texts,
            warnings=texts,
            links={"type": "object", "additionalProperties": {"type": "string", "format": "uri"}},
        ),
    }


def _limits() -> Schema:
    """What the first of the named cards would hold; null without a card."""
    whole, number = {"type": "integer"}, {"type": "number"}
    return _object(
        fits={"type": "boolean"},
        needed_bytes=whole,
        usable_bytes=whole,
        largest_context=whole,
        most_slots=whole,
        smallest_bytes=whole,
        tokens_per_second=number,
        usd_per_million_tokens=_or_null("number"),
    )


def _offer() -> Schema:
    text, whole = {"type": "string"}, {"type": "integer"}
    return _object(
        title=text,
        gpu=_or_null("string"),
        vram_bytes=_or_null("integer"),
        count=whole,
        nodes=whole,
        fit={"type": "string", "enum": ["fits", "tight", "no"]},
        chosen={"type": "boolean"},
        needed_bytes=whole,
        headroom_bytes=whole,
        # Of one replica, with all that runs beside its cards.
        usd_per_hour=_or_null("number"),
        largest_context=_or_null("integer"),
        tokens_per_second=_or_null("number"),
        usd_per_million_tokens=_or_null("number"),
        reason=text,
    )
