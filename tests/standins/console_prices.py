"""Akash Console's price list: ``GET /v1/gpu-prices``, as its API answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.standins.server import StandIn, json

PATH = "/v1/gpu-prices"


def model(
    name: str,
    ram: str,
    med: float | None,
    *,
    interface: str = "PCIe",
    available: int = 4,
    vendor: str = "nvidia",
) -> dict[str, object]:
    """One entry of ``models``; without a price where nobody quotes one."""
    price = None
    if med is not None:
        price = {
            "currency": "USD",
            "min": med * 0.8,
            "max": med * 4,
            "avg": med * 1.5,
            "weightedAverage": med * 1.2,
            "med": med,
        }
    return {
        "vendor": vendor,
        "model": name,
        "ram": ram,
        "interface": interface,
        "availability": {"total": available + 2, "available": available},
        "providerAvailability": {"total": 3, "available": 1},
        "price": price,
    }


DEFAULT = (
    model("rtx3090", "24Gi", 0.21, available=11),
    model("rtx4090", "24Gi", 0.44, available=0),
    model("a100", "80Gi", 1.2, interface="SXM4", available=5),
    model("a100", "80Gi", 0.9, interface="PCIe", available=2),
    model("l40s", "48Gi", 0.75),
    model("t4", "16Gi", None),
    model("mi100", "32Gi", 0.1, vendor="amd"),
)


class ConsolePrices(StandIn):
    """Serves a price list; `serve` changes it."""

    def __init__(self) -> None:
        super().__init__()
        self.serve(DEFAULT)

    def serve(self, models: Sequence[Mapping[str, object]]) -> None:
        document = {"availability": {"total": 99, "available": 42}, "models": list(models)}
        self.route("GET", PATH, json(document))
