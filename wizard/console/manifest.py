"""An SDL document as the manifest that a provider is sent, and its hash on the chain.

The hash is what tells two deployments of one account apart: an SDL of ours
holds the endpoint's own key (or its SHA-256), so the same hash is the same
press of the same button.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from wizard.console import groups
from wizard.console.groups import Document, Json

# What a provider's ingress takes where the SDL says nothing.
_HTTP_DEFAULTS: Json = {
    "max_body_size": 1_048_576,
    "read_timeout": 60_000,
    "send_timeout": 60_000,
    "next_tries": 3,
    "next_timeout": 0,
    "next_cases": ["error", "timeout"],
}
_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def manifest(document: Document) -> str:
    """The manifest as JSON with sorted keys, to the byte as the chain hashes it."""
    text = json.dumps(
        [_group(document, name) for name in groups.placements(document)],
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    return text.translate(_ESCAPES)


def manifest_hash(document: Document) -> str:
    """The manifest's SHA-256 in base64, as a deployment's ``hash`` is told."""
    return base64.b64encode(hashlib.sha256(manifest(document).encode()).digest()).decode()


def _group(document: Document, placement: str) -> Json:
    ids = groups.unit_ids(document, placement)
    services = [
        _service(document, name, use, ids[use["profile"]])
        for name, use in groups.deployed(document, placement)
    ]
    return {"name": placement, "services": services}


def _service(document: Document, name: str, use: Json, number: int) -> Json:
    service = document["services"][name]
    body: Json = {
        "name": name,
        "image": service["image"],
        "command": service.get("command") or None,
        "args": service.get("args") or None,
        "env": service.get("env") or None,
        "resources": _resources(groups.resources(document, use["profile"], number, service)),
        "count": use["count"],
        "expose": _expose(service),
        "credentials": None,
    }
    if service.get("params"):
        body["params"] = {"storage": _mounts(service["params"].get("storage") or {})}
    return body


def _resources(unit: Json) -> Json:
    """As a group has them, but for names, and for what is left out where it is empty."""
    return {
        "id": unit["id"],
        "cpu": _sized(unit["cpu"], "units", "units"),
        "memory": _sized(unit["memory"], "quantity", "size"),
        "gpu": _sized(unit["gpu"], "units", "units"),
        "storage": [
            {"name": volume["name"], **_sized(volume, "quantity", "size")}
            for volume in unit["storage"]
        ],
        "endpoints": [_endpoint(point) for point in unit["endpoints"]],
    }


def _sized(part: Json, name: str, new_name: str) -> Json:
    sized: Json = {new_name: part[name]}
    if part["attributes"]:
        sized["attributes"] = part["attributes"]
    return sized


def _endpoint(point: Json) -> Json:
    kind = {"kind": point["kind"]} if point["kind"] else {}
    return {**kind, "sequence_number": point["sequenceNumber"]}


def _mounts(mounts: dict[str, Json]) -> list[Json]:
    return [
        {
            "name": name,
            "mount": mounts[name].get("mount") or "",
            "readOnly": bool(mounts[name].get("readOnly")),
        }
        for name in sorted(mounts)
    ]


def _expose(service: Json) -> list[Json]:
    ports = [
        _port(expose, to) for expose in service.get("expose") or [] for to in expose.get("to") or []
    ]
    return sorted(ports, key=_port_order)


def _port_order(port: Json) -> tuple[Any, ...]:
    return (port["service"], port["port"], port["proto"], not port["global"])


def _port(expose: Json, to: Json) -> Json:
    options = _HTTP_DEFAULTS | (expose.get("http_options") or {})
    return {
        "port": expose["port"],
        "externalPort": expose.get("as") or 0,
        "proto": groups.protocol(expose),
        "service": to.get("service") or "",
        "global": bool(to.get("global")),
        "hosts": expose.get("accept") or None,
        "httpOptions": {_camel(name): value for name, value in options.items()},
        "ip": "",
        "endpointSequenceNumber": 0,
    }


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
