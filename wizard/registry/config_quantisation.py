"""What a config.json tells about quantised weights.

``quantization_config`` has a shape of its own for each method
(https://docs.vllm.ai/en/stable/features/quantization); all that is read here
is how many bits a weight of a linear layer has, and which cache the
checkpoint brings scales for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_METHOD_BITS = {"fp8": 8.0, "fbgemm_fp8": 8.0, "deepseek_v4_fp8": 8.0, "mxfp4": 16.0}
# bitsandbytes: 4 bits and a scale of 32 for each 64 weights, or one of 8 where the scales are
# quantised themselves, 256 of them with one of 32.
_BNB_BITS, _BNB_TWICE_BITS = 4 + 32 / 64, 4 + (8 + 32 / 256) / 64
_ALGORITHM_BITS = {"FP8": 8.0, "NVFP4": 4.5, "MXFP8": 8.25, "W4A8_AWQ": 4.25}


# ``model.layers.10.self_attn*``, ``re:.*self_attn.*``, and MLA's first projections.
_ATTENTION = re.compile(r"self_attn\W*$|kv_a_proj")
_LISTS = ("ignore", "exclude_modules", "ignored_layers", "modules_to_not_convert")
_MOST_ENTRIES = 100_000
# The file beside config.json that may tell how weights are quantised.
SEPARATE = "hf_quant_config.json"
# What vLLM 0.33 loads by itself (``QuantizationMethods``), with the names that it reads as
# one of these. All else is a plugin's, which unpacks scales as it sees fit.
_KNOWN = (
    *("auto-round", "auto_awq", "auto_gptq", "awq", "awq_marlin", "compressed-tensors"),
    *("compressed_tensors", "deepseek_v4_fp8", "experts_int8", "fbgemm_fp8", "fp8", "fp_quant"),
    *("gpt_oss_mxfp4", "gptq", "gptq_marlin", "humming", "inc", "int4", "modelopt"),
    *("modelopt_fp4", "modelopt_mixed", "modelopt_mxfp8", "moe_wna16", "mxfp4", "mxfp8", "nvfp4"),
    *("online", "quark", "torchao", "w4a8_awq", "intel/auto-round"),
)


def of(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part about quantisation; empty where there is none."""
    told = config.get("quantization_config") or config.get("compression_config")
    return told if isinstance(told, Mapping) else {}


def with_separate(config: Mapping[str, Any], told: object) -> Mapping[str, Any]:
    """A config with what ``SEPARATE`` tells beside it, where it tells nothing itself.

    Older releases of NVIDIA's quantiser wrote it apart (``get_config`` in
    ``vllm/transformers_utils/config.py``).
    """
    if of(config) or not isinstance(told, Mapping) or not told:
        return config
    return {**config, "quantization_config": {"quant_method": "modelopt", **told}}


def method(told: Mapping[str, Any]) -> str:
    """``quant_method`` (or ``quant_algo``), in small letters."""
    name = told.get("quant_method") or told.get("quant_algo") or ""
    return name[:40].lower() if isinstance(name, str) else ""


def is_known(told: Mapping[str, Any]) -> bool:
    """Whether vLLM itself loads this method; true where nothing is quantised."""
    name = method(told)
    return not told or name in _KNOWN


def quant_method(config: Mapping[str, Any]) -> str:
    """The method that a config.json names, in small letters; empty without one."""
    return method(of(config))


def weight_bits(told: Mapping[str, Any]) -> float:
    """Bits a weight of a quantised linear layer, scales included; 0 where it is not told."""
    name = method(told)
    if name in _METHOD_BITS:
        return _METHOD_BITS[name]
    if name == "bitsandbytes":
        is_twice = told.get("bnb_4bit_use_double_quant") is True
        four = _BNB_TWICE_BITS if is_twice else _BNB_BITS
        return four if told.get("load_in_4bit") else 8.0
    algorithm = _inner(told).get("quant_algo")
    if isinstance(algorithm, str) and algorithm.upper() in _ALGORITHM_BITS:
        return _ALGORITHM_BITS[algorithm.upper()]
    bits, group = _bits_and_group(told)
    return bits + 16 / group if bits and group > 0 else bits


def cache_type(told: Mapping[str, Any]) -> str:
    """``fp8`` where “auto” makes vLLM keep an 8-bit cache, else empty.

    ``get_kv_cache_quant_algo_string`` and ``kv_cache_scheme`` of compressed-tensors.
    """
    inner, name = _inner(told), method(told)
    scheme = inner.get("kv_cache_scheme") or told.get("kv_cache_scheme")
    if isinstance(scheme, Mapping):
        is_float = scheme.get("num_bits") == 8 and scheme.get("type") == "float"
        return "fp8" if is_float else ""
    algorithm = inner.get("kv_cache_quant_algo") or told.get("kv_cache_quant_algo")
    is_modelopt = name.startswith("modelopt") or not told.get("quant_method")
    is_fp8 = isinstance(algorithm, str) and algorithm.upper() == "FP8"
    return "fp8" if is_modelopt and is_fp8 else ""


def leaves_attention(told: Mapping[str, Any]) -> bool:
    """Whether attention's matrices are left in 16 bits, as the list of what is passed over says.

    Lists name norms too, which nothing quantises.
    """
    return any(_ATTENTION.search(entry) for entry in left(told))


def left(told: Mapping[str, Any]) -> Iterator[str]:
    """The ends of what the lists say is passed over."""
    lists = (level.get(name) for level in (told, _inner(told)) for name in _LISTS)
    entries = (entry for each in lists if isinstance(each, list) for entry in each[:_MOST_ENTRIES])
    return (entry[-200:] for entry in entries if isinstance(entry, str))


def only_group(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """Weights of compressed-tensors' only kind of groups; empty where there are several."""
    groups = told.get("config_groups")
    only = next(iter(groups.values())) if isinstance(groups, Mapping) and len(groups) == 1 else None
    weights = only.get("weights") if isinstance(only, Mapping) else None
    return weights if isinstance(weights, Mapping) else {}


def _inner(told: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = told.get("quantization")
    return inner if isinstance(inner, Mapping) else told


def _bits_and_group(told: Mapping[str, Any]) -> tuple[float, int]:
    """Bits a weight, and how many weights share a 16-bit scale (-1: a whole row)."""
    groups = told.get("config_groups")
    if isinstance(groups, Mapping):
        for group in groups.values():
            weights = group.get("weights") if isinstance(group, Mapping) else None
            if isinstance(weights, Mapping):
                return _number(weights.get("num_bits")), int(_number(weights.get("group_size")))
    bits = told.get("bits", told.get("w_bit", told.get("weight_bits")))
    group_size = told.get("group_size", told.get("q_group_size"))
    return _number(bits), int(_number(group_size))


def _number(value: object) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and isinstance(value, int | float) and 0 < value < 2**16 else 0
