"""The table of cards."""

from __future__ import annotations

import pytest

from wizard.hardware.gpus import GIB, bundled, usable_bytes
from wizard.hardware.values import Gpu

MIB = 1 << 20


def card(model: str, ram: str = "") -> Gpu:
    return next(
        gpu for gpu in bundled() if gpu.model == model and (not ram or gpu.ram_label == ram)
    )


def test_it_works() -> None:
    found = card("rtx3090")
    assert (found.title, found.ram_label, found.vram_bytes) == ("RTX 3090", "24Gi", 24 * GIB)
    assert found.compute_capability == (8, 6)
    assert found.bandwidth == 936 * 10**9
    assert found.trial_blocked
    assert found.usd_per_hour == 0.16


def test_each_memory_size_is_a_card_of_its_own() -> None:
    keys = [(gpu.model, gpu.vram_bytes) for gpu in bundled()]
    assert len(keys) == len(set(keys))
    assert {gpu.ram_label for gpu in bundled() if gpu.model == "a100"} == {"40Gi", "64Gi", "80Gi"}
    assert card("v100", "32Gi").title == "V100 32 GB"


@pytest.mark.parametrize("model", ["b200", "b300", "l40s", "l40", "l4"])
def test_cards_without_a_label_in_the_registry(model: str) -> None:
    assert card(model).ram_label == ""


@pytest.mark.parametrize(
    ("model", "ram", "reported_mib"),
    [
        ("rtx3060", "", 12037),
        ("rtx4090", "", 24217),
        ("rtx5090", "", 32113),
        ("h100", "", 81008),
        ("l40s", "", 45457),
        ("a100", "40Gi", 40337),
        ("v100", "16Gi", 16150),
    ],
)
def test_usable_is_below_what_a_driver_reports(model: str, ram: str, reported_mib: int) -> None:
    usable = card(model, ram).usable_bytes
    assert reported_mib * MIB * 0.95 < usable <= reported_mib * MIB


def test_every_card_is_whole() -> None:
    for gpu in bundled():
        assert 0 < gpu.usable_bytes < gpu.vram_bytes
        assert gpu.bandwidth > 10**10
        assert gpu.usd_per_hour is None or 0 < gpu.usd_per_hour < 20


def test_error_correction_takes_a_sixteenth() -> None:
    assert usable_bytes(48 * GIB, ecc=True) < usable_bytes(48 * GIB) * 15 / 16 + 64 * MIB
