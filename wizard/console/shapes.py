"""What a screening asks about: shapes of resources, few enough that many plans share each.

Akash Console looks at CPU, memory, storage, cards and attributes. It looks at no
price, at no endpoint but leased addresses, and tells of each provider where it is and
whether it is audited: https://github.com/akash-network/console,
apps/provider-inventory/src, `aggregateCriteria` and
`ClusterInventoryMatcherService.match` (August 2026). So a question leaves out what
makes no difference or can be seen in its answer, names one card, has its sizes on a
grid, and a gateway beside the cards whether the file has one or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from wizard.console.groups import Document, Json, group_specs
from wizard.sdl.document import AUDITOR
from wizard.sdl.engines import gateway

# Sizes from one power of two to the next: rounding up adds a quarter at most.
STEPS = 4
_ANY_PRICE: Json = {"denom": "uact", "amount": "1"}
_BY_ANYBODY: Json = {"allOf": [], "anyOf": []}
_BY_THE_AUDITOR: Json = {"allOf": [], "anyOf": [AUDITOR]}
_REGION = "location-region"


class Sizes(Enum):
    """Whether what is asked for is as in the file, or a little more or less."""

    UP = "up"
    EXACT = "exact"
    DOWN = "down"


@dataclass(frozen=True)
class Shape:
    """The questions, one for each card, whose answers together are a file's.

    Of the providers only those of the ``region`` count, where one is named, and only
    the ``audited`` ones, where that is so.
    """

    questions: tuple[Json, ...]
    audited: bool
    region: str


def shape_of(document: Document, sizes: Sizes) -> Shape:
    """What to ask about a file of ours."""
    # A deployment is of one placement in every file of ours.
    group = group_specs(document)[0]
    requirements = group["requirements"]
    audited = requirements["signedBy"] == _BY_THE_AUDITOR
    if audited:
        requirements = requirements | {"signedBy": _BY_ANYBODY}
    regions = [one["value"] for one in requirements["attributes"] if one["key"] == _REGION]
    others = [one for one in requirements["attributes"] if one["key"] != _REGION]
    requirements = requirements | {"attributes": others}
    units = _numbered(_with_gateway([_unit(unit, sizes) for unit in group["resources"]], sizes))
    of_each_card = [[_with(card, unit) for unit in units] for card in _cards(units)]
    questions = (
        {"requirements": requirements, "resources": resources}
        for resources in of_each_card or [units]
    )
    return Shape(tuple(questions), audited, "".join(regions))


def on_grid(size: int, sizes: Sizes) -> int:
    """A size in bytes, or the nearest of the grid that is not below it, or not above it."""
    if size < STEPS or sizes is Sizes.EXACT:
        return size
    step = (1 << (size.bit_length() - 1)) // STEPS
    return (size // step if sizes is Sizes.DOWN else -(-size // step)) * step


def _unit(unit: Json, sizes: Sizes) -> Json:
    resource = {key: value for key, value in unit["resource"].items() if key != "id"}
    rounded = {
        "memory": _rounded(resource["memory"], sizes),
        "storage": [_rounded(volume, sizes) for volume in resource["storage"]],
        "endpoints": [],
    }
    return unit | {"resource": resource | rounded, "price": _ANY_PRICE}


def _with_gateway(units: list[Json], sizes: Sizes) -> list[Json]:
    """What has cards, and a gateway beside it: if a little more is asked for, for all files."""
    with_cards = [unit for unit in units if unit["resource"]["gpu"]["attributes"]]
    beside = [unit for unit in units if unit not in with_cards]
    if not with_cards or sizes is Sizes.EXACT or any(unit != _gateway() for unit in beside):
        return [*with_cards, *beside]
    return [*with_cards, _gateway()] if sizes is Sizes.UP else with_cards


def _gateway() -> Json:
    """The unit of the gateway that the files of some engines have."""
    asked = gateway.RESOURCES
    disk = {"name": "default", "quantity": _bytes(asked.root_disk), "attributes": []}
    resource = {
        "cpu": {"units": {"val": str(int(asked.cpu * 1000))}, "attributes": []},
        "memory": {"quantity": _bytes(asked.memory), "attributes": []},
        "storage": [disk],
        "gpu": {"units": {"val": "0"}, "attributes": []},
        "endpoints": [],
    }
    return {"resource": resource, "count": 1, "price": _ANY_PRICE}


def _numbered(units: list[Json]) -> list[Json]:
    return [
        unit | {"resource": {"id": number} | unit["resource"]}
        for number, unit in enumerate(units, start=1)
    ]


def _rounded(asked: Json, sizes: Sizes) -> Json:
    return asked | {"quantity": _bytes(on_grid(int(asked["quantity"]["val"]), sizes))}


def _bytes(count: int) -> Json:
    return {"val": str(count)}


def _cards(units: list[Json]) -> list[str]:
    """Every card named, each once: a provider gives all cards of a unit of one kind."""
    named = (card["key"] for unit in units for card in unit["resource"]["gpu"]["attributes"])
    return list(dict.fromkeys(named))


def _with(card: str, unit: Json) -> Json:
    """The unit with this card alone; one without cards stays as it is."""
    gpu = unit["resource"]["gpu"]
    kept = [attribute for attribute in gpu["attributes"] if attribute["key"] == card]
    return unit | {"resource": unit["resource"] | {"gpu": gpu | {"attributes": kept}}}
