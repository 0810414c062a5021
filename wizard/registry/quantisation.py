"""Names of quantisations, and what each means in a sentence.

File types: ``llama_ftype`` in ``include/llama.h`` of https://github.com/ggml-org/llama.cpp.
"""

from __future__ import annotations

import re

_TINY = "For a model that would not fit otherwise: answers suffer visibly."
_SMALL = "Noticeably worse answers; take it when the next size up does not fit."
_SENTENCES = {
    "F32": "Full 32-bit weights: twice the memory of F16 and no better answers.",
    "F16": "Unquantised 16-bit weights: the original quality, the most memory.",
    "BF16": "Unquantised 16-bit weights as trained: the original quality, the most memory.",
    "Q8_0": "8 bits: hardly told apart from the original, half its memory.",
    "Q8_K_XL": "8 bits, some layers at 16: not told apart from the original.",
    "Q6_K": "6 bits: very close to the original.",
    "Q6_K_L": "6 bits with 8-bit embeddings: very close to the original.",
    "Q5_K_M": "5 bits: a small loss, for when there is memory to spare.",
    "Q5_K_S": "5 bits, a little smaller than Q5_K_M: a small loss.",
    "Q5_K_L": "5 bits with 8-bit embeddings: a small loss.",
    "Q5_0": "5 bits in an older format: Q5_K_M is better at the same size.",
    "Q5_1": "5 bits in an older format: Q5_K_M is better and smaller.",
    "Q4_K_M": "4 bits: the usual choice, a good balance of quality and size.",
    "Q4_K_S": "4 bits, a little smaller and weaker than Q4_K_M.",
    "Q4_K_L": "4 bits with 8-bit embeddings: a touch better than Q4_K_M.",
    "Q4_K_XL": "4 bits, the important layers kept at more: a good balance.",
    "Q4_0": "4 bits in an older, fast format: Q4_K_M answers better.",
    "Q4_1": "4 bits in an older format: Q4_K_M is better and smaller.",
    "IQ4_NL": "4 bits on a curved scale: close to Q4_K_S, a little smaller.",
    "IQ4_XS": "4 bits on a curved scale: nearly Q4_K_S, and smaller.",
    "Q3_K_L": "3 bits, the largest mix: a clear loss, still usable.",
    "Q3_K_XL": "3 bits with 8-bit embeddings: a clear loss, still usable.",
    "Q3_K_M": "3 bits: a clear loss, for when 4 bits do not fit.",
    "Q3_K_S": _SMALL,
    "IQ3_M": "3 bits on a curved scale: a clear loss, close to Q3_K_M.",
    "IQ3_S": _SMALL,
    "IQ3_XS": _SMALL,
    "IQ3_XXS": _SMALL,
    "Q2_K": _TINY,
    "Q2_K_S": _TINY,
    "Q2_K_L": _TINY,
    "Q2_K_XL": "2 bits, the important layers kept at more: better than Q2_K.",
    "IQ2_M": _TINY,
    "IQ2_S": _TINY,
    "IQ2_XS": _TINY,
    "IQ2_XXS": _TINY,
    "IQ1_M": "Under 2 bits: an experiment, answers break often.",
    "IQ1_S": "Under 2 bits: an experiment, answers break often.",
    "TQ1_0": "Three values a weight: right only for models trained that way.",
    "TQ2_0": "Three values a weight: right only for models trained that way.",
    "Q1_0": "One bit: an experiment, answers break often.",
    "Q2_0": _TINY,
    "MXFP4": "4-bit floats: the original format of gpt-oss, no loss there.",
    "NVFP4": "NVIDIA's 4-bit floats: fast on Blackwell cards.",
    "FP8": "8-bit floats: hardly told apart from the original, half its memory.",
    "AWQ": "4 bits that spare the important weights: fast under vLLM.",
    "GPTQ": "4 bits fitted to sample text: fast under vLLM.",
    "COMPRESSED-TENSORS": "Compressed to 4 or 8 bits in vLLM's own format; the size tells which.",
    "MODELOPT": "Compressed to 4- or 8-bit floats by NVIDIA's ModelOpt.",
}
_FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1",
    10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M",
    16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S",
    22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M",
    28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0",
    37: "TQ2_0", 38: "MXFP4", 39: "NVFP4", 40: "Q1_0", 41: "Q2_0",
}  # fmt: skip
_IN_NAME = re.compile(
    r"(?<![A-Za-z0-9])((?:UD-)?(?:I?Q[1-8]_(?:K_(?:XXL|XL|L|M|S)|K|NL|XXS|XS|XL|S|M|[01]"
    r"(?:_[48]_[48]|_XL|_L)?)|TQ[12]_0|MXFP4(?:_MOE)?|NVFP4|BF16|FP?16|FP?32))(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_METHODS = {"gptq_marlin": "GPTQ", "awq_marlin": "AWQ", "fbgemm_fp8": "FP8", "fp8": "FP8"}


def of_file_type(number: int) -> str:
    """The name for a GGUF ``general.file_type``, or an empty string."""
    return _FILE_TYPES.get(number & 1023, "") if number >= 0 else ""


def in_file_name(name: str) -> str:
    """The last quantisation that a GGUF file's name tells, or an empty string."""
    found = _IN_NAME.findall(name)
    return str(found[-1]).upper() if found else ""


def of_method(method: str) -> str:
    """The name for a ``quant_method`` of a config.json: ``fp8`` → ``FP8``."""
    return _METHODS.get(method.lower(), method.upper())


def plain(name: str) -> str:
    """A name without its maker's additions: ``UD-Q4_K_XL`` → ``Q4_K_XL``, ``FP16`` → ``F16``."""
    short = name.upper().removeprefix("UD-").replace("FP16", "F16").replace("FP32", "F32")
    return "MXFP4" if short.startswith("MXFP4") else short


def describe(name: str) -> str:
    """One plain sentence for a quantisation's name; empty for an unknown one."""
    short = plain(name)
    family = re.sub(r"_(XXL|XL|L|M|S|[0-9]_[0-9])\Z", "", short)
    known = (_SENTENCES.get(each, "") for each in (short, family, f"{family}_M"))
    return next(filter(None, known), "")
