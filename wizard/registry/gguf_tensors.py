"""Bytes of a GGUF's tensors, and the places that llama.cpp loads them to.

Block sizes: ``type_traits`` in ``ggml/src/ggml.c``; places: ``LLM_TENSOR_INFOS``
in ``src/llama-arch.cpp``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from math import prod

from wizard.registry.values import TensorSizes

# Bytes and elements of a block, by ``ggml_type``.
BLOCKS = {
    0: (4, 1), 1: (2, 1), 2: (18, 32), 3: (20, 32), 6: (22, 32), 7: (24, 32), 8: (34, 32),
    9: (36, 32), 10: (84, 256), 11: (110, 256), 12: (144, 256), 13: (176, 256), 14: (210, 256),
    15: (292, 256), 16: (66, 256), 17: (74, 256), 18: (98, 256), 19: (50, 256), 20: (18, 32),
    21: (110, 256), 22: (82, 256), 23: (136, 256), 24: (1, 1), 25: (2, 1), 26: (4, 1),
    27: (8, 1), 28: (8, 1), 29: (56, 256), 30: (2, 1), 34: (54, 256), 35: (66, 256),
    39: (17, 32), 40: (36, 64), 41: (18, 128), 42: (18, 64),
}  # fmt: skip
TYPES = {
    "F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q5_0": 6, "Q5_1": 7, "Q8_0": 8, "Q8_1": 9,
    "Q2_K": 10, "Q3_K": 11, "Q4_K": 12, "Q5_K": 13, "Q6_K": 14, "Q8_K": 15, "IQ2_XXS": 16,
    "IQ2_XS": 17, "IQ3_XXS": 18, "IQ1_S": 19, "IQ4_NL": 20, "IQ3_S": 21, "IQ2_S": 22,
    "IQ4_XS": 23, "I8": 24, "I16": 25, "I32": 26, "I64": 27, "F64": 28, "IQ1_M": 29,
    "BF16": 30, "TQ1_0": 34, "TQ2_0": 35, "MXFP4": 39, "NVFP4": 40, "Q1_0": 41,
    "Q2_0": 42,
}  # fmt: skip
_INPUTS = frozenset(
    {"token_embd.weight", "position_embd.weight", "token_types.weight"}
    | {"per_layer_token_embd.weight"}
)
# Made for all layers at once, where the first of them lies (``create_tensor`` with block 0).
_WITH_THE_FIRST = frozenset({"per_layer_model_proj.weight", "per_layer_proj_norm.weight"})
# Types whose matrices llama.cpp copies in another order for x86 processors with AVX2, where
# eight rows go together (``ggml_repack_get_optimal_repack_type``).
REPACKED = frozenset({TYPES["Q4_0"], TYPES["Q4_K"], TYPES["IQ4_NL"], TYPES["MXFP4"]})
_ROWS_TOGETHER = 8
_BLOCK = re.compile(r"(?:enc\.|dec\.)?blk\.(\d{1,5})\.")
_EXPERTS = re.compile(r"_(?:ch)?exps\.")


def tensor_bytes(kind: int, shape: Iterable[int]) -> int | None:
    """Bytes of a tensor; None for a type that is not known."""
    block = BLOCKS.get(kind)
    if block is None:
        return None
    size, count = block
    return -(-prod(shape) // count) * size


def repacked_bytes(name: str, kind: int, shape: Sequence[int]) -> int:
    """Bytes of a tensor's copy for the CPU; 0 for one that is used as it is.

    Rows that are looked up stay as they are; matrices of experts are copied too.
    """
    is_matrix = len(shape) == 2 or (len(shape) == 3 and bool(_EXPERTS.search(name)))
    if kind not in REPACKED or name in _INPUTS or not is_matrix or shape[1] % _ROWS_TOGETHER:
        return 0
    return tensor_bytes(kind, shape) or 0


def places(
    tensors: Mapping[str, int], blocks: int, *, may_tie: bool = True, repacked: int | None = None
) -> TensorSizes:
    """Sum tensors' bytes by place. ``blocks`` counts those for prediction too.

    ``may_tie`` tells whether embeddings serve as the output where it is missing.
    """
    each, experts = [0] * blocks, [0] * blocks
    inputs = output = largest = matrix = 0
    for name, size in tensors.items():
        block = _BLOCK.match(name)
        if name in _INPUTS:
            inputs += size
        elif name in _WITH_THE_FIRST and blocks:
            each[0] += size
        elif block is None or int(block[1]) >= blocks:
            output += size
        else:
            each[int(block[1])] += size
            matrix = max(matrix, size)
            if _EXPERTS.search(name):
                experts[int(block[1])] += size
                largest = max(largest, size)
    is_tied = may_tie and "output.weight" not in tensors
    tied = tensors.get("token_embd.weight", 0) if is_tied else 0
    return TensorSizes(inputs, tied, output, tuple(each), tuple(experts), largest, repacked, matrix)
