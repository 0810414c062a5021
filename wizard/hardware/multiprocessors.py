"""Streaming multiprocessors of each card (NVIDIA's specifications and architecture papers).

By the SDL's name, for `wizard.hardware.gpus`. Where a card comes in several forms, the
one with the most: CUDA takes memory for each.
"""

from __future__ import annotations

_TABLE = """
maxwell: gtx960 8, gtx970 13, gtx980 16, gtx980ti 22, m4000 13
pascal: gt1030 3, gtx1050 6, gtx1050ti 6, gtx1060 10, gtx1070 15, gtx1070ti 19, gtx1080 20
pascal: gtx1080ti 28, mx150 3, p100 56, p2000 8, p4 20, p40 30, p4000 14, p5000 20, p6000 30
volta: v100 80
turing: gtx1650s 20, gtx1650ti 16, gtx1660 22, gtx1660ti 24, rtx2060 30, rtx2060s 34, rtx2070 36
turing: rtx2070s 40, rtx2080 46, rtx2080s 48, rtx2080ti 68, rtx4000 36, rtx5000 48, rtx6000 72
turing: rtx8000 72, t4 40
ampere: a100 108, a40 84, a5000 64, a800 108, rtx3060 28, rtx3060m 30, rtx3060ti 38, rtx3070 46
ampere: rtx3080 70, rtx3090 82, rtx3090ti 84, rtxa2000 26, rtxa6000 84
ada: l4 58, l40 142, l40s 142, rtx2000eada 22, rtx4000ada 48, rtx4000sada 48, rtx4060 24
ada: rtx4060ti 34, rtx4070 46, rtx4070s 56, rtx4070ti 60, rtx4080 76, rtx4080s 80, rtx4090 128
hopper: h100 132, h200 132, h200nvl 132
blackwell: b200 148, b300 160, pro6000mq 188, pro6000se 188, pro6000we 188, rtx5070 48
blackwell: rtx5080 84, rtx5090 170, rtx5090m 82
"""


def _counts() -> dict[str, int]:
    rows = (line.split(":")[1] for line in _TABLE.strip().splitlines())
    pairs = (cell.split() for row in rows for cell in row.split(","))
    return {model: int(count) for model, count in pairs}


MULTIPROCESSORS = _counts()
