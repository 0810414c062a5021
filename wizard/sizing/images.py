"""What llama.cpp reserves to encode an image, beside the projector's file.

``clip.cpp`` reserves a graph as it loads (``warmup``), for an image of
``warmup_image_size``: the pixels, positions, and the widest moment of a layer, which is
the residual, queries, keys and values and the two that are rotated. Without flash
attention each head scores every patch against every other. Encoders are those that the
models were published with; of others a usual one is meant.
"""

from __future__ import annotations

from dataclasses import dataclass

from wizard.registry.values import Architecture
from wizard.sizing.values import Workload

_F32, _F16 = 4, 2
_CHANNELS, _POSITIONS = 3, 4
# The residual, what attends (three), and its rotated queries and keys.
_ROWS = 6


@dataclass(frozen=True)
class _Encoder:
    """``side`` of the reserved image and of a patch in pixels; ``row`` elements of a patch."""

    side: int
    patch: int
    width: int
    heads: int
    row: int = 0
    has_windows: bool = False


_USUAL = _Encoder(448, 14, 1152, 16)
# The second Qwen's attends in windows, by a mask; its dense part is gated.
_QWEN2 = _Encoder(1288, 14, 1280, 16, row=4 * 1280 + 3420, has_windows=True)
_QWEN3 = _Encoder(1472, 16, 1152, 16)
_ENCODERS = {
    "gemma3": _Encoder(896, 14, 1152, 16),
    "gemma4": _Encoder(768, 16, 1152, 16),
    "glm4": _Encoder(1288, 14, 1536, 12),
    "glm4moe": _Encoder(1288, 14, 1536, 12),
    "llama4": _Encoder(336, 14, 1408, 16),
    "mistral3": _Encoder(448, 14, 1024, 16),
    "qwen2vl": _QWEN2,
    "qwen3vl": _QWEN3,
    "qwen3vlmoe": _QWEN3,
    "qwen35": _QWEN3,
    "qwen35moe": _QWEN3,
}
# Small members' encoders are narrower: by the text's width at most, width and heads.
_NARROW = {
    "qwen3vl": ((2560, 1024, 16),),
    "qwen35": ((1024, 768, 12), (2560, 1024, 16)),
    "gemma4": ((2560, 768, 12),),
}


def reserved(architecture: Architecture, workload: Workload, projector: int) -> int:
    """Bytes beside a projector of so many; none where there is no projector."""
    if not projector:
        return 0
    found = _ENCODERS.get(architecture.name, _USUAL)
    width, heads = _shape(architecture, found)
    patches = (found.side // found.patch) ** 2
    own = patches * patches if found.has_windows else 0
    elements = patches * (found.row or _ROWS * width)
    total = _F32 * (_CHANNELS * found.side**2 + _POSITIONS * patches + elements)
    if workload.flash_attention:
        return total + _F16 * own
    # The scores of all heads, and values once more, turned.
    return total + _F32 * (own + heads * patches * patches + patches * width)


def _shape(architecture: Architecture, found: _Encoder) -> tuple[int, int]:
    """Width and heads of the encoder."""
    for most, width, heads in _NARROW.get(architecture.name, ()):
        if architecture.embedding_length <= most:
            return width, heads
    return found.width, found.heads
