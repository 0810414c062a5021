"""An SDL document as the chain's group specs: what providers bid on.

Read off ``generateManifest`` of ``@akashnetwork/chain-sdk``, and held against
its own output in the tests.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]
Json = dict[str, Any]

_SIZE = re.compile(r"([\d.]+)([kmgtpe])(i?)\Z", re.IGNORECASE)
_POWERS = "kmgtpe"
_TLS_PORT = 80
_SHARED_HTTP, _RANDOM_PORT = 0, 1


def group_specs(document: Document) -> list[Json]:
    """A group for each placement, by name: requirements, and resources with count and price.

    Quantities are decimal text. The document is one that passed `wizard.sdl.rules`.
    """
    return [_group(document, name) for name in placements(document)]


def is_same(one: Document, other: Document) -> bool:
    """Whether a deployment of one can become the other in place: the chain fixes its groups."""
    return json.dumps(group_specs(one)) == json.dumps(group_specs(other))


def placements(document: Document) -> list[str]:
    """Names of the placements that services are deployed to."""
    return sorted({name for places in document["deployment"].values() for name in places})


def deployed(document: Document, placement: str) -> Iterator[tuple[str, Json]]:
    """Names of the services in a placement, sorted, each with its profile and count."""
    for name in sorted(document["deployment"]):
        if placement in document["deployment"][name]:
            yield name, document["deployment"][name][placement]


def unit_ids(document: Document, placement: str) -> dict[str, int]:
    """The number of each compute profile in a placement, in the order of first use."""
    profiles = [use["profile"] for _, use in deployed(document, placement)]
    return {profile: index for index, profile in enumerate(dict.fromkeys(profiles), start=1)}


def resources(document: Document, profile: str, number: int, service: Json) -> Json:
    """One resource unit as a group and a manifest have it."""
    asked = document["profiles"]["compute"][profile]["resources"]
    gpu = asked.get("gpu") or {}
    return {
        "id": number,
        "cpu": {"units": _value(_millicores(asked["cpu"]["units"])), "attributes": []},
        "memory": {"quantity": _value(size_bytes(asked["memory"]["size"])), "attributes": []},
        "storage": [_volume(volume) for volume in _listed(asked["storage"])],
        "gpu": {
            "units": _value(str(int(gpu.get("units") or 0))),
            "attributes": _gpu_attributes(gpu.get("attributes") or {}),
        },
        "endpoints": _endpoints(service),
    }


def protocol(expose: Json) -> str:
    """``TCP`` or ``UDP``."""
    return str(expose.get("proto") or "TCP").upper()


def _group(document: Document, name: str) -> Json:
    place = document["profiles"]["placement"][name]
    signed = place.get("signedBy") or {}
    return {
        "name": name,
        "requirements": {
            "signedBy": {
                "allOf": list(signed.get("allOf") or []),
                "anyOf": list(signed.get("anyOf") or []),
            },
            "attributes": _attributes(place.get("attributes") or {}),
        },
        "resources": _units(document, name),
    }


def _units(document: Document, placement: str) -> list[Json]:
    ids = unit_ids(document, placement)
    units: dict[str, Json] = {}
    for name, use in deployed(document, placement):
        profile, service = use["profile"], document["services"][name]
        if profile in units:
            units[profile]["count"] += use["count"]
            units[profile]["resource"]["endpoints"] += _endpoints(service)
        else:
            units[profile] = {
                "resource": resources(document, profile, ids[profile], service),
                "count": use["count"],
                "price": _price(document, placement, profile),
            }
    for unit in units.values():
        unit["resource"]["endpoints"].sort(key=lambda point: point["kind"])
    return list(units.values())


def _price(document: Document, placement: str, profile: str) -> Json:
    price = document["profiles"]["placement"][placement]["pricing"][profile]
    return {"denom": price["denom"], "amount": str(price["amount"])}


def _value(text: str) -> Json:
    return {"val": text}


def _millicores(units: float | str) -> str:
    if isinstance(units, str):
        number = float(units.lower().removesuffix("m"))
        return _plain(number if units.lower().endswith("m") else number * 1000)
    return _plain(units * 1000)


def _plain(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else repr(number)


def size_bytes(text: str) -> str:
    """``16Gi`` as bytes, in digits. Raises ValueError for no size."""
    found = _SIZE.match(text)
    if not found:
        raise ValueError(f"{text!r} is no size: write it like 16Gi.")
    power = _POWERS.index(found[2].lower()) + 1
    return str(math.ceil(float(found[1]) * (1024 if found[3] else 1000) ** power))


def _listed(value: Any) -> list[Json]:
    return value if isinstance(value, list) else [value]


def _volume(volume: Json) -> Json:
    return {
        "name": volume.get("name") or "default",
        "quantity": _value(size_bytes(volume["size"])),
        "attributes": _attributes(volume.get("attributes") or {}),
    }


def _attributes(pairs: Mapping[str, Any]) -> list[Json]:
    return [{"key": key, "value": _text(pairs[key])} for key in sorted(pairs)]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _gpu_attributes(attributes: Mapping[str, Any]) -> list[Json]:
    vendors: Mapping[str, Any] = attributes.get("vendor") or {}
    return [
        {"key": key, "value": "true"} for name in sorted(vendors) for key in _cards(name, vendors)
    ]


def _cards(vendor: str, vendors: Mapping[str, Any]) -> list[str]:
    models = vendors[vendor]
    if not models:
        return [f"vendor/{vendor}/model/*"]
    return [
        f"vendor/{vendor}/model/{card['model']}"
        + (f"/ram/{card['ram']}" if card.get("ram") else "")
        + (f"/interface/{card['interface']}" if card.get("interface") else "")
        for card in models
    ]


def _endpoints(service: Json) -> list[Json]:
    return [
        {"kind": _kind(expose), "sequenceNumber": 0}
        for expose in service.get("expose") or []
        for to in expose.get("to") or []
        if to.get("global")
    ]


def _kind(expose: Json) -> int:
    outside = expose.get("as") or expose["port"]
    return _SHARED_HTTP if protocol(expose) == "TCP" and outside == _TLS_PORT else _RANDOM_PORT
