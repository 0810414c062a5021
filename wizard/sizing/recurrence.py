"""Elements that a token takes in layers with a recurrent state, and the copies of the states.

What is alive at their widest, after the graphs of ``src/models/*.cpp``, as in
:mod:`wizard.sizing.stages`.
"""

from __future__ import annotations

from wizard.registry.layer_patterns import LIGHTNING
from wizard.registry.values import Architecture
from wizard.sizing import layers

# Tensors of the model's width that a step of RWKV's time mix keeps.
RWKV = {"rwkv6": 13, "rwkv6qwen2": 13, "rwkv7": 19, "arwkv7": 17}
# Gated feed-forward parts in which RWKV's time mix leaves a hole too small for one of three.
_RWKV_GATED = frozenset({"arwkv7", "rwkv6qwen2"})
# Scans over states, in kernels of their own where CUDA has them.
MAMBA_2 = frozenset(
    {"mamba2", "falcon-h1", "granitehybrid", "nemotron_h", "nemotron_h_moe", "plamo2"}
)
# Their states can be rolled back to each token of a draft (``llm_arch_supports_rs_rollback``).
_ROLLS_BACK = frozenset(
    {"bailingmoe3", "deepseek4", "glm5-next", "kimi-k3", "lfm2", "lfm2moe", "nemotron_h"}
    | {"nemotron_h_moe", "qwen35", "qwen35moe", "qwen4exp"}
)
_KDA = frozenset({"kimi-linear", "kimi-k3", "glm5-next", "bailingmoe3"})


def recurrent(architecture: Architecture, tokens_each: int) -> int:
    """A recurrent layer's projections, convolution and scan; ``tokens_each`` a sequence has."""
    width, inner = architecture.embedding_length, architecture.ssm_inner_size
    if not architecture.recurrent_layers or not inner:
        return 0
    if architecture.name in LIGHTNING:
        return 2 * architecture.heads * tokens_each + 9 * inner
    if architecture.name in RWKV:
        forward = 2 * architecture.feed_forward_length if architecture.name in _RWKV_GATED else 0
        return RWKV[architecture.name] * width + width // 8 + forward
    if not architecture.ssm_state_size:
        return 8 * width
    return _scan(architecture)


def _scan(architecture: Architecture) -> int:
    """Mamba's projections and scan, and those of delta nets, beside rows of the width."""
    inner, width = architecture.ssm_inner_size, architecture.embedding_length
    if architecture.name in _KDA:
        # Queries, keys and values are convolved each apart; decays and result are as wide.
        return 6 * inner + 4 * width
    groups = architecture.ssm_group_count * architecture.ssm_state_size
    if not groups:
        low = architecture.ssm_time_step_rank + 2 * architecture.ssm_state_size
        return 6 * inner + 2 * low + width
    convolved = inner + 2 * groups
    if architecture.name in MAMBA_2:
        # Its projection lies there until the gate in it is used.
        projected = inner + convolved + architecture.ssm_time_step_rank
        return projected + 2 * convolved + inner + 4 * width
    return max(2 * convolved, convolved + 3 * groups + 2 * inner) + 4 * width


def state_copies(architecture: Architecture, tokens: int, slots: int) -> int:
    """How often the states of all slots lie there: as they come out, and as read.

    Mamba-2 reads them where they are; but where there are many, what comes out of the
    next layer does not fit where the last one's was.
    """
    states = slots * layers.state_elements(architecture)
    is_small = states <= tokens * architecture.ssm_inner_size
    return 1 if is_small and architecture.name in MAMBA_2 else 2


def kept_states(architecture: Architecture, drafts: int) -> int:
    """How many states a slot keeps: before a draft, and after each of its tokens."""
    return 1 + (drafts if architecture.name in _ROLLS_BACK else 0)
