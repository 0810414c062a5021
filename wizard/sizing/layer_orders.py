"""In which order graphs of single families make a layer's tensors (``src/models/*.cpp``).

The others read a normed input with three matrices, turn positions into queries and keys, and
add attention's result and then the feed-forward part's to the layer's input.
"""

from __future__ import annotations

from wizard.sizing.matrices import GATED_QUERIES

# They have something else: gates, a layer more, or positions in the smaller models only.
ODD = GATED_QUERIES | {"baichuan", "graniteswitch", "plamo", "spark2_5"}
# Attention and feed-forward part start from the same input. The matrix behind attention comes
# last, but for the one where its result is added to, not the other way round.
PARALLEL = frozenset({"cohere2", "command-r", "falcon", "gptneox", "phi2"})
ATTENTION_FIRST = frozenset({"phi2"})
OWN_NORMS = frozenset({"gptneox"})
# A layer's result is added to its input, not the other way round.
ADDED_TO_INPUT = frozenset({"phi3"})
# Norms come last in a layer.
NORMS_AFTER = frozenset({"exaone4", "olmo2"})
# What follows the last matrix of a layer, a norm or a bias, lies with it in RAM.
FOLLOWED = NORMS_AFTER | frozenset(
    {"bloom", "codeshell", "gemma2", "gemma3", "gemma4", "glm4", "gpt2", "gptneox", "jais"}
    | {"phi2", "starcoder", "starcoder2"}
)
# Positions are turned into the queries of sliding layers only.
PLAIN_FULL = frozenset({"cohere2"})
# Queries have a bias each, or a norm of all heads; or of each head.
BIASED = frozenset(
    {"bloom", "codeshell", "gpt-oss", "gpt2", "gptneox", "jais", "orion", "pangu-embedded"}
    | {"phi2", "qwen", "qwen2", "qwen2moe", "qwen2vl", "seed_oss", "starcoder", "starcoder2"}
)
BEHIND_QUERIES = BIASED | {"minimax-m2", "olmo2", "olmoe"}
NORMED_HEADS = frozenset(
    {
        "bailingmoe2",
        "chameleon",
        "dots1",
        "exaone-moe",
        "exaone4",
        "gemma3",
        "gemma4",
        "glm4moe",
        "qwen3",
    }
    | {"hunyuan-moe", "qwen3moe", "qwen3vl", "qwen3vlmoe"}
)
