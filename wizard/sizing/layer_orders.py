"""In which order graphs of single families make a layer's tensors (``src/models/*.cpp``).

The others read a normed input with three matrices, turn positions into queries and keys, and
add attention's result and then the feed-forward part's to the layer's input.
"""

from __future__ import annotations

from wizard.sizing.scores import PLAIN_QUERIES

# They have something else: gates of other shapes, a layer more, or heads that differ.
ODD = frozenset(
    {"graniteswitch", "mistral4", "openelm", "qwen35", "qwen35moe", "qwen3next", "qwen4exp"}
    | {"step35"}
)
# Attention and feed-forward part start from the same input. The matrix behind attention comes
# last, but for the one where its result is added to, not the other way round.
PARALLEL = frozenset({"cohere2", "command-r", "falcon", "gptneox", "phi2", "plamo"})
ATTENTION_FIRST = frozenset({"phi2"})
# Their input is added last.
INPUT_LAST = frozenset({"falcon", "plamo"})
OWN_NORMS = frozenset({"gptneox"})
# A layer's result is added to its input, not the other way round.
ADDED_TO_INPUT = frozenset({"phi3"})
# A gate of a matrix of its own reads the input that attention read.
GATED = frozenset({"afmoe", "k2-horizon", "laguna", "muse-glimmer", "spark2_5"})
# It has one number for each head.
GATED_HEADS = frozenset({"laguna", "spark2_5"})
# A norm is of groups, which a matrix of its own weighs.
GROUP_NORMS = frozenset({"k2-horizon"})
# Embeddings of text are scaled, those of images are not (``build_inp_embd``).
SCALED_ROWS = frozenset({"gemma3", "gemma3n", "gemma4"})
# Norms come last in a layer.
NORMS_AFTER = frozenset({"exaone4", "olmo2"})
# What follows the last matrix of a layer, a norm or a bias, lies with it in RAM.
FOLLOWED = NORMS_AFTER | frozenset(
    {"afmoe", "bloom", "codeshell", "gemma2", "gemma3", "gemma4", "glm4", "gpt2", "gptneox"}
    | {"jais", "jais2", "phi2", "starcoder", "starcoder2"}
)
# So do experts' biases, before their results are weighed.
BIASED_EXPERTS = frozenset({"gpt-oss"})
# A token has four positions: in time and in a picture.
FOUR_POSITIONS = frozenset({"paddleocr", "qwen2vl", "qwen3vl", "qwen3vlmoe"})
# Positions are turned into no queries; into those of sliding layers only; in all but each fourth.
PLAIN = PLAIN_QUERIES | {"refact"}
PLAIN_FULL = frozenset({"afmoe", "cohere2"})
# Nor into those of the larger of two sizes, by its layers.
PLAIN_LARGER = {"baichuan": 40}
PLAIN_FOURTH = frozenset({"smollm3"})
# Queries have a bias each, or a norm of all heads; or of each head.
BIASED = frozenset(
    {"bloom", "codeshell", "gpt-oss", "gpt2", "gptneox", "jais", "jais2", "orion"}
    | {"pangu-embedded", "phi2", "phimoe", "qwen", "qwen2", "qwen2moe", "qwen2vl", "seed_oss"}
    | {"starcoder", "starcoder2"}
)
BEHIND_QUERIES = BIASED | {"minimax-m2", "olmo2", "olmoe"}
NORMED_HEADS = frozenset(
    {"afmoe", "bailingmoe2", "chameleon", "dots1", "exaone-moe", "exaone4", "gemma3"}
    | {"gemma4", "glm4moe", "hunyuan-moe", "k2-horizon", "laguna", "muse-glimmer", "qwen3"}
    | {"qwen3moe", "qwen3vl", "qwen3vlmoe"}
)
NORMED_VALUES = frozenset({"gemma4"})
# Each head has a score of its own beside those of tokens, which lies in RAM.
SINKS = frozenset({"gpt-oss", "granite_swa", "mimo2"})
# Which experts are chosen is told by scores with a bias; their weights do not add up to one.
BIASED_ROUTERS = frozenset(
    {"bailingmoe2", "deepseek2", "dots1", "ernie4_5-moe", "exaone-moe", "glm4moe", "hy_v3"}
    | {"minimax-m2"}
)
PLAIN_WEIGHTS = frozenset({"deepseek", "llada-moe", "olmoe", "qwen2moe"})
