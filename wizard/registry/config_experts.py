"""What a config.json tells about a mixture of experts beside their number.

Families disagree on where the widths of shared experts, and of what all experts read,
are told; what is not among these names has none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

# What every expert reads and writes where it is narrower than the model: Nemotron 3's and
# Kimi K3's are projected to it and back, by matrices that no card has a part of alone.
_WIDTHS = ("moe_latent_size", "routed_expert_hidden_size")
_SHARED_WIDTHS = ("shared_expert_intermediate_size", "moe_shared_expert_intermediate_size")
_SHARED_COUNTS = ("n_shared_experts", "num_shared_experts")
_PREDICTS_UNTOLD = ("qwen3_next",)

_Whole = Callable[[str], int]


def dense_layers(text: Mapping[str, Any], whole: _Whole) -> int:
    """Layers without experts, which come first."""
    marks = text.get("moe_layer_freq")
    if isinstance(marks, list) and 1 in marks:
        return marks.index(1)
    return whole("first_k_dense_replace") or whole("num_dense_layers")


def untold_predicting(name: str, method: str) -> int:
    """Layers that predict further tokens, in the files of releases whose config tells none.

    Others' quantised files leave them out.
    """
    return 1 if name in _PREDICTS_UNTOLD and method in ("", "fp8") else 0


def shared_length(text: Mapping[str, Any], whole: _Whole) -> int:
    """Width of the shared experts together, or of what feeds forward beside all experts.

    Llama 4 has one, as wide as the others (``Llama4TextMoe``).
    """
    is_llama_4 = str(text.get("model_type")).startswith("llama4")
    if text.get("enable_moe_block") is True or (is_llama_4 and whole("num_local_experts")):
        return whole("intermediate_size")
    count = _first(_SHARED_COUNTS, whole)
    return _first(_SHARED_WIDTHS, whole) or count * whole("moe_intermediate_size")


def width(whole: _Whole) -> int:
    """Elements of what the experts read; 0 for the model's own width."""
    return _first(_WIDTHS, whole)


def _first(names: tuple[str, ...], whole: _Whole) -> int:
    return next((value for name in names if (value := whole(name))), 0)
