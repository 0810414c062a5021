"""What a token keeps through llama.cpp's layers, and what goes from one to the next.

The residual, single families' streams beside it, and the inputs of a graph's branches
(``build_inp_embd`` and ``src/models/*.cpp``). Elements of a token.
"""

from __future__ import annotations

from wizard.registry.values import Architecture
from wizard.sizing import layers
from wizard.sizing.matrices import GATED_QUERIES

# Attention and feed-forward part start from the same normed input, which is kept,
# or (Llama 4) inputs are weighted before the experts.
_KEEPS_INPUT = frozenset(
    {"cohere2", "cohere2moe", "gemma-embedding2", "hrm_text", "k2-horizon", "llama4"}
    | {"muse-glimmer", "phi2", "plamo2", "talkie"}
)
# Four streams of the model's width, predicted and corrected at each layer.
_STREAMS = {"gemma3n": 6}
# The first of them is looked up, and lies in RAM as it is scaled.
SCALED_STREAMS = frozenset(_STREAMS)
# Four streams, before and after a layer's part, and how they are mixed.
_HYPER_CONNECTIONS = {"deepseek4": 10, "hy_v4": 10, "qwen4exp": 7, "glm5-next": 7}
_HYPER_STREAMS = 4
# A step of theirs has text or vectors, never both (``llm_arch_supports_mixed_batch``).
_NOT_MIXED = frozenset({"cogvlm", "deepseek4", "graniteswitch"})


def queries(architecture: Architecture) -> int:
    """Elements of all heads' queries of one token, and of their gates."""
    each = architecture.heads * max(architecture.key_length, architecture.value_length)
    return 2 * each if architecture.name in GATED_QUERIES else each


def projected(architecture: Architecture) -> int:
    """Elements of a token's queries, keys and values together."""
    return queries(architecture) + layers.widest_kv(architecture)


def kept(architecture: Architecture) -> int:
    """What single families keep through a layer beside the residual."""
    rows = _deepstack(architecture) + _HYPER_CONNECTIONS.get(architecture.name, 0)
    if architecture.residual_block:
        # One row each so many layers, and room for the next while they are put together.
        rows += residuals(architecture, architecture.layers) + 3
    rows += architecture.name in _KEEPS_INPUT
    return carried(architecture) + architecture.embedding_length * rows + _turned(architecture)


def _turned(architecture: Architecture) -> int:
    """The hole that the layers' own embeddings leave as they are turned around.

    A feed-forward part that fits goes there (``project_per_layer_inputs``).
    """
    if architecture.name in _STREAMS:
        return 0
    each = architecture.layers * architecture.per_layer_embedding
    return each if each < architecture.feed_forward_length else 0


def residuals(architecture: Architecture, before: int) -> int:
    """Rows of the width that layers before this one left for all that come (Kimi-K3)."""
    return -(-before // architecture.residual_block) if architecture.residual_block else 0


def carried(architecture: Architecture) -> int:
    """What of it goes from one card to the next."""
    width = architecture.embedding_length
    more = width * _STREAMS.get(architecture.name, 0)
    if architecture.per_layer_embedding:
        more += width + architecture.layers * architecture.per_layer_embedding
    return more


def streams(architecture: Architecture) -> int:
    """Rows of the width that one layer hands to the next; HY-V4's in six pieces."""
    if architecture.name not in _HYPER_CONNECTIONS:
        return 1
    return _HYPER_STREAMS * (6 if architecture.name == "hy_v4" else 1)


def _deepstack(architecture: Architecture) -> int:
    """Rows of the width that inputs for several layers keep: given, padded and copied.

    Only what experts put out is too wide for the holes among them.
    """
    several = architecture.deepstack_layers
    return 4 * several + 2 if several and architecture.experts else several


def around(architecture: Architecture) -> int:
    """What lies beside the widest stage: residual, normed input, and a hole.

    The hole is the queries', or those of inputs that were copied (`branches`).
    """
    width = architecture.embedding_length
    each = architecture.heads * max(architecture.key_length, architecture.value_length)
    hole = 0 if architecture.kv_lora_rank else each
    return 2 * width + max(hole, branches(architecture) * width) + kept(architecture)


def branches(architecture: Architecture) -> int:
    """Ways into a graph with rows of embeddings that are looked up, and rows that are given.

    A step has text, vectors of images and sound, or both, and the graph a branch for
    each (``build_inp_embd``): text and vectors, and again for the step that mixes them.
    """
    return 1 if architecture.name in _NOT_MIXED else 2


def given(architecture: Architecture) -> int:
    """Elements of a token's vectors of images and sound, of one branch."""
    return architecture.embedding_length * (1 + architecture.deepstack_layers)
