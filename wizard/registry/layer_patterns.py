"""Which layers slide, recur, or keep no keys and values, per architecture.

Where a GGUF header tells no pattern, llama.cpp has one in its source
(``src/models/*.cpp``, ``set_swa_pattern``); the table here says the same.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sliding:
    """Every ``period``-th layer attends to everything, the others to a window.

    ``dense_first`` puts the full layer at the start of each period. ``window``
    is used where the header names none; 0 there means no sliding at all.
    """

    period: int
    window: int = 0
    dense_first: bool = False
    only_layers: int = 0


SLIDING = {
    "gemma2": Sliding(2, 4096),
    "gemma3": Sliding(6),
    "gemma3n": Sliding(5),
    "gemma-embedding": Sliding(6),
    "gpt-oss": Sliding(2),
    "llama4": Sliding(4, 8192),
    "cohere2": Sliding(4),
    "cohere2moe": Sliding(4, dense_first=True),
    "exaone4": Sliding(4, 4096, only_layers=64),
    "exaone-moe": Sliding(4),
    "olmo2": Sliding(4),
    "afmoe": Sliding(4),
    "plamo3": Sliding(8),
    "smallthinker": Sliding(4, 4096, dense_first=True),
    "modern-bert": Sliding(3, dense_first=True),
    "muse-glimmer": Sliding(4),
}
# They carry a window in their header that llama.cpp does not use.
FULL_ATTENTION = frozenset(
    {"llama", "mistral3", "qwen2", "qwen2moe", "qwen2vl", "qwen3", "qwen3moe", "qwen3vl"}
    | {"qwen3vlmoe", "phi3", "phimoe", "starcoder2", "bert", "nomic-bert", "minimax-m2", "glm4"}
)
RECURRENT_ONLY = frozenset({"mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"})
RECURRENT_AND_ATTENTION = frozenset({"falcon-h1"})
# A layer recurs where it has no KV heads.
RECURRENT_WITHOUT_KV = frozenset(
    {"jamba", "granitehybrid", "plamo2", "lfm2", "lfm2moe", "kimi-linear", "kimi-k3"}
)
RECURRENT_WITHOUT_KV_OR_FFN = frozenset({"nemotron_h", "nemotron_h_moe"})
RECURRENT_BY_INTERVAL = frozenset({"qwen3next", "qwen35", "qwen35moe", "qwen4exp"})
# Their caches have parts that an Architecture does not hold: the estimate is rough.
ROUGH = frozenset(
    {"deepseek4", "glm5-next", "kimi-k3", "minimax-01", "minimax-m3", "qwen4exp", "dots3note"}
)
SHARED_KV = {"gemma3n": 20}
NOT_CAUSAL = frozenset(
    {"bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2"}
    | {"jina-bert-v3", "eurobert", "gemma-embedding", "t5encoder", "llama-embed"}
    | {"dream", "llada", "llada-moe", "rnd1"}
)
ALWAYS_TIED = frozenset(
    {"gemma", "gemma2", "gemma3", "gemma3n", "gemma4", "command-r", "cohere2", "gpt2", "bloom"}
    | {"lfm2", "lfm2moe", "smollm3", "granitehybrid", "falcon-h1", "starcoder"}
)
# Families whose small members only have no output matrix of their own.
TIED_UP_TO_EMBEDDING = {"llama": 3072, "qwen2": 2048, "qwen3": 2560, "qwen2vl": 2048}
_SMALL_LLAMA_VOCABULARY = 128_256


def sliding(name: str, layers: int, window: int) -> tuple[int, tuple[bool, ...]]:
    """The window and the layers that slide by llama.cpp's own table.

    ``window`` is the header's, 0 where it has none. No layers where
    everything attends to everything.
    """
    rule = SLIDING.get(name)
    if rule is None or (rule.only_layers and layers != rule.only_layers):
        return 0, ()
    window = window or rule.window
    if not window:
        return 0, ()
    return window, every(rule.period, layers, dense_first=rule.dense_first)


def every(period: int, layers: int, *, dense_first: bool = False) -> tuple[bool, ...]:
    """True for the layers that slide: all but one of each ``period``.

    0 is all of them, as in llama.cpp's ``set_swa_pattern``.
    """
    if not period:
        return (True,) * layers
    full = 0 if dense_first else period - 1
    return tuple(layer % period != full for layer in range(layers))


def is_tied(name: str, embedding_length: int, vocab_size: int) -> bool:
    """Whether a family's member of this size shares its embeddings with its output.

    A header tells it only by its list of tensors, megabytes in; released
    families settle it. Tied is also what takes more memory on the GPU.
    """
    if name in ALWAYS_TIED:
        return True
    largest = TIED_UP_TO_EMBEDDING.get(name, 0)
    if name == "llama" and vocab_size != _SMALL_LLAMA_VOCABULARY:
        return False
    return embedding_length <= largest
