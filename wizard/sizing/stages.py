"""Elements that a token takes at each stage of llama.cpp's graphs.

``ggml-alloc`` reuses memory, so that the widest stage decides. Each function
adds up what is alive then, following the graphs that ``src/llama-graph.cpp``
(``build_ffn``, ``build_moe_ffn``, ``build_attn_mha``) and ``src/models/*.cpp``
build, and the holes before it: freed tensors of the model's width and of the
queries, which what follows does not fit into.
"""

from __future__ import annotations

from wizard.registry.values import Architecture
from wizard.sizing import layers
from wizard.sizing.matrices import GATED_QUERIES, NOT_GATED

# Attention and feed-forward part start from the same normed input, which is kept,
# or (Llama 4) inputs are weighted before the experts.
_KEEPS_INPUT = frozenset({"cohere2", "cohere2moe", "llama4", "phi2", "plamo2", "gptj"})
# Four streams of the model's width, predicted and corrected at each layer.
_STREAMS = {"gemma3n": 6}
_HYPER_CONNECTIONS = frozenset({"deepseek4", "hy_v4", "qwen4exp", "glm5-next"})
# ``build_attn_mha`` has no fused kernel for them.
NEVER_FUSED = frozenset({"grok"})
# Tensors of the model's width that a step of RWKV's time mix keeps.
_RWKV = {"rwkv6": 13, "rwkv6qwen2": 13, "rwkv7": 18, "arwkv7": 18}


_POSITION_BIASES = frozenset({"t5", "t5encoder"})
# An indexer's scores for the whole cache, their masks and the best of them.
_INDEXED_BLOCKS = {"minimax-m3": 9, "qwen4exp": 9}
_LIGHTNING = frozenset({"minimax-01"})


def queries(architecture: Architecture) -> int:
    """Elements of all heads' queries of one token, and of their gates."""
    each = architecture.heads * max(architecture.key_length, architecture.value_length)
    return 2 * each if architecture.name in GATED_QUERIES else each


def kept(architecture: Architecture) -> int:
    """What single families keep through a layer beside the residual."""
    width = architecture.embedding_length
    more = width if architecture.name in _KEEPS_INPUT else 0
    more += width * (architecture.deepstack_layers + _STREAMS.get(architecture.name, 0))
    more += 10 * width if architecture.name in _HYPER_CONNECTIONS else 0
    more += 0 if architecture.causal else width
    if architecture.per_layer_embedding:
        more += width + architecture.layers * architecture.per_layer_embedding
    return more


def _around(architecture: Architecture) -> int:
    """What lies beside the widest stage: residual, normed input, a hole of the queries."""
    width = architecture.embedding_length
    each = architecture.heads * max(architecture.key_length, architecture.value_length)
    hole = width if architecture.kv_lora_rank else max(each, width)
    return 2 * width + hole + kept(architecture)


def feed_forward(architecture: Architecture) -> int:
    """The dense part: gate, up and their product; up alone where nothing gates it."""
    copies = 1 if architecture.name in NOT_GATED else 3
    wide = copies * architecture.feed_forward_length
    if architecture.experts and not architecture.dense_layers:
        wide = copies * architecture.shared_feed_forward_length
    return wide + _around(architecture)


def _expert_outputs(architecture: Architecture) -> int:
    return architecture.experts_used * architecture.embedding_length


def experts(architecture: Architecture) -> int:
    """The experts that a token uses, their outputs, and the router's scores.

    Outputs go into the holes of gate and up where they are small enough.
    """
    used = architecture.experts_used
    if not architecture.experts or not used:
        return 0
    inner = used * (architecture.expert_feed_forward_length or architecture.feed_forward_length)
    outputs = _expert_outputs(architecture)
    router = 4 * architecture.experts
    if architecture.name in NOT_GATED:
        return inner + outputs + router + _around(architecture)
    outside = outputs if outputs > 2 * inner else 0
    return 3 * inner + outside + router + _around(architecture)


def attention(architecture: Architecture, span: int, *, fused: bool) -> int:
    """Queries, the attention's result and new keys; all scores where it is not fused.

    ``span`` is the cells that one token attends to. Beside scores, as beside a
    cache that is unpacked, lie the holes that the layer before left.
    """
    if not architecture.heads:
        return 0
    scores = 0 if fused else architecture.heads * span
    if architecture.name in _POSITION_BIASES:
        scores *= 5
    if architecture.kv_lora_rank:
        return scores + _latent(architecture) + _sparse(architecture, span)
    if architecture.name in _INDEXED_BLOCKS:
        scores += _INDEXED_BLOCKS[architecture.name] * span + experts(architecture)
    return scores + beside_scores(architecture)


def beside_scores(architecture: Architecture) -> int:
    """Queries as projected, normed and turned, keys and values, and the holes around."""
    found = layers.kv_layers(architecture)
    new = max((layer.keys + layer.values for layer in found), default=0)
    holes = 4 * architecture.embedding_length + _expert_outputs(architecture)
    return 3 * queries(architecture) + 2 * new + holes + kept(architecture)


def _latent(architecture: Architecture) -> int:
    """MLA: each head's query as it is, absorbed, rotated, and put together."""
    row = architecture.kv_lora_rank + architecture.rope_dimension
    head = (
        architecture.kv_lora_rank
        + row
        + architecture.rope_dimension
        + architecture.latent_key_length
    )
    return architecture.heads * head + 4 * architecture.embedding_length


def _sparse(architecture: Architecture, span: int) -> int:
    """A sparse attention's indexer: scores of all cells, and what experts left before it."""
    if not architecture.indexer_length:
        return 0
    heads = architecture.heads * (architecture.latent_key_length + architecture.latent_value_length)
    return experts(architecture) + heads + 2 * architecture.embedding_length + 3 * span // 4


def recurrent(architecture: Architecture, tokens_each: int) -> int:
    """A recurrent layer's projections, convolution and scan; ``tokens_each`` a sequence has."""
    width, inner = architecture.embedding_length, architecture.ssm_inner_size
    if not architecture.recurrent_layers or not inner:
        return 0
    if architecture.name in _LIGHTNING:
        return 3 * architecture.heads * tokens_each + 9 * inner
    if architecture.name in _RWKV:
        return _RWKV[architecture.name] * width + width // 8
    if not architecture.ssm_state_size:
        return 8 * width
    return _scan(architecture)


def _scan(architecture: Architecture) -> int:
    """Mamba's projections and scan, and those of gated delta nets."""
    inner = architecture.ssm_inner_size
    if not architecture.ssm_group_count:
        low = architecture.ssm_time_step_rank + 2 * architecture.ssm_state_size
        return 6 * inner + 2 * low + architecture.embedding_length
    convolved = inner + 2 * architecture.ssm_group_count * architecture.ssm_state_size
    projected = inner + convolved + architecture.ssm_time_step_rank
    return projected + 3 * convolved + 2 * inner


def widest(architecture: Architecture, span: int, tokens_each: int, *, fused: bool) -> int:
    """Elements a token at the widest stage of a step of so many tokens a sequence."""
    attended = _fused(architecture)
    if not fused or _always_wide(architecture):
        attended = attention(architecture, span, fused=fused)
    return max(
        feed_forward(architecture),
        experts(architecture),
        attended,
        recurrent(architecture, tokens_each),
    )


def _always_wide(architecture: Architecture) -> bool:
    return bool(architecture.kv_lora_rank) or architecture.name in _INDEXED_BLOCKS


def _fused(architecture: Architecture) -> int:
    """Attention with one kernel: queries, their result, new keys and values."""
    found = layers.kv_layers(architecture)
    new = max((layer.keys + layer.values for layer in found), default=0)
    return 2 * queries(architecture) + new + 2 * architecture.embedding_length
