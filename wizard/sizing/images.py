"""What llama.cpp reserves to encode an image, beside the projector's file.

As it loads, ``clip.cpp`` reserves the graph of an image of ``warmup_image_size``
(``reserve_compute_meta``), 1,472 pixels square in Qwen3-VL. The header of a projector is
not at hand, but a family's encoders have few shapes: the table has what libmtmd itself
reserved for files of those shapes without weights, with flash attention and without it,
where every patch is scored against every other. Logs of Qwen's and Mistral's tell the
same (``test_images.py``). Of encoders that are not here Pixtral's is meant; an encoder
of sounds beside that of images is not counted.
"""

from __future__ import annotations

import math

from wizard.registry.values import Architecture
from wizard.sizing.values import Workload

_MIB = 1 << 20
_PIXTRAL = (64.62, 86.62)
_QWEN3 = (248.10, 4657.81)
# Qwen2-VL's header names the same family: it reads fewer tokens, and has no windows.
_QWEN2, _QWEN2_CONTEXT = (267.08, 4598.27), 32_768
# By the text model's family and its width at most: MiB with flash attention and without.
_RESERVED: dict[str, dict[float, tuple[float, float]]] = {
    "gemma3": {math.inf: (121.25, 1132.0)},
    # The 12B has no encoder: its patches are embedded as tokens are.
    "gemma4": {
        2560: (101.27, 276.77),
        3839: (150.63, 381.39),
        3840: (13.53, 13.53),
        math.inf: (150.63, 381.39),
    },
    "glm4": {math.inf: (515.05, 3546.47)},
    "glm4moe": {math.inf: (515.05, 3546.47)},
    "llama4": {math.inf: (19.89, 37.11)},
    # Qwen2.5-VL's, which attends in windows, by a mask.
    "qwen2vl": {math.inf: (573.19, 4871.57)},
    "qwen3vl": {2560: (223.30, 4628.88), math.inf: _QWEN3},
    "qwen3vlmoe": {math.inf: _QWEN3},
    "qwen35": {1024: (161.31, 3453.09), 2560: (223.30, 4628.88), math.inf: _QWEN3},
    "qwen35moe": {math.inf: _QWEN3},
}


def reserved(architecture: Architecture, workload: Workload, projector: int) -> int:
    """Bytes beside a projector of so many; none where there is no projector."""
    if not projector:
        return 0
    fused, plain = _mib(architecture)
    return int((fused if workload.flash_attention else plain) * _MIB)


def _mib(architecture: Architecture) -> tuple[float, float]:
    """With flash attention and without."""
    if architecture.name == "qwen2vl" and architecture.context_length <= _QWEN2_CONTEXT:
        return _QWEN2
    widths = _RESERVED.get(architecture.name, {math.inf: _PIXTRAL})
    return next(found for most, found in widths.items() if architecture.embedding_length <= most)
