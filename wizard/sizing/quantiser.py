"""Bits that llama.cpp's quantiser gives each kind of matrix, by the quantisation's name.

``llama_tensor_get_type_impl`` and ``tensor_type_fallback`` in
``src/llama-quant.cpp``; block sizes: ``ggml/src/ggml-common.h``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from wizard.registry import quantisation

_BITS = {
    "F32": 32.0, "F16": 16.0, "BF16": 16.0, "Q8_0": 8.5, "Q6_K": 6.5625, "Q5_1": 6.0,
    "Q5_0": 5.5, "Q5_K": 5.5, "Q4_1": 5.0, "Q4_0": 4.5, "Q4_K": 4.5, "IQ4_NL": 4.5,
    "IQ4_XS": 4.25, "MXFP4": 4.25, "Q3_K": 3.4375, "IQ3_S": 3.4375, "IQ3_XXS": 3.0625,
    "Q2_K": 2.625, "IQ2_S": 2.5625, "IQ2_XS": 2.3125, "IQ2_XXS": 2.0625, "TQ2_0": 2.0625,
    "IQ1_M": 1.75, "TQ1_0": 1.6875, "IQ1_S": 1.5625,
}  # fmt: skip
# Rows that a block of 256 does not divide get a type with blocks of 32.
_ODD = {
    "Q6_K": "Q8_0", "Q5_K": "Q5_1", "Q4_K": "Q5_0", "Q3_K": "Q4_0", "Q2_K": "Q4_0",
    "TQ1_0": "Q4_0", "TQ2_0": "Q4_0", "IQ4_XS": "IQ4_NL", "IQ3_S": "IQ4_NL",
    "IQ3_XXS": "IQ4_NL", "IQ2_S": "IQ4_NL", "IQ2_XS": "IQ4_NL", "IQ2_XXS": "IQ4_NL",
    "IQ1_M": "IQ4_NL", "IQ1_S": "IQ4_NL",
}  # fmt: skip
_BLOCK = 256
# ``ggml_repack_get_optimal_repack_type``, on x86 with AVX2.
_REPACKED = frozenset({"Q4_0", "Q4_K", "IQ4_NL", "MXFP4"})
_SHARED = 4


@dataclass(frozen=True)
class Mix:
    """Types of matrices; several share the layers in equal parts.

    ``base`` is what nothing else is said of, ``embeddings`` those of a model with
    an output matrix of its own; ``value``, ``down`` and ``out`` are the values', the
    feed-forward part's last matrix and the attention's. ``wide`` is in place of
    ``value`` where fewer than four heads share one, ``experts`` in place of ``base``
    for those. ``output`` is the output matrix, or embeddings that serve as one.
    """

    base: str
    value: tuple[str, ...] = ()
    down: tuple[str, ...] = ()
    out: tuple[str, ...] = ()
    embeddings: str = ""
    output: str = "Q6_K"
    wide: tuple[str, ...] | None = None
    experts: str = ""

    def values(self, heads_each: float) -> tuple[str, ...]:
        """Types of the values' matrices, each of whose heads so many queries share."""
        is_wide = self.wide is not None and heads_each < _SHARED
        return (self.wide if is_wide else self.value) or (self.base,)


def _first(few: str, most: str) -> tuple[str, ...]:
    """One in eight layers with more bits than the others."""
    return (few,) + (most,) * 7


_MIXES = {
    "Q5_K_M": Mix("Q5_K", ("Q5_K", "Q6_K"), ("Q5_K", "Q6_K")),
    "Q5_K_S": Mix("Q5_K"),
    "Q4_K_M": Mix("Q4_K", ("Q4_K", "Q6_K"), ("Q4_K", "Q6_K")),
    "Q4_K_S": Mix("Q4_K", _first("Q5_K", "Q4_K"), _first("Q5_K", "Q4_K")),
    "Q3_K_L": Mix("Q3_K", ("Q5_K",), ("Q5_K",), ("Q5_K",)),
    "Q3_K_M": Mix("Q3_K", ("Q4_K",), ("Q4_K",), ("Q4_K",)),
    "Q3_K_S": Mix("Q3_K"),
    "Q2_K_S": Mix("Q2_K", ("Q4_K",), _first("Q4_K", "Q2_K"), wide=()),
    "Q2_K": Mix("Q2_K", ("Q4_K",), ("Q3_K",), ("Q3_K",), wide=("Q3_K",)),
    "IQ4_NL": Mix("IQ4_NL", ("Q5_K",), _first("Q5_K", "IQ4_NL"), wide=()),
    "IQ4_XS": Mix("IQ4_XS", ("Q5_K",), _first("Q5_K", "IQ4_XS"), wide=()),
    "IQ3_M": Mix("IQ3_S", ("Q4_K",), _first("Q4_K", "IQ3_S"), ("Q4_K",)),
    "IQ3_S": Mix("IQ3_S", ("Q4_K",), wide=()),
    "IQ3_XS": Mix("IQ3_XXS", ("Q4_K",), ("IQ3_S",), ("IQ3_S",), wide=()),
    "IQ3_XXS": Mix("IQ3_XXS", ("Q4_K",), ("Q3_K",), ("IQ3_S",), "IQ3_S", "Q5_K", wide=("IQ3_S",)),
    "IQ2_M": Mix(
        "IQ2_S", ("Q4_K",), _first("IQ3_S", "IQ2_S"), ("IQ3_S",), "IQ3_S", "Q5_K", wide=("IQ3_S",)
    ),
    "IQ2_S": Mix(
        "IQ2_XS", ("Q4_K",), _first("IQ3_S", "IQ2_XS"), ("IQ3_S",), "IQ3_S", "Q5_K", wide=("IQ3_S",)
    ),
    "IQ2_XS": Mix(
        "IQ2_XS", ("Q4_K",), _first("Q2_K", "IQ2_XS"), (), "Q2_K", "Q5_K", wide=("Q2_K",)
    ),
    "IQ2_XXS": Mix(
        "IQ2_XXS", ("Q4_K",), _first("Q2_K", "IQ2_XXS"), (), "Q2_K", "Q5_K", wide=("Q2_K",)
    ),
    "IQ1_M": Mix(
        "IQ1_M", ("Q4_K",), _first("Q2_K", "IQ1_M"), ("IQ2_XXS",), "Q2_K", "Q5_K", wide=("Q2_K",)
    ),
    "IQ1_S": Mix(
        "IQ1_S", ("Q4_K",), _first("Q2_K", "IQ1_S"), ("IQ2_XXS",), "Q2_K", "Q5_K", wide=("Q2_K",)
    ),
}
# By how a name begins, where it is none of these: longer beginnings first.
_BEGINNINGS = (
    ("BF16", Mix("BF16", output="BF16")),
    ("F16", Mix("F16", output="F16")),
    ("F32", Mix("F32", output="F32")),
    ("MXFP4", Mix("Q8_0", experts="MXFP4", output="Q8_0")),
    ("Q8", Mix("Q8_0", output="Q8_0")),
    ("Q6", Mix("Q6_K")),
    ("Q5_1", Mix("Q5_1")),
    ("Q5_0", Mix("Q5_0")),
    ("Q5", _MIXES["Q5_K_M"]),
    ("Q4_1", Mix("Q4_1")),
    ("Q4_0", Mix("Q4_0")),
    ("Q4", _MIXES["Q4_K_M"]),
    ("Q3", _MIXES["Q3_K_M"]),
    ("Q2", _MIXES["Q2_K"]),
    ("IQ4", _MIXES["IQ4_XS"]),
    ("IQ3", _MIXES["IQ3_M"]),
    ("IQ2", _MIXES["IQ2_M"]),
    ("IQ1", _MIXES["IQ1_M"]),
    ("TQ1", Mix("TQ1_0", embeddings="Q4_K")),
    ("TQ2", Mix("TQ2_0", embeddings="Q4_K")),
)
# The least that it may be: what is not subtracted stays on the card.
_UNKNOWN = Mix("Q2_K", output="Q5_K")
# Some makers keep embeddings and output at 8 bits, and say so at the name's end.
_LARGE = ("Q2_K_L", "Q3_K_XL", "Q4_K_L", "Q5_K_L", "Q6_K_L")


def mix(name: str) -> Mix:
    """The types for a quantisation's name; few bits for one that is not known."""
    short = quantisation.plain(name.upper().removeprefix("I1-"))
    begun = next((found for start, found in _BEGINNINGS if short.startswith(start)), _UNKNOWN)
    found = _MIXES.get(short, begun)
    return replace(found, embeddings="Q8_0", output="Q8_0") if short in _LARGE else found


def bits(types: tuple[str, ...], row: int) -> float:
    """Bits an element, on average, of matrices with rows of so many elements."""
    fitting = _fitting(types, row)
    return sum(_BITS[name] for name in fitting) / len(fitting)


def _fitting(types: tuple[str, ...], row: int) -> tuple[str, ...]:
    return types if row % _BLOCK == 0 else tuple(_ODD.get(name, name) for name in types)


def repacked_bits(types: tuple[str, ...], row: int) -> float:
    """Of these bits, those of types that the CPU has a copy of in another order."""
    fitting = _fitting(types, row)
    return sum(_BITS[name] for name in fitting if name in _REPACKED) / len(fitting)


def embedding_bits(found: Mix, width: int) -> float:
    """Bits an element of embeddings that are nothing else."""
    return bits((found.embeddings or found.base,), width)


def output_bits(found: Mix, width: int) -> float:
    """Bits an element of the output matrix, or of embeddings that serve as one."""
    is_odd = width % _BLOCK and found.output in _ODD
    return _BITS["Q8_0"] if is_odd else bits((found.output,), width)
