"""Embeddings in the length and the form that a caller asks for."""

from __future__ import annotations

import base64
import math
import struct


def shortened(vector: list[float], dimensions: int) -> list[float]:
    """The first dimensions of a vector, at length 1 again; 0 for all."""
    if not 0 < dimensions < len(vector):
        return vector
    kept = vector[:dimensions]
    length = math.sqrt(math.fsum(value * value for value in kept))
    return [value / length for value in kept] if length else kept


def packed(vector: list[float]) -> str:
    """Little-endian 32-bit floats in base64, as OpenAI's clients unpack them."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
