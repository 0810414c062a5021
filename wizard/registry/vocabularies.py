"""How many tokens a vocabulary has, where a header's short form left the list out.

Counts of the published tokenizers: by architecture where all its models have one, then
by ``tokenizer.ggml.pre``. An estimate made with them is marked as rough.
"""

from __future__ import annotations

from collections.abc import Mapping

_BY_ARCHITECTURE = {
    "afmoe": 200_192,
    "apertus": 131_072,
    "arcee": 128_004,
    "arctic": 32_000,
    "bailingmoe": 126_464,
    "bailingmoe2": 157_184,
    "bitnet": 128_256,
    "bloom": 250_880,
    "cohere2": 256_000,
    "command-r": 256_000,
    "dbrx": 100_352,
    "deci": 128_256,
    "deepseek2-ocr": 129_280,
    "deepseek32": 129_280,
    "deepseek4": 129_280,
    "dots1": 152_064,
    "ernie4_5": 103_424,
    "ernie4_5-moe": 103_424,
    "eurobert": 128_256,
    "exaone": 102_400,
    "exaone-moe": 153_600,
    "falcon": 65_024,
    "gemma": 256_000,
    "gemma-embedding": 262_144,
    "gemma-embedding2": 262_144,
    "gemma2": 256_000,
    "gemma3": 262_144,
    "gemma3n": 262_144,
    "gemma4": 262_144,
    "glm-dsa": 154_880,
    "glm4": 151_552,
    "glm4moe": 151_552,
    "gpt-oss": 201_088,
    "gptneox": 50_304,
    "hunyuan-moe": 128_167,
    "internlm2": 92_544,
    "jamba": 65_536,
    "kimi-linear": 163_840,
    "laguna": 100_352,
    "lfm2": 65_536,
    "lfm2moe": 65_536,
    "llada": 126_464,
    "llama4": 202_048,
    "mimo2": 152_576,
    "minicpm3": 73_448,
    "minimax-01": 200_064,
    "minimax-m2": 200_064,
    "minimax-m3": 200_064,
    "mistral3": 131_072,
    "modern-bert": 50_368,
    "nemotron": 256_000,
    "nemotron_h": 131_072,
    "nemotron_h_moe": 131_072,
    "nomic-bert": 30_522,
    "nomic-bert-moe": 250_048,
    "olmo": 50_304,
    "olmo2": 100_352,
    "olmoe": 50_304,
    "orion": 84_608,
    "phi2": 51_200,
    "phimoe": 32_064,
    "plamo2": 100_000,
    "rwkv6": 65_536,
    "rwkv7": 65_536,
    "seed_oss": 155_136,
    "smollm3": 128_256,
    "starcoder": 49_152,
    "starcoder2": 49_152,
    "step35": 128_896,
}
# Of those that come with several, by the tokenizer.
_BY_BOTH = {
    ("bert", "default"): 30_522,
    ("deepseek2", "glm4"): 154_880,
    ("granite", "refact"): 49_155,
    ("phi3", "gpt-4o"): 200_064,
    ("t5encoder", "default"): 32_128,
}
_BY_TOKENIZER = {
    "chatglm-bpe": 151_552,
    "command-r": 256_000,
    "dbrx": 100_352,
    "deepseek-coder": 32_256,
    "deepseek-llm": 102_400,
    "deepseek-r1-qwen": 151_936,
    "deepseek-v3": 129_280,
    "exaone-moe": 153_600,
    "exaone4": 102_400,
    "falcon3": 131_072,
    "glm4": 151_552,
    "glm5": 154_880,
    "gpt-4o": 201_088,
    "hunyuan": 128_167,
    "kimi-k2": 163_840,
    "lfm2": 65_536,
    "llama-bpe": 128_256,
    "llama-v3": 128_256,
    "llama3": 128_256,
    "llama4": 202_048,
    "minimax-m2": 200_064,
    "olmo": 50_304,
    "pixtral": 131_072,
    "qwen2": 151_936,
    "qwen35": 248_320,
    "refact": 49_152,
    "seed-coder": 155_136,
    "smaug-bpe": 128_256,
    "smollm": 49_152,
    "stablelm2": 100_352,
    "tekken": 131_072,
}
_USUAL = {"bert": 30_522, "llama": 32_000, "phi3": 32_064, "stablelm": 50_304}
# Bge-m3 and its kin read with XLM-RoBERTa's pieces, which are a T5 kind of list.
_ROBERTA = 250_002
# Larger ones of the second Qwen have rows up to the next multiple for its cards.
_PADDED, _PADDED_FROM, _PADDED_TO = frozenset({"qwen2", "qwen2vl"}), 3584, 152_064
_QWEN = 151_936


def size(keys: Mapping[str, object], architecture: str) -> int:
    """Tokens of the usual vocabulary; 0 where none is known."""
    pre = str(keys.get("tokenizer.ggml.pre"))
    if architecture == "bert" and keys.get("tokenizer.ggml.model") == "t5":
        return _ROBERTA
    found = _BY_ARCHITECTURE.get(architecture) or _BY_BOTH.get((architecture, pre), 0)
    found = found or _BY_TOKENIZER.get(pre, 0) or _USUAL.get(architecture, 0)
    width = keys.get(f"{architecture}.embedding_length")
    is_wide = isinstance(width, int) and width >= _PADDED_FROM
    return _PADDED_TO if found == _QWEN and architecture in _PADDED and is_wide else found
