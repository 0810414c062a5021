"""Bits that llama.cpp's quantiser gives each matrix, by the quantisation's name.

``llama_tensor_get_type_impl`` and ``tensor_type_fallback`` in
``src/llama-quant.cpp``; block sizes: ``ggml/src/ggml-common.h``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from wizard.registry import quantisation
from wizard.registry.layer_patterns import RECURRENT_BY_INTERVAL
from wizard.registry.values import Architecture

BITS = {
    "F32": 32.0, "F16": 16.0, "BF16": 16.0, "Q8_0": 8.5, "Q6_K": 6.5625, "Q5_1": 6.0,
    "Q5_0": 5.5, "Q5_K": 5.5, "Q4_1": 5.0, "Q4_0": 4.5, "Q4_K": 4.5, "IQ4_NL": 4.5,
    "IQ4_XS": 4.25, "MXFP4": 4.25, "NVFP4": 4.5, "Q3_K": 3.4375, "IQ3_S": 3.4375,
    "IQ3_XXS": 3.0625, "Q2_K": 2.625, "IQ2_S": 2.5625, "IQ2_XS": 2.3125, "Q2_0": 2.25,
    "IQ2_XXS": 2.0625, "TQ2_0": 2.0625, "IQ1_M": 1.75, "TQ1_0": 1.6875, "IQ1_S": 1.5625,
    "Q1_0": 1.125,
}  # fmt: skip
# Rows that a block of 256 does not divide get a type with blocks of 32.
_ODD = {
    "Q6_K": "Q8_0", "Q5_K": "Q5_1", "Q4_K": "Q5_0", "Q3_K": "Q4_0", "Q2_K": "Q4_0",
    "TQ1_0": "Q4_0", "TQ2_0": "Q4_0", "IQ4_XS": "IQ4_NL", "IQ3_S": "IQ4_NL",
    "IQ3_XXS": "IQ4_NL", "IQ2_S": "IQ4_NL", "IQ2_XS": "IQ4_NL", "IQ2_XXS": "IQ4_NL",
    "IQ1_M": "IQ4_NL", "IQ1_S": "IQ4_NL",
}  # fmt: skip
_BLOCK, _SMALL_BLOCK = 256, 32
_SMALL_BLOCKS = frozenset({"Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0", "IQ4_NL", "MXFP4"})
_FALCON = "falcon"
# ``ggml_repack_get_optimal_repack_type``, on x86 with AVX2.
REPACKED = frozenset({"Q4_0", "Q4_K", "IQ4_NL", "MXFP4"})
# Queries that share a head of values, and experts, from which on those have more bits.
_SHARED, _MIXTURE = 4, 4
# Mixtral's number of experts, for which attention has more bits.
_EIGHT = 8
_70B, _70B_NAMES = 80, frozenset({"deci", "llama", "qwen2"})

# Whether the layer of a number is picked, of so many.
Picks = Callable[[int, int], bool]


def _more(index: int, count: int) -> bool:
    """The first and last eighth, and every third between (``use_more_bits``)."""
    eighth = count // 8
    return index < eighth or index >= 7 * count // 8 or (index - eighth) % 3 == 2


def _eighth(index: int, count: int) -> bool:
    return index < count // 8


def _sixteenth(index: int, count: int) -> bool:
    return index < count // 16


def _two(index: int, _count: int) -> bool:
    return index < 2


def _four(index: int, _count: int) -> bool:
    return index < 4


def _outer(index: int, count: int) -> bool:
    return index < count // 8 or index >= 7 * count // 8


@dataclass(frozen=True)
class Types:
    """A type for most layers, and one for the few that are picked."""

    most: str
    few: str = ""
    picks: Picks = _eighth

    def is_picked(self, index: int, count: int) -> bool:
        """Whether one layer of so many is among the few."""
        return bool(self.few) and self.picks(index, count)

    def at(self, index: int, count: int) -> str:
        """The type of one layer of so many."""
        return self.few if self.is_picked(index, count) else self.most


@dataclass(frozen=True)
class Mix:
    """Types of matrices by what they are.

    ``base`` is what nothing else is said of, ``embeddings`` those of a model with
    an output matrix of its own; ``value``, ``down``, ``up``, ``out`` and ``query`` are
    the values', the feed-forward part's last and first ones, the attention's last and
    first. ``wide`` is in place of ``value`` where fewer than four queries share a head,
    ``experts`` in place of ``base`` for those. ``output`` is the output matrix, or
    embeddings that serve as one. ``eight_out`` is the attention's last matrix beside
    eight experts, whose keys and values then have ``eight``.
    """

    base: str
    value: Types | None = None
    down: Types | None = None
    out: Types | None = None
    up: Types | None = None
    query: Types | None = None
    embeddings: str = ""
    output: str = "Q6_K"
    wide: Types | None = None
    experts: str = ""
    eight_out: str = ""
    eight: str = ""
    is_tiny: bool = False

    def turns(self) -> tuple[tuple[Picks, ...], tuple[Picks, ...]]:
        """What picks the few layers, among all of them and among those with values.

        Alike layers that the same pick, or none does, have equal types.
        """
        others = (self.down, self.out, self.up, self.query)
        values = (self.value, self.wide)
        return (
            tuple(each.picks for each in others if each and each.few),
            tuple(each.picks for each in values if each and each.few),
        )


def _k(
    base: str,
    value: Types | None = None,
    down: Types | None = None,
    out: Types | None = None,
    wide: Types | None = None,
) -> Mix:
    """One of the usual mixes, in which eight experts spare attention."""
    return Mix(base, value, down, out, wide=wide, eight="Q8_0", eight_out="Q5_K")


def _tiny(base: str, few: str, wide: str, out: str = "") -> Mix:
    """One of about two bits."""
    return Mix(
        base,
        value=Types("Q4_K"),
        down=Types(base, few),
        out=Types(out) if out else None,
        embeddings=few,
        output="Q5_K",
        wide=Types(wide),
        eight_out="Q5_K",
        eight="Q4_K",
        is_tiny=True,
    )


_MIXES = {
    "Q5_K_M": replace(
        _k("Q5_K", value=Types("Q5_K", "Q6_K", _more), down=Types("Q5_K", "Q6_K", _more)),
        eight_out="",
    ),
    "Q5_K_S": replace(_k("Q5_K"), eight_out=""),
    "Q4_K_M": _k("Q4_K", value=Types("Q4_K", "Q6_K", _more), down=Types("Q4_K", "Q6_K", _more)),
    "Q4_K_S": _k("Q4_K", value=Types("Q4_K", "Q5_K", _four), down=Types("Q4_K", "Q5_K")),
    "Q3_K_L": replace(
        _k("Q3_K", value=Types("Q5_K"), down=Types("Q5_K"), out=Types("Q5_K")), eight_out=""
    ),
    "Q3_K_M": _k(
        "Q3_K",
        value=Types("Q4_K", "Q5_K", _two),
        down=Types("Q4_K", "Q5_K", _sixteenth),
        out=Types("Q4_K"),
    ),
    "Q3_K_S": _k("Q3_K"),
    "Q2_K_S": replace(
        _k("Q2_K", value=Types("Q4_K"), wide=Types("Q2_K"), down=Types("Q2_K", "Q4_K")),
        eight_out="",
    ),
    "Q2_K": _k(
        "Q2_K", value=Types("Q4_K"), wide=Types("Q3_K"), down=Types("Q3_K"), out=Types("Q3_K")
    ),
    "IQ4_NL": _k("IQ4_NL", value=Types("Q5_K"), wide=Types("IQ4_NL"), down=Types("IQ4_NL", "Q5_K")),
    "IQ4_XS": _k("IQ4_XS", value=Types("Q5_K"), wide=Types("IQ4_XS"), down=Types("IQ4_XS", "Q5_K")),
    "IQ3_M": _k("IQ3_S", value=Types("Q4_K"), down=Types("IQ3_S", "Q4_K"), out=Types("Q4_K")),
    "IQ3_S": _k("IQ3_S", value=Types("Q4_K"), wide=Types("IQ3_S")),
    "IQ3_XS": replace(
        _k("IQ3_S", value=Types("Q4_K"), wide=Types("IQ3_S")),
        up=Types("IQ3_XXS", "IQ3_S", _outer),
        query=Types("IQ3_XXS"),
    ),
    "IQ3_XXS": replace(
        _k(
            "IQ3_XXS",
            value=Types("Q4_K"),
            wide=Types("IQ3_S"),
            down=Types("Q3_K", "Q4_K"),
            out=Types("IQ3_S"),
        ),
        query=Types("IQ2_S"),
        embeddings="IQ3_S",
        output="Q5_K",
    ),
    "IQ2_M": _tiny("IQ2_S", "IQ3_S", "IQ3_S", "IQ3_S"),
    "IQ2_S": _tiny("IQ2_XS", "IQ3_S", "IQ3_S", "IQ3_S"),
    "IQ2_XS": _tiny("IQ2_XS", "Q2_K", "Q2_K"),
    "IQ2_XXS": _tiny("IQ2_XXS", "Q2_K", "Q2_K"),
    "IQ1_M": _tiny("IQ1_M", "Q2_K", "Q2_K", "IQ2_XXS"),
    "IQ1_S": _tiny("IQ1_S", "Q2_K", "Q2_K", "IQ2_XXS"),
}
# By how a name begins, where it is none of these: longer beginnings first.
_BEGINNINGS = (
    ("BF16", Mix("BF16", output="BF16")),
    ("F16", Mix("F16", output="F16")),
    ("F32", Mix("F32", output="F32")),
    ("MXFP4", Mix("Q8_0", experts="MXFP4", output="Q8_0")),
    ("NVFP4", Mix("NVFP4", embeddings="BF16", output="BF16")),
    ("Q8", Mix("Q8_0", output="Q8_0")),
    ("Q6", Mix("Q6_K", eight="Q8_0")),
    ("Q5_1", Mix("Q5_1", eight="Q8_0")),
    ("Q5_0", Mix("Q5_0", eight="Q8_0")),
    ("Q5", _MIXES["Q5_K_M"]),
    ("Q4_1", Mix("Q4_1", eight="Q8_0")),
    ("Q4_0", Mix("Q4_0", eight="Q8_0")),
    ("Q4", _MIXES["Q4_K_M"]),
    ("Q3", _MIXES["Q3_K_M"]),
    ("Q2_0", Mix("Q2_0", embeddings="Q4_K", eight="Q8_0")),
    ("Q2", _MIXES["Q2_K"]),
    ("Q1", Mix("Q1_0", eight="Q8_0")),
    ("IQ4", _MIXES["IQ4_XS"]),
    ("IQ3", _MIXES["IQ3_M"]),
    ("IQ2", _MIXES["IQ2_M"]),
    ("IQ1", _MIXES["IQ1_M"]),
    ("TQ1", Mix("TQ1_0", embeddings="Q4_K", eight="Q8_0")),
    ("TQ2", Mix("TQ2_0", embeddings="Q4_K", eight="Q8_0")),
)
# The least that it may be: what is not subtracted stays on the card.
_UNKNOWN = Mix("Q2_K", output="Q5_K")
# At a name's end: experts were four bits wide before, and are left so.
KEPT_EXPERTS = "+MXFP4"
# Likewise: the values of attention, or what they are in one matrix with, are left in 16 bits.
WIDE_VALUES = "+F16"
# Some makers keep embeddings and output at 8 bits, and say so at the name's end.
_LARGE = ("Q2_K_L", "Q3_K_XL", "Q4_K_L", "Q5_K_L", "Q6_K_L")


# Falcon's last matrices of a layer have fewer bits.
_FALCON_DOWN = {
    "Q4_K_M": Types("Q4_K", "Q5_K", _more),
    "Q3_K_L": Types("Q4_K"),
    "Q3_K_M": Types("Q3_K", "Q4_K", _more),
    "Q4_K_S": None,
}


def mix(name: str, architecture: str = "") -> Mix:
    """The types for a quantisation's name; few bits for one that is not known."""
    if name.endswith(KEPT_EXPERTS):
        return replace(mix(name.removesuffix(KEPT_EXPERTS), architecture), experts="MXFP4")
    if name.endswith(WIDE_VALUES):
        narrow = mix(name.removesuffix(WIDE_VALUES), architecture)
        return replace(narrow, value=Types("F16"), wide=None, eight="")
    short = quantisation.plain(name.upper().removeprefix("I1-"))
    begun = next((found for start, found in _BEGINNINGS if short.startswith(start)), _UNKNOWN)
    found = _MIXES.get(short, begun)
    found = replace(found, embeddings="Q8_0", output="Q8_0") if short in _LARGE else found
    return _falcon(found, short) if architecture == _FALCON else found


def _falcon(found: Mix, name: str) -> Mix:
    down = _FALCON_DOWN.get(name, found.down)
    out = Types("Q4_K") if name == "Q3_K_L" else found.out if found.is_tiny else None
    output = "Q8_0" if found.output in _ODD else found.output
    return replace(found, down=down, out=out, output=output)


def fitting(kind: str, row: int) -> str:
    """The type that a matrix gets whose rows may not be made of whole blocks."""
    found = kind if row % _BLOCK == 0 else _ODD.get(kind, kind)
    is_small = found in _SMALL_BLOCKS and row % _SMALL_BLOCK
    return "F16" if is_small else found


def value(found: Mix, architecture: Architecture, index: int, count: int) -> str:
    """The type of values' matrices, of one attending layer of so many."""
    if architecture.experts == _EIGHT and found.eight and not found.is_tiny:
        return found.eight
    is_shared = _shared(architecture) >= _SHARED
    is_shared = is_shared or (found.is_tiny and architecture.experts >= _MIXTURE)
    types = found.value if is_shared or found.wide is None else found.wide
    kind = types.at(index, count) if types else found.base
    is_large = architecture.layers == _70B and architecture.name in _70B_NAMES
    return "Q5_K" if is_large and kind in ("Q3_K", "Q4_K") and not found.is_tiny else kind


def _shared(architecture: Architecture) -> int:
    """Queries that share a head of values in the first layer; 0 where that has none (``n_gqa``).

    Headers of models that recur by an interval tell one number for all layers.
    """
    kv = architecture.kv_heads
    by_interval = architecture.name in RECURRENT_BY_INTERVAL
    heads = max(kv, default=0) if by_interval else kv[0] if kv else 0
    return architecture.heads // heads if heads else 0


def key(found: Mix, architecture: Architecture) -> str:
    """The type of keys' matrices."""
    if architecture.experts == _EIGHT and found.eight:
        return found.eight
    return found.query.most if found.query else found.base


def query(found: Mix, index: int, count: int) -> str:
    """The type of queries' matrices."""
    return found.query.at(index, count) if found.query else found.base


def out(found: Mix, architecture: Architecture, index: int, count: int) -> str:
    """The type of the matrices after attention."""
    if architecture.experts == _EIGHT and found.eight:
        return found.eight_out or found.base
    return found.out.at(index, count) if found.out else found.base


def embedding_bits(found: Mix, width: int) -> float:
    """Bits an element of embeddings that are nothing else."""
    return BITS[fitting(found.embeddings or found.base, width)]


def output_bits(found: Mix, width: int) -> float:
    """Bits an element of the output matrix, or of embeddings that serve as one."""
    is_odd = found.output in _ODD and width % _BLOCK
    return BITS["Q8_0" if is_odd else found.output]
