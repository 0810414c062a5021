"""The NVIDIA cards that Akash knows, as an SDL names them.

Models and memory labels: ``akash-network/provider-configs``
devices/pcie/gpus.json (2026-06-16), and cards seen live since. Bandwidth and
compute capability: NVIDIA's public specifications; where a card comes in two
forms, the slower one. Prices: "starting at", https://akash.network/pricing/gpus/
on `PRICES_AS_OF`, the fallback for when the live prices are out of reach.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache

from wizard.hardware.multiprocessors import MULTIPROCESSORS
from wizard.hardware.values import Gpu

PRICES_AS_OF = datetime(2026, 9, 20, tzinfo=UTC)
MIB = 1 << 20
GIB = 1 << 30

# What a driver keeps of a card for itself. PyTorch and llama.cpp report as
# allocatable 12,037 MiB of a 12 GiB RTX 3060, 24,217 of a 24 GiB RTX 4090,
# 32,113 of a 32 GiB RTX 5090, 81,008 of an 80 GiB H100: 2 % and 64 MiB less than
# the label is below each.
_DRIVER_SHARE = 0.02
_DRIVER_BYTES = 64 * MIB
# Error correction in GDDR memory takes a sixteenth (NVIDIA's "ECC memory"): an
# L40S of 48 GiB reports 46,068 MiB. HBM has bits of its own for it.
_AFTER_ECC = 15 / 16

_CAPABILITY = {
    "maxwell": (5, 2),
    "pascal-hbm": (6, 0),
    "pascal": (6, 1),
    "volta": (7, 0),
    "turing": (7, 5),
    "ampere-hbm": (8, 0),
    "ampere": (8, 6),
    "ada": (8, 9),
    "hopper": (9, 0),
    "blackwell-hbm": (10, 0),
    "blackwell-ultra": (10, 3),
    "blackwell": (12, 0),
}

# model | title | generation | GiB:GB/s[:USD an hour], … | marks
# Marks: ecc (GDDR with error correction on as shipped), trial (Console's free
# trial cannot lease it), unlabelled (the registry has no memory label: name
# the model only).
_TABLE = """
a100 | A100 | ampere-hbm | 40:1555, 64:1640, 80:1935:1.71 | trial
a40 | A40 | ampere | 48:696 | ecc
a5000 | RTX A5000 | ampere | 24:768 |
a800 | A800 | ampere-hbm | 80:1935 |
b200 | B200 | blackwell-hbm | 180:7700:5.00 | trial unlabelled
b300 | B300 | blackwell-ultra | 288:7700:6.00 | trial unlabelled
gt1030 | GT 1030 | pascal | 2:48 |
gtx1050 | GTX 1050 | pascal | 2:112:0.05, 3:84 |
gtx1050ti | GTX 1050 Ti | pascal | 4:112:0.03 |
gtx1060 | GTX 1060 | pascal | 3:192, 5:160, 6:192 |
gtx1070 | GTX 1070 | pascal | 8:256 |
gtx1070ti | GTX 1070 Ti | pascal | 8:256:0.08 |
gtx1080 | GTX 1080 | pascal | 8:320 |
gtx1080ti | GTX 1080 Ti | pascal | 11:484 |
gtx1650s | GTX 1650 Super | turing | 4:192 |
gtx1650ti | GTX 1650 Ti | turing | 4:128 |
gtx1660 | GTX 1660 | turing | 6:192 |
gtx1660ti | GTX 1660 Ti | turing | 6:288 |
gtx960 | GTX 960 | maxwell | 2:112, 4:112 |
gtx970 | GTX 970 | maxwell | 4:196 |
gtx980 | GTX 980 | maxwell | 4:224 |
gtx980ti | GTX 980 Ti | maxwell | 6:336 |
h100 | H100 | hopper | 80:2000:2.71 | trial
h200 | H200 | hopper | 141:4800:4.45 | trial
h200nvl | H200 NVL | hopper | 141:4800 |
l4 | L4 | ada | 24:300 | ecc unlabelled
l40 | L40 | ada | 48:864 | ecc unlabelled
l40s | L40S | ada | 48:864 | ecc unlabelled
m4000 | Quadro M4000 | maxwell | 8:192:0.06 |
mx150 | MX150 | pascal | 2:40 |
p100 | P100 | pascal-hbm | 16:732 |
p2000 | Quadro P2000 | pascal | 4:96, 5:140:0.25 |
p4 | P4 | pascal | 8:192:0.03 | ecc
p40 | P40 | pascal | 24:346:0.08 | ecc
p4000 | Quadro P4000 | pascal | 8:243 |
p5000 | Quadro P5000 | pascal | 16:288 | ecc
p6000 | Quadro P6000 | pascal | 24:432 | ecc
pro6000mq | RTX PRO 6000 Max-Q | blackwell | 96:1792 |
pro6000se | RTX PRO 6000 Server | blackwell | 96:1597:2.04 | trial
pro6000we | RTX PRO 6000 Workstation | blackwell | 96:1792:1.45 | trial
rtx2000eada | RTX 2000E Ada | ada | 16:224 |
rtx2060 | RTX 2060 | turing | 6:336 |
rtx2060s | RTX 2060 Super | turing | 8:448 |
rtx2070 | RTX 2070 | turing | 8:448 |
rtx2070s | RTX 2070 Super | turing | 8:448 |
rtx2080 | RTX 2080 | turing | 8:448 |
rtx2080s | RTX 2080 Super | turing | 8:496 |
rtx2080ti | RTX 2080 Ti | turing | 11:616 |
rtx3060 | RTX 3060 | ampere | 12:360:0.14 |
rtx3060m | RTX 3060 Mobile | ampere | 6:336 |
rtx3060ti | RTX 3060 Ti | ampere | 8:448 |
rtx3070 | RTX 3070 | ampere | 8:448 |
rtx3080 | RTX 3080 | ampere | 10:760 |
rtx3090 | RTX 3090 | ampere | 24:936:0.16 | trial
rtx3090ti | RTX 3090 Ti | ampere | 24:1008:0.25 |
rtx4000 | Quadro RTX 4000 | turing | 8:416 |
rtx4000ada | RTX 4000 Ada | ada | 20:360:0.41 |
rtx4000sada | RTX 4000 SFF Ada | ada | 20:280 |
rtx4060 | RTX 4060 | ada | 8:272 |
rtx4060ti | RTX 4060 Ti | ada | 16:288 |
rtx4070 | RTX 4070 | ada | 12:504 |
rtx4070s | RTX 4070 Super | ada | 12:504 |
rtx4070ti | RTX 4070 Ti | ada | 12:504 |
rtx4080 | RTX 4080 | ada | 16:717:0.15 |
rtx4080s | RTX 4080 Super | ada | 16:736 |
rtx4090 | RTX 4090 | ada | 24:1008:0.39 | trial
rtx5000 | Quadro RTX 5000 | turing | 16:448 | ecc
rtx5070 | RTX 5070 | blackwell | 12:672 |
rtx5080 | RTX 5080 | blackwell | 16:960 |
rtx5090 | RTX 5090 | blackwell | 32:1792:0.67 | trial
rtx5090m | RTX 5090 Mobile | blackwell | 24:896 | trial
rtx6000 | Quadro RTX 6000 | turing | 24:624:0.17 | ecc
rtx8000 | Quadro RTX 8000 | turing | 48:624:0.21 | ecc
rtxa2000 | RTX A2000 | ampere | 6:288 |
rtxa6000 | RTX A6000 | ampere | 48:768 |
t4 | T4 | turing | 16:300:0.15 | ecc
v100 | V100 | volta | 16:900:0.36, 32:900:0.17 |
"""


def usable_bytes(vram_bytes: int, *, ecc: bool = False) -> int:
    """Bytes that a process can allocate on a card whose label says ``vram_bytes``."""
    after_ecc = vram_bytes * (_AFTER_ECC if ecc else 1.0)
    return int(after_ecc * (1 - _DRIVER_SHARE)) - _DRIVER_BYTES


def _rows(line: str) -> Iterator[Gpu]:
    model, title, generation, sizes, marks = (cell.strip() for cell in line.split("|"))
    several = "," in sizes
    for entry in sizes.split(","):
        gib, bandwidth, *price = entry.strip().split(":")
        vram = int(gib) * GIB
        yield Gpu(
            model=model,
            title=f"{title} {gib} GB" if several else title,
            ram_label="" if "unlabelled" in marks else f"{gib}Gi",
            vram_bytes=vram,
            usable_bytes=usable_bytes(vram, ecc="ecc" in marks),
            compute_capability=_CAPABILITY[generation],
            bandwidth=int(bandwidth) * 10**9,
            multiprocessors=MULTIPROCESSORS[model],
            trial_blocked="trial" in marks,
            usd_per_hour=float(price[0]) if price else None,
        )


@lru_cache(maxsize=1)
def bundled() -> tuple[Gpu, ...]:
    """Every card at every memory size, with the bundled prices."""
    lines = _TABLE.strip().splitlines()
    return tuple(gpu for line in lines for gpu in _rows(line))


@lru_cache(maxsize=1)
def _of_several_sizes() -> frozenset[str]:
    counts = Counter(gpu.model for gpu in bundled())
    return frozenset(model for model, count in counts.items() if count > 1)


def exact_name(gpu: Gpu) -> str:
    """What chooses this card and none of its sisters: ``a100:80Gi``, ``rtx3090``."""
    is_one_of_several = gpu.model in _of_several_sizes()
    return f"{gpu.model}:{gpu.vram_bytes // GIB}Gi" if is_one_of_several else gpu.model
