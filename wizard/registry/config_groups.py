"""Groups of quantised weights, which share a scale and which vLLM lets no two cards share.

GPTQ's kernels cut them, and those of fp8's experts down to 32 weights
(``refine_fp8_moe_block_shape``). Others refuse to start (``AutoAWQLinearMethod``,
``CompressedTensorsWNA16``, ``validate_fp8_block_shape``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from wizard.registry import config_quantisation as quantisation
from wizard.registry.values import Architecture

# AutoRound packs as GPTQ does, or as this.
_AWQ = ("awq", "awq_marlin", "auto_awq")
_ROUNDED = "auto_round:auto_awq"
_PACKED = ("compressed-tensors", "compressed_tensors")
_LEAST = 32
# Parts that a list leaves in 16 bits; encoders have groups of their own.
_ATTENTION = re.compile(r"attn\W*$|o_proj")
_SHARED = re.compile(r"shared_experts?(?!_gate)")
_DENSE = re.compile(r"mlp\W*$|down_proj")
_ENCODERS = re.compile(r"vis|audio")


def counts(found: Architecture, told: Mapping[str, Any]) -> tuple[int, ...]:
    """Numbers of groups that more than one card must divide evenly; empty where none must."""
    group = _block(told) or _group(told)
    if not group:
        return ()
    numbers = {_number(width, group) for width in _widths(found, told) if width}
    columns = found.expert_feed_forward_length or found.feed_forward_length
    if found.experts and not _is_awq(told):
        is_cut = quantisation.method(told) == "fp8"
        numbers.add(_number(columns, min(group, _LEAST) if is_cut else group))
    return tuple(sorted(numbers))


def _widths(found: Architecture, told: Mapping[str, Any]) -> list[int]:
    """What attention's output reads, and what feeds forward in dense layers and beside experts."""
    widths = []
    if any(found.kv_heads) and not _leaves(told, _ATTENTION):
        widths.append(found.heads * found.value_length)
    if (found.dense_layers or not found.experts) and not _leaves(told, _DENSE):
        widths.append(found.feed_forward_length)
    if found.experts and not _leaves(told, _SHARED):
        widths.append(found.shared_feed_forward_length)
    return widths


def _number(width: int, group: int) -> int:
    return width // group if width % group == 0 else 1


def _block(told: Mapping[str, Any]) -> int:
    """Rows and columns of a block of 8 bits with a scale of its own; 0 without."""
    name = quantisation.method(told)
    shape = told.get("weight_block_size") if name == "fp8" else None
    if name in _PACKED:
        shape = quantisation.only_group(told).get("block_structure")
    is_shape = isinstance(shape, list) and shape and type(shape[0]) is int
    return max(0, shape[0]) if is_shape and isinstance(shape, list) else 0


def _group(told: Mapping[str, Any]) -> int:
    """Weights of a row that share a scale, where only one kind of groups is told."""
    name, size = quantisation.method(told), told.get("group_size")
    if name in _PACKED:
        only = quantisation.only_group(told)
        size = only.get("group_size") if only.get("type") == "int" else 0
    elif not _is_awq(told):
        return 0
    return size if type(size) is int and size > 0 else 0


def _is_awq(told: Mapping[str, Any]) -> bool:
    return quantisation.method(told) in _AWQ or told.get("packing_format") == _ROUNDED


def _leaves(told: Mapping[str, Any], part: re.Pattern[str]) -> bool:
    return any(
        part.search(entry) and not _ENCODERS.search(entry) for entry in quantisation.left(told)
    )
