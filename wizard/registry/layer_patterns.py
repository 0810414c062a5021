"""Which layers slide, recur, or keep no keys and values, per architecture.

Where a GGUF header tells no pattern, llama.cpp has one in its source
(``src/models/*.cpp``, ``load_swa_pattern``); the table here says the same.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sliding:
    """Every ``period``-th layer attends to everything, the others to a window.

    ``dense_first`` puts the full layer at the start of each period. ``window``
    is used where the header names none; 0 there means no sliding at all.
    ``always`` is a window that the header's own does not change. No period
    means that only the header tells the layers.
    """

    period: int | None
    window: int = 0
    dense_first: bool = False
    only_layers: int = 0
    always: int = 0


SLIDING = {
    "gemma2": Sliding(2, 4096),
    "gemma3": Sliding(6),
    "gemma3n": Sliding(5),
    "gemma4": Sliding(None),
    "gemma-embedding": Sliding(6),
    "gemma-embedding2": Sliding(6),
    "gpt-oss": Sliding(2),
    "llama4": Sliding(4, 8192, always=8192),
    "cohere2": Sliding(4),
    "cohere2moe": Sliding(4, dense_first=True),
    "deepseek4": Sliding(0),
    "dots3note": Sliding(None),
    "exaone4": Sliding(4, 4096, only_layers=64),
    "exaone-moe": Sliding(4, 128),
    "granite_swa": Sliding(None),
    "laguna": Sliding(4, dense_first=True),
    "maple": Sliding(None),
    "mellum": Sliding(4),
    "mimo2": Sliding(None),
    "olmo2": Sliding(4),
    "afmoe": Sliding(4),
    "plamo3": Sliding(8),
    "smallthinker": Sliding(4, dense_first=True, always=4096),
    "modern-bert": Sliding(3, dense_first=True),
    "muse-glimmer": Sliding(4),
    "spark2_5": Sliding(None),
    "step35": Sliding(None),
}
# A window in their header makes every layer with attention slide.
SLIDING_WITH_WINDOW = frozenset({"lfm2"})
RECURRENT_ONLY = frozenset({"mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"})
RECURRENT_AND_ATTENTION = frozenset({"falcon-h1"})
# A layer recurs where it has no KV heads.
RECURRENT_WITHOUT_KV = frozenset(
    {"jamba", "granitehybrid", "plamo2", "lfm2", "lfm2moe", "kimi-linear", "kimi-k3"}
    | {"bailingmoe3", "glm5-next"}
)
RECURRENT_WITHOUT_KV_OR_FFN = frozenset({"nemotron_h", "nemotron_h_moe"})
# All but every so many layers recur, unless ``attention.recurrent_layers`` tells.
RECURRENT_BY_INTERVAL = {
    "qwen3next": 4,
    "qwen35": 4,
    "qwen35moe": 4,
    "qwen4exp": 4,
    "minimax-01": 8,
}
# Their state is one head's length squared, for each head (``n_embd_head_la``).
LIGHTNING = frozenset({"minimax-01"})
# An indexer's keys are cached for each layer, or for those that ``indexer.types`` marks.
INDEXER = frozenset({"deepseek32", "glm-dsa", "hy_v4", "dots3note", "minimax-m3"})
INDEXER_IN_ATTENTION = frozenset({"glm5-next", "qwen4exp"})
# Rows that a pooling indexer caches of a token: its key and the pooled one, in GLM-5 the
# gate too (``llama_memory_hybrid_idx``).
POOLED_ROWS = {"glm5-next": 3, "qwen4exp": 2}
# Physical layers that run several times, each time with a cache of their own.
LOOPED = frozenset({"nanbeige"})
# Two stacks of layers that take turns, each pass with a cache of its own.
CYCLES = frozenset({"hrm_text"})
# Experts are as wide as the dense part divided by those of a token, where no key tells it.
DIVIDED_EXPERTS = frozenset(
    {"glm4moe", "grovemoe", "llada-moe", "mellum", "qwen2moe", "qwen35moe", "qwen3moe"}
    | {"qwen3next", "qwen3vlmoe", "qwen4exp", "rnd1"}
)
# An expert that every token uses, of which the header tells nothing.
ONE_SHARED_EXPERT = frozenset({"llama4"})
# A layer of one head behind the last holds what routes to adapters.
ROUTER_LAYER = frozenset({"graniteswitch"})
# Their caches or graphs have parts that an Architecture does not hold: the estimate is rough.
ROUGH = frozenset(
    {"clef", "glm5-next", "hy_v4", "kimi-k3", "minimax-m3", "qwen4exp", "t5", "t5encoder"}
)
# From this context length on GLM-5.2's own pattern holds where the header has none.
_GLM_5_2_CONTEXT = 1048576
SHARED_KV = {"gemma3n": 20}
# llama.cpp keeps no cache for these (``llama_model::create_memory``).
NO_CACHE = frozenset(
    {"bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2"}
    | {"jina-bert-v3", "eurobert", "gemma-embedding", "gemma-embedding2", "dream", "llada"}
    | {"llada-moe", "rnd1", "clef"}
)
NOT_CAUSAL = NO_CACHE | {"t5encoder", "llama-embed"}
ALWAYS_TIED = frozenset(
    {"gemma", "gemma2", "gemma3", "gemma3n", "gemma4", "gemma-embedding", "command-r", "cohere2"}
    | {"gpt2", "bloom", "lfm2", "lfm2moe", "starcoder", "mpt", "mamba", "openelm", "plm"}
)
# Most released members are, which their files' sizes may contradict.
USUALLY_TIED = frozenset({"granitehybrid", "mamba2", "minicpm", "smollm3", "starcoder2"})
# No output matrix on a card whatever their file has: encoders, and BitNet, which multiplies
# by the embeddings in RAM.
NO_OUTPUT = frozenset(
    {"bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "jina-bert-v3", "modern-bert"}
    | {"neo-bert", "eurobert", "gemma-embedding2", "bitnet"}
)
PER_LAYER_EMBEDDINGS = frozenset({"gemma3n", "gemma4", "gemma-embedding2"})
# Their loaders refuse a file without an output matrix of its own.
OWN_OUTPUT = frozenset(
    {"apertus", "arwkv7", "baichuan", "bailingmoe", "bailingmoe2", "codeshell", "dbrx", "deepseek4"}
    | {"dots1", "glm5-next", "gpt-oss", "gptneox", "hy_v4", "internlm2", "jais", "kimi-k3"}
    | {"kimi-linear", "llada-moe", "maple", "mellum", "mimo2", "minimax-m2", "minimax-m3"}
    | {"muse-glimmer", "nemotron", "olmo2", "olmoe", "orion", "phi2", "phimoe", "plamo", "qwen"}
    | {"qwen2moe", "rwkv6", "rwkv6qwen2", "rwkv7", "stablelm", "step35", "talkie", "xverse"}
)
# Their file has a vector of 32-bit floats for each position.
LEARNED_POSITIONS = frozenset({"bert", "gpt2", "starcoder"})
# Families whose small members only have no output matrix of their own.
TIED_UP_TO_EMBEDDING = {
    "llama": 3072, "mistral3": 3072, "qwen2": 2048, "qwen2vl": 2048,
    "qwen3": 2560, "qwen3vl": 2560, "qwen35": 2560,
}  # fmt: skip
_SMALL_LLAMA_VOCABULARY = 128_256


def sliding(
    name: str, layers: int, window: int | None, period: int | None
) -> tuple[int, tuple[bool, ...]]:
    """The window and the layers that slide by llama.cpp's own table.

    ``window`` and ``period`` are the header's, None where it has none. No
    layers where everything attends to everything.
    """
    rule = SLIDING.get(name)
    if rule is None or (rule.only_layers and layers != rule.only_layers):
        return 0, ()
    size = rule.window if window is None else window
    size = rule.always if size and rule.always else size
    step = rule.period if period is None else period
    if not size or step is None:
        return 0, ()
    return size, every(step, layers, dense_first=rule.dense_first)


def every(period: int, layers: int, *, dense_first: bool = False) -> tuple[bool, ...]:
    """True for the layers that slide: all but one of each ``period``.

    0 is all of them, as in llama.cpp's ``set_swa_pattern``.
    """
    if not period:
        return (True,) * layers
    full = 0 if dense_first else period - 1
    return tuple(layer % period != full for layer in range(layers))


def loops(layers: int, count: int) -> tuple[int, ...]:
    """The layer whose weights each one uses, where all run ``count`` times."""
    return tuple(layer % (layers // count) for layer in range(layers))


def cycles(layers: int, own: int, low: int) -> tuple[int, ...]:
    """The same where ``low`` passes of one stack and one of another take turns.

    By the numbers that their file has for them, the other stack right behind the first.
    """
    high = tuple(layer // own % (low + 1) == low for layer in range(layers))
    return tuple(layer % own + own * is_high for layer, is_high in enumerate(high))


def indexer(name: str, layers: int, context: int, leading: int) -> tuple[bool, ...]:
    """Layers whose indexer keeps keys, where the header does not mark them.

    ``leading`` dense layers have none in MiniMax-M3.
    """
    if name == "minimax-m3":
        return tuple(layer >= leading for layer in range(layers))
    if name == "glm-dsa" and context >= _GLM_5_2_CONTEXT:
        return tuple(layer < 2 or layer % 4 == 2 for layer in range(layers))
    return (True,) * layers


def may_tie_or_not(name: str) -> bool:
    """Whether only a file's tensors, or its size, tell if it has an output matrix of its own."""
    return name not in ALWAYS_TIED | NO_OUTPUT | OWN_OUTPUT


def is_tied(name: str, embedding_length: int, vocab_size: int) -> bool:
    """Whether a family's member of this size shares its embeddings with its output.

    A header tells it only by its list of tensors, megabytes in; released
    families settle it. Tied is also what takes more memory on the GPU.
    """
    if name in ALWAYS_TIED | USUALLY_TIED:
        return True
    if name in NO_OUTPUT | OWN_OUTPUT:
        return False
    largest = TIED_UP_TO_EMBEDDING.get(name, 0)
    if name == "llama" and vocab_size != _SMALL_LLAMA_VOCABULARY:
        return False
    return embedding_length <= largest
