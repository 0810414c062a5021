"""How many tokens a vocabulary has, where a header's short form left the list out.

Counts of the published tokenizers, by ``tokenizer.ggml.pre`` and then by
architecture; an estimate made with them is marked as rough.
"""

from __future__ import annotations

from collections.abc import Mapping

_BY_TOKENIZER = {
    "llama-bpe": 128_256,
    "llama4": 202_048,
    "qwen2": 151_936,
    "qwen35": 248_320,
    "deepseek-llm": 102_400,
    "deepseek-v3": 129_280,
    "gpt-4o": 201_088,
    "tekken": 131_072,
    "glm4": 151_552,
    "command-r": 256_000,
    "smollm": 49_152,
    "olmo": 50_304,
    "lfm2": 65_536,
    "kimi-k2": 163_840,
}
_BY_ARCHITECTURE = {
    "gemma": 256_000,
    "gemma2": 256_000,
    "gemma3": 262_144,
    "gemma3n": 262_144,
    "gemma4": 262_144,
    "gemma-embedding": 262_144,
    "gpt-oss": 201_088,
    "phi3": 32_064,
    "phi2": 51_200,
    "falcon": 65_024,
    "bert": 30_522,
    "nomic-bert": 30_522,
    "llama": 32_000,
}


def size(keys: Mapping[str, object], architecture: str) -> int:
    """Tokens of the usual vocabulary; 0 where none is known."""
    found = _BY_TOKENIZER.get(str(keys.get("tokenizer.ggml.pre")), 0)
    return found or _BY_ARCHITECTURE.get(architecture, 0)
