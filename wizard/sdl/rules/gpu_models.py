"""GPU names as Akash's providers advertise them, and what people write instead.

Source: https://github.com/akash-network/provider-configs devices/pcie/gpus.json,
and the models that Console lists beyond it.
"""

from __future__ import annotations

import re

KNOWN_MODELS = {
    *("a100", "a40", "a5000", "a800", "b200", "b300", "gt1030", "gtx1050", "gtx1050ti"),
    *("gtx1060", "gtx1070", "gtx1070ti", "gtx1080", "gtx1080ti", "gtx1650s", "gtx1650ti"),
    *("gtx1660", "gtx1660ti", "gtx960", "gtx970", "gtx980", "gtx980ti", "h100", "h200"),
    *("h200nvl", "l4", "l40", "l40s", "m4000", "mx150", "p100", "p2000", "p4", "p40", "p4000"),
    *("p5000", "p6000", "pro6000mq", "pro6000se", "pro6000we", "rtx2000eada", "rtx2060"),
    *("rtx2060s", "rtx2070", "rtx2070s", "rtx2080", "rtx2080s", "rtx2080ti", "rtx3060"),
    *("rtx3060m", "rtx3060ti", "rtx3070", "rtx3080", "rtx3090", "rtx3090ti", "rtx4000"),
    *("rtx4000ada", "rtx4000sada", "rtx4060", "rtx4060ti", "rtx4070", "rtx4070s", "rtx4070ti"),
    *("rtx4080", "rtx4080s", "rtx4090", "rtx5000", "rtx5070", "rtx5080", "rtx5090", "rtx5090m"),
    *("rtx6000", "rtx8000", "rtxa2000", "rtxa6000", "t4", "v100"),
}
_PREFIXES = ("", "rtx", "gtx", "gt", "rtxa", "a")


def suggest(name: str) -> str:
    """The known model that was probably meant, or an empty text.

    ``a6000`` → ``rtxa6000``, ``NVIDIA RTX-4090`` → ``rtx4090``.
    """
    lowered = re.sub(r"[-_ ]+\d+ ?gi?b?$", "", name[:60].lower())
    lowered = re.sub(r"nvidia|geforce|tesla|quadro|[^a-z0-9]", "", lowered)
    bare = lowered.removeprefix("rtx").removeprefix("gtx")
    short = re.sub(r"(?:pcie|sxm\d?|super)$", lambda m: "s" if m[0] == "super" else "", lowered)
    for candidate in (lowered, short, *(prefix + bare for prefix in _PREFIXES)):
        if candidate in KNOWN_MODELS and candidate != name:
            return candidate
    return ""
