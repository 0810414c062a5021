"""Operations that CUDA has no kernel for.

llama.cpp runs them in RAM, to which everything that they read is copied, and copies
back what comes of them (``ggml_backend_cuda_device_supports_op``,
``ggml_backend_sched_split_graph``).
"""

from __future__ import annotations

from dataclasses import dataclass

from wizard.registry.values import Architecture
from wizard.sizing import layers
from wizard.sizing.matrices import MAMBA
from wizard.sizing.recurrence import MAMBA_2

_FLOAT = 4
# State sizes of the scans that there are kernels for.
_MAMBA_STATE = 16
_MAMBA_2_STATES = frozenset({96, 128, 256})
# The last product of a mixture is asked for in 32 bits (``ggml_prec_set_src``).
_PRECISE_EXPERTS = frozenset({"mistral4"})


@dataclass(frozen=True)
class Hosted:
    """One layer's operation in RAM: bytes copied there beside weights, and those that come back.

    ``reads_experts`` tells that one matrix of all experts is copied, too.
    """

    reads: int
    gives: int
    layers: tuple[int, ...]
    reads_experts: bool = False


def hosted(architecture: Architecture, tokens: int, slots: int) -> Hosted | None:
    """What runs in RAM although everything is on cards; None, as a rule."""
    if architecture.name in _PRECISE_EXPERTS:
        return _experts(architecture, tokens)
    return None if _has_kernel(architecture) else scan(architecture, tokens, slots)


def _has_kernel(architecture: Architecture) -> bool:
    """Whether CUDA has a kernel for the model's scan, if there is one."""
    inner, state = architecture.ssm_inner_size, architecture.ssm_state_size
    if architecture.name in MAMBA:
        return state == _MAMBA_STATE and inner % 128 == 0
    if architecture.name not in MAMBA_2:
        return True
    head = inner // max(1, architecture.ssm_time_step_rank)
    return state in _MAMBA_2_STATES and head % 16 == 0


def scan(architecture: Architecture, tokens: int, slots: int) -> Hosted | None:
    """``ggml_ssm_scan``: inputs, time steps, B and C, and all slots' states."""
    if architecture.name not in MAMBA | MAMBA_2:
        return None
    inner, state = architecture.ssm_inner_size, architecture.ssm_state_size
    steps = inner if architecture.name in MAMBA else architecture.ssm_time_step_rank
    read = inner + steps + 2 * max(1, architecture.ssm_group_count) * state
    states = slots * layers.state_elements(architecture)
    return Hosted(
        reads=_FLOAT * (tokens * read + states),
        gives=_FLOAT * (tokens * inner + states),
        layers=layers.recurrent_layers(architecture),
    )


def _experts(architecture: Architecture, tokens: int) -> Hosted:
    used = architecture.experts_used
    return Hosted(
        reads=_FLOAT * tokens * used * (architecture.expert_feed_forward_length + 1),
        gives=_FLOAT * tokens * used * architecture.embedding_length,
        layers=tuple(range(architecture.dense_layers, architecture.layers)),
        reads_experts=True,
    )
